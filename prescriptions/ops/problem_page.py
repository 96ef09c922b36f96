"""The page that the `type` of every problem leads to."""

from functools import cache

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from prescriptions.infra.methods import methods


@methods("GET", "HEAD")
def problems(request: HttpRequest) -> HttpResponse:
    """docs/reference/problems.md as it is: plain text reads well enough, and there is one copy of it."""
    return HttpResponse(_text(), content_type="text/plain; charset=utf-8", headers={"Cache-Control": "max-age=3600"})


@cache
def _text() -> str:
    try:
        return (settings.BASE_DIR / "docs" / "reference" / "problems.md").read_text()
    except OSError:
        raise Http404 from None
