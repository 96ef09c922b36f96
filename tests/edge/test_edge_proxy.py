"""Everything else goes to Django: what it is told, what clients cannot make it believe, what is logged, odd
addresses.
"""

import json
import socket

import pytest

from tests.edge.servers import Address, Edge, StandIn, StartEdge, Store, mint

HSTS = "max-age=31536000; includeSubDomains; preload"
RX = "0123456789abcdef0123456789abcdef"


# --- routing ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "tail",
    [
        "",
        "/info.json",
        "/full/max/0/default.jpg",
        "/full/!200,200/0/default.webp",
        "/full/pct:50/0/default.jpg",
        "/full/200,/0/default.jpg",
        "/full/0200,150/0/default.jpg",
        "/full/0,150/0/default.jpg",
        "/00,0,10,10/10,10/0/default.jpg",
        "/0,0,0,10/10,10/0/default.jpg",
        "/square/200,200/0/default.jpg",
        "/full/200,150/45/default.jpg",
        "/full/200,150/!0/default.jpg",
        "/full/200,150/0/redacted.webp",
        "/full/200,150/0/redacted-0BADF00D.webp",
        "/full/200,150/0/redacted-0badf00d1.webp",
        "/full/200,150/0/DEFAULT.webp",
        "/full/200,150/0/default.gif",
        "/full/200,150/0/default.webp%0A",
        "/full/200,150/0/default.webp/",
        "/full/100000,1/0/default.webp",
        "/full/%5E200,/0/default.jpg?a=%2F%5E",
        "/full/200,150/0",
    ],
)
def test_any_other_form_of_a_variant_is_djangos(edge: Edge, django: StandIn, tail: str) -> None:
    target = f"/iiif/3/any-token/{RX}_1{tail}"

    assert edge.get_raw(target).endswith(b"from upstream")
    assert [(seen.method, seen.target) for seen in django.seen] == [("GET", target)]


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/iiif/presentation/3/t/x/manifest",
        "/static/app.js?v=1",
        "/api/v1/prescriptions?order_ref=a%20b",
        "/healthz",
        "/readyz",
        "/orders/A-1/prescription",
        "/upload/",
        "/admin/",
        "/-edge-problem-not",
        "/%E2%82%AC",
    ],
)
def test_everything_else_is_djangos_as_it_came(edge: Edge, django: StandIn, target: str) -> None:
    assert edge.get_raw(target).endswith(b"from upstream")
    assert [seen.target for seen in django.seen] == [target]


@pytest.mark.parametrize(
    ("target", "kind", "packed"),
    [
        ("/static/viewer.js", "text/javascript; charset=utf-8", True),
        ("/static/tokens.css", "text/css", True),
        ("/static/icon.png", "image/png", False),
        ("/orders/A-1/prescription", "text/html", False),
        ("/api/v1/prescriptions", "application/json", False),
    ],
)
def test_only_scripts_and_styles_are_compressed(
    edge: Edge, django: StandIn, target: str, kind: str, packed: bool
) -> None:
    django.headers, django.body = {"Content-Type": kind}, b"let nothing = 0\n" * 500

    answer = edge.http.get(target, headers={"Accept-Encoding": "gzip"})

    assert answer.content == django.body
    assert (answer.headers.get("content-encoding") == "gzip") is packed


@pytest.mark.parametrize("target", ["/metrics", "/metrics?name=up", "/%6detrics", "/generate/../metrics"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_numbers_of_the_inside_stay_inside(edge: Edge, django: StandIn, target: str, method: str) -> None:
    answer = edge.raw(
        f"{method} {target} HTTP/1.1\r\nHost: rx\r\nAuthorization: Bearer good\r\nConnection: close\r\n\r\n".encode()
    )

    assert answer.startswith(b"HTTP/1.1 400 " if ".." in target else b"HTTP/1.1 404 ")
    assert b"Content-Type: application/problem+json" in answer
    assert django.seen == []


def test_the_edges_own_health_is_a_fixed_word_and_not_logged(edge: Edge, django: StandIn) -> None:
    answer = edge.http.get("/edge-healthz")
    after = edge.http.get("/after")

    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "ok\n", "text/plain")
    edge.log(after)
    assert answer.headers["x-request-id"] not in (edge.run_dir / "access.log").read_text()
    assert [seen.target for seen in django.seen] == ["/after"]


def test_the_page_of_errors_cannot_be_asked_for(edge: Edge, django: StandIn) -> None:
    for inside in ("/-edge-problem", "/-edge-unmet"):
        assert edge.http.get(inside).status_code == 404
    assert django.seen == []


# --- what Django is told ----------------------------------------------------------------------------------------------
def test_what_clients_say_about_themselves_is_replaced(edge: Edge, django: StandIn) -> None:
    forged = {
        "X-Request-ID": "forged",
        "X-Rx-Pipeline": "forged",
        "X-Rx-Edge": "forged",
        "X-Forwarded-For": "9.9.9.9",
        "X-Forwarded-Host": "forged",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Prefix": "/forged",
        "X-Forwarded-Ssl": "on",
        "X-Forwarded-Server": "forged",
        "X-Real-IP": "9.9.9.9",
        "Forwarded": "for=9.9.9.9",
        "X-Original-URL": "/admin/",
        "X-Rewrite-URL": "/admin/",
        "X-HTTP-Method-Override": "DELETE",
        "Proxy": "http://forged",
        "X_Rx_Pipeline": "forged",
        "X_Forwarded_For": "9.9.9.9",
        "SCRIPT_NAME": "/forged",
    }

    answer = edge.http.get("/page", headers=forged | {"Cookie": "sessionid=1", "Authorization": "Bearer t"})

    (seen,) = django.seen
    ours = {name: values for name, values in seen.headers.items() if "x-" in name or "forward" in name or "_" in name}
    host = edge.url.removeprefix("http://")
    assert ours == {
        "x-request-id": [answer.headers["x-request-id"]],
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-host": [host],
        "x-forwarded-proto": ["http"],
        "x-rx-edge": ["1"],
    }
    assert "proxy" not in seen.headers
    assert "forged" not in str(seen.headers)
    assert seen.headers["host"] == [host]
    assert (seen.headers["cookie"], seen.headers["authorization"]) == (["sessionid=1"], ["Bearer t"])


def test_https_is_what_the_configuration_says(start_edge: StartEdge, store: Store, django: StandIn) -> None:
    edge = start_edge(overrides={"RX_BASE_URL": "https://rx.example"})
    address = Address()
    token = mint(address.rx)
    store.put(address.key, b"x", Metadata={"canonical": "full/max/0/default.webp"})

    answers = [
        edge.http.get("/page", headers={"X-Forwarded-Proto": "http"}),
        edge.http.get(address.path(token)),
        edge.http.get(address.path("k1.0.f." + "A" * 22)),
        edge.http.get("/./x"),
        edge.http.get("/metrics"),
        edge.http.get("/edge-healthz"),
    ]
    link = edge.http.get(address.path(token), headers={"Host": "evil.example"}).headers["link"]

    assert django.seen[0].headers["x-forwarded-proto"] == ["https"]
    assert [answer.headers.get_list("strict-transport-security") for answer in answers] == [[HSTS]] * len(answers)
    django.headers = {"Strict-Transport-Security": "max-age=1"}
    assert edge.http.get("/page").headers.get_list("strict-transport-security") == ["max-age=1"], "Django's own, once"
    assert link.startswith(
        f'<https://rx.example/iiif/3/{token}/{address.rx}_1/full/max/0/default.webp>;rel="canonical"'
    )


def test_a_configured_load_balancer_names_the_client(start_edge: StartEdge, django: StandIn) -> None:
    edge = start_edge(overrides={"RX_EDGE_TRUSTED_PROXY": "127.0.0.0/8"})

    answer = edge.http.get("/page", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})

    assert django.seen[0].headers["x-forwarded-for"] == ["203.0.113.9"]
    assert edge.log(answer)["ip"] == "203.0.113.9"


def test_djangos_headers_come_through_once(edge: Edge, django: StandIn) -> None:
    django.headers = {"X-Request-ID": "theirs", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

    answer = edge.http.get("/page")

    assert answer.headers.get_list("x-request-id") != ["theirs"]
    for name in ("x-request-id", "cache-control", "x-content-type-options", "server", "date"):
        assert len(answer.headers.get_list(name)) == 1
    assert answer.headers["server"] == "nginx"


# --- uploads ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/v1/prescriptions", "/upload/", "/orders/A-1/prescription"])
def test_an_upload_of_several_files_is_let_through_whole(edge: Edge, django: StandIn, path: str) -> None:
    answer = edge.http.post(path, content=b"x" * (25 * 1024 * 1024))

    assert answer.status_code == 200
    assert [(seen.target, seen.body) for seen in django.seen] == [("/-may-send", 0), (path, 25 * 1024 * 1024)]


@pytest.mark.parametrize(
    ("path", "size"),
    [("/api/v1/prescriptions", 202 * 2**20 + 1), ("/api/v1/order-links", 2**18 + 1), ("/admin/login/", 10**12)],
)
def test_too_large_a_body_is_refused_before_it_is_read(edge: Edge, django: StandIn, path: str, size: int) -> None:
    answer = edge.raw(
        f"POST {path} HTTP/1.1\r\nHost: e\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n".encode()
    )

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["title"] == "Too much in one request"
    assert django.seen == []


def test_django_is_asked_when_the_body_is_complete(edge: Edge, django: StandIn) -> None:
    host, port = edge.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(b"POST /upload/ HTTP/1.1\r\nHost: e\r\nContent-Length: 200000\r\n\r\n" + b"x" * 150000)
        other = edge.http.get("/other")  # nginx has had time to begin with the first request
        assert other.status_code == 200
        assert [seen.target for seen in django.seen if seen.target != "/-may-send"] == ["/other"]
        client.sendall(b"x" * 50000)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")

    assert [seen.body for seen in django.seen if seen.target == "/upload/"] == [200000]


# --- odd addresses ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "middle", ["..", ".", "%2e%2e", "%2E%2e", ".%2e", "%2e", "..%2f..", "..%5c", "x%2f..%2fy", "..?a", "%2e%2e/%2e%2e"]
)
def test_dot_segments_are_refused(edge: Edge, store: Store, django: StandIn, middle: str) -> None:
    address = Address()
    store.put(address.key, b"the variant")

    for target in (
        f"/iiif/3/{middle}{address.path()[7:]}",
        f"/{middle}{address.path()}",
        f"/admin/{middle}",
        f"{address.path()}/{middle}",
    ):
        answer = edge.get_raw(target)
        assert answer.startswith(b"HTTP/1.1 400 "), target
        assert b"the variant" not in answer
    assert django.seen == []


@pytest.mark.parametrize(
    "target", ["/%00", "/iiif/3/t/%00", "/a b", "/%zz", "nothing", "/../../etc/passwd", "/\x7f\x01"]
)
def test_broken_addresses_are_400(edge: Edge, django: StandIn, target: str) -> None:
    answer = edge.get_raw(target)

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 ")), answer[:100]
    assert b"nginx/" not in answer
    assert django.seen == []


def test_doubled_slashes_are_not_the_same_address(edge: Edge, store: Store, django: StandIn) -> None:
    address = Address()
    store.put(address.key, b"the variant")

    path = address.path()
    doubled = [f"/{path}", path.replace("/full", "//full")]

    for target in doubled:
        assert edge.get_raw(target).endswith(b"from upstream")
    assert [seen.target for seen in django.seen] == doubled


def test_escaped_commas_are_commas_and_what_needs_no_escape_has_none(edge: Edge, store: Store) -> None:
    address = Address("10,20,30,40/30,40/90/gray.jpg")
    store.put(address.key, b"the variant", "image/jpeg")

    path = address.path()
    assert edge.get_raw(path.replace(",", "%2C")).endswith(b"the variant")
    for spelt in (path.replace("_1/", "%5F1/"), path.replace("gray", "%67ray"), path.replace("iiif", "%69iif")):
        assert edge.get_raw(spelt).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (f"GET /{'a' * 9000} HTTP/1.1\r\nHost: e\r\n\r\n", 414),
        (f"GET / HTTP/1.1\r\nHost: e\r\nX: {'a' * 9000}\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: e\r\n" + "".join(f"X-{i}: {'a' * 4000}\r\n" for i in range(9)) + "\r\n", 431),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: e\r\nHost: f\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\nHost: e\r\n\r\n", 505),
        ("POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: e\r\nContent-Length: -1\r\n\r\n", 400),
        ("TRACE / HTTP/1.1\r\nHost: e\r\n\r\n", 501),
        (f"TRACE {Address().path()} HTTP/1.1\r\nHost: e\r\n\r\n", 501),
        ("CONNECT e:443 HTTP/1.1\r\nHost: e:443\r\n\r\n", 501),
    ],
    ids=lambda value: "" if isinstance(value, int) else value[:12],
)
def test_malformed_requests_get_a_problem_and_go_no_further(
    edge: Edge, django: StandIn, request_: str, status: int
) -> None:
    answer = edge.raw(request_.encode())
    head, _, body = answer.partition(b"\r\n\r\n")

    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), head
    assert b"Content-Type: application/problem+json" in head
    assert b"Cache-Control: no-store" in head
    assert json.loads(body)["status"] == status
    assert django.seen == []


@pytest.mark.parametrize(
    ("first", "host"),
    [("GET /healthz HTTP/1.0", "rx.example:8443"), ("GET /healthz HTTP/1.0\r\nHost: e:1", "e:1")],
)
def test_a_request_without_a_host_is_for_ours(start_edge: StartEdge, django: StandIn, first: str, host: str) -> None:
    edge = start_edge(overrides={"RX_BASE_URL": "https://rx.example:8443"})

    assert edge.raw(f"{first}\r\n\r\n".encode()).endswith(b"from upstream")
    assert django.seen[0].headers["host"] == django.seen[0].headers["x-forwarded-host"] == [host]


def test_parameters_that_a_link_collected_change_nothing(edge: Edge, store: Store, django: StandIn) -> None:
    there, missing = Address(), Address()
    store.put(there.key, b"the variant")

    for query in ("utm_source=mail&fbclid=x", "hop=1&hop=2", "=&&%zz", "status=a&status=b"):
        hit = edge.http.get(f"{there.path()}?{query}")
        miss = edge.http.get(f"{missing.path()}?{query}")
        assert (hit.status_code, hit.content) == (200, b"the variant"), query
        assert (miss.status_code, miss.headers["location"]) == (
            307,
            f"/generate{missing.path()}?{query}&rid={miss.headers['x-request-id']}",
        )
    assert django.seen == []


def test_a_long_but_legal_address_reaches_django(edge: Edge, django: StandIn) -> None:
    target = f"/iiif/3/t/{RX}_1/{'a' * 4000}"

    assert edge.get_raw(target).endswith(b"from upstream")
    assert django.seen[0].target == target
