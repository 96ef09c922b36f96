"""Rules and dashboards ask for what there is: every expression can be read, every name in it is a metric's, every
number that is told is looked at by somebody, and the runbook says the same as the rules."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Site
from tests.drill.causes import CAUSES

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "deploy" / "grafana").glob("*.json"))
}
RUNBOOK = (ROOT / "docs" / "how-to" / "runbook.md").read_text()
# tests/prescriptions/infra/test_metrics_docs.py holds this page against the code.
PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text()
ROWS = {row[0]: row for row in re.findall(r"^\| `(rx_\w+)` \| ([^|]*)\| (.+) \|$", PAGE, re.MULTILINE)}
# Prometheus' own word, and what it adds to every number.
LABELS = {"up": {"job", "instance"}} | {
    name: set(re.findall(r"(?:^|; )`(\w+)`", row[1])) | {"job", "instance"} for name, row in ROWS.items()
}
# A look at them would say nothing that another does not.
NOT_SHOWN: set[str] = set()


def expressions() -> list[str]:
    asked = [target["expr"] for board in BOARDS.values() for panel in board["panels"] for target in panel["targets"]]
    return [alert["expr"] for alert in ALERTS] + asked


def families(site: Site) -> list[Any]:
    """What a stack's beat tells now."""
    token = site.manage("rxtoken", "create", "--name", "prom", "--scopes", "ops:read")
    address = f"http://127.0.0.1:{site.stack.ports.metrics}/metrics"
    answer = httpx.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    return list(text_string_to_metric_families(answer.text))


def parts(node: Any) -> Iterator[Any]:
    """An expression and all in it."""
    yield node
    for name in ("lhs", "rhs", "expr", "param", "vs", "vector_selector"):
        if isinstance(found := getattr(node, name, None), promql.Expr):
            yield from parts(found)
    for argument in getattr(node, "args", None) or ():
        yield from parts(argument)


def metric_of(series: str) -> str:
    """rx_x_bucket, rx_x_count -> rx_x."""
    return series if series in LABELS else re.sub(r"_(?:bucket|count|sum)$", "", series)


def asked_for(text: str) -> Iterator[tuple[str, promql.Matchers]]:
    for part in parts(promql.parse(text)):
        if isinstance(part, promql.VectorSelector):
            yield metric_of(part.name), part.matchers


@pytest.mark.parametrize("text", sorted(set(expressions())))
def test_every_metric_label_and_word_of_an_expression_exists(text: str) -> None:
    found = list(asked_for(text))

    assert found
    known = set.intersection(*(LABELS[name] for name, _ in found))
    for name, matchers in found:
        for matcher in matchers.matchers:
            assert matcher.name in LABELS[name], matcher.name
            words = [word for word in matcher.value.split("|") if re.fullmatch(r"[\w-]+", word)]
            row = " ".join(ROWS[name]) if name in ROWS else "prescriptions"
            assert [word for word in words if word not in f"{row} storage-unavailable renderer-unavailable other"] == []
    grouped = re.findall(r"\b(?:by|without) ?\(([^)]*)\)", text)
    assert {label.strip() for labels in grouped for label in labels.split(",")} - known - {"le"} == set()


def test_whoever_walks_an_expression_sees_all_of_it() -> None:
    text = 'histogram_quantile(0.9, sum by (le) (rate(a_bucket{x="1"}[5m]))) > 5 or (max_over_time(b[5m]) == 1) or -c'

    assert [name for name, _ in asked_for(text)] == ["a", "b", "c"]


def test_every_number_is_looked_at_by_somebody() -> None:
    seen = {name for text in expressions() for name, _ in asked_for(text)}

    assert sorted(set(ROWS) - seen) == sorted(NOT_SHOWN)


# --- Rules --------------------------------------------------------------------------------------------------------
def test_an_alert_is_whole_and_the_runbook_says_what_to_do_about_it() -> None:
    rows = dict(re.findall(r'^\| <a id="(\w+)"></a>\w+ \| `(.+?)` \| .+ \|$', RUNBOOK, re.MULTILINE))

    assert len({alert["alert"] for alert in ALERTS}) == len(ALERTS)
    for alert in ALERTS:
        assert alert.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"Rx[A-Z]\w+", alert["alert"])
        assert re.fullmatch(r"\d+[mh]", alert["for"])
        assert alert["labels"] in ({"severity": "page"}, {"severity": "ticket"})
        assert alert["annotations"].keys() == {"summary", "runbook"}
        assert alert["annotations"]["runbook"] == f"docs/how-to/runbook.md#{alert['alert'].lower()}"
        known = set.intersection(*(LABELS[name] for name, _ in asked_for(alert["expr"])))
        assert set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"])) <= known
    assert {name: expr.replace("\\|", "|") for name, expr in rows.items()} == {
        alert["alert"].lower(): alert["expr"] for alert in ALERTS
    }


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Debian's prometheus")
@pytest.mark.parametrize(("what", "file"), [("check", RULES), ("test", RULES.with_name("rules.test.yml"))])
def test_promtool_finds_nothing_wrong(what: str, file: Path) -> None:
    done = subprocess.run(["promtool", what, "rules", str(file)], capture_output=True, text=True, timeout=120)  # noqa: S607

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_caused_in_the_drill() -> None:
    caused = [name for _, _, names in CAUSES for name in names]

    assert sorted(caused) == sorted(alert["alert"] for alert in ALERTS)


def test_the_first_of_its_kind_is_noticed(site: Site) -> None:
    """A series that begins with it has not increased."""
    told = [sample for family in families(site) for sample in family.samples]
    watched = [alert["expr"] for alert in ALERTS if re.search(r"(rate|increase)\(.*> 0$", alert["expr"])]

    assert len(watched) > 2
    for name, matchers in (one for text in watched for one in asked_for(text)):
        for matcher in matchers.matchers:
            found = {sample.labels[matcher.name] for sample in told if sample.name == name}
            assert set(matcher.value.split("|")) <= found, name


# --- Dashboards ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_whole(name: str) -> None:
    board = BOARDS[name]

    assert (board["uid"], board["schemaVersion"]) == (f"rx-{name}", 39)
    assert [(one["name"], one["type"], one["query"]) for one in board["templating"]["list"]] == [
        ("source", "datasource", "prometheus")
    ]
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["type"] in ("timeseries", "stat")
        assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
        assert panel["description"]
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        for target in panel["targets"]:
            shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert all(re.search(rf"by \([^)]*\b{label}\b", target["expr"]) for label in shown)
    assert list(BOARDS) == ["pharmacy", "service"]


# --- What is really told ------------------------------------------------------------------------------------------
def test_a_real_look_tells_what_the_page_says(site: Site, photo: bytes) -> None:
    body = site.prescription(("photo.jpg", photo))
    assert site.follow(body["pages"][0]["variants"]["thumb"])[-1].status_code == 200

    told: dict[str, set[str]] = {}
    for family in families(site):
        name = family.name + ("_total" if family.type == "counter" else "")
        told[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert {
        name: labels for name, labels in told.items() if labels != LABELS.get(name, set()) - {"job", "instance"}
    } == {}
    # An edge outside of containers says nothing of its cache.
    by_beat = PAGE.partition("## Told by beat, from the database")[2]
    assert {name for name in ROWS if f"| `{name}`" in by_beat} - set(told) == {"rx_edge_cache_bytes"}
    assert {"rx_http_requests_total", "rx_variant_requests_total", "rx_s3_request_seconds", "rx_uploads_total"} <= set(
        told
    )
