"""The answer to a question as a file: CSV for spreadsheets, signed JSON for proof. Streamed; recorded first."""

import csv
import io
import json
from collections.abc import Iterator
from itertools import islice
from typing import Final

from django.http import StreamingHttpResponse
from django.utils import timezone

from prescriptions import audit
from prescriptions.admin.audit_desk import words
from prescriptions.admin.audit_desk.question import Question
from prescriptions.audit import exports as signed
from prescriptions.audit.actors import Actor

FORMATS: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
# A spreadsheet takes a million rows; nobody reads so many. More is asked for by days.
MOST: Final = 100_000
_AT_ONCE: Final = 500
_COLUMNS: Final = ("at", "sentence", "chain", "number", "actor", "name", "verb", "data", "request", "hash")
# What spreadsheets take for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def answer(question: Question, form: str, *, actor: Actor) -> StreamingHttpResponse | None:
    """The file; None when it would have more than `MOST` events."""
    if question.more_than(MOST):
        return None
    at = timezone.now()
    about = {**question.told, "format": form}
    for chain in dict.fromkeys([actor.chain, question.rx or actor.chain]):
        audit.record(chain, audit.Verb.LOG_EXPORTED, actor=actor, data=about)
    if form == "csv":
        content = _csv(question)
    else:
        content = signed.write(
            question.everything(MOST), {**about, "by": str(actor), "name": actor.name, "at": at.isoformat()}
        )
    name = f"audit-{at:%Y%m%d-%H%M%S}.{form}"
    return StreamingHttpResponse(
        content,
        content_type=FORMATS[form],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _csv(question: Question) -> Iterator[bytes]:
    yield "\ufeff".encode()  # or spreadsheets take it for another encoding
    yield _row(_COLUMNS)
    rows = question.everything(MOST)
    while events := list(islice(rows, _AT_ONCE)):
        names = words.Names.of(events)
        for event in events:
            yield _row((
                timezone.localtime(event.at).isoformat(timespec="seconds"),
                words.plain(event, names),
                event.rx,
                event.seq,
                event.actor,
                event.actor_name,
                event.verb,
                json.dumps(event.data, sort_keys=True),
                event.request_id,
                event.hash,
            ))  # fmt: skip


def _row(cells: tuple[object, ...]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(_guarded(str(cell)) for cell in cells)
    return line.getvalue().encode()


def _guarded(cell: str) -> str:
    """Never a formula: names are people's own choice."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
