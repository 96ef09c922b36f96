"""Where one variant stands: S3, the row, who makes it or would, what stands in the way. Looks, and changes nothing."""

from datetime import timedelta
from math import ceil
from typing import Final

import redis
from django.conf import settings

from prescriptions.infra import redis_client, storage
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem, not_ready, storage_down
from prescriptions.models import Image, Variant, VariantState
from prescriptions.ops.why.notes import Notes, moment, size
from prescriptions.variants import admission, asking, backends, claims
from prescriptions.variants.fairness import line, quota, tickets
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.pictures import is_advertised
from transforms.keys import original_key, variant_key
from transforms.limits import MIB
from transforms.objects import StoredObject
from transforms.request.spec import Stored
from transforms.version import PIPELINE

_RANKS: Final = {
    tickets.ADVERTISED: "somebody waits for it",
    tickets.OTHER: "somebody waits for it, in another size than we advertise",
    tickets.BULK: "nobody waits for it",
}
_AGAIN: Final = "Ask again in a moment; the answer's Retry-After says when."
_TRY: Final = "Admin, Variants: Try again. The picture itself may be at fault: look at the original."
_WORKER: Final = "Start a worker of this release, and read the end of its log: manage.py doctor."


def explain(notes: Notes, image: Image, stored: Stored, *, by: Asker) -> None:
    """Of a page that may be shown, or the sheet in it, in its stored form, asked for by `by`."""
    page, sheet = image.page, image.sheet_digest
    key = variant_key(page.prescription_id, page.number, PIPELINE, stored, sheet=sheet)
    advertised = is_advertised(image, stored)
    cost = claims.cost_of(image, stored)
    lane = claims.lane_of(image, stored, advertised=advertised)
    notes.say("request", "key in S3", key)
    notes.say("request", "advertised", advertised)
    notes.say("cost", "lane", lane)
    notes.say("cost", "decoded or drawn", f"{cost.pixels / 1_000_000:.1f} megapixels")
    notes.say("cost", "memory of the renderer", f"about {cost.bytes // MIB} MiB")
    rows = list(Variant.objects.filter(page=page, sheet=sheet, stored=str(stored)).order_by("-created_at"))
    row = next((row for row in rows if row.pipeline == PIPELINE), None)
    for other in rows:
        other.page = page
        if other is not row:
            notes.say("row", f"of release {other.pipeline}", other.state)
    if row is not None:
        _say_row(notes, row)
    try:
        found = _head(notes, key)
    except storage.StorageUnavailable as away:
        notes.say("object", "S3", str(away))
        do = "manage.py doctor; /readyz names it. Whatever asks now gets the same."
        notes.refuse(storage_down(), f"S3 does not answer ({away}).", do)
        return
    if found is not None:
        _there(notes, found, row)
    elif row is None:
        _would_be_made(notes, image, stored, lane, by, rows)
    else:
        _not_there(notes, row, by)


def _head(notes: Notes, key: str) -> StoredObject | None:
    try:
        found = storage.head_variant(key)
    except storage.ObjectMissing:
        notes.say("object", "HEAD", "404, there is none")
        return None
    notes.say("object", "HEAD", f"200, {size(found.size)}, {found.media_type}")
    notes.say("object", "ETag", found.etag)
    return found


def _say_row(notes: Notes, row: Variant) -> None:
    notes.say("row", "id", row.pk)
    notes.say("row", "state", row.state)
    notes.say("row", "release", row.pipeline)
    notes.say("row", "attempts", f"{row.attempts} of {settings.RX_VARIANT_ATTEMPTS}")
    notes.say("row", "made by", row.backend or "nobody yet")
    notes.say("row", "asked for", row.created_at)
    if row.request_id:
        notes.say("row", "request", row.request_id)
    if row.state in claims.OPEN or row.error_code:
        notes.say("row", "lease or pause until", row.lease_until)
    if row.error_code:
        notes.say("row", "error", f"{row.error_code}: {row.error_detail}")
    if row.ready_at is not None:
        notes.say("row", "ready", row.ready_at)
    if row.milliseconds is not None:
        notes.say("milliseconds", "in all", f"{row.milliseconds:.1f}")
    for stage, ms in row.timings.items():
        notes.say("milliseconds", stage, f"{ms:.1f}")
    if row.cost_usd is not None:
        notes.say("cost", "billed", f"{row.cost_usd:.8f} USD")


# --- It is there ------------------------------------------------------------------------------------------------------
def _there(notes: Notes, found: StoredObject, row: Variant | None) -> None:
    if row is None:
        why = "S3 has the object and no row tells of it: it is sent all the same, and an erasure takes it along."
        notes.end(200, "object-without-row", why, "manage.py reconcile deletes it if it is older than an hour.")
    elif row.state != VariantState.READY:
        why = f"S3 has the object, and the row says {row.state}: it is sent all the same."
        notes.end(200, "hit", why, "manage.py reconcile, if the row stays so.")
    elif row.etag and row.etag != found.etag:
        why = "S3 has another object than the row tells of."
        notes.end(200, "hit", why, "manage.py reconcile has it made again.")
    else:
        notes.end(200, "hit", f"It is there, {size(found.size)}: the edge sends it from S3.")


# --- It is not --------------------------------------------------------------------------------------------------------
def _not_there(notes: Notes, row: Variant, by: Asker) -> None:
    now = agreed.now()
    problem = asking.failure(row)
    if row.state == VariantState.READY:
        why = "The row says ready, and S3 has lost the object: whoever asks next has it made again."
        notes.end(307, "row-without-object", why, "Ask for it. If many are lost: manage.py reconcile.")
    elif problem is not None and row.error_code == claims.TROUBLE:
        _given_up(notes, row, problem)
    elif problem is not None:
        tried = f"after {row.attempts} of {settings.RX_VARIANT_ATTEMPTS} attempts; everybody gets this answer"
        notes.refuse(problem, f"It cannot be made ({tried}): {problem.detail}", _TRY)
    elif row.state == VariantState.RETRY:
        why = f"An attempt failed ({row.error_code}); the next one is due at {moment(row.lease_until)}."
        notes.refuse(not_ready(), _original(notes, row) or why, _AGAIN)
    elif row.lease_until <= now:
        why = f"Whoever had claimed it was not heard of since {moment(row.lease_until - claims.lease())}."
        notes.refuse(not_ready(), why, "The sweep takes it up again; if it does not, start beat.")
    elif row.state == VariantState.RENDERING:
        why = f"It is being made now, by {row.backend}; its lease ends at {moment(row.lease_until)}."
        notes.refuse(not_ready(), why, _AGAIN)
    else:
        _queued(notes, row, by)


def _given_up(notes: Notes, row: Variant, problem: Problem) -> None:
    missing = _original(notes, row)
    pause = ceil(max(timedelta(0), row.lease_until - agreed.now()).total_seconds())
    why = f"It was given up after {row.attempts} attempts ({row.error_detail}) and may be tried again in {pause} s."
    do = "Restore the original from its versions or a back-up." if missing else "manage.py doctor; then ask again."
    notes.refuse(problem, missing or why, do)


def _queued(notes: Notes, row: Variant, by: Asker) -> None:
    place = _place(notes, row, by)
    if nobody := _nobody(notes, row.pipeline):
        notes.refuse(not_ready(), f"It is queued, and {nobody}", _WORKER)
    else:
        notes.refuse(not_ready(), f"It is queued in the lane {row.lane}{place}.", _AGAIN)


def _place(notes: Notes, row: Variant, by: Asker) -> str:
    try:
        found = line.place_of(claims.ticket(row, by), line=row.lane)
    except redis.RedisError:
        notes.say("who waits", "line", "nobody knows: Redis does not answer")
        return ""
    if found is None:
        notes.say("who waits", "line", "it is not in the line: a worker has it, or the sweep will put it there")
        return ""
    rank, before = found
    notes.say("who waits", "line", f"{before} of its rank are before it")
    notes.say("who waits", "rank", f"{rank}: {_RANKS[rank]}")
    return f", behind {before} others" if before else ", and is next of its rank"


def _nobody(notes: Notes, pipeline: str) -> str:
    """Why nobody will make it, if so; the rest of a sentence."""
    if not backends.needs_worker(settings.RX_BACKEND, settings.RX_FALLBACK_BACKEND):
        notes.say("who waits", "worker", f"none needed: RX_BACKEND is {settings.RX_BACKEND}")
        return ""
    try:
        there = redis_client.seen(pipeline)
    except redis.RedisError:
        notes.say("who waits", "worker", "nobody knows: Redis does not answer")
        return ""
    notes.say("who waits", "worker", "at least one" if there else "none of this release")
    silence = settings.RX_WORKER_SILENCE
    return "" if there else f"no worker of the release {pipeline} has reported for {silence} s."


def _original(notes: Notes, row: Variant) -> str:
    """What to say where the file is gone that it would be made of."""
    document = row.page.document
    try:
        storage.head_original(original_key(row.page.prescription_id, document.pk))
    except storage.ObjectMissing:
        notes.say("original", "HEAD", "404, it is missing")
        return f"The original (document {document.position}) is missing in S3: nothing can be made of it."
    except storage.StorageUnavailable as away:
        notes.say("original", "HEAD", str(away))
        return ""
    notes.say("original", "HEAD", "200")
    return ""


# --- Nobody has asked -------------------------------------------------------------------------------------------------
def _would_be_made(notes: Notes, image: Image, stored: Stored, lane: str, by: Asker, others: list[Variant]) -> None:
    missing = _original(notes, Variant(page=image.page, stored=str(stored)))
    left = quota.left(by.unit, lane)
    notes.say("cost", "open of this asker", "nobody knows" if left is None else f"{left} more may be")
    try:
        admission.refuse(image, stored, counted=False)
    except Problem as problem:
        notes.refuse(
            problem, do="Ask for one of the sizes in info.json, or a preset." if problem.status != 503 else _AGAIN
        )
    if left == 0:
        why = f"Whoever asks has {settings.RX_CLIENT_QUEUE} open in the lane {lane}, which is as many as one may have."
        notes.end(429, "too-much-at-once", why, "Wait until some are ready.")
    if missing:
        notes.end(503, claims.TROUBLE, missing, "Restore the original from its versions or a back-up.")
    if nobody := _nobody(notes, PIPELINE):
        notes.refuse(not_ready(), f"Nobody has asked for it, and {nobody}", _WORKER)
    if others:
        why = f"The release {others[0].pipeline} has made it; {PIPELINE} has keys of its own, and makes it anew."
        notes.end(307, "another-release", why, "Ask for it; after a change of release this is as it should be.")
    else:
        why = f"Nobody has asked for it yet: whoever does waits while it is made, in the lane {lane}."
        notes.end(307, "miss", why)
