"""Statements of the hot path: the ORM writes the SQL of each once, and not again for every request.

A query is written as anywhere else, as a function that returns it. That function is called once, with a placeholder for
each of its arguments; the SQL that the ORM makes of it is kept, and so is what turns a row into an object. Nine tenths
of what such a query costs is the writing (docs/explanation/performance.md).

    @prepared.rows
    def of_client(client: str) -> QuerySet[Prescription]:
        return Prescription.objects.filter(client=client, erased_at=None)

    of_client("shop")  # a list

An argument stands for one value, of text, a number, a time or JSON: what depends on it must be the same SQL for every
value. As SQL compares, nothing equals None.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import update_wrapper
from inspect import signature
from typing import Any, Generic, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Count, Expression, Model, QuerySet, Value
from django.db.models.query import get_related_populators
from django.db.models.sql import Query, UpdateQuery

P = ParamSpec("P")
Row = TypeVar("Row", bound=Model)
Result = TypeVar("Result")
_Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Change(Generic[Row]):
    """Rows, and the values that their fields get."""

    rows: QuerySet[Row]
    values: Mapping[str, Any]


class _Argument(Expression):
    """Stands in a query for the value that each call brings along; becomes a parameter of the SQL."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class Statement(Generic[P, Result]):
    """`build` as a function that runs what it builds. Threads share it; what was written is kept for each database."""

    def __init__(self, build: Callable[P, Any], compile_: Callable[[Any, Any], "_Compiled[Result]"]) -> None:
        self.build: Callable[..., Any] = build
        self._compile = compile_
        self._names = tuple(signature(build).parameters)
        self._kept: dict[str, _Compiled[Result]] = {}
        update_wrapper(self, build)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result:
        kept = self._kept.get(connection.vendor) or self._keep()
        given = {**dict(zip(self._names, args, strict=False)), **kwargs}
        return kept.run([_adapted(given[one.name]) if type(one) is _Argument else one for one in kept.parameters])

    def _keep(self) -> "_Compiled[Result]":
        # A connection of its own, which is never opened: what is kept outlives threads and their connections.
        writing = connections.create_connection(DEFAULT_DB_ALIAS)
        built = self.build(*map(_Argument, self._names))
        kept = self._compile(built, writing)
        self._kept[connection.vendor] = kept
        return kept


@dataclass(frozen=True, slots=True)
class _Compiled(Generic[Result]):
    """`parameters` are constants of the query and its arguments, in the order of the SQL."""

    sql: str
    parameters: tuple[Any, ...]
    result: Callable[[Any], Result]

    def run(self, parameters: list[Any]) -> Result:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            return self.result(cursor)


def rows(build: Callable[P, QuerySet[Row]]) -> Statement[P, list[Row]]:
    """A query for objects, with those that it selects as related; its answer as a list."""
    return Statement(build, _rows)


def count(build: Callable[P, QuerySet[Row]]) -> Statement[P, int]:
    """A query whose rows are counted."""
    return Statement(build, _count)


def update(build: Callable[P, Change[Row]]) -> Statement[P, int]:
    """A change; how many rows it has changed."""
    return Statement(build, _update)


def _adapted(value: Any) -> Any:
    """As the database's driver takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, dict):
        return connection.ops.adapt_json_value(value, None)
    return value


def _rows(queryset: QuerySet[Row], writing: Any) -> _Compiled[list[Row]]:
    """Does for each row what the ORM's own ModelIterable does."""
    compiler = queryset.query.get_compiler(connection=writing)
    sql, parameters = compiler.as_sql()
    selected, kinds = compiler.select, compiler.klass_info or {}
    model, first, last = kinds["model"], kinds["select_fields"][0], kinds["select_fields"][-1] + 1
    names = [column.target.attname for column, *_ in selected[first:last]]
    related = get_related_populators(kinds, selected, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # the stubs are ahead
    converters = tuple(compiler.get_converters([column for column, *_ in selected]).items())

    def made(cursor: Any) -> Iterator[Row]:
        for found in map(list, cursor.fetchall()):
            for place, (convert, column) in converters:
                for step in convert:
                    found[place] = step(found[place], column, connection)
            row = model.from_db(DEFAULT_DB_ALIAS, names, found[first:last])
            for populator in related:
                populator.populate(found, row)
            yield row

    return _Compiled(sql, tuple(parameters), lambda cursor: list(made(cursor)))


def _count(queryset: QuerySet[Row], writing: Any) -> _Compiled[int]:
    # Grouped by a constant, that is by nothing: one row, whatever is found.
    counted = queryset.order_by().values(of_all=Value(1)).annotate(number=Count("*")).values_list("number")
    sql, parameters = counted.query.get_compiler(connection=writing).as_sql()
    return _Compiled(sql, tuple(parameters), lambda cursor: cursor.fetchone()[0])


def _update(change: Change[Row], writing: Any) -> _Compiled[int]:
    query: Query = change.rows.query.chain(UpdateQuery)
    query.add_update_values(change.values)  # type: ignore[attr-defined]  # UpdateQuery's
    sql, parameters = query.get_compiler(connection=writing).as_sql()
    return _Compiled(sql, tuple(parameters), lambda cursor: cursor.rowcount)
