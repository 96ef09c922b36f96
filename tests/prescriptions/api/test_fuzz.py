"""Odd requests at the running stack, through the edge and past it: never a crash, and machines always get a problem."""

import json
import re
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import Site
from tests.depth import examples
from tests.prescriptions.conftest import picture

MACHINES = ("/api/", "/iiif/", "/generate/")
ID = "0" * 32
# Of the Host that is sent: nothing may say it back.
MADE_UP = 47_110
ODD = json.loads((Path(__file__).parents[2] / "vectors" / "odd_requests.json").read_text())

paths = st.builds(
    lambda head, parts, query: head + "/".join(parts) + (f"?{query}" if query is not None else ""),
    st.sampled_from(ODD["prefixes"]),
    st.lists(st.sampled_from(ODD["segments"]), max_size=6),
    st.none() | st.sampled_from(ODD["queries"]),
)
headers = st.lists(
    st.tuples(st.sampled_from(ODD["header_names"]), st.sampled_from(ODD["header_values"])),
    max_size=5,
    unique_by=lambda pair: pair[0],
)
BOUNDED = settings(
    max_examples=examples(100), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def words(site: Site) -> dict[str, str]:
    """What makes an odd request get far inside: a page, a link to it and a token."""
    body = site.prescription(("a.jpg", picture(30, 40)))
    return {"TOKEN": body["pages"][0]["info"].split("/")[5], "PAGE": body["pages"][0]["id"], "RX": body["id"]}


def send(port: int, lines: list[str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """One request as these bytes; the answer's status, headers and body."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in rest if ": " in line)
    return int(first.split(" ")[1]), fields, content


def check(site: Site, port: int, words: dict[str, str], method: str, path: str, extra: list, body: bytes) -> None:
    for word, meaning in words.items():
        path = path.replace(word, meaning)
    given_headers = {"Authorization": f"Bearer {site.token}", **dict(extra)}
    if body:
        given_headers["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{MADE_UP}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in given_headers.items()]

    status, fields, content = send(port, lines, body)

    assert status < 500 or status in (501, 503), (status, content[:300])
    by_django = port == site.stack.ports.front or "x-request-id" in fields  # the server itself refuses some, in HTML
    if status >= 400 and path.startswith(MACHINES) and by_django:
        assert fields["content-type"] == "application/problem+json", (status, fields)
        assert fields["cache-control"] == "no-store"
        if method != "HEAD" and "chunked" not in fields.get("transfer-encoding", ""):
            assert json.loads(content)["status"] == status
    # By chance its digits may stand in the id of a request.
    assert not re.search(rf"(?<![0-9a-f]){MADE_UP}(?![0-9a-f])", f"{fields} {content!r}")
    if status == 405:
        allowed = fields["allow"].upper().split(", ")
        assert "OPTIONS" in allowed
        assert method not in allowed
    assert b"Traceback" not in content
    assert site.token.encode() not in content


CONTENT_TYPE = [("Content-Type", "text/plain; x*=nonsense''%41")]


@pytest.mark.timeout(110)
@pytest.mark.parametrize("server", ["front", "web", "generate"])
def test_no_request_is_a_crash(server: str, site: Site, words: dict[str, str]) -> None:
    port = getattr(site.stack.ports, server)

    @BOUNDED
    @given(
        st.sampled_from(ODD["methods"]),
        paths,
        headers,
        st.sampled_from(ODD["bodies"]).map(lambda body: body.encode("latin-1")),
    )
    @example("GET", "/api/v1/prescriptions?cursor=cD14", [], b"")
    @example("GET", "/healthz", CONTENT_TYPE, b"")
    @example("POST", "/api/v1/order-links", [("Content-Type", "application/json")], b"[" * 20_000)
    @example("POST", "/api/v1/prescriptions", [("Content-Type", "multipart/form-data; boundary*=nonsense''%42")], b"x")
    @example("TRACE", "/admin/", [], b"")
    @example("POST", "/healthz", [], b"")
    @example("OPTIONS", "/api/v1/docs", [], b"")
    @example("GET", "/api/v1/schema?version=%00&lang=..%2f", [], b"")
    @example("GET", "/iiif/3/TOKEN/PAGE/info.json", [("Accept", "a/b;q=nan")], b"")
    def run(method: str, path: str, extra: list[tuple[str, str]], body: bytes) -> None:
        check(site, port, words, method, path, extra, body)

    run()


@pytest.mark.parametrize("server", ["front", "web", "generate"])
def test_a_request_need_not_name_a_host(server: str, site: Site) -> None:
    for path in ("/healthz", "/api/v1/schema", "/accounts/login/", f"/iiif/3/x/{ID}_1/info.json"):
        status, _fields, content = send(getattr(site.stack.ports, server), [f"GET {path} HTTP/1.0"], b"")
        assert status in (200, 400, 403), (path, content)


@pytest.mark.timeout(110)
def test_no_text_in_an_address_is_a_crash(site: Site, words: dict[str, str]) -> None:
    letters = st.characters(min_codepoint=0x21, max_codepoint=0x7E)

    @BOUNDED
    @given(st.sampled_from(ODD["prefixes"]), st.text(letters, max_size=40))
    def run(head: str, tail: str) -> None:
        check(site, site.stack.ports.front, words, "GET", head + tail.replace("#", ""), [], b"")

    run()
