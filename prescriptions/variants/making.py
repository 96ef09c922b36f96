"""Make one claimed variant: original from S3, render in the sandbox, put-if-absent, row ready, waiters woken.

Runs wherever the backend runs it: a Celery worker, a thread of the Lambda backend, this process. The only place that
writes the outcome of a claim.
"""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.utils import timezone

from prescriptions.infra import logs, metrics, storage
from prescriptions.infra.telemetry import traces
from prescriptions.models import Page, PageLight, Variant
from prescriptions.variants import backends, claims, links, redactions, sheets, statements, waiting
from prescriptions.variants.backends import BackendUnavailable
from prescriptions.variants.fairness.askers import Asker
from transforms import render, sandbox
from transforms.errors import TransformError
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.make import VariantTask, make_variant
from transforms.pixels import qualities
from transforms.render import RenderJob
from transforms.request.spec import Stored

log = logging.getLogger("rx.render")

# Makes a claimed variant; its timings (milliseconds by phase) are logged whatever comes out.
Maker = Callable[[Variant, dict[str, float]], claims.Made]


def make(variant_id: str, owner: str, *, maker: Maker | None = None) -> bool:
    """Make the variant if the claim still stands; says whether it did. Never raises for a bad file or for trouble: the
    row tells both.

    `maker` does the work and raises TransformError, StorageUnavailable, ObjectMissing or BackendUnavailable; by default
    it is `in_sandbox`.
    """
    variant = claims.begin(variant_id, owner)
    if variant is None:
        log.info("stale message", extra={"variant": variant_id})
        return False
    logs.set_request_id(variant.request_id)
    timings = {"queue": (timezone.now() - variant.created_at).total_seconds() * 1000 if variant.attempts == 1 else 0.0}
    if variant.attempts == 1:
        metrics.variant_begun(variant.lane, timings["queue"] / 1000)
    started = time.perf_counter()
    with traces.work(owner, timings) as part:
        outcome = _outcome(variant, maker or in_sandbox, timings, started)
        part.say(variant=variant.id, stored=variant.stored, outcome=outcome, backend=variant.backend)
    waiting.publish(variant.id)
    log.info(
        "variant",
        extra={
            "variant": variant.id,
            "stored": variant.stored,
            "outcome": outcome,
            "attempt": variant.attempts,
            "backend": variant.backend,
            "ms": round((time.perf_counter() - started) * 1000, 1),
            "timings": {name: round(ms, 1) for name, ms in timings.items()},
        },
    )
    return True


def _outcome(variant: Variant, maker: Maker, timings: dict[str, float], started: float) -> str:
    """Do the work and write how it ended; returns that in a word for the log."""
    try:
        made = maker(variant, timings)
    except TransformError as error:
        metrics.variant_failed(error.code)
        if error.permanent:
            claims.fail(variant, code=error.code, detail=error.detail)
        else:
            claims.postpone(variant, code=_trouble(error), detail=error.detail)
        return error.code
    except storage.ObjectMissing:
        metrics.variant_failed("original-missing")
        claims.postpone(variant, code=claims.TROUBLE, detail="The original is missing in the storage.")
        return "original missing"
    except storage.StorageUnavailable as error:
        metrics.variant_failed(error.code)
        claims.postpone(variant, code=claims.TROUBLE, detail="The file storage did not answer.")
        return str(error)
    except BackendUnavailable as error:
        metrics.variant_failed(claims.TROUBLE)
        if _fall_back(variant):
            return f"handed over: {error}"
        claims.postpone(variant, code=claims.TROUBLE, detail="No renderer could be reached.")
        return str(error)
    alive = statements.alive(variant.page.prescription_id)
    if not alive:
        # The tombstone was set between the last look and the put: nothing may come back.
        try:
            storage.delete_variant(variant.key)
        except storage.StorageUnavailable:
            return "erased; the sweep deletes what was stored"
        return "erased"
    page = variant.page
    if (
        links.are_cut(alive[0])
        or redactions.is_superseded(page, variant.stored)
        or sheets.is_retired(page, variant.sheet)
    ):
        # Its links were cut, another redaction was confirmed, or the sheet lies elsewhere: its objects were deleted,
        # and none may come back.
        try:
            storage.delete_variant(variant.key)
        except storage.StorageUnavailable as error:
            claims.postpone(variant, code=claims.TROUBLE, detail="The file storage did not answer.")
            return str(error)
        Variant.objects.filter(pk=variant.pk).delete()
        return "superseded"
    milliseconds = (time.perf_counter() - started) * 1000
    metrics.variant_made(variant.backend, variant.stored, milliseconds / 1000)
    held = claims.finish(
        variant,
        made,
        milliseconds=round(milliseconds, 1),
        timings={name: round(ms, 2) for name, ms in timings.items()},
    )
    return "ready" if held else _not_held(variant)


def _not_held(variant: Variant) -> str:
    """The object is stored, and somebody else has the claim, or nobody: its row went while it was made."""
    if statements.of_image(variant.page_id, variant.sheet, variant.stored, variant.pipeline):
        return "ready, by another claim"
    # Of an object without a row nobody knows when it has to go.
    try:
        storage.delete_variant(variant.key)
    except storage.StorageUnavailable:
        return "forgotten; the reconciler deletes what was stored"
    return "forgotten"


def _fall_back(variant: Variant) -> bool:
    """Give the claim to RX_FALLBACK_BACKEND, unless that is who could not do it."""
    name = settings.RX_FALLBACK_BACKEND
    if not name or variant.backend == backends.name_of(name) or not claims.hand_over(variant, backend=name):
        return False
    try:
        backends.named(name).dispatch(claims.ticket(variant, Asker.holders(variant.page.prescription_id)))
    except BackendUnavailable:
        claims.release(variant)
    return True


def task_of(variant: Variant) -> VariantTask:
    """What is to be made, as every renderer is told. Raises RedactionMissing, SheetMissing where its redaction or its
    sheet no longer counts.
    """
    page, document, stored = variant.page, variant.page.document, Stored.parse(variant.stored)
    paper, light = sheets.paper_of(page, variant.sheet) if variant.sheet else (None, _light_of(page, stored))
    return VariantTask(
        rx=page.prescription_id,
        document=document.id,
        sha256=document.sha256,
        number=page.number,
        pipeline=variant.pipeline,
        job=RenderJob(
            media_type=SourceType(document.media_type),
            page=page.index,
            stored=stored,
            page_size=Size(page.width, page.height),
            redactions=redactions.boxes_of(page, stored),
            light=light if qualities.goes_by_light(stored.quality) else b"",
            paper=paper,
        ),
    )


def _light_of(page: Page, stored: Stored) -> bytes:
    """What intake has measured for this quality; a page of before that has none, and each render measures it."""
    if not qualities.goes_by_light(stored.quality):
        return b""
    return bytes(PageLight.objects.filter(page=page).values_list("light", flat=True).first() or b"")


def in_sandbox(variant: Variant, timings: dict[str, float], *, behind: bool = False) -> claims.Made:
    """Render in a disposable child of this process and put the result. Raises as a `Maker` does.

    `behind`: nobody waits for it, so it leaves the processor to what somebody waits for.
    """
    task = task_of(variant)
    renewed = time.monotonic()

    def keep_claim() -> None:
        """Each step fits into a lease of its own; where one was slow, the next begins with a fresh one."""
        nonlocal renewed
        if time.monotonic() - renewed > settings.RX_VARIANT_LEASE / 4:
            if not claims.renew(variant):
                raise storage.StorageUnavailable("somebody else has the claim")
            renewed = time.monotonic()

    def rendered(source: bytes, job: RenderJob) -> render.Rendered:
        keep_claim()
        return sandbox.default().render(source, job, owner=task.rx, behind=behind)

    def before_put() -> None:
        keep_claim()
        if not statements.alive(task.rx):
            raise storage.StorageUnavailable("erased while it was made")

    made = make_variant(task, storage=storage, render=rendered, timings=timings, before_put=before_put)
    return claims.Made(size=made.size, width=made.width, height=made.height, etag=made.etag)


def _trouble(error: TransformError) -> str:
    """503 is the machine's fault (no renderer, or too little of the processor), not the file's."""
    return claims.TROUBLE if error.status == 503 else error.code
