"""What is sent and answered about holds, retention, erasures and exports."""

from typing import Any

from rest_framework import serializers

from prescriptions.api.strict import Strict
from prescriptions.models import REFERENCE, REFERENCE_HELP, HoldReason, OverrideReason
from prescriptions.upkeep.together import Whose

_WRONG: Any = dict.fromkeys(("invalid", "blank"), REFERENCE_HELP)


def _reference(**more: Any) -> serializers.RegexField:
    return serializers.RegexField(REFERENCE, trim_whitespace=False, error_messages=_WRONG, **more)


class OverrideQuery(serializers.Serializer[Any]):
    override = serializers.ChoiceField(
        choices=OverrideReason.choices,
        required=False,
        error_messages={"invalid_choice": f"One of {', '.join(OverrideReason.values)}."},
        help_text="Why it is erased although its retention is not over; needs the scope `rx:override`.",
    )
    reference = _reference(required=False, help_text="The file number behind the override.")


class WaitingSerializer(serializers.Serializer[Any]):
    """An erasure that a second person has to agree with."""

    status = serializers.CharField(default="waiting")
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class HoldSerializer(Strict):
    """Why nobody may erase it."""

    reason = serializers.ChoiceField(
        choices=HoldReason.choices, error_messages={"invalid_choice": f"One of {', '.join(HoldReason.values)}."}
    )
    reference = _reference(required=False, help_text="A file number.")
    since = serializers.DateTimeField(read_only=True)


class RetentionSerializer(serializers.Serializer[Any]):
    """How long it is kept, by the policy of now."""

    rule = serializers.CharField()
    since = serializers.DateField()
    keep_until = serializers.DateField(help_text="The first day on which it may be erased.")
    erase_on = serializers.DateField(allow_null=True, help_text="The first day on which the nightly job erases it.")
    legal_hold = HoldSerializer(allow_null=True)


class WhoseSerializer(Strict):
    """One patient, or one order."""

    patient_ref = _reference(required=False)
    order_ref = _reference(required=False)
    client = serializers.CharField(
        required=False, max_length=64, trim_whitespace=False, help_text="Where several use the same reference."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("patient_ref" in attrs) == ("order_ref" in attrs):
            raise serializers.ValidationError("Send either patient_ref or order_ref.")
        return attrs

    @property
    def whose(self) -> Whose:
        by = "patient_ref" if "patient_ref" in self.validated_data else "order_ref"
        return Whose(by, self.validated_data[by], self.validated_data.get("client", ""))


class ErasuresSerializer(WhoseSerializer, OverrideQuery):
    """Whose, and why although they must be kept."""


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of one."""

    rx = serializers.CharField()
    status = serializers.ChoiceField(choices=["erased", "waiting", "kept"])
    detail = serializers.CharField(allow_blank=True)


class OutcomesSerializer(serializers.Serializer[Any]):
    """What became of each, and how many are left: send the same again for them."""

    results = OutcomeSerializer(many=True)
    left = serializers.IntegerField()


class ProofSerializer(serializers.Serializer[Any]):
    """What was proved of an erasure, and what was not. `null`: unknown, or not yet."""

    erased = serializers.DateTimeField()
    objects = serializers.DateTimeField(allow_null=True, help_text="When no version of any object was found.")
    rows = serializers.BooleanField(help_text="No row of its pages and files is left.")
    store = serializers.BooleanField(allow_null=True, help_text="The store's volumes were written anew without it.")
    database = serializers.BooleanField(allow_null=True, help_text="The database's file and log were overwritten.")
    edges = serializers.DateTimeField(allow_null=True, help_text="From then on no edge has it in memory.")
    browsers = serializers.DateTimeField(help_text="From then on no browser shows it from its cache.")
    backups = serializers.DateField(help_text="The day on which the last back-up that has it runs out.")
    ledger = serializers.DateTimeField(allow_null=True, help_text="Since when a restored database forgets it again.")
    audit_whole = serializers.BooleanField()
    event = serializers.IntegerField(allow_null=True, help_text="Its number in the audit log.")
    event_hash = serializers.CharField(allow_blank=True)
