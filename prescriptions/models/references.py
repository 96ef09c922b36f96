"""References as people look for them: by their beginning or their end, in any case.

The database derives what it needs from the columns and keeps it in step: nothing can forget to, and an erasure that
empties a reference empties these.
"""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Lower, Substr

LENGTH = 64
# Above every character that a reference may have.
_LAST = "\x7f"
Sql = tuple[str, tuple[str | int, ...]]


def lowered(column: str) -> models.GeneratedField:
    """A reference in lower case."""
    return models.GeneratedField(
        expression=Lower(column), output_field=models.CharField(max_length=LENGTH), db_persist=True
    )


def backwards(column: str) -> models.GeneratedField:
    """A reference in lower case from its end to its beginning. Letter by letter: SQLite cannot turn a text round."""
    letters = [Substr(Lower(column), place, 1) for place in range(LENGTH, 0, -1)]
    return models.GeneratedField(
        expression=models.Func(*letters, template="(%(expressions)s)", arg_joiner=" || "),
        output_field=models.CharField(max_length=LENGTH),
        db_persist=True,
    )


def by_beginning(column: str) -> models.Index:
    """An index that answers `begins` on both databases, whatever PostgreSQL's collation is."""
    return models.Index(fields=[column], name=f"rx_{column}", opclasses=["varchar_pattern_ops"])


@models.CharField.register_lookup
class Begins(models.Lookup):
    """`column__begins=text`, for columns of printable ASCII: a range, which an index answers.

    LIKE would take `%` and `_` in what people type for more than they are.
    """

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Sql:
        return self._between(compiler, connection, ">=", "<")

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Sql:
        """By bytes, as `varchar_pattern_ops` sorts; the usual comparison asks the collation."""
        return self._between(compiler, connection, "~>=~", "~<~")

    def _between(self, compiler: Any, connection: BaseDatabaseWrapper, least: str, below: str) -> Sql:
        column, given = self.process_lhs(compiler, connection)
        text = str(self.rhs)
        return f"({column} {least} %s AND {column} {below} %s)", (*given, text, *given, text + _LAST)
