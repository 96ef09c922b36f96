"""The access log: one JSON object a request, without tokens, order references or queries. No other log has them."""

import json

import pytest

from prescriptions.audit.edge_lines import Picture, parse
from tests.edge.servers import Address, Edge, StandIn, StartEdge, Store, mint

RX = "0123456789abcdef0123456789abcdef"


def test_a_line_of_the_log(edge: Edge, store: Store) -> None:
    address = Address()
    store.put(address.key, b"12345")

    token = mint(address.rx)

    answer = edge.http.get(address.path(token) + "?hop=1&name=Smith")
    line = edge.log(answer)

    assert {name: line[name] for name in line if name not in {"time", "upstream_time", "time_taken"}} == {
        "request_id": answer.headers["x-request-id"],
        "ip": "127.0.0.1",
        "method": "GET",
        "path": f"/iiif/3/*/{address.rx}_1/full/200,150/0/default.webp",
        "link": token.rpartition(".")[0],  # by which link, and nothing that opens it
        "hop": "1",
        "status": 200,
        "bytes": 5,
        "cache": "MISS",
        "upstream_status": "200",
    }
    assert isinstance(line["time_taken"], float)


@pytest.mark.parametrize(
    ("target", "logged"),
    [
        ("/iiif/3/TOKEN/x/info.json", "/iiif/3/*/x/info.json"),
        ("/iiif/3/TOKEN", "/iiif/3/*"),
        ("/iiif/3/LENT/x/info.json", "/iiif/3/*/x/info.json"),
        ("/iiif/3/t/LENT/y", "(other)"),
        ("/iiif/3//LENT/x", "(other)"),
        ("/generate/iiif/3/LENT/x/y?hop=1", "/generate/iiif/3/*/x/y"),
        ("/page/LENT/y", "(other)"),
        ("/iiif/3//TOKEN/x", "(other)"),
        ("/iiif/3/t/TOKEN/y", "(other)"),
        ("/iiif/3/TOKEN/x/full/%5Emax/0/default.jpg", "/iiif/3/*/x/full/%5Emax/0/default.jpg"),
        ("/iiif/3/k1%2ETOKEN/x/y", "/iiif/3/*/x/y"),
        ("/iiif/presentation/3/TOKEN/x/manifest", "/iiif/presentation/3/*/x/manifest"),
        ("/generate/iiif/3/TOKEN/x/y?hop=1", "/generate/iiif/3/*/x/y"),
        ("/iiif%2F3/TOKEN/x/y", "(other)"),
        ("/%69iif/3/TOKEN/x/y", "(other)"),
        ("//iiif/3/TOKEN/x", "(other)"),
        ("/generate//iiif/3/TOKEN/x", "(other)"),
        ("/orders/TOKEN/prescription?sig=TOKEN", "/orders/*/prescription"),
        ("/orders/TOKEN", "/orders/*"),
        ("/api/v1/prescriptions?order_ref=TOKEN", "/api/v1/prescriptions"),
        ("/page?hop=TOKEN", "/page"),
        ("/page?hop=1", "/page"),
    ],
)
def test_no_token_order_or_query_is_logged(edge: Edge, django: StandIn, target: str, logged: str) -> None:
    secret = mint(RX, scope="f0123456789ab" if "LENT" in target else "f")
    sent = target.replace("TOKEN", secret).replace("LENT", secret)
    answer = edge.raw(
        f"GET {sent} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n"
        f"User-Agent: {secret}\r\nReferer: http://x/{secret}\r\n\r\n".encode()
    )

    public, _dot, mac = secret.rpartition(".")
    line = edge.log(answer)
    assert line["path"] == logged
    assert line["link"] in (("", public) if "*" in logged else ("",))
    for file in ("access.log", "error.log", "stderr.log"):
        assert mac not in (edge.run_dir / file).read_text()


@pytest.mark.parametrize(
    ("plain", "odd"),
    [
        ("/full/", "/full%2F"),
        ("/iiif/3/", "/iiif%2f3/"),
        ("/iiif/", "/%69iif/"),
        ("/3/", "/%33/"),
        (".f.", "%2Ef."),
        (".f.", ".%66."),
        ("/0123", "/%30123"),
        ("_1/", "%5f1/"),
        (".webp", ".web%70"),
    ],
)
def test_nobody_looks_unseen_by_spelling_an_address_oddly(
    edge: Edge, store: Store, django: StandIn, plain: str, odd: str
) -> None:
    """The log has addresses as they were sent, and looks are read off it; what is found goes by what they mean."""
    address = Address(rx=RX)
    store.put(address.key, b"12345")
    path = address.path(mint(RX))

    for before in ("", "/generate", "/%67enerate"):
        spelt = f"{before}{path}?hop=1".replace(plain, odd, 1)
        assert odd in spelt
        assert edge.get_raw(spelt).startswith(b"HTTP/1.1 400 "), spelt
    assert django.seen == []


def test_what_viewers_escape_is_served_and_seen(edge: Edge, store: Store) -> None:
    address = Address()
    store.put(address.key, b"12345")

    answer = edge.http.get(address.path(mint(address.rx)).replace("200,150", "200%2C150"))

    _at, _answer, seen = parse(json.dumps(edge.log(answer)).encode())
    assert (answer.content, isinstance(seen, Picture)) == (b"12345", True)


@pytest.mark.parametrize(
    ("method", "target", "logged"),
    [
        ("GET", "/" + "x" * 998, ("GET", "/" + "x" * 998)),
        ("GET", "/" + "x" * 6000, ("GET", "(other)")),
        ("GET", "/iiif/3/t/" + "x" * 6000, ("GET", "(other)")),
        ("X" * 6000, "/page", ("(other)", "/page")),
    ],
    ids=["as long as may be", "path", "picture", "method"],
)
def test_nobody_writes_the_log_at_length(
    edge: Edge, django: StandIn, method: str, target: str, logged: tuple[str, str]
) -> None:
    answer = edge.raw(f"{method} {target} HTTP/1.1\r\nHost: {'h' * 4000}\r\nConnection: close\r\n\r\n".encode())

    line = edge.log(answer)

    assert (line["method"], line["path"]) == logged
    assert len(str(line)) < 2000


def test_failures_leave_no_token_in_the_error_log(start_edge: StartEdge) -> None:
    edge = start_edge(s3="127.0.0.1:1", web="127.0.0.1:1", generate="127.0.0.1:1")
    address = Address()
    token = mint(address.rx)

    for path in (address.path(token), f"/generate{address.path(token)}", f"/iiif/3/{token}/{address.rx}_1/info.json"):
        assert edge.http.get(path).status_code == 503

    for file in ("access.log", "error.log", "stderr.log"):
        assert token.rpartition(".")[2] not in (edge.run_dir / file).read_text()
