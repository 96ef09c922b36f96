"""Celery tasks. They carry ids only, and what they do is decided by the rows."""

from celery import Task, shared_task

from prescriptions.intake import drafts, loose
from prescriptions.review import replays
from prescriptions.upkeep import erasure, reconcile, reviews
from prescriptions.variants import making
from prescriptions.variants import sweep as sweeper


@shared_task(bind=True)
def render_variant(self: "Task[[str, str], None]", variant_id: str, owner: str) -> None:
    redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
    making.make(variant_id, owner, redelivered=redelivered)


@shared_task
def sweep() -> None:
    """What somebody waits for."""
    sweeper.sweep()
    erasure.sweep()


@shared_task
def tidy() -> None:
    """What is hours or days old when its time has come: a minute more makes no difference."""
    drafts.sweep()
    loose.sweep()
    replays.sweep()


@shared_task
def review_housekeeping() -> None:
    reviews.housekeeping()


@shared_task
def anchor_audit() -> None:
    reviews.anchor()


@shared_task(time_limit=3600, soft_time_limit=3500)
def reconcile_nightly() -> None:
    reconcile.reconcile()
