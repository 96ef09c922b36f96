"""What edges' access logs say about looks: each line counts once, and what was lost is told."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from pytest_django import Settings

from prescriptions import tasks
from prescriptions.audit import edge_logs, looks
from prescriptions.models import AuditEvent, EdgeLog, Look, Prescription
from tests.databases import on_each_database
from tests.prescriptions.audit.edge import LINK, MIDDAY, UNTIL, Log

pytestmark = [on_each_database, pytest.mark.django_db]


@pytest.fixture
def rx() -> str:
    return str(Prescription.objects.create(client="shop").pk)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "access.log")


def read(log: Log, edge: str = "eu1") -> None:
    while edge_logs.read(edge, log.path):
        pass


def told(chain: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The events of a chain, once the hours that were counted are written down."""
    looks.close()
    return [(row.verb, row.actor, row.data) for row in AuditEvent.objects.filter(rx=chain).order_by("seq")]


def counted(rx: str) -> int:
    return sum(data["count"] for verb, _actor, data in told(rx) if verb == "picture.sent")


def test_pictures_by_link_are_one_event_for_each_page_and_hour(log: Log, rx: str) -> None:
    log.write(*(log.picture(rx, 2) for _ in range(14)), log.picture(rx, 1, status=304))
    log.at = MIDDAY + timedelta(hours=1)
    log.write(log.picture(rx, 2, status=206, link="k1.t9x3p2.r0123456789ab"))

    read(log)

    by_link = {"page": 2, "until": UNTIL, "link": LINK}
    noon, one = "2024-11-29T12:00", "2024-11-29T13:00:00+00:00"
    assert [data for _verb, _actor, data in sorted(told(rx), key=lambda event: str(event[2]["first"]))] == [
        {**by_link, "count": 14, "first": f"{noon}:00+00:00", "last": f"{noon}:13+00:00"},
        {**by_link, "page": 1, "count": 1, "first": f"{noon}:14+00:00", "last": f"{noon}:14+00:00"},
        {**by_link, "link": "k1.t9x3p2.r0123456789ab", "scope": "r", "count": 1, "first": one, "last": one},
    ]
    assert {(verb, actor) for verb, actor, _data in told(rx)} == {("picture.sent", "link")}


def test_what_is_no_look_is_not_counted(log: Log, rx: str) -> None:
    log.write(
        log.picture(rx, status=404),
        log.picture(rx, status=307),
        log.picture(rx, method="HEAD"),
        log.picture(rx, link=""),
        log.line(f"/iiif/3/*/{rx}_1/info.json"),
        log.line(f"/iiif/presentation/3/*/{rx}/manifest"),
        log.line("/admin/"),
    )

    read(log)

    assert told(rx) == []
    assert EdgeLog.objects.get().lines == 7


def test_bytes_that_are_no_text_are_what_somebody_sent_and_no_broken_line(log: Log, rx: str) -> None:
    """nginx escapes what JSON forbids, and leaves all other bytes of an address as they came."""
    with log.path.open("ab") as file:
        file.write(log.line("/orders/*/@", status=404).encode().replace(b"@", b"\xff") + b"\n")

    read(log)

    assert EdgeLog.objects.get().malformed == 0
    assert [(verb, data["what"]) for verb, _actor, data in told("edge-eu1")] == [("access.refused", "order link")]


def test_a_line_counts_once_however_often_the_log_is_read_and_two_edges_count_together(
    log: Log, rx: str, tmp_path: Path
) -> None:
    other = Log(tmp_path / "other.log")
    log.write(log.picture(rx))
    other.write(other.picture(rx), other.picture(rx))
    for _ in range(3):
        edge_logs.read_all({"eu1": log.path, "eu2": other.path})
    log.write(log.picture(rx))
    edge_logs.read_all({"eu1": log.path, "eu2": other.path})

    assert [data["count"] for _verb, _actor, data in told(rx)] == [4], "one link, one hour"


def test_beat_reads_the_logs_it_was_told_of_and_one_that_it_cannot_read_waits(
    log: Log, rx: str, tmp_path: Path, settings: Settings
) -> None:
    folder = tmp_path / "folder.log"
    folder.mkdir()
    log.write(log.picture(rx))
    settings.RX_ACCESS_LOGS = {"eu1": folder, "eu2": tmp_path / "nowhere.log", "eu3": log.path}

    tasks.read_edge_logs()

    assert counted(rx) == 1
    assert list(EdgeLog.objects.values_list("edge", flat=True)) == ["eu3"]


def test_a_line_that_is_not_whole_yet_waits_for_its_end(log: Log, rx: str) -> None:
    line = log.picture(rx)
    with log.path.open("w") as file:
        file.write(log.picture(rx) + "\n" + line[:40])
    read(log)
    assert Look.objects.get().count == 1

    log.write(line[40:])
    read(log)

    assert (counted(rx), EdgeLog.objects.get().malformed) == (2, 0)


def test_rotation_loses_no_line_and_counts_none_twice(log: Log, rx: str) -> None:
    log.write(log.picture(rx))
    read(log)
    log.write(log.picture(rx))
    log.rotate(settled=False)
    old = log.path.with_name("access.log.1")
    log.write(log.picture(rx))
    read(log)
    with old.open("a") as late:  # nginx was not told yet
        late.write(log.picture(rx) + "\n")
    read(log)
    log.path.with_name("access.log.2.gz").write_bytes(b"\x1f\x8b")
    os.utime(old, (0, 0))
    read(log)
    old.unlink()
    read(log)

    assert counted(rx) == 4
    assert told("edge-eu1") == [], "it was read to its end before it went"


@pytest.mark.parametrize("how", ["deleted", "truncated", "replaced", "cut short"])
def test_what_was_lost_is_told_once(log: Log, rx: str, how: str) -> None:
    log.write(log.picture(rx), log.picture(rx))
    read(log)
    if how == "deleted":
        log.path.unlink()
    elif how == "truncated":
        log.path.write_text("")
    elif how == "replaced":
        log.path.write_text(log.picture(rx) + "\n")
    else:
        log.path.write_text(log.path.read_text().splitlines(keepends=True)[0])

    read(log)
    read(log)

    [(verb, actor, data)] = told("edge-eu1")
    assert (verb, actor, data["why"]) == ("edge.gap", "system", "shorter" if how == "cut short" else "gone")
    assert data["since"] == (MIDDAY + timedelta(seconds=1)).isoformat()
    assert counted(rx) == (3 if how == "replaced" else 2)


def test_lines_that_make_no_sense_are_counted_and_harm_nobody(log: Log, rx: str) -> None:
    lines = [b"", b"{", b"null", b"[" * 9999, b'{"time":1}', b"\xff\xfe", b"x" * 200_000]
    wrong = [{"time": "yesterday"}, {"status": "many"}, {"path": None, "time": "0001-01-01T00:00:00+14:00"}]
    lines += [json.dumps({**json.loads(log.picture(rx)), **one}).encode() for one in wrong]
    log.write(log.picture(rx))
    with log.path.open("ab") as file:
        file.write(b"\n".join(lines) + b"\n")
    log.write(log.picture(rx))

    read(log)

    assert (counted(rx), EdgeLog.objects.get().malformed) == (2, len(lines))
    [(verb, _actor, data)] = told("edge-eu1")
    assert (verb, data["count"]) == ("edge.malformed", len(lines))


def test_refusals_are_counted_by_address_and_hour_on_the_chain_of_what_there_is(log: Log, rx: str) -> None:
    made_up = "f" * 32
    log.write(
        *(log.picture(rx, status=403) for _ in range(3)),
        log.line(f"/iiif/presentation/3/*/{rx}/manifest", status=403, ip="2001:db8::1"),
        log.picture(made_up, status=403),
        log.line("/orders/*/prescription", status=404),
    )

    read(log)

    assert sorted((data["address"], data["what"], data["count"]) for _v, _a, data in told(rx)) == [
        ("192.0.2.7", "link", 3),
        ("2001:db8::1", "link", 1),
    ]
    assert sorted((data["what"], data["count"]) for _v, _a, data in told("edge-eu1")) == [
        ("link", 1),
        ("order link", 1),
    ]
    assert told(made_up) == [], "nobody makes up chains"


def test_a_flood_of_addresses_is_bounded(log: Log, rx: str) -> None:
    log.at, lines = MIDDAY, []
    for number in range(3000):
        log.at = MIDDAY
        lines.append(log.picture(rx, status=403, ip=f"2001:db8::{number:x}"))
    log.write(*lines)

    read(log)

    events = [data for chain in (rx, "edge-eu1") for _v, _a, data in told(chain)]
    assert len(events) <= 501
    assert sum(data["count"] for data in events) == 3000
    assert {data["address"] for data in events} >= {"others", "2001:db8::0"}


def test_nobody_hides_among_what_they_make_up(log: Log, rx: str) -> None:
    log.write(*(log.picture(f"{number:032x}", status=403, ip="192.0.2.1") for number in range(1, 700)))
    log.write(log.picture(rx, status=403, ip="192.0.2.1"), log.picture(rx, status=403, ip="192.0.2.2"))

    read(log)

    assert [data["address"] for _v, _a, data in told(rx)] == ["192.0.2.2"]
    assert [(data["address"], data["count"]) for _v, _a, data in told("edge-eu1")] == [("192.0.2.1", 700)]


def test_nothing_moves_if_nothing_can_be_counted(log: Log, rx: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(log.picture(rx))

    def fail(_tallies: Any) -> None:
        raise DatabaseError

    with monkeypatch.context() as patched:
        patched.setattr(looks, "add", fail)
        with pytest.raises(DatabaseError):
            read(log)
    assert EdgeLog.objects.count() == 0

    read(log)

    assert counted(rx) == 1


def test_the_command_reads_logs_by_name(log: Log, rx: str, capsys: Any) -> None:
    log.write(log.picture(rx))
    call_command("rxlooks", f"eu1={log.path}")

    assert capsys.readouterr().out == "eu1: 1 lines up to 2024-11-29 12:00:00+00:00, 0 of them malformed\n"
    for wrong in ("eu1", "EU=/x", f"eu1={log.path},eu1={log.path}", "eu1=access.log"):
        with pytest.raises(CommandError, match="name=/path"):
            call_command("rxlooks", wrong)
    with pytest.raises(CommandError, match="RX_ACCESS_LOGS"):
        call_command("rxlooks")
