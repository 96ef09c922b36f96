"""What was ordered against a prescription. Lines may change until somebody starts on the review; then they stand."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.events import outbox
from prescriptions.infra.problems import Problem
from prescriptions.models import EventType, OrderLine, Review, ReviewStatus
from prescriptions.review.transitions import alive
from transforms.limits import LIMITS


def replace(rx: str, lines: Sequence[Mapping[str, Any]], *, actor: Actor) -> list[OrderLine]:
    """Set all lines of a prescription: each with name, quantity_ordered, and optionally strength, schedule, line_ref.

    Raises Problem 400 (too many), 409 (the review is under way or over).
    """
    if len(lines) > LIMITS.order_lines:
        detail = _("At most %(most)d order lines.") % {"most": LIMITS.order_lines}
        raise Problem(400, "invalid", _("The request is not valid"), detail)
    with transaction.atomic():
        review = Review.objects.select_for_update().filter(alive(), pk=rx).first()
        if review is None or review.status != ReviewStatus.QUEUED:
            raise Problem(
                409,
                "review-started",
                _("The order lines can no longer be changed"),
                _("The review of this prescription has started."),
            )
        OrderLine.objects.filter(prescription=rx).delete()
        rows = [
            OrderLine(
                prescription_id=rx,
                position=position,
                **{field: line[field] for field in ("line_ref", "name", "strength", "schedule") if field in line},
                quantity_ordered=line["quantity_ordered"],
            )
            for position, line in enumerate(lines, 1)
        ]
        OrderLine.objects.bulk_create(rows)
        audit.record(rx, audit.Verb.LINES_SET, actor=actor, data={"lines": len(rows)})
        outbox.write_of(review.prescription, EventType.LINES_CHANGED, {"lines": len(rows)})
    return rows
