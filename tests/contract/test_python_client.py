"""rxclient, from the wheel that is built of it, against the running stack over a line that loses things."""

import asyncio
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import httpx
import pytest
from django.urls import Resolver404, resolve
from standardwebhooks import Webhook

from tests.conftest import Site

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _takes_pieces() -> bool:
    try:
        return bool(resolve("/api/v1/uploads"))
    except Resolver404:
        return False


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(ROOT / "clients/python")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.glob("*.whl")
    sys.path.insert(0, str(path))
    yield path
    sys.path.remove(str(path))


@pytest.fixture
def rxclient(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import rxclient

    assert str(rxclient.__file__).startswith(str(wheel))
    return rxclient


@pytest.fixture
def pauses(rxclient: Any, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What it would have waited, in seconds; it does not."""
    waited: list[float] = []
    monkeypatch.setattr("rxclient.client.time.sleep", waited.append)
    return waited


class Lossy(httpx.BaseTransport):
    """The way to the server. `says` answers instead of it; `loses`: the server acts, and its answer does not come."""

    def __init__(self, *, says: list[httpx.Response] | None = None, loses: int = 0, method: str = "POST") -> None:
        self.says, self.loses, self.method = says or [], loses, method
        self.sent: list[httpx.Request] = []
        self._line = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.sent.append(request)
        if self.says:
            return self.says.pop(0)
        answer = self._line.handle_request(request)
        if self.loses and request.method == self.method:
            self.loses -= 1
            answer.read()
            raise httpx.ReadError("The line is dead.", request=request)
        return answer

    def close(self) -> None:
        self._line.close()


def test_the_wheel_is_typed_and_has_nothing_else(wheel: Path) -> None:
    names = {name.partition("/")[2] for name in ZipFile(wheel).namelist() if name.startswith("rxclient/")}

    assert {"py.typed", "__init__.py", "client.py"} <= names
    assert all(name.endswith((".py", "py.typed")) for name in names)


def test_every_snippet_of_its_readme_runs(
    rxclient: Any, site: Site, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(photo)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "clients/python/README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"BASE_URL": site.stack.base_url, "TOKEN": site.token}

    for block in blocks:
        exec(block, names)  # noqa: S102 - our own page

    names["client"].close()
    assert len(blocks) == 6
    assert names["picture"].startswith(b"RIFF")
    assert int((tmp_path / "events.cursor").read_text()) > 0
    body = json.dumps({"id": "evt_1"})
    now = datetime.now(tz=UTC)
    headers = {"Webhook-Id": "evt_1", "Webhook-Timestamp": str(int(now.timestamp()))}
    headers["Webhook-Signature"] = Webhook(SECRET).sign("evt_1", now, body)
    assert names["receive"](SECRET, headers, body.encode()) == 204
    assert names["receive"](SECRET, headers, b"{}") == 401


def test_an_answer_that_is_lost_makes_no_second_prescription(
    rxclient: Any, site: Site, photo: bytes, pauses: list[float]
) -> None:
    line, order = Lossy(loses=2), f"L-{uuid4().hex[:8]}"

    with rxclient.Client(site.stack.base_url, site.token, transport=line) as client:
        sent = client.upload(("a.jpg", photo), order_ref=order)
        found = client.call("GET", f"/orders/{order}")

    posts = [request for request in line.sent if request.method == "POST"]
    assert [prescription["id"] for prescription in found["prescriptions"]] == [sent["id"]]
    assert len(posts) == 3
    assert len({request.headers["Idempotency-Key"] for request in posts}) == 1
    assert len(pauses) == 2


@pytest.mark.parametrize("status", [409, 429, 503])
def test_it_comes_back_no_earlier_than_it_is_told_to(
    status: int, rxclient: Any, site: Site, pauses: list[float]
) -> None:
    line = Lossy(says=[httpx.Response(status, headers={"Retry-After": "7"}) for _ in range(3)])

    with rxclient.Client(site.stack.base_url, site.token, transport=line) as client:
        client.order_link(f"L-{uuid4().hex[:8]}")

    assert all(7 <= seconds < 20 for seconds in pauses)
    assert len(set(pauses)) == 3  # none of those that were refused together comes with another


def test_what_is_no_use_is_not_sent_again(rxclient: Any, site: Site, pauses: list[float]) -> None:
    line = Lossy(says=[httpx.Response(503, headers={"Retry-After": "3600"})])

    with rxclient.Client(site.stack.base_url, site.token, transport=line) as client:
        with pytest.raises(rxclient.ApiError) as refused:
            client.prescription("0" * 32)
        with pytest.raises(rxclient.ApiError, match="404"):
            client.prescription("0" * 32)

    assert (refused.value.status, refused.value.retry_after) == (503, 3600)
    assert (len(line.sent), pauses) == (2, [])


def test_a_reader_of_events_that_dies_gets_the_one_in_hand_again(
    rxclient: Any, site: Site, photo: bytes, tmp_path: Path
) -> None:
    cursor = rxclient.FileCursor(tmp_path / "cursor")
    with rxclient.Client(site.stack.base_url, site.token) as client:
        for _event in client.events(cursor):
            pass
        sent = [client.upload(("a.jpg", photo))["id"], client.upload(("b.jpg", photo))["id"]]
        mine = client.events(cursor, types=["prescription.received"])
        dying = [next(mine)["data"]["prescription"], next(mine)["data"]["prescription"]]
        mine.close()
        again = [event["data"]["prescription"] for event in client.events(cursor, types=["prescription.received"])]

    assert dying == sent
    assert again == sent[1:]


def test_waiting_ends_with_the_event_or_with_the_time(rxclient: Any, site: Site, photo: bytes) -> None:
    with rxclient.Client(site.stack.base_url, site.token) as client:
        start = client.event_page(limit=1)["next"]
        rx = client.upload(("a.jpg", photo))["id"]
        client.withdraw(rx)

        assert client.wait(rx, seconds=60, after=start)["status"] == "withdrawn"
        with pytest.raises(rxclient.Late):
            client.wait(rx, until=lambda found: found["status"] == "approved", seconds=0.3, every=0.1)


def test_the_async_client_does_all_of_it_too(rxclient: Any, site: Site, photo: bytes) -> None:
    def methods(kind: type) -> dict[str, Any]:
        found = {name: inspect.signature(value) for name, value in vars(kind).items() if not name.startswith("_")}
        return {name: list(signature.parameters) for name, signature in found.items()}

    async def journey() -> tuple[str, bytes, list[str]]:
        async with rxclient.AsyncClient(site.stack.base_url, site.token) as client:
            sent = await client.upload(("a.jpg", photo))
            picture = await client.picture(sent["id"], 1, "full/60,/0/default.jpg")
            page = await client.event_page(types=["prescription.received"], limit=500)
            return sent["id"], picture, [event["data"]["prescription"] for event in page["events"]]

    rx, picture, told = asyncio.run(journey())

    assert methods(rxclient.Client) == methods(rxclient.AsyncClient)
    assert picture.startswith(b"\xff\xd8")
    assert rx in told


def test_its_types_are_those_of_the_document(rxclient: Any, site: Site) -> None:
    schemas = site.http.get("/api/v1/schema", headers={"Accept": "application/json"}).json()["components"]["schemas"]
    same = {"EventPage": "Feed", "Line": "OrderLine", "Webhook": "Secret"}

    for name in ("Document", "Event", "EventPage", "Job", "Line", "Order", "OrderLink", "Page", "Prescription",
                 "Problem", "Variant", "Webhook"):  # fmt: skip
        fields = set(getattr(rxclient, name).__annotations__)
        assert fields == set(schemas[same.get(name, name)]["properties"]), name


@pytest.mark.skipif(not _takes_pieces(), reason="no files in pieces here")
def test_a_large_file_goes_in_pieces_over_a_line_that_breaks(
    rxclient: Any, site: Site, photo: bytes, tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rxclient.uploading.PIECE", 64 * 1024)
    (tmp_path / "photo.jpg").write_bytes(photo)
    line = Lossy(loses=2, method="PATCH")

    with rxclient.Client(site.stack.base_url, site.token, transport=line, large=1) as client:
        sent = client.upload(tmp_path / "photo.jpg", order_ref=f"L-{uuid4().hex[:8]}")

    pieces = [request for request in line.sent if request.method == "PATCH"]
    assert sent["documents"][0]["size"] == len(photo)
    # What came although its answer was lost is not sent again.
    assert sum(len(request.content) for request in pieces) == len(photo)
    assert len(pauses) == 2
