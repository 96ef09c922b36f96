"""Counting: in slots that outlive their processes, in a few words only, and never in anybody's way."""

import json
import logging
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from prescriptions.infra import metrics, per_process
from prescriptions.infra.guards.breaker import Breaker
from prescriptions.infra.metrics import definitions
from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.models import Page, Prescription, Review, ReviewStatus, Variant, VariantState
from prescriptions.ops import scrape
from prescriptions.variants import asking, claims
from prescriptions.variants.pictures import preset_of
from tests.conftest import PROJECT
from tests.prescriptions.conftest import SOMEBODY, claim, row  # noqa: F401
from transforms.errors import SourceDamaged
from transforms.geometry import Size
from transforms.request.presets import PRESETS, preset
from transforms.request.spec import Stored

PAGE = Size(3000, 4000)


def samples() -> dict[tuple[str, tuple[str, ...]], float]:
    """{(name, label values): value} of everything that is shown."""
    families = text_string_to_metric_families(scrape.text(scrape.database).decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def counter(metric: Any, *labels: str) -> float:
    return float(metric.labels(*labels)._value.get())


# --- Slots --------------------------------------------------------------------------------------------------------
def run(directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import django; django.setup()\nimport os\nfrom prescriptions.infra import metrics\n{script}",
        ],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "rxproject.settings",
            "RX_ROLE": "web",
            "RX_METRICS_DIR": str(directory),
            "RX_STATE_DIR": str(directory),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SHOW = """
from prescriptions.ops import scrape
print(*(int(s.value) for m in scrape.counted() for s in m.samples if s.value))
"""


def test_a_slot_is_taken_over_with_what_was_counted_in_it(tmp_path: Path) -> None:
    killed = run(tmp_path, "metrics.http_answered(200)\nos.kill(os.getpid(), 9)")
    next_one = run(tmp_path, "metrics.http_answered(200)" + SHOW)

    assert killed.returncode == -9
    assert next_one.stdout.split() == ["2"]
    assert sorted(path.name for path in tmp_path.glob("*.lock")) == ["0.lock"]


def test_a_fork_counts_in_a_slot_of_its_own(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "metrics.http_answered(200)\n"
        "child = os.fork()\n"
        "for _ in range(10): metrics.http_answered(200)\n"
        "if not child: os._exit(0)\n"
        "os.waitpid(child, 0)" + SHOW,
    )

    assert done.stdout.split() == ["21"]
    assert sorted(path.name for path in tmp_path.glob("*.lock")) == ["0.lock", "1.lock"]


def test_who_counts_nothing_takes_no_slot(tmp_path: Path) -> None:
    assert run(tmp_path, SHOW).stdout.split() == []
    assert list(tmp_path.iterdir()) == []


def test_without_its_directory_nothing_is_counted_and_one_line_says_so(tmp_path: Path) -> None:
    done = run(tmp_path / "missing", "for _ in range(3): metrics.http_answered(200)\nprint('served')")

    assert (done.returncode, done.stdout) == (0, "served\n")
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (line["message"], line["reason"]) == ("not counted", "NoSlot")


def test_what_cannot_be_counted_harms_nobody(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def labels(self, *_: str) -> None:
            raise RuntimeError

    for name in ("HTTP", "REQUESTS", "WAIT", "QUEUE", "GENERATION", "FAILURES", "S3", "UPLOADS", "BREAKER", "RENDERER"):
        monkeypatch.setattr(definitions, name, Broken())

    with per_process.anew(), caplog.at_level(logging.WARNING), metrics.upload("api"):
        metrics.http_answered(200)
        metrics.variant_asked(preset("thumb", PAGE), PAGE, turned=0, outcome="hit")
        metrics.variant_awaited(1, outcome="ready")
        metrics.variant_begun("images", 1)
        metrics.variant_made("celery", "not a stored form", 1)
        metrics.variant_failed("source-damaged")
        metrics.s3_called("get_object", 1, failed=True)
        metrics.breaker("s3", open_for=1)
        metrics.renderer({"seccomp": True})

    # and each kind of trouble is told once
    assert [(record.message, record.__dict__["reason"]) for record in caplog.records] == [
        ("not counted", "RuntimeError"),
        ("not counted", "SpecError"),
    ]


# --- Words --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("turned", [0, 90])
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_known_by_its_stored_form_as_the_page_is_turned(name: str, turned: int) -> None:
    from dataclasses import replace

    stored = replace(preset(name, PAGE), rotation=turned)
    before = counter(definitions.REQUESTS, "hit", name, stored.format.value)

    metrics.variant_asked(stored, PAGE, turned=turned, outcome="hit")

    assert counter(definitions.REQUESTS, "hit", name, stored.format.value) == before + 1


@pytest.mark.parametrize(
    ("record", "metric", "labels"),
    [
        (
            lambda: metrics.variant_asked(Stored.parse("full/7,9/0/gray.png"), PAGE, turned=0, outcome="hit"),
            definitions.REQUESTS,
            ("hit", "other", "png"),
        ),
        (lambda: metrics.variant_failed("patient 7"), definitions.FAILURES, ("other",)),
        (lambda: metrics.variant_failed("source-damaged"), definitions.FAILURES, ("source-damaged",)),
    ],
)
def test_a_word_that_is_not_ours_is_other(record: Any, metric: Any, labels: tuple[str, ...]) -> None:
    before = counter(metric, *labels)

    record()

    assert counter(metric, *labels) == before + 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SourceDamaged(), "source-damaged"),
        (Problem(400, "invalid", "Not valid"), "invalid"),
        (StorageUnavailable("get_object"), "storage-unavailable"),
        (ZeroDivisionError(), "other"),
    ],
)
def test_an_upload_is_counted_by_why_it_was_refused(error: Exception, outcome: str) -> None:
    before = counter(definitions.UPLOADS, "api", outcome)

    with pytest.raises(type(error)), metrics.upload("api"):
        raise error

    assert counter(definitions.UPLOADS, "api", outcome) == before + 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (410, "erased", "erased"),
        (422, "source-damaged", "failed"),
        (429, "too-many-variants", "refused"),
        (503, "queue-full", "refused"),
        (503, "not-ready", "late"),
    ],
)
def test_a_request_without_a_variant_is_counted_by_why(
    row: Page,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    outcome: str,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Problem(status, code, "X")

    monkeypatch.setattr(claims, "insert", refuse)
    stored = preset_of(row, "card")
    before = counter(definitions.REQUESTS, outcome, "card", "webp")

    with pytest.raises(Problem):
        asking.find_or_claim(row, stored, by=SOMEBODY)

    # a page of 300 x 400 is smaller than `card`, which is then what `preview` and `review` are, too
    assert counter(definitions.REQUESTS, outcome, "card", "webp") == before + 1


# --- What is so at this moment ------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_breaker_is_open_as_long_as_it_refuses() -> None:
    breaker = Breaker(failures=2, open_for=60, service="tests")

    breaker.failed()
    assert ("rx_breaker_open", ("tests",)) not in samples()
    breaker.failed()
    assert samples()["rx_breaker_open", ("tests",)] == 1
    breaker.worked()
    assert samples()["rx_breaker_open", ("tests",)] == 0

    # a process that died while it was open is not waited for
    metrics.breaker("tests", open_for=-1)
    assert samples()["rx_breaker_open", ("tests",)] == 0


@pytest.mark.django_db
def test_what_waits_is_read_from_the_rows(row: Page) -> None:  # noqa: F811
    claim(row, "full/75,100/0/default.webp")
    claim(row, "full/75,100/0/default.jpg", state=VariantState.RENDERING, lane="documents")
    claim(row, "full/75,100/0/default.png", state=VariantState.DEAD)
    claim(row, "full/75,100/0/gray.png", state=VariantState.READY)
    assert Variant.objects.count() == 4
    now = timezone.now()
    Review.objects.create(
        prescription=row.prescription, queued_at=now - timedelta(minutes=10), due_at=now - timedelta(minutes=5)
    )

    shown = samples()

    open_ones = {labels: value for (name, labels), value in shown.items() if name == "rx_variants_open"}
    assert {labels for labels, value in open_ones.items() if value} == {
        ("images", "queued"),
        ("documents", "rendering"),
    }
    assert len(open_ones) == 4 * 3
    assert shown["rx_variants_dead", ()] == 1
    assert shown["rx_reviews", ("queued",)] == 1
    assert shown["rx_reviews", ("in_review",)] == 0
    assert 600 <= shown["rx_review_oldest_seconds", ()] < 660
    assert shown["rx_reviews_overdue", ()] == 1

    Review.objects.update(status=ReviewStatus.IN_REVIEW)
    shown = samples()
    assert (shown["rx_review_oldest_seconds", ()], shown["rx_reviews_overdue", ()]) == (0, 0)


@pytest.mark.django_db
def test_a_look_costs_twelve_queries_however_many_wait(django_assert_num_queries: Any) -> None:
    waiting = Prescription.objects.bulk_create([Prescription(client="shop") for _ in range(1003)])
    now = timezone.now()
    Review.objects.bulk_create(
        [Review(prescription=one, queued_at=now, due_at=now - timedelta(1)) for one in waiting], batch_size=100
    )

    with django_assert_num_queries(12):
        shown = samples()

    assert shown["rx_reviews", ("queued",)] == shown["rx_reviews_overdue", ()] == 1000
