"""Where to tell of a weakness: RFC 9116."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from prescriptions.infra.methods import methods

_GOOD_FOR = timedelta(days=180)


@methods("GET", "HEAD")
def security_txt(request: HttpRequest) -> HttpResponse:
    """404 where nobody is named: no contact is better than one that nobody reads."""
    if not settings.RX_SECURITY_CONTACT:
        raise Http404
    ends = (datetime.now(UTC) + _GOOD_FOR).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = (
        f"Contact: {settings.RX_SECURITY_CONTACT}",
        f"Expires: {ends.isoformat().replace('+00:00', 'Z')}",
        f"Canonical: {settings.BASE_URL}/.well-known/security.txt",
        "Preferred-Languages: en",
    )
    return HttpResponse(
        "\n".join(lines) + "\n",
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "max-age=3600"},
    )
