"""What each step does and saw. A step is a generator of lines; it raises Failed at the first thing that is not so."""

import hashlib
import re
from collections.abc import Iterator

from tests.deploy.engine.daemon import Failed
from tests.deploy.engine.product import Product, approval

Lines = Iterator[str]
_KNOCK = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.split(":")
    try:
        socket.create_connection((host, int(port)), 2)
        print(place, "open")
    except OSError:
        print(place, "closed")
"""


def insist(so: bool, otherwise: object) -> None:
    if not so:
        raise Failed(str(otherwise))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Journey:
    """The README's requests through the published port; what it uploaded is asked for again by later steps."""

    def __init__(self, product: Product) -> None:
        self.product, self.token = product, ""
        self.pictures: dict[str, str] = {}  # address -> SHA-256
        self.originals: dict[str, str] = {}  # path of the API -> SHA-256
        self.seed = 0

    def people(self) -> Lines:
        """An administrator and a token, as the how-to makes them."""
        self.product.person()
        self.token = self.product.token()
        yield "createsuperuser and rxtoken create"

    def prescription(self) -> Lines:
        """Upload, miss, hit."""
        self.seed += 1
        body = self.product.upload(self.token, self.seed)
        url = body["pages"][0]["variants"]["preview"]
        miss, hit = self.product.look(url), self.product.look(url)
        insist(
            [one.status_code for one in miss] == [307, 303, 200], [(one.status_code, one.text[:300]) for one in miss]
        )
        insist([one.status_code for one in hit] == [200] and hit[0].headers["x-variant"] == "hit", hit)
        insist(hit[0].content == miss[-1].content, "a hit differs from the miss before it")
        self.pictures[url] = sha256(hit[0].content)
        path = f"prescriptions/{body['id']}/original"
        self.originals[path] = sha256(self.original(path))
        took, size = miss[1].headers["server-timing"], len(hit[0].content)
        yield f"uploaded {body['id']}: 307, 303 ({took}), 200 of {size} bytes; hit"

    def original(self, path: str) -> bytes:
        answer = self.product.call("GET", path, self.token)
        insist(answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.content

    def decision(self) -> Lines:
        """Claims the next review and approves it, in the administrator's name."""
        claimed = self.product.call("POST", "reviews/next", self.token)
        insist(claimed.status_code == 200, f"reviews/next: {claimed.status_code} {claimed.text}")
        path = f"prescriptions/{claimed.json()['id']}/decision"
        decided = self.product.call("POST", path, self.token, json=approval(claimed.json()["version"]))
        insist(decided.status_code == 200, f"{path}: {decided.status_code} {decided.text}")
        yield f"claimed and decided {claimed.json()['id']}: {decided.json()['status']} by {decided.json()['reviewer']}"

    def everything_is_there(self) -> Lines:
        """Every original and picture so far, byte for byte."""
        for path, expected in self.originals.items():
            insist(sha256(self.original(path)) == expected, f"{path} differs")
        for url, expected in self.pictures.items():
            answer = self.product.look(url)[-1]
            insist(answer.status_code == 200 and sha256(answer.content) == expected, f"{url}: {answer.status_code}")
        yield f"{len(self.originals)} originals and {len(self.pictures)} pictures have the SHA-256 they had"

    def whole(self) -> Lines:
        yield from self.people()
        yield from self.prescription()
        yield from self.decision()


# --- What only an engine can prove ----------------------------------------------------------------------------------
def confinement(product: Product) -> Lines:
    """No privilege in any container; the renderers' own walls under Docker's default seccomp profile."""
    for name, one in product.containers().items():
        if one["State"] != "running":
            continue
        status = product.inside(one["Service"], "cat", "/proc/1/status")
        found = dict(re.findall(r"^(Seccomp|NoNewPrivs|CapEff):\s+(\w+)$", status, re.MULTILINE))
        insist(found == {"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0" * 16}, f"{name}: {found}")
    yield "every container: seccomp filter, no new privileges, no capability"
    ask = "from transforms import sandbox; c = sandbox.default().capabilities(); print(c, c.missing)"
    said = product.inside("worker", "python", "-c", ask).strip()
    insist(said.endswith("()") and "seccomp=True" in said and "poppler=True" in said, said)
    yield f"a renderer under Docker's default profile: {said}"


def mounts(product: Product) -> Lines:
    """Uploads under way have a tmpfs inside the cache's; nginx writes the access log and beat can only read it."""
    found = dict(line.split()[1:3] for line in product.inside("nginx", "cat", "/proc/mounts").splitlines())
    for folder in ("/run/rx", "/var/cache/rx", "/var/cache/rx/body"):
        insist(found.get(folder) == "tmpfs", f"{folder} is {found.get(folder)}")
    insist(product.inside("nginx", "stat", "-c", "%u:%g", "/var/cache/rx/body").strip() == "101:101", "owner of body")
    owner = product.inside("beat", "stat", "-c", "%u:%g %a", "/var/log/rx").strip()
    insist(owner == "101:10001 2750", f"/var/log/rx: {owner}")
    lines = product.inside("beat", "cat", "/var/log/rx/access.log").splitlines()
    insist(any('"status":200' in line for line in lines), "beat sees no request in the access log")
    # What RX_EDGE_TRUSTED_PROXY has to name for a web server on this machine.
    insist(any('"ip":"10.83.47.1"' in line for line in lines), f"clients do not come from 10.83.47.1: {lines[-1:]}")
    written = product.inside("beat", "sh", "-c", "touch /var/log/rx/x 2>/dev/null || echo refused").strip()
    insist(written == "refused", "beat can write to the access log's volume")
    insist(product.inside("web", "printenv", "RX_UPLOAD_DIR").strip() == "/tmp", "RX_UPLOAD_DIR")  # noqa: S108
    yield f"/var/cache/rx/body is a tmpfs of nginx's in another; access log {owner}, {len(lines)} lines read by beat"


def reach(product: Product) -> Lines:
    """Who opens strangers' files reaches the three stores, and neither web nor the world."""
    stores = ("postgres:5432", "valkey:6379", "s3:8333")
    others = ("web:8000", "generate:8000", "nginx:8080", "seaweedfs:8888", "s3:8080", "192.0.2.1:80")
    said = dict(
        line.split() for line in product.inside("worker", "python", "-c", _KNOCK, *stores, *others).splitlines()
    )
    insist({place for place, answer in said.items() if answer == "open"} == set(stores), said)
    yield f"worker: {said}"


def checks(product: Product) -> Lines:
    for service in ("web", "generate", "worker", "beat"):
        product.inside(service, "python", "manage.py", "check", "--deploy", "--fail-level=ERROR")
    product.inside("beat", "python", "manage.py", "reconcile", "--dry-run")
    yield "check --deploy in web, generate, worker, beat; reconcile in beat"
