"""The release before goes on serving while a new one migrates, and with its tables: migrations only add."""

import pytest
from django.db.migrations.loader import MigrationLoader
from django_migration_linter import MigrationLinter

from tests.databases import ON_THE_SERVER

APP = "prescriptions"
# Up to here nobody promised it.
BEFORE = "0024_draft_of_link"

pytestmark = [
    pytest.mark.parametrize("database", [ON_THE_SERVER], indirect=True),
    pytest.mark.usefixtures("database"),
    pytest.mark.django_db,
]


def linted(*names: str) -> MigrationLinter:
    """What PostgreSQL would be told, looked at."""
    linter = MigrationLinter(include_apps=[APP], include_name=names, analyser_string="postgresql")
    linter.lint_all_migrations()
    return linter


def test_what_is_new_leaves_the_release_before_working(capsys: pytest.CaptureFixture[str]) -> None:
    known = [name for app, name in MigrationLoader(None).disk_migrations if app == APP]
    new = [name for name in known if name > BEFORE]
    assert BEFORE in known

    linter = linted(*new) if new else None

    assert linter is None or not linter.has_errors, capsys.readouterr().out


@pytest.mark.parametrize("name", ["0007_review_lookalikes", "0024_draft_of_link"])  # NOT NULL; unique
def test_one_that_would_not_is_seen(name: str) -> None:
    assert linted(name).has_errors
