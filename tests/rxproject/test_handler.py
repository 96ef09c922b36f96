"""What a server is given to send."""

from typing import Any

import pytest
from django.test import RequestFactory

from rxproject.handler import Handler

pytestmark = pytest.mark.django_db


def sent(method: str, path: str, **headers: str) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body, as the server gets them."""
    environ = getattr(RequestFactory(headers=headers), method)(path).environ
    begun: list[Any] = []
    body = Handler()(environ, lambda status, fields, *_: begun.extend((status, dict(fields))))
    return begun[0], begun[1], b"".join(body)


@pytest.mark.parametrize("path", ["/api/v1/me", "/livez", "/no/such/page", "/orders/A-1/prescription"])
def test_to_head_goes_what_goes_to_get_without_its_body(path: str) -> None:
    status, headers, body = sent("get", path)
    head, fields, nothing = sent("head", path)

    assert (head, nothing) == (status, b"")
    assert len(body) > 0
    assert fields["Content-Type"] == headers["Content-Type"]
    assert abs(int(fields["Content-Length"]) - len(body)) < 64, "but for nonces and ids"
