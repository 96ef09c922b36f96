"""What edges answered is counted from the lines that nginx writes anyway: each once, whatever happens to the file."""

import json
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from prescriptions.infra import per_process
from prescriptions.ops import edge_counts
from prescriptions.ops.edge_counts import Edge
from tests.conftest import Site
from tests.prescriptions.audit.edge import Log

PICTURE = f"/iiif/3/*/{'a' * 32}_1/full/150,200/0/default.webp"


class Lines(Log):
    def answer(self, path: str, status: int, *, cache: str = "", size: int = 10) -> None:
        said = json.loads(self.line(path, status=status))
        self.write(json.dumps({**said, "bytes": size, "cache": cache}))


@pytest.fixture
def log(tmp_path: Path) -> Lines:
    return Lines(tmp_path / "access.log")


def test_each_answer_is_counted_by_where_it_came_from(log: Lines) -> None:
    log.answer(PICTURE, 200, cache="HIT")
    with closing(Edge(log.path)) as edge:  # what was there before is not counted
        for status, cache in ((200, "HIT"), (304, "HIT"), (206, "HIT"), (200, "MISS"), (200, "EXPIRED")):
            log.answer(PICTURE, status, cache=cache, size=100)
        log.answer(PICTURE, 307)
        log.answer(PICTURE, 403)
        log.answer(PICTURE, 503)
        log.answer(PICTURE, 405)
        log.answer(f"/generate{PICTURE}", 303)
        log.answer(f"/iiif/3/*/{'a' * 32}_1/info.json", 403)
        log.answer("/admin/", 200)
        log.answer("/admin/", 502)
        log.write("not a line", "{}", "[]", "null", '{"path": 1, "status": "x", "bytes": null, "cache": []}')
        edge.read()

        assert edge.answers == {"hit": 3, "fetched": 2, "miss": 1, "refused": 1, "failed": 2, "other": 4}
        assert edge.bytes == {"hit": 300, "fetched": 200, "miss": 10, "refused": 10, "failed": 20, "other": 40}


def test_a_line_counts_once_when_it_is_whole_and_when_its_file_was_rotated_away(log: Lines) -> None:
    with closing(Edge(log.path)) as edge:  # there is no file yet
        log.answer(PICTURE, 307)
        edge.read()
        assert edge.answers == {"miss": 1}

        # half a line is left for the next look
        log.answer(PICTURE, 403)
        whole = log.path.read_text()
        log.path.write_text(whole[:-20])
        edge.read()
        assert edge.answers == {"miss": 1}
        log.path.write_text(whole)
        edge.read()
        assert edge.answers == {"miss": 1, "refused": 1}

        # the rest of a file that has another name by now, and then what came after it
        log.answer(PICTURE, 307)
        log.rotate()
        edge.read()
        log.answer(PICTURE, 403)
        edge.read()
        assert edge.answers == {"miss": 2, "refused": 2}

        # one that was cut off begins anew
        log.path.write_text("")
        edge.read()
        log.answer(PICTURE, 307)
        edge.read()
        assert edge.answers == {"miss": 3, "refused": 2}


def test_a_look_takes_in_so_much_and_the_next_one_the_rest(log: Lines) -> None:
    with closing(Edge(log.path, most=300)) as edge:
        for _ in range(3):
            log.answer(PICTURE, 307)

        edge.read()
        assert edge.answers == {"miss": 2}
        edge.read()
        assert edge.answers == {"miss": 3}


@pytest.mark.django_db
def test_of_two_who_can_read_a_log_one_counts(log: Lines, settings: Settings) -> None:
    settings.RX_ACCESS_LOGS = {"eu1": log.path}
    log.path.with_name(edge_counts.CACHE_FILE).write_text("4096\n")

    def told() -> dict[str, float]:
        return {sample.name: sample.value for metric in edge_counts.told() for sample in metric.samples}

    with per_process.anew():
        assert told()["rx_edge_cache_bytes"] == 4096
        with per_process.anew():
            assert told() == {}
        log.path.with_name(edge_counts.CACHE_FILE).unlink()
        assert told().keys() == {"rx_edge_requests_total", "rx_edge_bytes_total"}
        edge_counts.forget()


def test_beat_tells_of_the_running_edge(site: Site, photo: bytes) -> None:
    token = site.manage("rxtoken", "create", "--name", "prom", "--scopes", "ops:read")

    def told() -> dict[str, float]:
        address = f"http://127.0.0.1:{site.stack.ports.metrics}/metrics"
        text = httpx.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30).text
        return {
            sample.labels["outcome"]: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "rx_edge_requests_total"
        }

    before = told()
    url = site.prescription(("photo.jpg", photo))["pages"][0]["variants"]["thumb"]
    site.follow(url)
    for _ in range(5):
        assert site.http.get(url).status_code == 200
    wrong = url.replace(".f.", ".r.")
    assert site.http.get(wrong).status_code == 403
    after = told()

    assert after["miss"] >= before["miss"] + 1
    assert after["fetched"] >= before["fetched"] + 1
    assert after["hit"] >= before["hit"] + 5 - 1  # the entry may end meanwhile
    assert after["refused"] >= before["refused"] + 1
