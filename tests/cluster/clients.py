"""Clients of the product: each knows the edges by address, as behind a balancer that has chosen for it."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from rxproject.local import samples
from tests.cluster.hosts import EDGES, Cluster
from tests.deploy.engine.daemon import Failed
from tests.deploy.engine.journey import insist
from tests.deploy.engine.product import approval
from tests.waiting import is_later

_PERSON = {"DJANGO_SUPERUSER_PASSWORD": "nobody would guess 7 of these", "DJANGO_SUPERUSER_USERNAME": "lead",
           "DJANGO_SUPERUSER_EMAIL": "lead@example.org"}  # fmt: skip
# Longer than a lease, a sweep and a render together.
_PATIENCE: Final = 150.0
HEAVY: Final = "full/{width},{height}/0/default.avif"  # of a photo of 12 megapixels: seconds


def ask(request: Callable[..., httpx.Response], *arguments: Any, **more: Any) -> httpx.Response:
    """The first answer that is not "later"."""
    deadline = time.monotonic() + _PATIENCE
    while is_later(answer := request(*arguments, **more)) and time.monotonic() < deadline:
        time.sleep(min(2.0, float(answer.headers.get("retry-after", 1)) / 2))
    return answer


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Clients:
    """What they sent and saw is kept, and asked for again at the end."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.http = httpx.Client(timeout=90)
        cluster.manage("createsuperuser", "--noinput", env=_PERSON)
        scopes = "--scopes=rx:read,rx:write,rx:review,rx:erase"
        self.token = cluster.manage("rxtoken", "create", "--name=shop", "--user=lead", scopes).splitlines()[-1]
        self.originals: dict[str, str] = {}  # path of the API -> SHA-256
        self.pictures: dict[str, str] = {}  # path -> SHA-256
        self.decisions: dict[str, str] = {}  # id -> status
        self.photos: dict[float, bytes] = {}
        self.seed = 100

    def url(self, edge: str, address: str) -> str:
        parts = urlsplit(address)
        return f"{self.cluster[edge].base}{parts.path}{'?' if parts.query else ''}{parts.query}"

    def call(self, method: str, edge: str, path: str, **more: Any) -> httpx.Response:
        """One call of the API; whoever is told to come again does."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        url = f"{self.cluster[edge].base}/api/v1/{path}"
        return ask(self.http.request, method, url, headers=headers, **more)

    # --- What they do ------------------------------------------------------------------------------------------------
    def photo(self, megapixels: float) -> bytes:
        """Another photo each time; a large one is drawn once, and told apart by what follows its end."""
        self.seed += 1
        if megapixels < 1:
            return samples.phone_photo(self.seed, megapixels=megapixels)
        if megapixels not in self.photos:
            self.photos[megapixels] = samples.phone_photo(1, megapixels=megapixels)
        return self.photos[megapixels] + f"photo {self.seed}".encode()

    def upload(self, edge: str, megapixels: float = 0.5, key: str = "", data: bytes = b"") -> dict[str, Any]:
        data = data or self.photo(megapixels)
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        answer = self.call("POST", edge, "prescriptions", files=[("files", ("photo.jpg", data))], headers=headers)
        if answer.status_code not in (200, 201):
            raise Failed(f"an upload at {edge} was answered by {answer.status_code}: {answer.text}")
        body: dict[str, Any] = answer.json()
        self.originals[f"prescriptions/{body['id']}/original"] = sha256(data)
        return body

    def address(self, body: dict[str, Any], spec: str) -> str:
        """Of a picture of the first page, as a path."""
        page = body["pages"][0]
        return urlsplit(page["info"].replace("info.json", spec.format(**page))).path

    def look(self, edge: str, address: str) -> list[httpx.Response]:
        """Every answer on the way to a picture, at one edge; whoever is told to come again does."""
        answers = [ask(self.http.get, self.url(edge, address))]
        while answers[-1].is_redirect and len(answers) < 8:
            answers.append(ask(self.http.get, self.url(edge, str(answers[-1].next_request.url))))  # type: ignore[union-attr]
        return answers

    def picture(self, edge: str, address: str) -> bytes:
        """Its bytes. Raises Failed; remembers what it saw, and that it is always the same."""
        answers = self.look(edge, address)
        seen = [(one.status_code, one.text[:200] if one.status_code >= 400 else "") for one in answers]
        insist(answers[-1].status_code == 200, f"{address} at {edge}: {seen}")
        data = answers[-1].content
        insist(self.pictures.setdefault(address, sha256(data)) == sha256(data), f"{address} differs at {edge}")
        return data

    def claim(self, edge: str) -> dict[str, Any]:
        answer = self.call("POST", edge, "reviews/next")
        insist(answer.status_code == 200, f"reviews/next at {edge}: {answer.status_code} {answer.text}")
        body: dict[str, Any] = answer.json()
        return body

    def decide(self, edge: str, review: dict[str, Any], key: str = "") -> httpx.Response:
        path = f"prescriptions/{review['id']}/decision"
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        answer = self.call("POST", edge, path, json=approval(review["version"]), headers=headers)
        if answer.status_code == 200:
            self.decisions[review["id"]] = answer.json()["status"]
        return answer

    # --- What must be so ---------------------------------------------------------------------------------------------
    def ready(self, edge: str) -> bool:
        try:
            return self.http.get(f"{self.cluster[edge].base}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def all_ready(self) -> None:
        """Both edges and both workers, within what the product promises."""
        cluster = self.cluster
        for edge in EDGES:
            cluster.until(lambda edge=edge: self.ready(edge), f"{edge} is ready again")
        for name in ("worker1", "worker2"):
            cluster.until(cluster[name].listens, f"{name} takes messages again")

    def rows_of(self, rx: str) -> list[tuple[Any, ...]]:
        """State, attempts and id of each variant of a prescription."""
        return self.cluster.rows(
            "SELECT v.state, v.attempts, v.id FROM prescriptions_variant v "
            "JOIN prescriptions_page p ON p.id = v.page_id WHERE p.prescription_id = %s",
            rx,
        )

    def made(self, variant: str) -> list[dict[str, Any]]:
        """The lines in which workers tell how this variant came out."""
        lines = (line for name in ("worker1", "worker2") for line in self.cluster[name].log("worker"))
        told = [json.loads(line) for line in lines if line.startswith("{") and variant in line]
        return [line for line in told if line.get("variant") == variant and "timings" in line]

    def objects(self, rx: str, bucket: str = "rx-variants") -> list[str]:
        listed = self.cluster["data"].stack.s3_client("web").list_object_versions(Bucket=bucket, Prefix=f"{rx}/")
        return [one["Key"] for one in listed.get("Versions", [])]
