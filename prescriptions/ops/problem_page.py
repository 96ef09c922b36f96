"""The page that the `type` of every problem leads to."""

from django.http import Http404, HttpRequest, HttpResponse

from prescriptions.infra.methods import methods
from prescriptions.infra.problems import reference


@methods("GET", "HEAD")
def problems(request: HttpRequest) -> HttpResponse:
    """docs/reference/problems.md as it is: plain text reads well enough, and there is one copy of it."""
    return HttpResponse(_text(), content_type="text/plain; charset=utf-8", headers={"Cache-Control": "max-age=3600"})


def _text() -> str:
    try:
        return reference()
    except OSError:
        raise Http404 from None
