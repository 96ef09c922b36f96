"""Order lines as they are sent and as they are told: what was ordered, and what was decided on it."""

from collections.abc import Sequence
from typing import Any, Final

from rest_framework import serializers

from prescriptions.api.strict import Strict
from prescriptions.models import LineDecision, OrderLine, Prescription, Review, ReviewStatus, Schedule
from prescriptions.review.payload import clean
from prescriptions.review.publication import published

MOST_ORDERED: Final = 1_000_000
_MOST_LINE: Final = 9999
_ORDERED_HELP: Final = f"A whole number from 1 to {MOST_ORDERED:,}."
_LINE_HELP: Final = f"A whole number from 1 to {_MOST_LINE:,}."
_SCHEDULES_HELP: Final = f"One of {', '.join(Schedule.values)}."


class Words(serializers.CharField):
    """Text without what nobody can see (`payload.clean`)."""

    def to_internal_value(self, data: Any) -> str:
        text = clean(super().to_internal_value(data))
        if not text and not self.allow_blank:
            self.fail("blank")
        return text


def _schedule(**more: Any) -> serializers.ChoiceField:
    messages: dict[str, Any] = {"invalid_choice": _SCHEDULES_HELP}
    return serializers.ChoiceField(choices=Schedule.choices, required=False, error_messages=messages, **more)


def _quantity(**more: Any) -> serializers.IntegerField:
    messages: dict[str, Any] = dict.fromkeys(("min_value", "max_value"), _ORDERED_HELP)
    return serializers.IntegerField(min_value=1, max_value=MOST_ORDERED, error_messages=messages, **more)


class OrderedLineSerializer(Strict):
    """One medicine of an order."""

    line = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=_MOST_LINE,
        error_messages=dict.fromkeys(("min_value", "max_value"), _LINE_HELP),
        help_text="Its number, each once. Left out with all of them, they are numbered from 1.",
    )
    line_ref = Words(required=False, allow_blank=True, max_length=64, help_text="The shop's own name for it.")
    name = Words(max_length=120)
    strength = Words(required=False, allow_blank=True, max_length=60)
    schedule = _schedule(help_text="`otc` where it is left out.")
    quantity_ordered = _quantity()


class OrderLineSerializer(serializers.ModelSerializer[OrderLine]):
    """One medicine of an order, and what was decided on it."""

    line = serializers.IntegerField(source="position", read_only=True)
    schedule = _schedule()
    quantity_ordered = _quantity()

    class Meta:
        model = OrderLine
        fields = (
            "line",
            "line_ref",
            "name",
            "strength",
            "schedule",
            "quantity_ordered",
            "quantity_allowed",
            "decision",
            "reason",
        )
        read_only_fields = ("quantity_allowed", "decision", "reason")


def told(prescription: Prescription) -> Sequence[OrderLine]:
    """The lines of a prescription as people outside are told of them: nothing that may still be undone."""
    review: Review | None = getattr(prescription, "review", None)
    lines = list(prescription.order_lines.all())
    final = review is not None and review.decided_at and review.status != ReviewStatus.SECOND_CHECK
    if not (final and review is not None and published(review)):
        for line in lines:
            line.decision, line.quantity_allowed, line.reason = LineDecision.PENDING, None, None
    return lines
