"""Celery tasks. They carry ids only, and what they do is decided by the rows."""

from celery import Task, shared_task

from prescriptions.audit import edge_logs, looks
from prescriptions.intake import drafts, loose, order_links
from prescriptions.review import replays
from prescriptions.upkeep import erasure, four_eyes, nightly, reconcile, replaying, reviews
from prescriptions.variants import making, turns
from prescriptions.variants import sweep as sweeper


@shared_task(bind=True)
def render_variant(self: "Task[[str, str], None]", variant_id: str, owner: str) -> None:
    lane = str((self.request.delivery_info or {}).get("routing_key"))
    with turns.turn(variant_id, owner, lane=lane) as mine:
        if mine:
            making.make(variant_id, owner)


@shared_task
def sweep() -> None:
    """What somebody waits for. First of all: after a restore nobody is served until this is done."""
    try:
        replaying.keep_up()
    finally:
        sweeper.sweep()
        erasure.sweep()


@shared_task
def tidy() -> None:
    """What is hours or days old when its time has come: a minute more makes no difference."""
    drafts.sweep()
    loose.sweep()
    order_links.sweep()
    replays.sweep()
    four_eyes.expire()


@shared_task
def review_housekeeping() -> None:
    reviews.housekeeping()


@shared_task
def anchor_audit() -> None:
    looks.close()  # hours that are over; the anchor seals what they wrote
    reviews.anchor()


@shared_task
def read_edge_logs() -> None:
    if edge_logs.read_all():
        read_edge_logs.delay()  # the rest after whatever else is waiting


@shared_task(time_limit=3600)
def reconcile_nightly() -> None:
    reconcile.reconcile()


@shared_task(time_limit=3600)
def retain_nightly() -> None:
    nightly.run()
