"""A variant that exists comes straight from S3 with the headers of the contract, cold and cached alike."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.edge.servers import (
    BUCKET,
    SECRETS,
    VECTORS,
    Address,
    Edge,
    StandIn,
    StartEdge,
    Store,
    mint,
    standing_in,
)
from tests.waiting import until

PASSIVE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
INERT = f"{PASSIVE}; sandbox"
BODY = bytes(range(256)) * 40
CANONICAL = {"canonical": "full/max/0/default.webp", "source": "0" * 64, "form": "full/200,150/0/default.webp"}


def assert_public_headers(answer: httpx.Response, address: Address, token: str) -> None:
    for name, count in Counter(name.lower() for name, _ in answer.headers.multi_items()).items():
        assert count == 1, f"{name} was sent {count} times"
    assert not [name for name in answer.headers if "amz" in name]
    assert answer.headers["server"] == "nginx"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == INERT
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-variant"] == "hit"
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["link"] == (
        f"<{answer.url.scheme}://{answer.url.netloc.decode()}/iiif/3/{token}/{address.rx}_1/full/max/0/default.webp>"
        ';rel="canonical", <http://iiif.io/api/image/3/level2.json>;rel="profile"'
    )


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "cached"])
def test_an_existing_variant_is_served_without_django(edge: Edge, store: Store, django: StandIn, warm: bool) -> None:
    address = Address()
    etag = store.put(address.key, BODY, Metadata=CANONICAL, CacheControl="private, no-store")
    token = mint(address.rx)
    if warm:
        assert edge.http.get(address.path(token)).status_code == 200

    answer = edge.http.get(address.path(token))

    assert answer.status_code == 200
    assert answer.content == BODY
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["content-length"] == str(len(BODY))
    assert answer.headers["etag"] == etag
    assert not etag.startswith("W/")
    kind, age, immutable = answer.headers["cache-control"].split(", ")
    assert (kind, immutable) == ("private", "immutable")
    assert 3555 <= int(age.removeprefix("max-age=")) <= 3565
    assert_public_headers(answer, address, token)
    assert edge.log(answer)["cache"] == ("HIT" if warm else "MISS")
    assert django.seen == []


@pytest.mark.parametrize("lent", ["", "00aa11bb22cc"], ids=["usual", "lent"])
def test_a_sheet_is_served_like_its_page_and_never_for_it(edge: Edge, store: Store, django: StandIn, lent: str) -> None:
    sheet = Address(sheet="s0a1b2c3d")
    page, other = Address(rx=sheet.rx), Address(rx=sheet.rx, sheet="sffffffff")
    store.put(sheet.key, BODY, Metadata=CANONICAL)
    store.put(page.key, b"the page", Metadata=CANONICAL)
    # A link to this page alone opens its sheet, too.
    token = mint(f"{sheet.rx}_1" if lent else sheet.rx, scope=f"f{lent}")
    django.status, django.headers, django.body = 204, {"X-Rx-Cut": "-"}, b""

    for _ in ("cold", "cached"):
        answers = [edge.http.get(address.path(token)) for address in (sheet, page)]
        assert [answer.content for answer in answers] == [BODY, b"the page"]
    assert f"/{sheet.rx}_1s0a1b2c3d/full/max/0/default.webp>" in answers[0].headers["link"]
    assert edge.http.get(other.path(token)).headers["location"].startswith(f"/generate{other.path(token)}?")
    # Only redacted ones by a link to those; and the one that counts is for Django to say.
    shut = mint(sheet.rx, scope="r")
    assert edge.http.get(Address("full/200,150/0/gray.webp", sheet.rx, sheet.sheet).path(shut)).status_code == 403
    seen = len(django.seen)
    for path in (sheet.path(shut), f"/iiif/3/{token}/{sheet.rx}_1s/info.json", Address(rx=sheet.rx, sheet="s").path()):
        edge.http.get(path)
        seen += 1
        assert django.seen[-1].target == path
    assert len(django.seen) == seen


# A thumbnail's body is sent in another way than a larger picture's.
@pytest.mark.parametrize("size", ["200,150", "800,600"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "cached"])
def test_head_range_and_revalidation(edge: Edge, store: Store, warm: bool, size: str) -> None:
    def prepared() -> tuple[Address, str, str]:
        address = Address(f"full/{size}/0/default.webp")
        etag = store.put(address.key, BODY, Metadata=CANONICAL)
        token = mint(address.rx)
        if warm:
            assert edge.http.get(address.path(token)).status_code == 200
        return address, token, etag

    address, token, etag = prepared()
    head = edge.http.head(address.path(token))
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(BODY)))
    assert head.headers["etag"] == etag
    assert_public_headers(head, address, token)

    address, token, etag = prepared()
    part = edge.http.get(address.path(token), headers={"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, BODY[3:10])
    assert part.headers["content-range"] == f"bytes 3-9/{len(BODY)}"
    assert_public_headers(part, address, token)

    address, token, etag = prepared()
    same = edge.http.get(address.path(token), headers={"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == etag
    assert same.headers["cache-control"].startswith("private, max-age=")
    assert_public_headers(same, address, token)

    address, token, etag = prepared()
    other = edge.http.get(address.path(token), headers={"If-None-Match": '"another"'})
    assert (other.status_code, other.content) == (200, BODY)

    address, token, etag = prepared()
    beyond = edge.http.get(address.path(token), headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(BODY)}"
    assert beyond.headers["cache-control"] == "no-store"
    assert beyond.json()["status"] == 416
    assert len(beyond.headers.get_list("x-request-id")) == 1


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "cached"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_condition_that_does_not_hold_is_the_clients_answer(
    edge: Edge, store: Store, django: StandIn, method: str, warm: bool
) -> None:
    address = Address()
    etag = store.put(address.key, BODY, Metadata=CANONICAL)
    for condition in (
        {"If-Match": '"another"'},
        {"If-Match": f"W/{etag}"},
        {"If-Unmodified-Since": "Thu, 01 Jan 1998 00:00:00 GMT"},
        {"If-Match": '"another"', "Range": "bytes=0-9"},
    ):
        fresh = address if warm else Address()
        if fresh is not address:
            store.put(fresh.key, BODY, Metadata=CANONICAL)
        assert not warm or edge.http.get(fresh.path()).status_code == 200

        answer = edge.http.request(method, fresh.path(), headers=condition)

        assert answer.status_code == 412, condition
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        assert not {"etag", "last-modified", "x-variant", "retry-after"} & set(answer.headers)
        if method == "GET":
            assert answer.json()["status"] == 412
        # with the right one it is served
        assert edge.http.request(method, fresh.path(), headers={"If-Match": etag}).status_code == 200
    assert django.seen == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": "bytes=abc"}, 416),
        ({"Range": "lines=0-9"}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Range": '"another"', "Range": "bytes=0-9"}, 200),
    ],
)
def test_odd_headers_of_a_client_are_never_an_outage(
    edge: Edge, store: Store, headers: dict[str, str], status: int
) -> None:
    address = Address()
    store.put(address.key, BODY)

    for _ in ("cold", "cached"):
        assert edge.http.get(address.path(), headers=headers).status_code == status


def test_max_age_is_never_longer_than_a_day(edge: Edge, store: Store) -> None:
    address = Address()
    store.put(address.key, BODY)

    answer = edge.http.get(address.path(mint(address.rx, ttl=400 * 86400)))

    assert answer.headers["cache-control"] == "private, max-age=86400, immutable"


def test_an_object_without_a_canonical_tail_still_names_its_profile(edge: Edge, store: Store) -> None:
    address = Address()
    store.put(address.key, BODY)

    assert edge.http.get(address.path()).headers["link"] == '<http://iiif.io/api/image/3/level2.json>;rel="profile"'


@pytest.mark.parametrize(
    ("stored", "expected"),
    [({}, "attachment"), ({"ContentDisposition": 'attachment; filename="p.pdf"'}, 'attachment; filename="p.pdf"')],
    ids=["added", "from the object"],
)
def test_a_pdf_is_an_attachment_and_not_sandboxed(
    edge: Edge, store: Store, stored: dict[str, str], expected: str
) -> None:
    address = Address("full/2480,3508/0/default.pdf")
    store.put(address.key, b"%PDF-1.7", "application/pdf", **stored)

    for _ in ("cold", "cached"):
        answer = edge.http.get(address.path())
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers.get_list("content-disposition") == [expected]
        assert answer.headers["content-security-policy"] == PASSIVE


def test_a_stored_file_runs_nothing_and_is_framed_by_nobody(edge: Edge, store: Store, django: StandIn) -> None:
    address = Address()
    store.put(address.key, BODY)
    paths = [address.path(), address.path("k1.0.f." + "A" * 22), Address().path(), "/metrics", "/./x", "/edge-healthz"]

    told = [edge.http.get(path, follow_redirects=False).headers.get_list("content-security-policy") for path in paths]

    assert told == [[INERT]] * len(paths)
    django.headers = {"Content-Security-Policy": "default-src 'self'"}
    assert edge.http.get("/page").headers.get_list("content-security-policy") == ["default-src 'self'"], "Django's own"


def test_a_hit_costs_s3_one_get_of_our_own_making(start_edge: StartEdge) -> None:
    with standing_in() as s3:
        s3.headers = {"ETag": '"e"', "Content-Type": "image/webp"}
        edge = start_edge(s3=s3.host)
        address = Address()

        path = address.path()
        edge.http.head(path, headers={"Cookie": "a=b", "Authorization": "Bearer x", "Range": "bytes=0-1"})
        edge.http.get(path, headers={"Cache-Control": "no-cache", "Pragma": "no-cache"})

        (request,) = s3.seen
        path, _, query = request.target.partition("?")
        assert (request.method, path) == ("GET", f"/{BUCKET}/{address.key.replace(',', '%2C')}")
        assert re.fullmatch(r"response-cache-control=private%2C%20max-age%3D3[0-9]{3}%2C%20immutable", query)
        assert set(request.headers) == {"host", "authorization", "x-amz-date", "x-amz-content-sha256"}
        assert request.headers["authorization"][0].startswith("AWS4-HMAC-SHA256 Credential=edge/")
        assert SECRETS["edge"] not in str(request)


def test_what_s3_tells_besides_the_object_stays_here(start_edge: StartEdge) -> None:
    # given all that AWS documents for GetObject, and what a renderer notes on the object
    told = [
        "delete-marker",
        "restore",
        "archive-status",
        "missing-meta",
        "version-id",
        "website-redirect-location",
        "expiration",
        "server-side-encryption",
        "server-side-encryption-customer-algorithm",
        "server-side-encryption-customer-key-md5",
        "server-side-encryption-aws-kms-key-id",
        "server-side-encryption-bucket-key-enabled",
        "storage-class",
        "request-charged",
        "replication-status",
        "mp-parts-count",
        "tagging-count",
        "object-lock-mode",
        "object-lock-retain-until-date",
        "object-lock-legal-hold",
        "checksum-crc32",
        "checksum-crc32c",
        "checksum-crc64nvme",
        "checksum-sha1",
        "checksum-sha256",
        "checksum-type",
        "id-2",
        "request-id",
        "meta-canonical",
        "meta-pipeline",
        "meta-source",
        "meta-stored",
    ]
    seaweed = {f"seaweed-x-amz-{name}": "x" for name in ("etag", "owner")}
    with standing_in() as s3:
        s3.headers = {"ETag": '"e"', "Content-Type": "image/webp"} | seaweed
        s3.headers |= {f"x-amz-{name}": "x" for name in told}
        edge, address = start_edge(s3=s3.host), Address()

        for _ in range(2):  # cold, cached
            answer = edge.http.get(address.path())
            assert answer.status_code == 200
            assert [name for name in answer.headers if "amz" in name] == []


def test_a_link_ends_to_the_second(edge: Edge, store: Store) -> None:
    address = Address()
    store.put(address.key, BODY, Metadata=CANONICAL)
    token = mint(address.rx, ttl=3)

    assert edge.http.get(address.path(token)).status_code == 200
    assert edge.http.get(address.path(token)).status_code == 200
    until(lambda: edge.http.get(address.path(token)).status_code == 403, "the end of the link")


def test_temporary_credentials_come_from_a_file_that_is_read_again(start_edge: StartEdge, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"AccessKeyId": "A1", "SecretAccessKey": "s1", "Token": "session/1+="}))
    with standing_in() as s3:
        edge = start_edge(s3=s3.host, env={"RX_LINK_KEYS": VECTORS["keys"], "RX_EDGE_CREDENTIALS_FILE": str(file)})
        edge.http.get(Address().path())
        file.write_text(json.dumps({"AccessKeyId": "A2", "SecretAccessKey": "s2", "Token": "session/2"}))
        edge.http.get(Address().path())

        first, second = (request.headers for request in s3.seen)
        assert first["x-amz-security-token"] == ["session/1+="]
        assert second["x-amz-security-token"] == ["session/2"]
        assert "Credential=A1/" in first["authorization"][0]
        assert "Credential=A2/" in second["authorization"][0]
        assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token," in first["authorization"][0]


def test_two_hundred_cold_requests_at_once_are_all_served(edge: Edge, store: Store) -> None:
    address = Address()
    store.put(address.key, BODY)
    path = edge.url + address.path()

    def fetch(_: int) -> tuple[int, bytes]:
        with httpx.Client(timeout=60, trust_env=False) as client:
            answer = client.get(path)
            return answer.status_code, answer.content

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(fetch, range(200)))

    assert answers == [(200, BODY)] * 200
