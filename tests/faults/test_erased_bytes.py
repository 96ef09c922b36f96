"""After an erasure no byte of what was sent or typed is left on the machine, and no restored back-up brings it back."""

import base64
import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.conftest import CLIENT, Site
from tests.waiting import until

CANARY = "ZqCanary4711Xv"
FORMS = [form.encode() for form in (CANARY, CANARY.lower(), CANARY[::-1].lower())]
# What a flow of requests would not fill.
TYPED = f"""
from prescriptions.models import *
rx = "%s"
columns = ("customer_text", "internal_note", "prescriber", "override_reason")
Review.objects.filter(pk=rx).update(registration_number="{CANARY}", **dict.fromkeys(columns, "{CANARY} typed"))
ClarificationMessage.objects.create(review_id=rx, author="customer", text="{CANARY} answer")
Variant.objects.filter(page__prescription=rx).update(error_detail="{CANARY}")
other = Review.objects.exclude(pk=rx).order_by("queued_at").last()
other.lookalikes, other.is_duplicate = [{{"page": 1, "rx": rx, "number": 1, "distance": 0}}], True
other.save()
"""


@pytest.fixture
def pharmacist(site: Site) -> dict[str, str]:
    """Headers of a token that may do everything in a pharmacist's name."""
    site.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import Group, User;"
        "u, _ = User.objects.get_or_create(username='bytes', is_staff=True);"
        "u.groups.add(Group.objects.get(name='pharmacist'))",
    )
    scopes = "rx:read,rx:write,rx:review,rx:erase"
    token = site.manage("rxtoken", "create", "--name", "b", "--client", CLIENT, "--scopes", scopes, "--user", "bytes")
    return {"Authorization": f"Bearer {token}"}


def marked(photo: bytes) -> bytes:
    """The photo with the canary in a comment of its own."""
    comment = CANARY.encode() * 20
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]


def told(site: Site, photo: bytes, headers: dict[str, str]) -> str:
    """A prescription with the canary wherever a client, a pharmacist or a customer may write."""
    body = site.prescription((f"{CANARY}.jpg", marked(photo)), order_ref=f"O-{CANARY}", patient_ref=f"P-{CANARY}",
                             headers={"Idempotency-Key": f"K-{CANARY}"})  # fmt: skip
    path = f"/api/v1/prescriptions/{body['id']}"
    line = {"position": 1, "name": f"{CANARY} 5 mg", "strength": CANARY, "quantity_ordered": 1, "line_ref": CANARY}
    asked: dict[str, Any] = {"outcome": "clarification", "question": f"{CANARY}?"}
    key = {"Idempotency-Key": CANARY}
    for method, where, sent in (
        ("PUT", "/order-lines", [line]),
        ("POST", "/claim", None),
        ("POST", "/decision", asked),
        ("GET", "/pages/1/variants/card", None),
        ("GET", "/original", None),
        ("GET", "/document.pdf", None),
    ):
        answer = site.http.request(method, path + where, json=sent, headers={**headers, **key})
        assert answer.status_code in (200, 303), answer.text
        if where == "/claim":
            asked["version"] = answer.json()["version"]
    site.prescription(("other.jpg", photo))
    site.manage("shell", "-c", TYPED % body["id"])
    return str(body["id"])


def told_in_pieces(site: Site, photo: bytes) -> str:
    """The same, as far as it comes with a file in pieces."""
    data, pairs = marked(photo), {"filename": f"{CANARY}.jpg", "prescription": "", "order_ref": f"O-{CANARY}"}
    values = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}".strip() for key, value in pairs.items())
    headers = {**site.bearer, "Tus-Resumable": "1.0.0", "Idempotency-Key": f"T-{CANARY}"}
    named = {"Upload-Length": str(len(data)), "Upload-Metadata": values}
    path = site.http.post("/api/v1/uploads", headers={**headers, **named}).headers["location"]
    for at in range(0, len(data), 40_000):
        piece = {**headers, "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
        answer = site.http.patch(path, content=data[at : at + 40_000], headers=piece)
        assert answer.status_code == 204, answer.text
    return answer.headers["location"].rpartition("/")[2]


def files(site: Site) -> Iterator[Path]:
    roots = (site.stack.state.root, site.stack.state.tmpfs())
    return (path for root in roots for path in root.rglob("*") if path.is_file())


def has_canary(data: bytes) -> bool:
    return any(form in data for form in FORMS)


def found(site: Site) -> set[str]:
    """Where the canary is: names of files under the state directory, and what Valkey holds."""
    root = site.stack.state.root
    places = set()
    for path in files(site):
        with contextlib.suppress(FileNotFoundError):
            if has_canary(path.read_bytes()):
                places.add(str(path.relative_to(root)) if path.is_relative_to(root) else path.name)
    with contextlib.closing(redis.Redis.from_url(site.stack.env_for("web")["RX_REDIS_URL"])) as connection:
        dumps = [(key, connection.dump(key) or b"") for key in connection.scan_iter()]
    places |= {f"valkey {key!r}" for key, value in dumps if has_canary(key + value)}
    places |= {"audit" for row in site.rows("SELECT * FROM prescriptions_auditevent") if has_canary(repr(row).encode())}
    return places


def is_proved(site: Site, rx: str) -> bool:
    rows = site.rows(
        "SELECT purged_at, compacted_at, wiped_at, noted_at FROM prescriptions_prescription WHERE id=?", rx
    )
    return None not in rows[0]


def test_no_byte_is_left_of_what_was_erased(site: Site, photo: bytes, pharmacist: dict[str, str]) -> None:
    # given a prescription that has the canary everywhere
    known = [told(site, photo, pharmacist), told_in_pieces(site, photo)]

    # then, before it is erased, only the database and the store's volumes know it
    before = found(site)
    assert {place.partition("/")[0].partition("-")[0] for place in before} <= {"db.sqlite3", "s3"}, before
    assert "s3" in {place.partition("/")[0] for place in before}, "or the search finds nothing anywhere"

    # when it is erased and its time to settle is over
    for rx in known:
        assert site.http.delete(f"/api/v1/prescriptions/{rx}", headers=pharmacist).status_code == 204
        site.change("UPDATE prescriptions_prescription SET erased_at = '2000-01-01' WHERE id = ?", rx)
    until(lambda: all(is_proved(site, rx) for rx in known), "proved")

    # then nothing knows it any more, nor does anybody's list of lookalikes
    until(lambda: found(site) == set(), lambda: str(found(site)), seconds=20)
    for rx in known:
        assert site.rows("SELECT 1 FROM prescriptions_review WHERE CAST(lookalikes AS TEXT) LIKE ?", f"%{rx}%") == []


def has_open(file: Path) -> bool:
    """Does any process?"""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if link.readlink() == file:
                return True
    return False


@pytest.mark.slow
def test_a_restored_database_forgets_again_before_it_is_served(
    site: Site, photo: bytes, pharmacist: dict[str, str], tmp_path: Path
) -> None:
    # given a back-up from before an erasure
    rx, kept = (site.prescription(("p.jpg", photo))["id"] for _ in "ab")
    address = f"/api/v1/prescriptions/{rx}"
    backup, database = tmp_path / "backup.sqlite3", site.stack.state.database
    closing = contextlib.closing
    with closing(sqlite3.connect(database, timeout=20)) as live, closing(sqlite3.connect(backup)) as copy:
        live.backup(copy)
        copy.execute("UPDATE prescriptions_duty SET until = '2000-01-01 00:00:00'")  # it is older than any lease
        copy.commit()
    assert site.http.delete(address, headers=pharmacist).status_code == 204

    # when it is restored, and the site comes up before the sweep does
    servers = ("beat", "worker", "generate", "web")
    for name in servers:
        site.stack.kill(name)
        site.stack.halt(name)
    until(lambda: not has_open(database))  # workers of a killed master end a moment later, and would write into it
    for left in database.parent.glob(f"{database.name}-*"):
        left.unlink()
    shutil.copy(backup, database)
    for name in ("web", "generate"):
        site.stack.restart(name)

    # then nothing is served, and who asks for health is told why
    for asked in (address, f"/api/v1/prescriptions/{kept}", "/admin/"):
        answer = site.http.get(asked, headers=site.bearer)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["type"] == "/docs/problems#erasures-first"
    assert "erasures" in site.http.get("/readyz").json()["missing"]
    assert site.http.get("/healthz").status_code == 200

    # until the sweep has erased it again
    for name in ("beat", "worker"):
        site.stack.restart(name)
    said = []
    until(lambda: said.append(site.http.get(address, headers=site.bearer).status_code) or said[-1] != 503)
    assert said[-1] == 410
    assert site.http.get(f"/api/v1/prescriptions/{kept}", headers=site.bearer).status_code == 200
    assert [json.loads(row[0]) for row in replays_of(site, rx)] == [{"replayed": True}]


def replays_of(site: Site, rx: str) -> list[tuple[Any, ...]]:
    return site.rows("SELECT data FROM prescriptions_auditevent WHERE rx = ? AND verb = 'erased'", rx)
