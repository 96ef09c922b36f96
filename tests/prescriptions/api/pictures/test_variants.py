"""The variant of a page by preset or IIIF request, and the job of who does not want to wait."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.infra import storage
from prescriptions.models import Page, Prescription, Variant
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import assert_problem, claim, objects
from tests.waiting import until

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]
# Renders run in threads with connections of their own, and waiters close theirs.
threads = pytest.mark.django_db(transaction=True)
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def get(http: Client, bearer: Bearer) -> Callable[..., Any]:
    headers = bearer("rx:read")

    def ask(page: Page, spec: str, number: int = 1, **extra: str) -> Any:
        path = f"/api/v1/prescriptions/{page.prescription_id}/pages/{number}/variants/{spec}"
        return http.get(path, headers={**headers, **{name.replace("_", "-"): value for name, value in extra.items()}})

    return ask


@threads
def test_a_miss_is_made_and_a_hit_is_found(page: Page, get: Callable[..., Any]) -> None:
    miss, hit = get(page, "thumb"), get(page, "thumb")

    for response, how in ((miss, "generated"), (hit, "hit")):
        assert (response.status_code, response["X-Variant"], response["Cache-Control"]) == (303, how, "no-store")
        assert response["Location"].endswith(f"/{page.prescription_id}_1/full/150,200/0/default.webp")
        assert response["Server-Timing"].startswith(how)
    assert Variant.objects.get().attempts == 1


@threads
@pytest.mark.parametrize(
    "accept", ["image/webp", "image/*", "text/html", "*/*", "application/json, */*", "application/json, image/png", "-"]
)
def test_whatever_the_client_accepts_it_is_told_where_the_variant_is(
    accept: str, page: Page, get: Callable[..., Any]
) -> None:
    answer = get(page, "thumb", Accept=accept)

    assert (answer.status_code, answer["Vary"].split(", ")[0]) == (303, "Accept")


@threads
def test_whoever_reads_json_alone_is_told_the_address_and_what_is_there(
    page: Page, get: Callable[..., Any], http: Client, bearer: Bearer
) -> None:
    made, there = (get(page, "thumb", Accept="application/json, application/problem+json;q=0.5") for _ in range(2))
    variant = Variant.objects.get()

    for answer, how in ((made, "generated"), (there, "hit")):
        body = answer.json()
        assert (answer.status_code, answer["X-Variant"], answer["Cache-Control"]) == (200, how, "no-store")
        assert "Accept" in answer["Vary"]
        assert body == {
            "url": body["url"],
            "expires_at": body["expires_at"],
            "width": 150,
            "height": 200,
            "bytes": variant.size,
            "media_type": "image/webp",
            "etag": variant.etag,
            "how": how,
        }
        picture = http.get(body["url"].removeprefix("http://testserver"))
        assert (picture.status_code, picture["ETag"]) == (200, body["etag"])
        assert len(b"".join(picture.streaming_content)) == body["bytes"]
        ends = datetime.fromisoformat(body["expires_at"])
        assert int(body["url"].split("/")[5].split(".")[1], 36) == ends.timestamp()
    job = http.get(f"/api/v1/jobs/{variant.pk}", headers={**bearer(), "Accept": "application/json"})
    assert (job.status_code, job.json()["how"]) == (200, "hit")


@threads
def test_equal_requests_are_one_variant(page: Page, get: Callable[..., Any]) -> None:
    for spec in (
        "thumb",
        "full/!200,200/0/default.webp",
        "full/150,/0/color.webp",
        "pct:0,0,100,100/pct:50/0/default.webp",
    ):
        assert get(page, spec)["Location"].endswith("/full/150,200/0/default.webp")

    assert Variant.objects.count() == 1


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ("nonsense", 400),
        ("full/max/0/default.gif", 400),
        ("full/max/45/default.jpg", 400),
        ("full/0,0/0/default.jpg", 400),
        ("full/" + "9" * 400 + ",/0/default.jpg", 400),
        ("full/max/0/default.jpg/../../x", 400),
        ("full/^600,/0/default.jpg", 501),
        ("full/max/0/redacted.jpg", 404),
        ("full/max/0/redacted-00000000.jpg", 404),
        ("%00", 400),
        ("THUMB", 400),
        ("__class__", 400),
        ("full/nan,/0/default.jpg", 400),
        ("pct:1e999,0,1,1/max/0/default.jpg", 400),
        ("full/\u0661,/0/default.jpg", 400),
    ],
)
def test_a_spec_that_is_refused_makes_nothing(spec: str, status: int, page: Page, get: Callable[..., Any]) -> None:
    assert_problem(get(page, spec), status)

    assert Variant.objects.count() == 0


@threads
@pytest.mark.parametrize("spec", ["full/max/0/default.jp%67", "full%2Fmax%2F0%2Fdefault.jpg"])
def test_an_escaped_letter_is_the_letter(spec: str, page: Page, get: Callable[..., Any]) -> None:
    assert get(page, spec)["Location"].endswith("/full/300,400/0/default.jpg")


@pytest.mark.parametrize("number", ["0", "2", "999", "1000", "01", "-1", "1.0", "x", "\u0661", "1%0a", "%00"])
def test_a_page_that_is_not_there(number: str, page: Page, http: Client, bearer: Bearer) -> None:
    path = f"/api/v1/prescriptions/{page.prescription_id}/pages/{number}/variants/thumb"

    assert_problem(http.get(path, headers=bearer()), 404, "not-found")


@threads
def test_who_does_not_want_to_wait_gets_a_job(
    page: Page, get: Callable[..., Any], http: Client, bearer: Bearer
) -> None:
    response = get(page, "card", Prefer="respond-async")

    body = response.json()
    assert (response.status_code, response["Preference-Applied"]) == (202, "respond-async")
    assert (response["Retry-After"], response["Cache-Control"]) == ("1", "no-store")
    assert (body["page"], body["stored"]) == (page.identifier, "full/300,400/0/default.webp")
    assert response["Location"] == f"http://testserver/api/v1/jobs/{body['id']}"
    until(lambda: Variant.objects.get().state == "ready")
    done = http.get(response["Location"], headers=bearer())
    assert (done.status_code, done["X-Variant"]) == (303, "hit")
    assert get(page, "card", Prefer="respond-async").status_code == 303


@threads
def test_who_waits_a_while_gets_a_job_after_it(row: Page, get: Callable[..., Any], settings: Settings) -> None:
    variant = claim(row, "full/150,200/0/default.webp")
    settings.RX_WAIT = 0.05

    answer = get(row, "thumb", Prefer='Respond-Async, wait="1", return=minimal')

    assert (answer.status_code, answer.content) == (202, b"")
    assert answer["Location"] == f"http://testserver/api/v1/jobs/{variant.pk}"
    assert answer["Preference-Applied"] == "respond-async, wait=0.05, return=minimal"


@threads
def test_a_wait_that_was_heeded_is_said(page: Page, get: Callable[..., Any]) -> None:
    assert get(page, "thumb", Prefer="wait=9")["Preference-Applied"] == "wait=9"


def test_a_job_tells_how_far_it_is(row: Page, http: Client, bearer: Bearer) -> None:
    headers, job = bearer(), claim(row)

    def ask(**fields: Any) -> Any:
        Variant.objects.update(**fields)
        return http.get(f"/api/v1/jobs/{job.id}", headers=headers)

    for state in ("queued", "rendering", "retry"):
        response = ask(state=state)
        assert (response.status_code, response.json()["status"], response["Retry-After"]) == (200, state, "1")
    assert_problem(ask(state="failed", error_code="source-damaged"), 422, "source-damaged")
    assert_problem(ask(state="dead", error_code="render-timeout"), 422, "render-timeout")
    assert_problem(ask(state="dead", error_code="backend-unavailable"), 503, "backend-unavailable")
    Prescription.objects.update(erased_at=timezone.now())
    assert_problem(ask(state="ready"), 410, "erased")


def test_another_clients_job_is_absent(row: Page, http: Client, bearer: Bearer) -> None:
    job = claim(row)

    for path in (
        f"/api/v1/jobs/{job.id}",
        f"/api/v1/jobs/{'0' * 32}",
        f"/api/v1/jobs/{job.id.upper()}",
        "/api/v1/jobs/x",
    ):
        assert_problem(http.get(path, headers=bearer(client="clinic")), 404, "not-found")


@threads
@pytest.mark.parametrize("prefer", ["wait=0", "foo, wait=0", "wait=0; bar", 'wait=0, wait="x"'])
def test_who_waits_no_longer_is_told_to_ask_again(prefer: str, row: Page, get: Callable[..., Any]) -> None:
    claim(row, "full/150,200/0/default.webp")

    response = get(row, "thumb", Prefer=prefer)

    assert_problem(response, 503, "not-ready")
    assert response["Retry-After"] == "2"


@threads
@pytest.mark.parametrize("prefer", ["wait=99999999", "wait=-1", "wait=1e9", "wait=", "\u0661", ";;,,"])
def test_an_absurd_wait_is_the_usual_one(prefer: str, row: Page, get: Callable[..., Any], settings: Settings) -> None:
    settings.RX_WAIT = 0.0
    claim(row, "full/150,200/0/default.webp")

    assert_problem(get(row, "thumb", Prefer=prefer), 503, "not-ready")


def test_a_failure_is_the_same_for_everybody(row: Page, get: Callable[..., Any]) -> None:
    later = timezone.now() + timedelta(minutes=1)
    claim(row, "full/150,200/0/default.webp", state="failed", error_code="source-locked", lease_until=later)

    for prefer in ("", "respond-async", "wait=5"):
        assert_problem(get(row, "thumb", Prefer=prefer), 422, "source-locked")


@threads
def test_a_lost_object_is_made_again(page: Page, get: Callable[..., Any], servers: Stack) -> None:
    get(page, "thumb")
    storage.delete_variant(Variant.objects.get().key)

    assert get(page, "thumb")["X-Variant"] == "generated"
    assert len(objects(servers, "rx-variants", page.prescription_id)) == 1
