"""The demo's day: what is ordered is what the paper says, and every kind of review is there, made once."""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rxproject.local.demo.load import ORDER, PATIENT
from rxproject.local.demo.stories import STORIES
from rxproject.local.samples.content import content
from rxproject.local.stack.stack import Stack

PROJECT = Path(__file__).resolve().parents[4]


def test_each_story_is_an_order_of_its_own_with_what_the_paper_says() -> None:
    assert len({story.order_ref for story in STORIES} | {ORDER}) == len(STORIES) + 1
    assert [story.file for story in STORIES[:3]] == ["phone-photo.jpg", "a4-scan.jpg", "three-pages.pdf"]
    for story in STORIES:
        paper = [medicine.name for medicine in content(story.seed, medicines=story.medicines).medicines]
        assert [f"{line['name']} {line['strength']}" for line in story.lines] == paper[:5]
        assert ("H1" in [line["schedule"] for line in story.lines]) == story.strict


@pytest.mark.slow
def test_the_day_is_loaded_once_with_every_kind_of_review(tmp_path: Path) -> None:
    with Stack(state_dir=tmp_path, port=None, demo=True, quick_stop=True) as stack:
        first = json.loads(stack.state.demo.read_text())
        made = stack.state.run / "demo.json"
        command = [sys.executable, "manage.py", "demo_load", "--output", str(made)]
        subprocess.run(command, cwd=PROJECT, env=stack.env_for("web"), check=True, capture_output=True)  # again
        second = json.loads(made.read_text())

    with sqlite3.connect(stack.state.database) as database:
        found = database.execute(
            "SELECT r.status, r.is_small, r.valid_until IS NOT NULL, p.patient_ref"
            " FROM prescriptions_review r JOIN prescriptions_prescription p ON p.id = r.prescription_id"
        ).fetchall()
        times = database.execute("SELECT rx, at FROM prescriptions_auditevent ORDER BY rx, seq").fetchall()
        doubles = database.execute(
            "SELECT count(*) FROM prescriptions_review WHERE lookalikes LIKE '%: 0}%'"
        ).fetchone()
    assert Counter(status for status, *_ in found) == {
        "queued": 7,
        "approved": 1,
        "partially_approved": 1,
        "rejected": 1,
        "clarification": 1,
        "second_check": 1,
    }
    assert sum(small for _, small, *_ in found) == 1
    assert ("approved", 0, 1, PATIENT) in found
    assert doubles == (1,)
    assert times == sorted(times), "the trail runs forward"
    assert [entry["id"] for entry in second["prescriptions"]] == [entry["id"] for entry in first["prescriptions"]]
    assert (second["token"], second["users"]) == (first["token"], first["users"])
