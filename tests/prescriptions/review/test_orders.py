"""An order and its reviews at the same moment: no lines are lost, and none are decided that nobody has seen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from prescriptions.audit.actors import SYSTEM
from prescriptions.audit.actors import staff as actor_of
from prescriptions.infra.problems import Problem
from prescriptions.models import Order, OrderLine, Prescription, Review, ReviewStatus
from prescriptions.review import decisions, orders, proof, queue
from prescriptions.upkeep import erasure, nightly, together
from prescriptions.upkeep.together import Whose
from tests.databases import on_each_database
from tests.prescriptions.reviewing import Staff, approval, claimed, looked
from tests.prescriptions.staff import Make

pytestmark = [on_each_database, pytest.mark.django_db]
LINES = orders.numbered([{"name": "Telma", "strength": "40 mg", "schedule": "H", "quantity_ordered": 30}])
MORE = orders.numbered([*LINES, {"name": "Specimol", "quantity_ordered": 15}])


def put(lines: Any, ref: str = "A-1", **fields: Any) -> Order:
    return orders.put("shop", ref, {"lines": lines, **fields}, actor=SYSTEM)[0]


def both(*calls: Callable[[], Any]) -> list[str]:
    """What became of each, at the same moment in threads of their own: `done`, or the problem's code."""

    def one(call: Callable[[], Any]) -> str:
        try:
            call()
        except Problem as problem:
            return problem.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.mark.django_db(transaction=True)
def test_a_decision_and_new_lines_at_once_are_never_both_true(make: Make, staff: Staff) -> None:
    actor = actor_of(staff["pharmacist"])
    for turn in range(4):
        ref = f"A-{turn}"
        put(LINES, ref)
        review = claimed(make, staff["pharmacist"], order_ref=ref)

        ended = both(
            lambda review=review: decisions.decide(review.pk, approval(), actor=actor, version=review.version),
            lambda ref=ref: put(MORE, ref),
        )

        review.refresh_from_db()
        copies = list(OrderLine.objects.filter(prescription=review.pk).values_list("name", "decision"))
        if ended == ["done", "order-decided"]:
            assert (review.status, copies) == (ReviewStatus.APPROVED, [("Telma", "accepted")])
        else:
            assert ended == ["order-lines-changed", "done"]
            assert copies == [("Telma", "pending"), ("Specimol", "pending")]


@pytest.mark.django_db(transaction=True)
def test_a_prescription_and_lines_at_once_find_each_other(make: Make) -> None:
    for turn in range(4):
        ref = f"A-{turn}"

        assert both(lambda ref=ref: make(order_ref=ref), lambda ref=ref: put(MORE, ref)) == ["done", "done"]

        assert OrderLine.objects.filter(prescription__order_ref=ref).count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_erasure_and_new_lines_at_once_wait_for_each_other_in_one_order(make: Make, staff: Staff) -> None:
    for turn in range(4):
        ref = f"A-{turn}"
        put(LINES, ref)
        review = claimed(make, staff["pharmacist"], order_ref=ref)

        ended = both(
            lambda review=review: erasure.bury(review.pk, Q(), actor=SYSTEM, data={}),
            lambda ref=ref: put(MORE, ref),
        )

        assert ended == ["done", "done"]
        assert Review.objects.get(pk=review.pk).status == ReviewStatus.ERASED
        assert not OrderLine.objects.filter(prescription=review.pk).exists()


def test_what_somebody_has_looked_at_counts_on_and_each_change_is_told_once(make: Make, staff: Staff) -> None:
    put(LINES)
    review = looked(claimed(make, staff["pharmacist"], pages=2, order_ref="A-1"), staff["pharmacist"])

    put(MORE)
    put([{**MORE[0], "quantity_ordered": 60, "schedule": "H1"}, MORE[1]])
    put([MORE[1] | {"line": 2}])

    now = Review.objects.get(pk=review.pk)
    assert now.version == review.version + 3
    assert proof.seen(now, staff["pharmacist"].pk) == {1, 2}
    assert now.lines_since(review.version) == {1: ("Telma 40 mg × 30 (H)", ""), 2: ("", "Specimol × 15")}
    assert now.lines_since(now.version - 1) == {1: ("Telma 40 mg × 60 (H1)", "")}
    assert now.lines_since(now.version) == {}


def test_what_changes_nothing_that_is_decided_makes_no_new_version(make: Make, staff: Staff) -> None:
    put(LINES)
    review = claimed(make, staff["pharmacist"], order_ref="A-1")

    put([{**LINES[0], "line_ref": "another"}])
    put([{**LINES[0], "line_ref": "another"}], language="hi")

    assert Review.objects.get(pk=review.pk).version == review.version
    assert OrderLine.objects.get(prescription=review.pk).line_ref == "another"


def test_whoever_opens_what_a_release_before_took_in_has_the_lines(make: Make, staff: Staff) -> None:
    review = make(order_ref="A-1")
    Order.objects.update(lines=MORE, lines_version=3)

    opened = queue.claim(review.pk, staff["pharmacist"])

    assert (opened.version, opened.order_version) == (3, 3)
    assert OrderLine.objects.filter(prescription=review.pk).count() == 2


def test_a_migration_gives_orders_the_lines_that_prescriptions_had(make: Make) -> None:
    rows = [make(order_ref=ref, client=client) for ref, client in (("A", "shop"), ("A", "shop"), ("A", "rival"))]
    rows += [make(order_ref="A"), make(order_ref=""), make(order_ref="B")]
    for at, review in enumerate(rows[:3] + rows[4:5]):
        for position in (1, 2):
            OrderLine.objects.create(
                prescription=review.prescription, position=position, name=f"M{at}", quantity_ordered=position
            )
    Order.objects.all().delete()

    class Editor:
        pass

    Editor.connection = connection  # type: ignore[attr-defined]
    for _again in range(2):
        import_module("prescriptions.migrations.0031_orders").take_lines(apps, Editor)

    found = {(one.client, one.ref): [line["name"] for line in one.lines] for one in Order.objects.all()}
    assert found == {("shop", "A"): ["M1", "M1"], ("rival", "A"): ["M2", "M2"]}
    assert Review.objects.get(pk=rows[1].pk).order_version == 1
    assert [line["quantity_ordered"] for line in Order.objects.get(client="rival").lines] == [1, 2]


# --- Erasing ----------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("servers")
def test_what_was_ordered_goes_with_the_last_prescription(make: Make) -> None:
    put(LINES)
    put(LINES, "A-2")
    first, second = make(order_ref="A-1"), make(order_ref="A-1")

    erasure.erase(first.prescription)
    assert Order.objects.filter(ref="A-1").exists()
    erasure.erase(second.prescription)

    assert list(Order.objects.values_list("ref", flat=True)) == ["A-2"]
    assert "Telma" not in str(list(Review.objects.values()))


@pytest.mark.usefixtures("servers")
def test_all_of_a_patient_is_also_what_was_ordered_and_never_sent(make: Make) -> None:
    put(LINES, "A-1", patient_ref="P-1")
    put(LINES, "A-2", patient_ref="P-1")
    put(LINES, "A-3", patient_ref="P-2")
    make(order_ref="A-1")

    together.erase(Prescription.objects.all(), Whose("patient_ref", "P-1"), actor=SYSTEM)

    assert list(Order.objects.values_list("ref", flat=True)) == ["A-3"]


@pytest.mark.usefixtures("servers")
def test_an_order_to_which_nothing_comes_is_kept_as_long_as_an_open_prescription(make: Make) -> None:
    for ref in ("old", "used", "new"):
        put(LINES, ref)
    make(order_ref="used")
    Order.objects.exclude(ref="new").update(updated_at=timezone.now() - timedelta(days=366))

    nightly.run(dry=True)
    assert Order.objects.count() == 3
    nightly.run(dry=False)

    assert set(Order.objects.values_list("ref", flat=True)) == {"used", "new"}
