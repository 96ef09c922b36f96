"""If-Match, where Django sends the bytes itself: judged as the edge judges it."""

import pytest
from django.test import RequestFactory

from prescriptions.infra.problems import Problem
from prescriptions.variants import delivery

ETAG = '"0123"'


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("given", "etag", "holds"),
    [
        ({}, ETAG, True),
        ({"If-Match": ETAG}, ETAG, True),
        ({"If-Match": f'"other", {ETAG}'}, ETAG, True),
        ({"If-Match": "*"}, ETAG, True),
        ({"If-Match": "*"}, "", True),
        ({"If-Match": '"other"'}, ETAG, False),
        ({"If-Match": f"W/{ETAG}"}, ETAG, False),
        ({"If-Match": "nonsense"}, ETAG, False),
        ({"If-Match": ""}, ETAG, False),
        ({"If-Match": ETAG}, "", False),  # an original, or all pages in one PDF
        ({"If-Unmodified-Since": "Thu, 01 Jan 1998 00:00:00 GMT"}, ETAG, True),
    ],
)
def test_a_condition(method: str, given: dict[str, str], etag: str, holds: bool) -> None:
    request = RequestFactory().generic(method, "/", headers=given)

    if holds:
        delivery.check_condition(request, etag)
        return
    with pytest.raises(Problem) as refused:
        delivery.check_condition(request, etag)
    assert (refused.value.status, refused.value.code) == (412, "precondition-failed")
