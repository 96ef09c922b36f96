"""`{% languages %}`: the languages that this page speaks, each a button of a plain form."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language_info

from prescriptions.languages import choosing

register = template.Library()


@register.inclusion_tag("languages/choice.html", takes_context=True)
def languages(context: template.Context, *, others: bool = False) -> dict[str, Any]:
    """All of them, or `others` than the one that it is in."""
    request, current = context["request"], translation.get_language()
    spoken = [code for code in choosing.offered(request) if not others or code != current]
    return {
        "languages": [get_language_info(code) for code in spoken],
        "current": current,
        "back": _back(context),
        "csrf_token": context.get("csrf_token"),
    }


def _back(context: template.Context) -> str:
    """The address of this page; of one that answers a form, the page that the form is on, or a start."""
    request = context["request"]
    if base := context.get("base"):
        return f"{base}?send" if "send" in request.GET else str(base)
    return str(request.get_full_path()) if request.method == "GET" else reverse("admin:index")
