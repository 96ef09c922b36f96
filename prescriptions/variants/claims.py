"""Claims: who makes a variant, until when. Every step is one conditional UPDATE, so it is the same on SQLite and
PostgreSQL.

No database transaction is held while anything is made, and nothing here talks to S3 or Redis.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Field, Q, QuerySet

from prescriptions.events import of_variants
from prescriptions.infra import logs
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import erased
from prescriptions.models import EventType, Image, Sheet, Variant, VariantState, new_identifier
from prescriptions.variants import backends, sheets, statements
from prescriptions.variants.fairness import tickets
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.fairness.tickets import Ticket
from transforms.formats import SourceType
from transforms.pixels.cost import Cost, estimate
from transforms.request.spec import Stored
from transforms.version import PIPELINE

# The code of a variant that was given up for trouble of the machinery; after RX_VARIANT_PAUSE seconds it may be asked
# for again.
TROUBLE = "backend-unavailable"

# Each kind waits for its own. Presets and tiles of images, which people look at; images in other sizes; PDFs, which can
# take a hundred times longer; and what needs a lot of memory.
LANES = (ADVERTISED, IMAGES, DOCUMENTS, LARGE) = ("advertised", "images", "documents", "large")

OPEN = statements.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was stored: bytes and pixels of the variant, its ETag in S3, what it cost where somebody bills us."""

    size: int
    width: int
    height: int
    etag: str
    cost_usd: float | None = None


def lease() -> timedelta:
    """How long a claim stands. One that ran out means that nobody works on it: see ops/budgets.py."""
    return timedelta(seconds=settings.RX_VARIANT_LEASE)


def lane_of(image: Image, stored: Stored, *, advertised: bool) -> str:
    """Which of LANES it waits in."""
    if cost_of(image, stored).is_large:
        return LARGE
    if image.page.document.media_type == SourceType.PDF:
        return DOCUMENTS
    return ADVERTISED if advertised else IMAGES


def cost_of(image: Image, stored: Stored) -> Cost:
    """What the renderer is expected to need for it."""
    page, paper = image.page, image.paper if isinstance(image, Sheet) else None
    return estimate(SourceType(page.document.media_type), page.size, stored, paper=paper)


def cost_of_variant(variant: Variant) -> Cost:
    """The same of what was claimed; nothing where the sheet went with its page this moment."""
    image = sheets.known(variant.page, variant.sheet)
    return cost_of(image, Stored.parse(variant.stored)) if image else Cost(0, 0)


def ticket(variant: Variant, asker: Asker) -> Ticket:
    """A claim's place in line: what it costs, and whether somebody waits for it."""
    rank = tickets.BULK if asker.bulk else tickets.ADVERTISED if variant.advertised else tickets.OTHER
    megapixels = cost_of_variant(variant).pixels / 1_000_000
    cost = max(1.0, megapixels)
    return Ticket(variant.pk, variant.owner, variant.lane, asker.unit, rank, cost, variant.pipeline)


def _claimable(now: datetime) -> Q:
    over = Q(lease_until__lte=now)
    return (Q(state__in=OPEN) & over) | (Q(state=VariantState.DEAD, error_code=TROUBLE) & over)


def insert(image: Image, stored: Stored, *, advertised: bool, variant_id: str | None = None) -> tuple[Variant, bool]:
    """The row of a variant and whether this call created it, as `variant_id` if given (and so holds the claim)."""
    fresh = Variant(
        id=variant_id or new_identifier(),
        page=image.page,
        sheet=image.sheet_digest,
        stored=str(stored),
        pipeline=PIPELINE,
        owner=new_identifier(),
        lease_until=agreed.now() + lease(),
        advertised=advertised,
        lane=lane_of(image, stored, advertised=advertised),
        backend=backends.name_of(settings.RX_BACKEND),
        request_id=logs.request_id(),
    )
    try:
        won = _insert_unless_there(fresh)
    except IntegrityError:
        raise erased() from None  # its page went this moment
    if won:
        return fresh, True
    found = statements.of_image(image.page.pk, fresh.sheet, fresh.stored, PIPELINE)
    if not found:
        raise erased()  # whoever was first has gone already
    row = found[0]
    row.page = image.page
    return row, False


def _insert_unless_there(fresh: Variant) -> bool:
    """One statement that says whether it won. The ORM's bulk_create does not: it would take a second look at the row
    and, on SQLite, a transaction around both.
    """
    sql, fields = _insert_statement()
    values = [field.get_db_prep_save(field.pre_save(fresh, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        won = bool(cursor.rowcount)
    if won:
        fresh._state.adding, fresh._state.db = False, connection.alias
    return won


@cache
def _insert_statement() -> tuple[str, list["Field[Any, Any]"]]:
    quote, fields = connection.ops.quote_name, Variant._meta.concrete_fields
    names = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table = quote(Variant._meta.db_table)
    sql = f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608 - names of columns
    return sql, list(fields)


def take_over(variant: Variant, *, lost_object: bool = False) -> bool:
    """Claim a row whose lease ran out, whose retry is due, or (`lost_object`) whose object is gone from S3.

    True when this call won. A row that used up its attempts is buried instead (state dead).
    """
    now = agreed.now()
    if lost_object:
        condition = Q(state=VariantState.READY, etag=variant.etag, ready_at=variant.ready_at)
        attempts = 0
    elif variant.state == VariantState.DEAD:
        condition, attempts = _claimable(now), 0
    elif variant.attempts >= settings.RX_VARIANT_ATTEMPTS:
        _bury(variant, now)
        return False
    else:
        condition, attempts = _claimable(now) & Q(attempts=variant.attempts), variant.attempts
    owner = new_identifier()
    won = Variant.objects.filter(condition, statements.not_erased(), pk=variant.pk).update(
        state=VariantState.QUEUED,
        owner=owner,
        lease_until=now + lease(),
        attempts=attempts,
        backend=backends.name_of(settings.RX_BACKEND),
        error_code="",
        error_detail="",
        request_id=logs.request_id(),
    )
    _reload(variant)
    return bool(won)


def _bury(variant: Variant, now: datetime) -> None:
    """Every worker that began it was never heard of again. Files are opened in a sandbox, so a worker that dies or is
    late says nothing of them: that is trouble, and may be asked for again after a pause.
    """
    Variant.objects.filter(_claimable(now), pk=variant.pk, attempts__gte=settings.RX_VARIANT_ATTEMPTS).update(
        state=VariantState.DEAD,
        owner="",
        error_code=TROUBLE,
        error_detail="Whoever began it was not heard of again.",
        lease_until=now + timedelta(seconds=settings.RX_VARIANT_PAUSE),
    )
    _reload(variant)


def adopt(variant: Variant) -> bool:
    """A claim of a release that nobody works for any more: it becomes one of ours, under our key, and whoever waits for
    it gets that.

    False: we have this variant already, or somebody has the claim. In the first case it is given up, like any other
    that nobody could be found for.
    """
    due = Variant.objects.filter(_claimable(agreed.now()), pk=variant.pk, pipeline=variant.pipeline)
    try:
        with transaction.atomic():
            won = due.update(pipeline=PIPELINE, attempts=0)
    except IntegrityError:
        due.update(
            state=VariantState.DEAD,
            owner="",
            error_code=TROUBLE,
            error_detail=f"No worker of the release {variant.pipeline} has been seen lately.",
            lease_until=agreed.now() + timedelta(seconds=settings.RX_VARIANT_PAUSE),
        )
        won = 0
    _reload(variant)
    return bool(won)


def _reload(variant: Variant) -> None:
    """Keeps the page at hand. An erasure may have deleted both rows: then `variant` stays as it was, and the next look
    finds nothing.
    """
    page = variant.page
    with contextlib.suppress(Variant.DoesNotExist):
        variant.refresh_from_db()
    variant.page = page


def begin(variant_id: str, owner: str) -> Variant | None:
    """A worker starts on a claim of its own release: attempts + 1, a fresh lease. None when the message is stale, given
    twice, or meant for another release: what that one would make is another object.
    """
    until = agreed.now() + lease()
    if not statements.begin(variant_id, owner, PIPELINE, settings.RX_VARIANT_ATTEMPTS, until):
        return None
    found = statements.to_make(variant_id)
    return found[0] if found else None  # an erasure may have taken it along


def finish(variant: Variant, made: Made, *, milliseconds: float, timings: dict[str, float]) -> bool:
    """The object is in S3: the row says so. False when the claim was lost; the object is there all the same."""
    return bool(
        of_variants.telling(
            EventType.VARIANT_READY,
            variant,
            lambda: statements.finish(
                variant.pk,
                variant.owner,
                size=made.size,
                width=made.width,
                height=made.height,
                etag=made.etag,
                cost_usd=made.cost_usd,
                milliseconds=milliseconds,
                timings=timings,
                ready_at=agreed.now(),
            ),
        )
    )


def renew(variant: Variant) -> bool:
    """A fresh lease for work that goes on. False when the claim was lost meanwhile."""
    return bool(_held(variant).update(lease_until=agreed.now() + lease()))


def hand_over(variant: Variant, *, backend: str) -> bool:
    """Another backend, named as in a setting, takes the same claim; what the first one could not do does not count as
    an attempt.
    """
    return bool(
        _held(variant).update(
            state=VariantState.QUEUED,
            attempts=F("attempts") - 1,
            backend=backends.name_of(backend),
            lease_until=agreed.now() + lease(),
        )
    )


def fail(variant: Variant, *, code: str, detail: str) -> None:
    """The source cannot be rendered, now or ever: shared with everybody who waits or asks later (422)."""
    _close(variant, VariantState.FAILED, code, detail, agreed.now())


def postpone(variant: Variant, *, code: str, detail: str) -> None:
    """Something went wrong that may go right next time: retried after RX_VARIANT_BACKOFF, given up after
    RX_VARIANT_ATTEMPTS.
    """
    pauses = settings.RX_VARIANT_BACKOFF
    if variant.attempts >= settings.RX_VARIANT_ATTEMPTS:
        state, pause = VariantState.DEAD, settings.RX_VARIANT_PAUSE
    else:
        state, pause = VariantState.RETRY, pauses[min(variant.attempts, len(pauses)) - 1]
    _close(variant, state, code, detail, agreed.now() + timedelta(seconds=pause))


def release(variant: Variant) -> None:
    """Nobody could be told of the claim: let the next request or sweep have it at once. No attempt was used up."""
    Variant.objects.filter(pk=variant.pk, owner=variant.owner, state=VariantState.QUEUED).update(
        lease_until=agreed.now()
    )


def leave(variant: Variant) -> None:
    """Undo `take_over(lost_object=True)`: the object is there after all, and the row says ready as before."""
    Variant.objects.filter(pk=variant.pk, owner=variant.owner, state=VariantState.QUEUED).update(
        state=VariantState.READY, owner=""
    )


def _close(variant: Variant, state: VariantState, code: str, detail: str, until: datetime) -> None:
    def close() -> int:
        columns = {"error_code": code[:48], "error_detail": detail[:255], "lease_until": until}
        return _held(variant).update(state=state, owner="", **columns)

    if state is VariantState.RETRY:
        close()
    else:
        of_variants.telling(EventType.VARIANT_FAILED, variant, close, error=code)


def _held(variant: Variant) -> QuerySet[Variant]:
    """The row, as long as the claim that `variant` was loaded with still stands."""
    return Variant.objects.filter(pk=variant.pk, owner=variant.owner, state=VariantState.RENDERING)


def revive(variant: Variant) -> bool:
    """An operator asks for another try of a dead or failed variant (admin action): due at once, attempts from zero."""
    return bool(
        Variant.objects.filter(pk=variant.pk, state__in=[VariantState.DEAD, VariantState.FAILED]).update(
            state=VariantState.RETRY, attempts=0, owner="", lease_until=agreed.now()
        )
    )


def due(limit: int) -> list[Variant]:
    """Rows that nobody works on although somebody asked: expired leases and due retries, oldest first."""
    return list(
        Variant.objects.filter(statements.not_erased(), state__in=OPEN, lease_until__lte=agreed.now())
        .select_related("page__document")
        .order_by("lease_until")[:limit]
    )
