"""`{% languages %}`: the languages that this page speaks, each a button of a plain form."""

from typing import Any

from django import template
from django.utils import translation
from django.utils.translation import get_language_info

from prescriptions.languages import choosing

register = template.Library()


@register.inclusion_tag("languages/choice.html", takes_context=True)
def languages(context: template.Context) -> dict[str, Any]:
    """A page that answers a form leads back to the page that the form is on."""
    request = context["request"]
    back = context.get("base") or request.path
    return {
        "languages": [get_language_info(code) for code in choosing.offered(request)],
        "current": translation.get_language(),
        "back": f"{back}?send" if "send" in request.GET else back,
        "csrf_token": context.get("csrf_token"),
    }
