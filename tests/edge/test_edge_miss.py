"""What is not in S3, and what S3 or Django do not answer: the redirect, the refusals and the 503s."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from tests.edge.servers import PIPELINE, Address, Edge, StandIn, StartEdge, Store, mint, standing_in
from tests.waiting import free_port

pytestmark = pytest.mark.usefixtures("silence")


def assert_down(edge: Edge, answer: object) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "type": "/docs/problems#unavailable",
        "title": "Not available right now",
        "status": 503,
        "detail": "A part of the service does not answer. Try again.",
        "request_id": answer.headers["x-request-id"],
    }


@dataclass(frozen=True, slots=True)
class Odd:
    """An edge whose S3 says what a test tells it to."""

    s3: StandIn
    edge: Edge


@pytest.fixture(scope="module")
def odd(start_edge: StartEdge) -> Iterator[Odd]:
    with standing_in() as s3:
        yield Odd(s3, start_edge(s3=s3.host))


@dataclass(frozen=True, slots=True)
class Silence:
    """An edge whose S3 says nothing for longer than nginx waits, and the answer to who asked it."""

    s3: StandIn
    edge: Edge
    answer: "Future[httpx.Response]"


@pytest.fixture(scope="module")
def silence(start_edge: StartEdge) -> Iterator[Silence]:
    """Asked before the first test of this file; its answer takes ten seconds, in which the others run."""
    with standing_in() as s3, ThreadPoolExecutor(1) as pool:
        s3.delay = 15.0
        edge = start_edge(s3=s3.host)
        yield Silence(s3, edge, pool.submit(edge.http.get, Address().path()))


# --- misses -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_miss_is_sent_to_generate_and_must_not_be_remembered(edge: Edge, django: StandIn, method: str) -> None:
    path = Address().path()

    answer = edge.http.request(method, path)

    assert answer.status_code == 307
    assert answer.headers["location"] == f"/generate{path}?rid={answer.headers['x-request-id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"  # or a viewer on another site could not follow
    assert "x-variant" not in answer.headers
    assert "etag" not in answer.headers
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert edge.log(answer)["upstream_status"] == "404"
    assert django.seen == []


@pytest.mark.parametrize("query", ["?hop=1", "?a=%2F%5E&hop=1", "?", "?x=%0d%0aSet-Cookie:a"])
def test_the_address_of_a_miss_is_passed_on_as_it_came(edge: Edge, query: str) -> None:
    address = Address()
    path = address.path().replace(",", "%2C") + query

    location = edge.get_raw(path).split(b"Location: ")[1].split(b"\r\n")[0].decode()

    assert re.fullmatch(rf"/generate{re.escape(path)}&?rid=[0-9a-f]{{32}}", location)


def test_a_miss_is_not_cached(edge: Edge, store: Store) -> None:
    address = Address()
    assert edge.http.get(address.path()).status_code == 307
    store.put(address.key, b"now it is here")

    assert edge.http.get(address.path()).content == b"now it is here"


def test_an_address_in_absolute_form_redirects_to_this_site(edge: Edge) -> None:
    path = Address().path()

    answer = edge.get_raw(f"http://evil.example{path}")

    assert f"\r\nLocation: /generate{path}?rid=".encode() in answer
    assert b"evil" not in answer


def test_generate_gets_the_pipeline_of_this_edge(edge: Edge, django: StandIn) -> None:
    path = f"/generate{Address().path()}?hop=1"
    django.status, django.headers = 303, {"Location": "/back", "Cache-Control": "no-store", "X-Request-ID": "theirs"}

    answer = edge.http.get(path, headers={"X-Rx-Pipeline": "p999"})

    assert answer.status_code == 303
    assert answer.headers["location"] == "/back"
    (seen,) = django.seen
    assert (seen.method, seen.target) == ("GET", path)
    assert seen.headers["x-rx-pipeline"] == [PIPELINE]
    assert seen.headers["x-request-id"] == answer.headers.get_list("x-request-id")


# --- S3 in trouble ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 410, 412, 416, 422, 429, 500, 502, 503, 504, 507])
def test_whatever_s3_says_but_the_object_or_404_is_503(odd: Odd, django: StandIn, status: int) -> None:
    odd.s3.seen.clear()
    odd.s3.status, odd.s3.body = status, b"<Error>internals</Error>"
    odd.s3.headers = {"Location": "http://s3.internal/", "x-amz-request-id": "1", "ETag": '"e"'}
    path = Address().path()

    for _ in range(2):
        answer = odd.edge.http.get(path)
        assert_down(odd.edge, answer)
        assert b"internals" not in answer.content
        assert not {"location", "x-amz-request-id", "etag"} & set(answer.headers)
    assert len(odd.s3.seen) == 2
    assert django.seen == []


def test_s3_that_is_not_there_is_503_and_comes_back_at_once(start_edge: StartEdge, django: StandIn) -> None:
    port = free_port()
    edge = start_edge(s3=f"127.0.0.1:{port}")

    for _ in range(3):
        assert_down(edge, edge.http.get(Address().path()))
    with standing_in(port) as s3:
        s3.headers = {"ETag": '"e"'}
        assert edge.http.get(Address().path()).status_code == 200
    assert django.seen == []


def test_s3_that_hangs_up_is_503(start_edge: StartEdge, django: StandIn) -> None:
    with standing_in() as s3:
        s3.status = 0  # the connection is closed without an answer
        edge = start_edge(s3=s3.host)

        assert_down(edge, edge.http.get(Address().path()))
    assert django.seen == []


def test_an_idle_connection_that_s3_closed_is_not_an_error(start_edge: StartEdge) -> None:
    with standing_in() as s3:
        s3.headers = {"ETag": '"e"', "Connection": "keep-alive"}
        s3.hang_up_after = True
        edge = start_edge(s3=s3.host)

        assert [edge.http.get(Address().path()).status_code for _ in range(20)] == [200] * 20


# --- Django in trouble ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path", ["/generate/iiif/3/x/y", "/", "/api/v1/prescriptions", "/iiif/3/t/" + "0" * 32 + "_1/info.json"]
)
def test_django_that_is_not_there_is_503(start_edge: StartEdge, path: str) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    edge = start_edge(web=nobody, generate=nobody)

    assert_down(edge, edge.http.get(path))
    assert_down(edge, edge.http.post(path, content=b"x"))


def test_a_redacted_link_asking_for_default_while_django_is_away_is_503(start_edge: StartEdge) -> None:
    edge = start_edge(web=f"127.0.0.1:{free_port()}")
    address = Address()

    assert_down(edge, edge.http.get(address.path(mint(address.rx, scope="r"))))


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 429, 500, 501, 502, 503])
@pytest.mark.parametrize("path", ["/generate/iiif/3/x/y", "/anything"])
def test_what_django_answers_is_passed_on_word_for_word(edge: Edge, django: StandIn, status: int, path: str) -> None:
    django.status = status
    django.headers = {"Content-Type": "application/problem+json", "Retry-After": "7", "Cache-Control": "no-store"}

    answer = edge.http.get(path)

    assert (answer.status_code, answer.content) == (status, b"from upstream")
    assert answer.headers["retry-after"] == "7"
    assert answer.headers.get_list("cache-control") == ["no-store"]


# --- methods ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_images_are_read_only(edge: Edge, store: Store, django: StandIn, method: str) -> None:
    address = Address()
    store.put(address.key, b"as it was")

    answer = edge.http.request(method, address.path(), content=b"other")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert edge.http.get(address.path()).content == b"as it was"
    assert django.seen == []


def test_a_preflight_is_answered_without_a_look_at_the_token(edge: Edge, django: StandIn) -> None:
    answer = edge.http.options(Address().path("bad"), headers={"Origin": "https://viewer.example"})

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "access-control-allow-credentials" not in answer.headers
    assert django.seen == []


# --- nginx's patience -------------------------------------------------------------------------------------------------
@pytest.mark.last
def test_s3_that_is_silent_is_503(silence: Silence) -> None:
    answer = silence.answer.result()

    assert_down(silence.edge, answer)
    assert silence.edge.log(answer)["upstream_status"] == "504"
    assert len(silence.s3.seen) == 1


def test_pages_of_any_origin_may_read_every_answer_of_our_own(edge: Edge, start_edge: StartEdge) -> None:
    """As they may read Django's: tests/prescriptions/iiif/test_viewers.py."""
    address = Address()
    nobody = f"127.0.0.1:{free_port()}"
    good, broken = address.path(), start_edge(s3=nobody, web=nobody, generate=nobody)
    image = address.path(mint(address.rx, scope="r"))
    walk = [
        (307, edge.http.get(good)),
        (403, edge.http.get(address.path("x"))),
        (404, edge.http.get(f"/iiif/3/x/nobody/{address.tail}")),
        (204, edge.http.options(good)),
        (405, edge.http.post(good)),
        (400, edge.http.get(good.replace(",", "%2f"))),
        (414, edge.http.get(f"{good}?{'x' * 9000}")),
        (431, edge.http.get(good, headers={"X-Long": "x" * 9000})),
        (501, edge.http.request("TRACE", good)),
        (503, broken.http.get(good)),
        (503, broken.http.get(f"/generate{good}")),
        (503, broken.http.get(image)),
    ]

    for status, answer in walk:
        assert answer.status_code == status
        assert answer.headers.get_list("access-control-allow-origin") == ["*"], status
        if status >= 400 and status != 403:
            assert {"type", "title", "status", "detail", "request_id"} == set(answer.json()), status
