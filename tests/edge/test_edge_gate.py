"""Who may see a stored variant: the shared token vectors, in njs alone and through the running edge."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.edge.servers import (
    BUCKET,
    NGINX,
    PIPELINE,
    SECRETS,
    VECTORS,
    Address,
    Edge,
    StandIn,
    StartEdge,
    Store,
    mint,
    nginx_command,
    running,
)
from tests.waiting import free_port, listens, until

LENT = "0123456789ab"
REFUSED = (
    b'{"type":"/docs/problems#link-refused","title":"This link is not valid","status":403,'
    b'"detail":"It is wrong or has expired. Ask for a fresh one."}'
)
# Links whose verdict does not hang on the moment, and which the running edge has the keys for.
UNSTEADY = ("at its expiry", "expired a second ago")
STEADY = [v for v in VECTORS["vectors"] if v["keys"] == VECTORS["keys"] and v["name"] not in UNSTEADY]


def ids(vectors: list[dict[str, Any]]) -> list[str]:
    return [v["name"] for v in vectors]


# --- the pure modules, in the real njs --------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def njs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A bare nginx that calls the exported functions of rx.js and sigv4.js with JSON arguments."""
    folder: Path = tmp_path_factory.mktemp("njs")
    for module in ("rx.js", "sigv4.js"):
        shutil.copy(NGINX / module, folder)
    (folder / "call.js").write_text(
        "import sigv4 from 'sigv4.js'; import rx from 'rx.js';\n"
        "const said = {set: (name, value) => String(ngx.shared.rx_cut.set(name, value) !== undefined)};\n"
        "const modules = {rx, sigv4, said};\n"
        "function call(r) { const q = JSON.parse(r.requestText);\n"
        "  r.return(200, JSON.stringify(modules[q.module][q.name].apply(null, q.arguments))); }\n"
        "export default {call};\n"
    )
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log stderr; events {{}} env RX_LINK_KEYS;\n"
        f"http {{ js_path {folder}; js_import call from call.js; access_log off;\n"
        "js_shared_dict_zone zone=rx_kept:32k type=number timeout=60s; js_shared_dict_zone zone=rx_cut:32k;\n"
        + "".join(
            f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"  server {{ listen 127.0.0.1:{port}; location / {{ js_content call.call; }} }} }}\n"
    )
    with running(nginx_command(folder), env={"RX_LINK_KEYS": VECTORS["keys"]}, log=folder / "log"):
        until(lambda: listens(port), "nginx")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client


def call(njs: httpx.Client, module: str, name: str, *arguments: object) -> Any:
    answer = njs.post("/", json={"module": module, "name": name, "arguments": arguments})
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=ids(VECTORS["vectors"]))
def test_njs_agrees_with_every_vector(njs: httpx.Client, vector: dict[str, Any]) -> None:
    arguments = (vector["keys"], vector["token"], vector["rx"], vector["now"], vector.get("page", 0))

    link = call(njs, "rx", "verify", *arguments)

    if vector["expected"] == "bad":
        assert link is None
    else:
        expires = int(vector["token"].split(".")[1], 36)
        assert link == {"scope": vector["scope"], "left": expires - vector["now"]}


@pytest.mark.parametrize(
    ("left", "told", "lasting"),
    [(3600, 3565, "yes"), (100, 65, "yes"), (100, 75, "no"), (36, 1, "yes"), (30, 30, "no"), (20, 1, "no")],
)
def test_an_answer_is_kept_if_what_it_says_stays_true_for_thirty_seconds(
    njs: httpx.Client, left: int, told: int, lasting: str
) -> None:
    """`left` is what remains when S3 has answered, `told` what was computed before it was asked."""
    variables = {"rx_token": mint("0" * 32, ttl=left), "rx_gate": str(told)}

    assert call(njs, "rx", "lasting", {"variables": variables}) == lasting


@pytest.mark.parametrize(
    ("ago", "ids", "token", "judged", "due"),
    [
        (5, "-", "good", "good", "no"),
        (11, "-", "good", "good", "yes"),
        (29, "aaaaaaaaaaaa", "good", "good", "yes"),
        (29, f"aaaaaaaaaaaa {LENT}", "good", "cut", "yes"),
        (31, "-", "good", "ask", "yes"),
        (31, LENT, "good", "ask", "yes"),
        (31, "-", "forged", "cut", "yes"),
        (5, "*", "good", "ask", "no"),
        (5, "*", "forged", "cut", "no"),
    ],
)
def test_what_was_said_of_links_is_believed_for_thirty_seconds_and_asked_for_again_after_ten(
    njs: httpx.Client, ago: int, ids: str, token: str, judged: str, due: str
) -> None:
    call(njs, "said", "set", "ids", ids)
    call(njs, "said", "set", "at", str(time.time() - ago))
    rx = "0" * 32
    given = mint(rx, scope=f"f{LENT}") if token == "good" else f"k1.zzzzzz.f{LENT}." + "A" * 22
    variables = {"rx_token": given, "rx_rx": rx, "rx_page": "1", "rx_link_id": LENT}

    assert call(njs, "rx", "standing", {"variables": variables}) == judged
    # of many that ask in the same two seconds one does
    asked = [call(njs, "rx", "due", {}) for _ in range(3)]
    assert asked.count("yes") <= 2
    assert due == "yes" or "yes" not in asked


@pytest.mark.parametrize("secret", ["", "00", "0" * 30, "0" * 33, "XY" * 16, "AB" * 16])
def test_a_key_that_is_no_key_verifies_nothing(njs: httpx.Client, secret: str) -> None:
    token = VECTORS["vectors"][0]["token"]
    arguments = [f"k1:{secret}", token, VECTORS["vectors"][0]["rx"], 0]

    answer = njs.post("/", json={"module": "rx", "name": "verify", "arguments": arguments})

    assert answer.status_code == 500


@pytest.mark.parametrize("session", [None, "FwoGZXIvYXdzE+/=="])
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_the_signature_is_botocores(njs: httpx.Client, session: str | None) -> None:
    encoded = "/variants/a/1/p1/0%2C0%2C9%2C8/200%2C150/0/default.webp"
    query = "response-cache-control=private%2C%20max-age%3D60%2C%20immutable"
    request = AWSRequest(
        "GET",
        f"https://s3.example{encoded}?{query}",
        headers={"Host": "s3.example", "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"},
    )
    signer = S3SigV4Auth(Credentials("AKID", "secret/+", session), "s3", "eu-west-1")
    signer.payload = lambda _request: "UNSIGNED-PAYLOAD"
    signer.add_auth(request)

    ours = call(
        njs,
        "sigv4",
        "authorization",
        {
            "host": "s3.example",
            "path": encoded,
            "query": query,
            "date": request.headers["X-Amz-Date"],
            "region": "eu-west-1",
        },
        {"access": "AKID", "secret": "secret/+", "session": session or ""},
    )

    assert ours == request.headers["Authorization"]


def test_the_date_is_utc_without_punctuation(njs: httpx.Client) -> None:
    assert call(njs, "sigv4", "amzDate", 1893456000123) == "20300101T000000Z"


# --- through the running edge -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("vector", STEADY, ids=ids(STEADY))
def test_the_edge_agrees_with_every_steady_vector(
    edge: Edge, store: Store, django: StandIn, vector: dict[str, Any]
) -> None:
    identifier, _, tail = vector["path"].split("/", 4)[4].partition("/")
    rx, _, page = identifier.partition("_")
    store.put(f"{rx}/{page}/{PIPELINE}/{tail}", b"the variant")
    django.headers = {"X-Rx-Cut": "-"}  # no link was taken back

    answer = edge.get_raw(vector["path"])
    head, _, body = answer.partition(b"\r\n\r\n")

    status = int(head.split()[1])
    match vector["edge"]:
        case "serve":
            assert (status, body) == (200, b"the variant")
        case "app":
            assert (status, body) == (200, b"from upstream")
            assert [seen.target for seen in django.seen if seen.target != "/-link"] == [vector["path"]]
        case "disguised":  # genuine, but spelt so that a reader of the log would take it for something else
            assert status == 400
        case "refuse":
            assert (status, body) == (403, REFUSED)
            assert b"Content-Type: application/problem+json\r\n" in head
            assert b"Cache-Control: no-store\r\n" in head
            assert b"max-age" not in head
    if vector["edge"] != "app":
        assert [seen.target for seen in django.seen if seen.target != "/-link"] == []


def test_a_refusal_asks_neither_s3_nor_django(start_edge: StartEdge, django: StandIn) -> None:
    edge = start_edge(s3=f"127.0.0.1:{free_port()}")

    answer = edge.http.get(Address().path("k1.zzzzzzz.f." + "A" * 22))

    assert answer.content == REFUSED
    assert edge.log(answer)["upstream_status"] == ""
    assert django.seen == []


@pytest.mark.parametrize(
    "identifier",
    [
        "nothing",
        "0" * 31 + "_1",
        "0" * 33 + "_1",
        "A" * 32 + "_1",
        "0" * 32,
        "0" * 32 + "_0",
        "0" * 32 + "_01",
        "0" * 32 + "_1000",
        "0" * 32 + "_-1",
        "0" * 32 + "%0A_1",
        "0" * 32 + "_1%0A",
        "0" * 32 + "_1s0123456",
        "0" * 32 + "_1s012345678",
        "0" * 32 + "_1sABCDEF01",
        "0" * 32 + "_1ss",
        "0" * 32 + "_s01234567",
    ],
)
@pytest.mark.parametrize("token", ["good", "bad"])
@pytest.mark.parametrize("tail", ["full/10,10/0/default.webp", "info.json", ""])
def test_what_is_no_identifier_is_404_whatever_the_token(
    edge: Edge, django: StandIn, identifier: str, token: str, tail: str
) -> None:
    token = mint(identifier) if token == "good" else "not-a-token"

    answer = edge.http.get(f"/iiif/3/{token}/{identifier}/{tail}".rstrip("/"))

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["title"] == "Not found"
    assert django.seen == []


def test_without_a_keyring_nothing_is_served(start_edge: StartEdge, store: Store, django: StandIn) -> None:
    edge = start_edge(env={"RX_EDGE_ACCESS_KEY": "edge", "RX_EDGE_SECRET_KEY": SECRETS["edge"]})
    address = Address()
    store.put(address.key, b"the variant")

    answer = edge.http.get(address.path())

    assert answer.status_code == 503
    assert b"the variant" not in answer.content
    assert edge.log(answer)["upstream_status"] == ""


def test_secrets_are_in_the_environment_of_nginx_and_in_no_file_it_reads(edge: Edge) -> None:
    keys = [entry.partition(":")[2] for entry in VECTORS["keys"].split(",")]
    for file in edge.run_dir.iterdir():
        text = file.read_text(errors="replace")
        for secret in (*keys, SECRETS["edge"]):
            assert secret not in text, f"{file.name} holds a secret"


def test_a_bucket_the_edge_may_not_read_is_trouble_and_never_a_miss(
    start_edge: StartEdge, store: Store, django: StandIn
) -> None:
    stranger = {
        "RX_LINK_KEYS": VECTORS["keys"],
        "RX_EDGE_ACCESS_KEY": "stranger",
        "RX_EDGE_SECRET_KEY": SECRETS["stranger"],
    }
    wrong = stranger | {"RX_EDGE_ACCESS_KEY": "edge", "RX_EDGE_SECRET_KEY": "wrong"}
    none = {"RX_LINK_KEYS": VECTORS["keys"]}
    address = Address()
    store.put(address.key, b"the variant")
    assert store.client.list_objects_v2(Bucket=BUCKET, Prefix=address.key)["KeyCount"] == 1

    for env in (stranger, wrong, none):
        edge = start_edge(env=env)
        for known in (address, Address()):
            answer = edge.http.get(known.path())
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "2"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-type"] == "application/problem+json"
            assert edge.log(answer)["upstream_status"] == "403"
    assert django.seen == []


def test_njs_is_loaded_from_the_repository(edge: Edge) -> None:
    config = (edge.run_dir / "nginx.conf").read_text()
    assert f"js_path {NGINX};" in config
    command = [*nginx_command(edge.run_dir), "-t"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
