"""IIIF image views where no edge is in front: the same contract that nginx keeps."""

import io
import re
import time
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from prescriptions.infra import storage
from prescriptions.models import AuditEvent, Page, Prescription, Variant
from prescriptions.variants import asking, links
from rxproject.local.stack.stack import Stack
from tests.links import mint
from tests.prescriptions.conftest import SOMEBODY, assert_problem, claim, objects
from transforms.objects import NewObject
from transforms.request.spec import Stored
from transforms.version import PIPELINE

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]
threads = pytest.mark.django_db(transaction=True)
SMALL = "full/150,200/0/default.webp"
ID = "0" * 32


def address(page: Page, tail: str = SMALL, *, token: str | None = None, scope: links.Scope = "f") -> str:
    given = mint(page.prescription_id, scope=scope) if token is None else token
    return f"{links.service_path(page.prescription_id, page.number, given)}/{tail}"


def stored_variant(page: Page, tail: str = SMALL, data: bytes = b"picture", media_type: str = "image/webp") -> Variant:
    """A variant that is in S3 and in the rows."""
    variant = claim(page, tail, state="ready", attempts=1)
    metadata = {"source": "0" * 64, "canonical": tail}
    variant.etag = storage.put_variant(variant.key, NewObject(data=data, media_type=media_type, metadata=metadata)).etag
    variant.save()
    return variant


def content(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@threads
def test_a_miss_goes_to_generate_and_comes_back_to_a_hit(page: Page, http: Client) -> None:
    url = address(page)

    miss = http.get(url)
    made = http.get(miss["Location"])
    hit = http.get(made["Location"])

    assert (miss.status_code, miss["Location"], miss["Cache-Control"]) == (
        307,
        f"/generate{url}?rid={miss['X-Request-ID']}",
        "no-store",
    )
    assert (made.status_code, made["Location"], made["Cache-Control"]) == (
        303,
        f"{url}?hop=1&rid={miss['X-Request-ID']}",
        "no-store",
    )
    assert miss["X-Request-ID"] == made["X-Request-ID"] == hit["X-Request-ID"]
    assert (made["X-Variant"], made["Server-Timing"].split(";")[0]) == ("generated", "generated")
    assert (hit.status_code, hit["Content-Type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(content(hit))).size == (150, 200)


def test_a_hit_has_the_headers_of_the_contract(row: Page, http: Client) -> None:
    variant = stored_variant(row)

    response = http.get(address(row))

    assert (response.status_code, content(response)) == (200, b"picture")
    assert response["ETag"] == variant.etag
    assert response["Content-Length"] == "7"
    private, max_age, immutable = response["Cache-Control"].split(", ")
    assert (private, immutable) == ("private", "immutable")
    assert 3500 <= int(max_age.removeprefix("max-age=")) <= 3600 + links.ROUNDING
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response
    assert response["X-Variant"] == "hit"
    service = f"http://testserver{address(row, '').rstrip('/')}"
    assert f'<{service}/{SMALL}>;rel="canonical"' in response["Link"].replace("; ", ";")
    assert "http://iiif.io/api/image/3/level2.json" in response["Link"]
    assert "set-cookie" not in response


def test_a_picture_leaves_a_trace_unless_an_edge_logs_it(row: Page, http: Client) -> None:
    stored_variant(row)
    url = address(row)

    content(http.get(url, headers={"X-Rx-Edge": "1"}))
    content(http.head(url))
    assert AuditEvent.objects.count() == 0
    assert [content(http.get(url)) for _ in range(2)] == [b"picture"] * 2

    event = AuditEvent.objects.get()
    token = url.split("/")[3]
    link, _dot, mac = token.rpartition(".")
    assert (event.rx, event.verb, event.data["page"], event.data["link"]) == (
        row.prescription_id,
        "picture.sent",
        1,
        link,
    )
    assert mac not in str(event.data)


def test_what_the_client_has_is_not_sent_again(row: Page, http: Client) -> None:
    etag = stored_variant(row).etag

    for known in (etag, f"W/{etag}", f'"a", {etag}', "*"):
        response = http.get(address(row), headers={"If-None-Match": known})
        assert (response.status_code, content(response), response["ETag"]) == (304, b"", etag)
    for unknown in ('"a"', "", etag.strip('"')):
        assert content(http.get(address(row), headers={"If-None-Match": unknown})) == b"picture"


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_condition_that_does_not_hold_is_412(method: str, row: Page, http: Client) -> None:
    etag = stored_variant(row).etag
    ask = getattr(http, method)

    for path in (address(row), f"/generate{address(row)}?hop=1"):
        assert ask(path, headers={"If-Match": '"a"'}).status_code == 412
        served = ask(path, headers={"If-Match": etag})
        assert (served.status_code, content(served)) == (200, b"picture" if method == "get" else b"")


def test_head_tells_the_same_without_the_bytes(row: Page, http: Client) -> None:
    stored_variant(row)

    head, get = http.head(address(row)), http.get(address(row))

    assert (head.status_code, content(head), head["Content-Length"]) == (200, b"", "7")
    assert set(head.headers) == set(get.headers)
    get.close()


@pytest.mark.parametrize("path", ["", "/info.json", f"/{SMALL}"])
def test_options_and_methods_that_images_do_not_have(path: str, row: Page) -> None:
    client, url = Client(enforce_csrf_checks=True), address(row, "").rstrip("/") + path

    preflight = client.options(url, headers={"Origin": "https://viewer.example"})
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight["Access-Control-Allow-Origin"] == "*"
    assert preflight["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    for method in ("post", "put", "patch", "delete", "trace"):
        response = getattr(client, method)(url)
        assert_problem(response, 405, "method-not-allowed")
        assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert Variant.objects.count() == 0


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("full/max/0/default.jpg", "full/300,400/0/default.jpg"),
        ("full/!150,300/0/color.webp", SMALL),
        ("square/100,/0/gray.png", "0,50,300,300/100,100/0/gray.png"),
        ("pct:0,0,100,100/pct:50/0/default.webp", SMALL),
        ("full/max/360/default.jpg", "full/300,400/0/default.jpg"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/generate"])
def test_any_other_spelling_is_sent_to_the_stored_form(
    prefix: str, asked: str, stored: str, row: Page, http: Client
) -> None:
    response = http.get(prefix + address(row, asked))

    assert (response.status_code, response["Location"]) == (303, address(row, stored))
    assert response["Cache-Control"] == "no-store"
    assert Variant.objects.count() == 0


def test_the_base_address_leads_to_info_json(row: Page, http: Client) -> None:
    base = address(row, "").rstrip("/")

    response = http.get(base)
    info = http.get(response["Location"])

    assert (response.status_code, response["Location"]) == (303, f"{base}/info.json")
    body = info.json()
    assert (body["id"], body["width"], body["height"], body["profile"]) == (
        f"http://testserver{base}",
        300,
        400,
        "level2",
    )
    assert info["Content-Type"] == 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'
    assert (info["Access-Control-Allow-Origin"], info["Vary"]) == ("*", "Accept")
    plain = http.get(response["Location"], headers={"Accept": "application/json"})
    assert (plain["Content-Type"], plain.json()) == ("application/json", body)


BAD_TOKENS = ["x", "-", "k1.zzzzzz.f." + "A" * 22, "k9.zzzzzz.f." + "A" * 22, "a" * 3000]


@pytest.mark.parametrize("tail", ["", "/info.json", f"/{SMALL}", "/full/max/0/default.jpg", "/nonsense"])
@pytest.mark.parametrize("prefix", ["", "/generate"])
def test_a_bad_token_is_403_with_one_body_for_every_reason(prefix: str, tail: str, row: Page, http: Client) -> None:
    rx = row.prescription_id
    expired, foreign = mint(rx, expires=int(time.time()) - 10), mint(ID)
    if prefix and not tail:
        return
    bodies = []
    for token in (*BAD_TOKENS, expired, foreign):
        response = http.get(f"{prefix}/iiif/3/{token}/{rx}_1{tail}", headers={"X-Request-ID": "same"})
        assert_problem(response, 403, "link-refused")
        bodies.append(response.content)
        nobodys = http.get(f"{prefix}/iiif/3/x/{ID}_1{tail}", headers={"X-Request-ID": "same"})
        assert (nobodys.status_code, nobodys.content) == (403, response.content)
    assert len(set(bodies)) == 1
    assert Variant.objects.count() == 0


@pytest.mark.parametrize(
    "identifier",
    ["x", ID, f"{ID}_0", f"{ID}_1000", f"{ID.upper()}A_1", f"{ID}_1%0a", "..", "http:%2f%2f169.254.169.254", "%00"],
)
@pytest.mark.parametrize("token", ["x", None])
def test_an_impossible_identifier_is_404_before_the_token_is_looked_at(
    token: str | None, identifier: str, http: Client
) -> None:
    given = mint(ID) if token is None else token
    for tail in ("", "/info.json", f"/{SMALL}"):
        assert_problem(http.get(f"/iiif/3/{given}/{identifier}{tail}"), 404, "not-found")


def test_a_page_that_is_not_there(row: Page, http: Client) -> None:
    token = mint(row.prescription_id)

    assert_problem(http.get(f"/iiif/3/{token}/{row.prescription_id}_2/{SMALL}"), 404, "not-found")
    assert_problem(http.get(f"/iiif/3/{mint(ID)}/{ID}_1/{SMALL}"), 404, "not-found")


@pytest.mark.parametrize("tail", ["info.json", SMALL, "full/max/0/default.jpg"])
def test_the_erased_is_gone(tail: str, row: Page, http: Client) -> None:
    etag = stored_variant(row).etag
    Prescription.objects.update(erased_at=timezone.now())

    for prefix in ("", "/generate") if tail == SMALL else ("",):
        response = http.get(prefix + address(row, tail), headers={"If-None-Match": etag})
        assert_problem(response, 410, "erased")


@pytest.mark.parametrize(
    ("tail", "status"),
    [
        ("full/max/0/gray.jpg", 403),
        ("full/max/0/color.jpg", 403),
        ("full/max/0/enhanced.jpg", 403),
        ("full/300,400/0/bitonal.png", 403),
        ("info.json", 403),
        ("full/max/0/default.jpg", 404),
        (SMALL, 404),
        ("full/max/0/redacted.jpg", 404),
        ("full/300,400/0/redacted-00000000.jpg", 404),
    ],
)
def test_a_link_to_redacted_pages_never_opens_the_clear_one(tail: str, status: int, row: Page, http: Client) -> None:
    stored_variant(row)

    for prefix in ("", "/generate") if tail != "info.json" else ("",):
        response = http.get(prefix + address(row, tail, scope="r"))
        assert_problem(response, status)
    assert Variant.objects.count() == 1


def test_where_nginx_came_back_the_bytes_are_sent_from_here(row: Page, http: Client) -> None:
    stored_variant(row)

    response = http.get(f"/generate{address(row)}?hop=1")

    assert (response.status_code, content(response), response["Cache-Control"]) == (200, b"picture", "no-store")


def test_where_the_edge_has_another_pipeline_the_bytes_are_sent_from_here(row: Page, http: Client) -> None:
    stored_variant(row)
    url = f"/generate{address(row)}"

    other = http.get(url, headers={"X-Rx-Pipeline": "p0"})
    same = http.get(url, headers={"X-Rx-Pipeline": PIPELINE})

    assert (other.status_code, content(other), other["Cache-Control"]) == (200, b"picture", "no-store")
    assert (same.status_code, same["Location"]) == (303, f"{address(row)}?hop=1&rid={same['X-Request-ID']}")


def test_without_an_edge_a_hop_is_kept_so_that_no_loop_is_possible(row: Page, http: Client) -> None:
    response = http.get(f"{address(row)}?hop=1")

    assert (response.status_code, response["Location"]) == (
        307,
        f"/generate{address(row)}?hop=1&rid={response['X-Request-ID']}",
    )


@pytest.mark.parametrize(
    "query",
    [
        "hop=2",
        "hop=1&hop=0",
        "hop=",
        "next=//evil.example",
        "token=x",
        "&&=&",
        "rid=../x",
        "rid=ABCDEF0123456789ABCDEF0123456789",
    ],
)
def test_a_query_is_no_way_in(query: str, row: Page, http: Client) -> None:
    response = http.get(f"{address(row)}?{query}")

    assert (response.status_code, response["Location"]) == (
        307,
        f"/generate{address(row)}?rid={response['X-Request-ID']}",
    )
    assert re.fullmatch(r"[0-9a-f]{32}", response["X-Request-ID"])


@threads
def test_waiting_too_long_is_503(row: Page, http: Client, settings: Settings) -> None:
    settings.RX_WAIT = 0.0
    claim(row, SMALL)

    response = http.get(f"/generate{address(row)}")

    assert_problem(response, 503, "not-ready")
    assert response["Retry-After"] == "2"


def test_storage_that_does_not_answer_is_503_and_makes_nothing(row: Page, http: Client, no_s3: None) -> None:
    variant = claim(row, SMALL, state="ready", attempts=1)

    for prefix in ("", "/generate"):
        response = http.get(prefix + address(row))
        assert_problem(response, 503, "storage-unavailable")
        assert response["Retry-After"] == "5"
    variant.refresh_from_db()
    assert (variant.state, variant.attempts) == ("ready", 1)


def test_storage_that_refuses_us_is_503_and_makes_nothing(row: Page, http: Client, wrong_secret: None) -> None:
    assert_problem(http.get(address(row)), 503, "storage-unavailable")
    assert Variant.objects.count() == 0


@threads
def test_a_pdf_is_an_attachment_that_viewers_can_open(page: Page, http: Client) -> None:
    tail = "full/300,400/0/default.pdf"
    asking.get_variant(page, Stored.parse(tail), by=SOMEBODY, wait=50)

    response = http.get(address(page, tail))

    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'attachment; filename="prescription.pdf"'
    assert "sandbox" not in response["Content-Security-Policy"]
    assert content(response).startswith(b"%PDF")


def test_no_denial_wrote_anything(row: Page, http: Client, servers: Stack) -> None:
    before = objects(servers, "rx-variants")
    for tail in ("full/^600,/0/default.jpg", "x", "full/max/0/redacted.jpg", "full/9999999,/0/default.jpg"):
        assert http.get(f"/generate{address(row, tail)}").status_code in (400, 404, 501)
    assert (objects(servers, "rx-variants"), Variant.objects.count()) == (before, 0)
