"""Which language a page speaks: the one that was chosen on a page, else the order's, else what the browser asks for.

Programs are answered in English, whatever they accept: their problems are read by developers, and by other programs.
"""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import trans_real
from django.views.i18n import set_language

from prescriptions.infra.methods import methods
from prescriptions.infra.problems import wants_problem

_STAFF: Final = ("/admin/", "/accounts/")
_PROGRAMS: Final = ("/static/", "/docs/", "/.well-known/", "/-")
_WORDS: Final = ("text/", "application/problem+json")


class Languages:
    """Middleware, outside of everything that answers with words."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if wants_problem(request) or request.path.startswith(_PROGRAMS):
            with translation.override(settings.LANGUAGE_CODE):
                return self.get_response(request)
        with translation.override(chosen(request) or _accepted(request)):
            response = self.get_response(request)
            # The view may have turned to another: the order's.
            language = translation.get_language() or settings.LANGUAGE_CODE
        if response.headers.get("Content-Type", "").startswith(_WORDS):
            response.headers.setdefault("Content-Language", language)
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


def chosen(request: HttpRequest) -> str:
    """What was chosen on a page before; empty where nothing was, or what these pages do not speak."""
    return _spoken(request, request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""))


def speak(request: HttpRequest, language: str) -> None:
    """From here on this request is answered in an order's language, unless its reader has chosen another."""
    wanted = not chosen(request) and _spoken(request, language)
    if wanted:
        translation.activate(wanted)


@methods("POST")
def choose(request: HttpRequest) -> HttpResponse:
    """`language`, kept in a cookie; back to `next`, an address of this site. What no page speaks changes nothing."""
    response: HttpResponse = set_language(request)
    if not _spoken(request, request.POST.get("language", "")):  # Django has more languages than these pages
        response.cookies.pop(settings.LANGUAGE_COOKIE_NAME, None)
    response.headers["Cache-Control"] = "no-store"
    return response


def offered(request: HttpRequest) -> list[str]:
    """Codes of the languages that the pages at this address speak."""
    return list(settings.RX_STAFF_LANGUAGES if request.path.startswith(_STAFF) else dict(settings.LANGUAGES))


def _accepted(request: HttpRequest) -> str:
    header = trans_real.parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    found = (_spoken(request, code) for code, _weight in header)
    return next(filter(None, found), settings.LANGUAGE_CODE)


def _spoken(request: HttpRequest, code: str) -> str:
    """The language that is meant by a code such as `hi-IN`, if these pages speak it."""
    try:
        variant = translation.get_supported_language_variant(code)
    except LookupError:
        return ""
    return variant if variant in offered(request) else ""
