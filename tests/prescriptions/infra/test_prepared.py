"""Statements that are written once say what the ORM says each time, on both databases."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.db.models.sql import UpdateQuery
from django.utils import timezone

from prescriptions.infra.database import prepared
from prescriptions.models import Page, Variant, VariantState, finding
from prescriptions.variants import claims, statements
from tests.databases import on_each_database
from tests.prescriptions.conftest import claim
from transforms.version import PIPELINE

pytestmark = [on_each_database, pytest.mark.django_db]
NOW = datetime.fromisoformat("2026-11-29T12:00:00.123456+00:00")
READY: dict[str, Any] = {
    "size": 1, "width": 2, "height": 3, "etag": '"e"', "cost_usd": None, "milliseconds": 4.5,
    "timings": {"render": 80.25}, "ready_at": NOW,
}  # fmt: skip


def values(row: Model) -> dict[str, Any]:
    """Its fields, and those of what came along with it."""
    fields = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    related = [field for field in row._meta.fields if field.is_relation and field.is_cached(row)]
    along = {field.name: values(getattr(row, field.name)) for field in related}
    return {**fields, **along}


@pytest.fixture
def variant(row: Page) -> Variant:
    """Of two of its page; the other one is made."""
    claim(row, "full/75,100/0/default.png", state=VariantState.READY, **READY)
    return claim(row)


@pytest.mark.parametrize(
    ("statement", "given"),
    [
        (finding.numbered, lambda one: (one.page.prescription_id, 1)),
        (statements.of_image, lambda one: (one.page_id, one.sheet, one.stored, one.pipeline)),
        (statements.by_id, lambda one: (one.pk,)),
        (statements.by_id, lambda _: (Variant.objects.get(state=VariantState.READY).pk,)),
        (statements.to_make, lambda one: (one.pk,)),
        (statements.alive, lambda one: (one.page.prescription_id,)),
    ],
)
def test_rows_are_those_of_the_orm_with_all_that_is_in_them(
    variant: Variant,
    statement: "prepared.Statement[..., list[Model]]",
    given: Callable[[Variant], tuple[Any, ...]],
    django_assert_num_queries: Any,
) -> None:
    arguments = given(variant)
    expected = [values(row) for row in statement.build(*arguments)]
    assert len(expected) == 1

    with django_assert_num_queries(2):
        first, again = statement(*arguments), statement(*arguments)

    assert [values(row) for row in first] == [values(row) for row in again] == expected
    assert statement(*(type(one)() for one in arguments)) == [], "nothing is of the first call alone"


def test_counts_are_those_of_the_orm(variant: Variant) -> None:
    for statement, known, unknown in (
        (statements.other_sizes, variant.page_id, 0),
        (statements.open_in, "images", "x"),
    ):
        assert statement(known) == statement.build(known).count() > 0
        assert statement(unknown) == 0


@pytest.mark.parametrize(
    ("statement", "state", "given"),
    [
        (statements.begin, VariantState.QUEUED, {"pipeline": PIPELINE, "attempts": 3, "lease_until": NOW}),
        (statements.finish, VariantState.RENDERING, READY),
    ],
)
def test_changes_are_those_of_the_orm(
    variant: Variant, statement: "prepared.Statement[..., int]", state: VariantState, given: dict[str, Any]
) -> None:
    start = values(variant) | {"state": state}
    del start["page"]

    def changed(by: Callable[[], int]) -> dict[str, Any]:
        Variant.objects.filter(pk=variant.pk).update(**start)
        assert by() == 1
        assert by() == 0, "it is not in that state any more"
        return values(Variant.objects.get(pk=variant.pk))

    def by_the_orm() -> int:
        change = statement.build(variant.pk, variant.owner, **given)
        return change.rows.update(**change.values)

    def by_the_statement() -> int:
        return statement(variant.pk, variant.owner, **given)

    assert changed(by_the_statement) == changed(by_the_orm) != start
    Variant.objects.filter(pk=variant.pk).update(**start)
    assert statement(variant.pk, "somebody else", **given) == 0
    assert values(Variant.objects.get(pk=variant.pk)) == start


def test_of_the_rows_of_an_update_the_database_looks_at_one(variant: Variant) -> None:
    """Conditions that moved into a subquery would let a claim have two winners on PostgreSQL."""
    change = statements.begin.build(variant.pk, variant.owner, PIPELINE, 3, timezone.now())
    query = change.rows.query.chain(UpdateQuery)
    query.add_update_values(change.values)

    sql, _parameters = query.get_compiler(connection=connection).as_sql()

    assert '"id" IN (SELECT' not in sql
    assert claims.begin(variant.pk, variant.owner) is not None
