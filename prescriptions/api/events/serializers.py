"""What is said of webhooks and of what was sent to them."""

from typing import Any

from rest_framework import serializers

from prescriptions.api.strict import Strict
from prescriptions.events import webhooks
from prescriptions.events.sending.addresses import LONGEST
from prescriptions.models import USUAL, WANTED, Delivery, DeliveryState, DisabledBecause

_MOST_EVENTS = 100


class NewWebhookSerializer(Strict):
    url = serializers.CharField(max_length=LONGEST, help_text="https:// and a host of the internet.")
    types = serializers.ListField(
        child=serializers.ChoiceField(choices=[(kind.value, kind.label) for kind in WANTED]),
        required=False,
        min_length=1,
        max_length=len(WANTED),
        help_text=f"What to be told of; without it: {', '.join(USUAL)}.",
    )


class WebhookSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    url = serializers.CharField()
    types = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    last_success_at = serializers.DateTimeField(source="succeeded_at", allow_null=True, help_text="To the minute.")
    failures = serializers.IntegerField(help_text="Tries in a row that failed, until now.")
    disabled_at = serializers.DateTimeField(allow_null=True, help_text="Nothing is sent to it since then.")
    disabled_because = serializers.ChoiceField(choices=DisabledBecause.choices, allow_blank=True)
    old_secret_until = serializers.DateTimeField(source="old_until", allow_null=True)


class SecretSerializer(WebhookSerializer):
    secret = serializers.CharField(
        allow_null=True, help_text="Shown once, and null in an answer that is given again. Keep it with your secrets."
    )


class TrySerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True, help_text="Of HTTP.")
    ms = serializers.IntegerField()
    error = serializers.CharField(
        allow_null=True,
        help_text="Why there is none: address-refused, connect, name-unknown, protocol, secret, timeout, tls, trouble.",
    )


class DeliverySerializer(serializers.Serializer[Delivery]):
    event = serializers.CharField(source="event.uid")
    type = serializers.CharField(source="event.type")
    position = serializers.IntegerField()
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    created_at = serializers.DateTimeField()
    attempts = serializers.IntegerField(help_text="How often it was tried in all.")
    next_at = serializers.SerializerMethodField(help_text="Not tried before then.")
    log = TrySerializer(many=True, help_text="The latest tries, oldest first.")

    def get_next_at(self, delivery: Delivery) -> str | None:
        is_open = delivery.state == DeliveryState.OPEN
        return delivery.next_at.isoformat() if is_open else None


class DeliveriesSerializer(serializers.Serializer[Any]):
    deliveries = DeliverySerializer(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="Send it as `before` for what is older.")


class ReplayRequestSerializer(Strict):
    events = serializers.ListField(
        child=serializers.RegexField(r"^evt_[0-9a-f]{32}\Z"), required=False, min_length=1, max_length=_MOST_EVENTS
    )
    after = serializers.IntegerField(required=False, min_value=0, max_value=10**18 - 1)
    until = serializers.IntegerField(required=False, min_value=1, max_value=10**18 - 1)

    def validate(self, attrs: Any) -> Any:
        if ("events" in attrs) == ("after" in attrs):
            raise serializers.ValidationError({"events": ["Send either events, or after (and until, if you like)."]})
        if "until" in attrs and attrs["until"] <= attrs.get("after", 0):
            raise serializers.ValidationError({"until": ["It must be more than after."]})
        return attrs


class ReplaySerializer(serializers.Serializer[Any]):
    events = serializers.IntegerField(help_text=f"How many are sent; {webhooks.AT_ONCE} at most.")
    next = serializers.IntegerField(allow_null=True, help_text="There are more: send it as `after`.")


class TestSerializer(serializers.Serializer[Any]):
    event = serializers.CharField(help_text="The id of what is being sent; the deliveries tell what came of it.")
