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
        "minus": "M5 12h14",
        "plus": "M12 5v14M5 12h14",
        "fit": "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M9 9h6v6H9z",
        "width": "M4 5v14M20 5v14M7 12h10M10 9l-3 3 3 3M14 9l3 3-3 3",
        "turn-left": "M4 4v5h5M4.5 9A8.5 8.5 0 1 1 4 14",
        "turn-right": "M20 4v5h-5M19.5 9A8.5 8.5 0 1 0 20 14",
        "sun": "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4"
        "M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
        "contrast": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 3v18M15 5.5v13M18 7.5v9",
        "invert": "M4 4h16v16H4zM4 20L20 4M9 20l11-11M14 20l6-6",
        "sharpen": "M12 4l8 15.5H4zM12 4v15.5",
        "straighten": "M3 20h18M3 20L20 11M13 20a9 9 0 0 0-1.6-4.4",
        "enhance": "M10 4l1.7 4.8L16.5 10.5l-4.8 1.7L10 17l-1.7-4.8L3.5 10.5l4.8-1.7z"
        "M18 14l.9 2.6 2.6.9-2.6.9L18 21l-.9-2.6-2.6-.9 2.6-.9z",
        "compare": "M3.5 5h7v14h-7zM13.5 5h7v14h-7z",
        "photo": "M4 5h16v14H4zM4 16l4.5-4.5 4 4M12 15l3-3 5 5M15.5 9.2v.1",
        "corners": "M5 7l13-2 1.5 13-14 1zM3.5 7a1.5 1.5 0 1 0 3 0 1.5 1.5 0 0 0-3 0z"
        "M16.5 5a1.5 1.5 0 1 0 3 0 1.5 1.5 0 0 0-3 0z",
        "over": "M7 4v14M3.5 14.5L7 18l3.5-3.5M17 20V6M13.5 9.5L17 6l3.5 3.5",
        "redact": "M6 3h12v18H6zM9 8h6M9 12h6v4H9zM9 13.3h6M9 14.7h6",
        "print": "M7 9V4h10v5M7 17H4v-6a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v6h-3M7 14h10v6H7z",
        "back": "M15 5l-7 7 7 7",
        "ahead": "M9 5l7 7-7 7",
        "calendar": "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
        "dots": "M5.9 12a.9.9 0 1 1-1.8 0 .9.9 0 0 1 1.8 0zM12.9 12a.9.9 0 1 1-1.8 0 .9.9 0 0 1 1.8 0z"
        "M19.9 12a.9.9 0 1 1-1.8 0 .9.9 0 0 1 1.8 0z",
    }.items()
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """The icon of that name. KeyError if there is none: a missing icon is a bug, not a blank."""
    return format_html('<svg class="rx-icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', _PATHS[name])
