"""What each database itself says of a row that meets another, or of a value that no row may have."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from prescriptions.models import Page
from tests.databases import on_each_database
from tests.links import mint
from tests.prescriptions.conftest import assert_problem

# A foreign key is looked at when a statement has taken effect for all.
pytestmark = [on_each_database, pytest.mark.django_db(transaction=True)]

TWICE = "INSERT INTO prescriptions_document SELECT * FROM prescriptions_document"
ORPHANED = "DELETE FROM prescriptions_document"
IMPOSSIBLE = "UPDATE prescriptions_document SET position = -1"
MISSING = "UPDATE prescriptions_document SET name = NULL"


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [(TWICE, 503, "conflict"), (ORPHANED, 503, "conflict"), (IMPOSSIBLE, 400, "invalid"), (MISSING, 400, "invalid")],
)
def test_who_met_another_may_try_again_and_whose_value_is_wrong_may_not(
    statement: str, status: int, code: str, row: Page, http: Client
) -> None:
    def instead(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        return execute(statement, (), False, context)

    rx = row.prescription_id
    with connection.execute_wrapper(instead):
        answer = http.get(f"/iiif/3/{mint(rx)}/{rx}_1/full/1,1/0/default.jpg")

    body = assert_problem(answer, status, code)
    assert ("retry-after" in answer.headers) == (status == 503)
    assert "prescriptions_" not in str(body)
