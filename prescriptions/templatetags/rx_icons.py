"""`{% icon "camera" %}`: our own icons, drawn inline so that they take the colour of the text beside them.

They only ever repeat what words beside them say, so they are hidden from screen readers.
"""

from typing import Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# Strokes on a 24 x 24 grid.
_PATHS: Final[dict[str, SafeString]] = {
    name: mark_safe(f'<path d="{path}"/>')  # noqa: S308 - a table in this file
    for name, path in {
        "files": "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5M12 18v-6M9 14.5l3-3 3 3",
        "camera": "M4 8h3l2-3h6l2 3h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1z"
        "M12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
        "page": "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5M9 13h6M9 17h4",
        "up": "M12 19V6M6 11l6-6 6 6",
        "down": "M12 5v13M6 13l6 6 6-6",
        "remove": "M5 7h14M10 11v6M14 11v6M6.5 7l1 12a1 1 0 0 0 1 1h7a1 1 0 0 0 1-1l1-12M9.5 7V4.5h5V7",
        "cross": "M6 6l12 12M18 6L6 18",
        "check": "M5 12.5l4.5 4.5L19 7.5",
        "clock": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2",
        "question": "M9 9.2a3 3 0 1 1 4.3 2.7c-.9.5-1.3 1-1.3 2.1M12 17.6v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
        "alert": "M12 4L2.8 19.5h18.4zM12 10v4.5M12 17v.1",
        "info": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5.5M12 7.6v.1",
        "lock": "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z",
        "again": "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6",
    }.items()
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """The icon of that name. KeyError if there is none: a missing icon is a bug, not a blank."""
    return format_html('<svg class="rx-icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', _PATHS[name])
