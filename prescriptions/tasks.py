"""Celery tasks. They carry ids only, and what they do is decided by the rows."""

from typing import Final

from celery import Task, shared_task
from django.conf import settings

from prescriptions.accounts import sessions
from prescriptions.audit import edge_logs, looks
from prescriptions.events import delivering, feed
from prescriptions.figures import rolling
from prescriptions.intake import drafts, handovers, loose, order_links
from prescriptions.intake.tus import uploads
from prescriptions.review import replays
from prescriptions.upkeep import ages, duties, erasure, four_eyes, nightly, reconcile, replaying, reviews, sandbox
from prescriptions.upkeep.restoring import checking
from prescriptions.variants import sweep as sweeper
from prescriptions.variants import turns
from prescriptions.variants.backends import celery_queue
from prescriptions.variants.fairness.tickets import Ticket
from prescriptions.variants.links import lent

_UPKEEP: Final = "upkeep"
_TURN: Final = 600  # seconds from one place of a long duty to the next
_LATER: Final = 60
_ROLLING: Final = 20  # seconds of one turn at figures
_MISSED: Final = 6  # sweeps; at rest every third one runs
_HANG: Final = 60  # what calls to a storage that hangs may take together


@shared_task(bind=True)
def render_variant(self: "Task[[str, str, str], None]", variant_id: str, owner: str, unit: str = "") -> None:
    """The next claim of its lane; with a `unit`, this one."""
    lane = celery_queue.lane_of(str((self.request.delivery_info or {}).get("routing_key")))
    turns.serve(Ticket(variant_id, owner, lane, unit))


# What ends or deletes by its age waits until a restored database was checked: it takes for abandoned what went on after
# the back-up.
# --- Short: one process leads, any other beat stands by (docs/explanation/workers.md) ---------------------------------
@shared_task
def sweep() -> None:
    """What somebody waits for."""
    if duties.lead("sweep", seconds=_MISSED * settings.RX_SWEEP_EVERY):
        sweeper.sweep()


@shared_task
def erase() -> None:
    """Apart from the sweep, because S3 may hang. After a restore nobody is served until this is done."""
    if duties.lead("erase", seconds=_HANG + _MISSED * settings.RX_SWEEP_EVERY):
        try:
            replaying.keep_up()
        finally:
            erasure.sweep()


@shared_task
def tidy() -> None:
    """What is hours or days old when its time has come: a minute more makes no difference."""
    if not duties.lead("tidy", seconds=_HANG + 24 * settings.RX_SWEEP_EVERY) or checking.is_due():
        return
    drafts.sweep()
    loose.sweep()
    uploads.sweep()
    order_links.sweep()
    handovers.sweep()
    lent.sweep()
    replays.sweep()
    sessions.forget_expired()
    four_eyes.expire()
    feed.forget_old()


@shared_task
def review_housekeeping() -> None:
    if duties.lead("reviews", seconds=_HANG + 2 * settings.RX_HOUSEKEEPING_EVERY) and not checking.is_due():
        reviews.housekeeping()


@shared_task
def play_sandbox() -> None:
    """Where RX_SANDBOX is on."""
    sandbox.play()


@shared_task
def deliver_events() -> None:
    """To whoever wants to be told; and what is due gets its position."""
    delivering.run()


@shared_task
def anchor_audit() -> None:
    if not duties.lead("audit", seconds=_HANG + 2 * settings.RX_AUDIT_EVERY):
        return
    looks.close()  # hours that are over; the anchor seals what they wrote
    reviews.anchor()


@shared_task
def roll_up() -> None:
    """What the start page shows. What is left over is added up the next time."""
    if duties.lead("figures", seconds=_HANG + 24 * settings.RX_SWEEP_EVERY):
        rolling.roll_up(_ROLLING)
        rolling.forget_old()


@shared_task
def tell_ages() -> None:
    """Each beat tells of all, so that one which stands by tells also that nobody leads."""
    ages.tell()


# --- Long: one at a time of all of them, so that they never take the sweeps' threads ----------------------------------
@shared_task
def read_edge_logs() -> None:
    with duties.turn(_UPKEEP, seconds=_TURN) as turn:
        if turn is None:
            return  # they are read the next time
        more = edge_logs.read_all()
    if more:
        read_edge_logs.delay()  # the rest after whatever else is waiting


@shared_task(time_limit=3600)
def reconcile_nightly() -> None:
    """Goes on where it stopped if it died or lost its place."""
    with duties.turn(_UPKEEP, seconds=_TURN) as free, duties.turn("reconcile", seconds=_TURN) as turn:
        if free is None or turn is None:
            reconcile_nightly.apply_async(countdown=_LATER)
            return

        def keep(place: str) -> None:
            turn.keep(place)
            free.keep("")

        reconcile.reconcile(place=turn.place, keep=keep)


@shared_task(time_limit=3600)
def retain_nightly() -> None:
    with duties.turn(_UPKEEP, seconds=3600) as turn:
        if turn is None:
            retain_nightly.apply_async(countdown=_LATER)
            return
        if not checking.is_due():
            nightly.run()
