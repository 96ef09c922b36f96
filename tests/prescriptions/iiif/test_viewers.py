"""Viewers on other origins may read every answer of the IIIF addresses: pictures, redirects and each kind of error."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.infra import per_process
from prescriptions.models import Page, Prescription, Variant, new_identifier
from prescriptions.variants import claims, links
from tests.links import mint
from tests.prescriptions.conftest import CLOSED, claim
from transforms.limits import LIMITS

pytestmark = pytest.mark.django_db
SMALL, OTHER, ORIGIN = "full/150,200/0/default.webp", "full/30,40/0/default.webp", "https://viewer.example"


@pytest.fixture(autouse=True)
def alone(settings: Settings) -> Iterator[None]:
    """Neither S3 nor Redis is there: what is answered is answered by Django alone."""
    settings.RX_S3_ENDPOINT, settings.RX_REDIS_URL = f"http://{CLOSED}", f"redis://{CLOSED}/0"
    once = settings.RX_S3_CLIENT_CONFIG.__class__(retries={"total_max_attempts": 1})
    settings.RX_S3_CLIENT_CONFIG = settings.RX_S3_CLIENT_CONFIG.merge(once)
    settings.RX_WAIT = 0.0
    with per_process.anew():
        yield


def erase(_: Page, __: Settings) -> None:
    Prescription.objects.update(erased_at=timezone.now())


def fail(page: Page, _: Settings) -> None:
    claim(page, SMALL, state="failed", error_code="bad-source", lease_until=timezone.now())


def give_up(page: Page, _: Settings) -> None:
    claim(page, SMALL, state="dead", error_code=claims.TROUBLE, lease_until=timezone.now())


def fill_up(page: Page, _: Settings) -> None:
    first = claim(page, OTHER)
    rows = [
        Variant(id=new_identifier(), page=page, stored=f"full/{width},9/0/default.webp", **_rest(first))
        for width in range(1, LIMITS.stored_variants + 1)
    ]
    Variant.objects.bulk_create(rows)


def _rest(variant: Variant) -> dict[str, Any]:
    return {"pipeline": variant.pipeline, "lane": variant.lane, "advertised": False, "state": variant.state}


def being_made(page: Page, _: Settings) -> None:
    claim(page, SMALL)


def nothing(_: Page, __: Settings) -> None:
    pass


WALK: list[tuple[int, str, str, Callable[[Page, Settings], None]]] = [
    (200, "GET", "{page}/info.json", nothing),
    (200, "GET", "/iiif/presentation/3/{token}/{rx}/manifest", nothing),
    (204, "OPTIONS", "{page}/full/max/0/default.jpg", nothing),
    (303, "GET", "{page}", nothing),
    (303, "GET", "{page}/full/max/0/default.jpg", nothing),
    (303, "GET", "/generate{page}/full/max/0/default.jpg", nothing),
    (400, "GET", "{page}/nonsense", nothing),
    (400, "GET", "/generate{page}/full/0,0/0/default.webp", nothing),
    (400, "GET", "/iiif/presentation/3/{token}/{rx}/document.pdf?fit=b5", nothing),
    (403, "GET", "/iiif/3/x/{rx}_1/info.json", nothing),
    (403, "GET", "/iiif/presentation/3/x/{rx}/manifest", nothing),
    (404, "GET", "/iiif/3/x/x/info.json", nothing),
    (404, "GET", "/iiif/nothing/of/ours", nothing),
    (404, "GET", "{page}/full/max/0/redacted.jpg", nothing),
    (405, "POST", "{page}/info.json", nothing),
    (410, "GET", "{page}/info.json", erase),
    (422, "GET", f"/generate{{page}}/{SMALL}", fail),
    (429, "GET", "/generate{page}/full/31,41/0/default.webp", fill_up),
    (501, "GET", "{page}/full/^600,/0/default.jpg", nothing),
    (503, "GET", f"{{page}}/{SMALL}", nothing),  # S3
    (503, "GET", f"/generate{{page}}/{SMALL}", being_made),
    (503, "GET", f"/generate{{page}}/{SMALL}", give_up),
]


@pytest.mark.parametrize(("status", "method", "address", "arrange"), WALK)
def test_every_answer_may_be_read_from_anywhere(
    status: int,
    method: str,
    address: str,
    arrange: Callable[[Page, Settings], None],
    row: Page,
    settings: Settings,
    http: Client,
) -> None:
    arrange(row, settings)
    token = mint(row.prescription_id)
    path = address.format(page=links.service_path(row.prescription_id, 1, token), token=token, rx=row.prescription_id)

    answer: Any = http.generic(method, path, headers={"Origin": ORIGIN})

    assert answer.status_code == status, answer.content
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"Retry-After", "X-Request-ID"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_host_that_is_not_ours_is_told_so_where_a_viewer_can_read_it(http: Client) -> None:
    answer = http.get("/iiif/3/x/x/info.json", headers={"Host": "evil.example", "Origin": ORIGIN})

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (400, "*")


def test_whoever_is_sent_here_by_the_api_may_still_carry_its_headers(row: Page, http: Client) -> None:
    path = links.service_path(row.prescription_id, 1, mint(row.prescription_id))

    allowed = http.options(path, headers={"Origin": ORIGIN}).headers["Access-Control-Allow-Headers"]

    assert {"Authorization", "Prefer", "Range", "If-None-Match"} <= set(allowed.split(", "))


def test_no_other_address_is_open(http: Client) -> None:
    for path in ("/api/v1/prescriptions", "/livez", "/accounts/login/"):
        assert "Access-Control-Allow-Origin" not in http.get(path, headers={"Origin": ORIGIN}).headers
