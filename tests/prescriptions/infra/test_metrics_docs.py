"""docs/reference/metrics.md lists every metric with its labels and no other."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from prescriptions.audit import edge_lines
from prescriptions.infra import metrics
from prescriptions.infra.metrics import definitions
from prescriptions.ops import edge_counts, scrape
from prescriptions.upkeep import duties
from tests.conftest import PROJECT
from transforms.sandbox.confine import Confinement

REFERENCE = (PROJECT / "docs" / "reference" / "metrics.md").read_text()
ROWS = re.findall(r"^\| `(rx_\w+)` \| ([^|]*)\| (.+) \|$", REFERENCE, re.MULTILINE)
DOCUMENTED = {name: set(re.findall(r"(?:^|; )`(\w+)`", labels)) for name, labels, _ in ROWS}


def counted() -> dict[str, set[str]]:
    found = {}
    for metric in vars(definitions).values():
        if hasattr(metric, "_labelnames"):
            name = metric._name + ("_total" if metric._type == "counter" else "")
            found[name] = set(metric._labelnames)
    found["rx_breaker_open"] = found.pop("rx_breaker_open_until")  # see scrape
    return found


def read() -> dict[str, set[str]]:
    """Those of the database, whose rows are always shown."""
    return {family.name: set(family.samples[0].labels) for part in (scrape.database, scrape.build) for family in part()}


def of_edges() -> dict[str, set[str]]:
    return {family.samples[0].name: set(family.samples[0].labels) for family in edge_counts.told()}


@pytest.mark.django_db
def test_every_metric_is_described_and_nothing_else_is(tmp_path: Path, settings: Settings) -> None:
    settings.RX_ACCESS_LOGS = {"edge": tmp_path / "access.log"}
    (tmp_path / "cache-bytes").write_text("0\n")
    duties.lead("sweep", seconds=1)  # a duty has an age once it was begun
    assert len(DOCUMENTED) == len(ROWS)
    assert counted() | read() | of_edges() == DOCUMENTED


def test_the_words_are_those_that_are_counted() -> None:
    def words(name: str) -> str:
        return next(f"{labels} {text}" for found, labels, text in ROWS if found == name)

    for name, allowed in {
        "rx_http_requests_total": metrics.ROLES,
        "rx_variant_queue_seconds": metrics.LANES,
        "rx_variant_generation_seconds": metrics.BACKENDS,
        "rx_edge_requests_total": edge_lines.OUTCOMES,
        "rx_renderer_capability": Confinement.__dataclass_fields__,
    }.items():
        assert [word for word in allowed if word not in words(name)] == [], name


@pytest.mark.django_db
def test_prometheus_can_read_it() -> None:
    metrics.http_answered(200)

    families = {family.name: family for family in text_string_to_metric_families(scrape.text().decode())}

    assert families["rx_http_requests"].type == "counter"
    assert all(family.documentation for family in families.values())
