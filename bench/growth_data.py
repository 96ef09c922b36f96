"""Fills an empty database with prescriptions of a year, in COPY: how many, and in what state, as a pharmacy has them.

Each has a document, a page and three variants. 4 of 100 wait in the queue, 2 are erased and proved empty, the rest were
decided. Every twenty pages share a letterhead: their hashes differ by about 30 of 256 bits, those of others by more.
"""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection

from transforms.version import PIPELINE

CLIENTS: Final = 20
VARIANTS: Final = 3
_SPAN: Final = timedelta(days=360)
_LETTERHEAD: Final = 20
_STORED: Final = ("full/150,200/0/default.webp", "full/550,733/0/default.webp", "full/1080,1440/0/default.webp")
_RARE: Final = 60  # variants that failed, and that Lambda made: a page of a list, however many others there are
_BITS: Final = 256
# Half of the letterheads are printed: the first and last rows and columns of 16 are white paper, which gives no bits.
_MARGINS: Final = sum(0x7FFE << 16 * row for row in range(1, 15))
_STEPS: Final = tuple(map(str, range(20, 60)))
_FIGURES: Final = {
    "received": ("",),
    "pages": ("",),
    "decided": ("approved", "partially_approved", "rejected"),
    "alongside": ("question", "withdrawn", "expired"),
    "reason": tuple(f"reason_{number}" for number in range(25)),
    "made": ("thumb", "card", "preview", "review", "print", "other"),
    "work": ("thumb", "card", "preview", "review", "print", "other"),
    "edge": ("hit", "fetched", "miss", "refused", "failed", "other"),
    "failed": ("source-damaged", "render-timeout", "source-too-large"),
    **dict.fromkeys(("wait", "render", "first_view"), _STEPS),
}
_COLUMNS: Final = {
    "prescription": """id client order_ref patient_ref created_at updated_at legal_hold erased_at purged_at
        noted_at links_cut_at told_status""",
    "document": "id prescription_id position media_type size sha256 name",
    "page": "id prescription_id document_id number index width height rotation likeness notices",
    "variant": """id page_id stored pipeline state advertised lane owner lease_until attempts backend request_id
        error_code error_detail size width height etag milliseconds timings created_at ready_at""",
    "review": """prescription_id status status_at version priority queued_at due_at outcome decided_at reviewer_id
        customer_text internal_note prescriber registration_number checklist override_reason overridden valid_until
        is_duplicate is_small is_dark lookalikes""",
    "figure": "grain name at label count total",
    "figuremark": "name at place",
    "auditevent": "rx seq at actor actor_name verb data request_id prev_hash hash",
}
Row = Sequence[Any]


class Filling:
    """The rows of `count` prescriptions; the same every time."""

    def __init__(self, count: int, users: Sequence[int]) -> None:
        self.count, self._users = count, users
        self._now = datetime.now(UTC)
        self._random = random.Random(count)
        self.ids = [f"{self._random.getrandbits(128):032x}" for _ in range(count)]

    def run(self) -> None:
        tables: dict[str, Callable[[int], Iterable[Row]]] = {
            "prescription": self._prescription,
            "document": self._document,
            "page": self._page,
            "variant": self._variants,
            "review": self._review,
            "auditevent": self._events,
        }
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # no look at foreign keys, row by row
            cursor.execute("SET maintenance_work_mem = '512MB'")
            definitions = _without_indexes(cursor, [f"prescriptions_{table}" for table in tables])
            for table, rows in tables.items():
                _copy(cursor, table, (row for at in range(self.count) for row in rows(at)))
            for definition in definitions:
                cursor.execute(definition)
            cursor.execute("SET session_replication_role = origin")
            _copy(cursor, "figure", self._figures())
            _copy(cursor, "figuremark", (("variants", self._now, "g"), ("done", self._now, "")))
            cursor.execute("SELECT setval(pg_get_serial_sequence('prescriptions_page', 'id'), %s)", [self.count])
            cursor.execute("VACUUM ANALYZE")

    # --- What is where ------------------------------------------------------------------------------------------
    def _at(self, at: int) -> datetime:
        """The last of them came in a minute ago."""
        return self._now - timedelta(minutes=1) - _SPAN * ((self.count - at) / self.count)

    def _is_erased(self, at: int) -> bool:
        return at % 50 == 7

    def _waits(self, at: int) -> bool:
        return at >= self.count - self.count // 25

    def _status(self, at: int) -> str:
        if self._is_erased(at):
            return "erased"
        return "queued" if self._waits(at) else "rejected" if at % 10 == 3 else "approved"

    def _prescription(self, at: int) -> Iterable[Row]:
        when = self._at(at)
        gone = when + timedelta(days=1) if self._is_erased(at) else None
        names = ("", "") if gone else (f"order-{at}", f"patient-{at // 3}")
        told = self._status(at)
        yield self.ids[at], f"client-{at % CLIENTS}", *names, when, when, "", gone, gone, gone, gone, told

    def _document(self, at: int) -> Iterable[Row]:
        if not self._is_erased(at):
            sha256 = f"{self._random.getrandbits(256):064x}"
            yield self.ids[at], self.ids[at], 1, "image/jpeg", 3_000_000, sha256, "photo.jpg"

    def _page(self, at: int) -> Iterable[Row]:
        if not self._is_erased(at):
            yield at + 1, self.ids[at], self.ids[at], 1, 1, 3000, 4000, 0, self._likeness(at), "[]"

    def _likeness(self, at: int) -> str:
        letterhead = random.Random(at % max(1, self.count // _LETTERHEAD))
        base = letterhead.getrandbits(_BITS)
        if letterhead.random() < 0.5:
            base &= _MARGINS
        noise = self._random.getrandbits(_BITS)
        for _ in range(3):  # one bit of 16 stays
            noise &= self._random.getrandbits(_BITS)
        return f"{base ^ noise:064x}"

    def _variants(self, at: int) -> Iterable[Row]:
        if self._is_erased(at):
            return
        when, rare = self._at(at), self.count * VARIANTS // _RARE
        for number, stored in enumerate(_STORED):
            serial = at * VARIANTS + number
            failed = serial % rare == 1
            backend = "lambda" if serial % rare == 2 else "celery"
            yield (
                f"{self._random.getrandbits(128):032x}", at + 1, stored, "p1" if at % 10 == 0 else PIPELINE,
                "failed" if failed else "ready", True, "images", f"{serial:032x}", when, 1, backend, f"{serial:032x}",
                "source-damaged" if failed else "", "", 40_000, 550, 733, f'"{serial:032x}"', 120.0, '{"render": 80.0}',
                when, None if failed else when,
            )  # fmt: skip

    def _review(self, at: int) -> Iterable[Row]:
        when, reviewer = self._at(at), self._users[at % len(self._users)]
        status, outcome, decided, until = self._status(at), "", None, None
        if self._is_erased(at):
            reviewer = None
        elif not self._waits(at):
            decided = when + timedelta(minutes=20)
            outcome = status
            until = (self._now + timedelta(days=1 + at % 180)).date() if status == "approved" else None
        else:
            reviewer = None
        yield (
            self.ids[at], status, when, 3, 0, when, when + timedelta(minutes=30), outcome, decided, reviewer, "", "",
            "", "", "{}", "", "[]", until, False, False, False, "[]",
        )  # fmt: skip

    def _events(self, at: int) -> Iterable[Row]:
        when, first, second = self._at(at), f"{at:064x}", f"{at + self.count:064x}"
        yield self.ids[at], 1, when, f"token:client-{at % CLIENTS}", "", "received", "{}", "", "", first
        yield self.ids[at], 2, when, "user:1", "", "review.approve", json.dumps({"to": "approved"}), "", first, second

    def _figures(self) -> Iterable[Row]:
        """A year of days and a week of hours, each with every figure that there is."""
        from prescriptions.models.events.figures import day_of, hour_of

        for number in range(365):
            yield from self._figures_of("d", day_of(self._now - timedelta(days=number)))
        for number in range(8 * 24):
            yield from self._figures_of("h", hour_of(self._now - timedelta(hours=number)))

    @staticmethod
    def _figures_of(grain: str, at: datetime) -> Iterable[Row]:
        for name, labels in _FIGURES.items():
            for label in labels:
                yield grain, name, at, label, 1000, 1000.0


def _copy(cursor: Any, table: str, rows: Iterable[Row]) -> None:
    names = ", ".join(f'"{name}"' for name in _COLUMNS[table].split())
    with cursor.copy(f"COPY prescriptions_{table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _without_indexes(cursor: Any, tables: list[str]) -> list[str]:
    """Drops what is not a constraint; how to make it again afterwards, which is faster than keeping it up."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes JOIN pg_class ON relname = indexname"
        " JOIN pg_index ON indexrelid = pg_class.oid WHERE tablename = ANY(%s) AND NOT indisunique",
        [tables],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]
