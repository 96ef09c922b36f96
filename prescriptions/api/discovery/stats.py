"""`GET /stats`: the figures that the start page of the admin shows."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.pagination import WholeNumber
from prescriptions.api.schema import problems as problems_of
from prescriptions.figures.telling import MOST_DAYS, stats

_USUAL = 7


class StatsQuery(serializers.Serializer[Any]):
    days = WholeNumber(most=MOST_DAYS, default=_USUAL, help_text="So many days, today included.")


class SpreadSerializer(serializers.Serializer[Any]):
    """Half were done within `p50`, 95 of a hundred within `p95`; null: there were none. Within 9 %."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)


class CountedSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    count = serializers.IntegerField()


class HourSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="Its beginning.")
    received = serializers.IntegerField()
    decided = serializers.IntegerField()


class WeekSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="The beginning of its Monday.")
    outcomes = serializers.DictField(child=serializers.IntegerField())
    reasons = CountedSerializer(many=True)


class PharmacySerializer(serializers.Serializer[Any]):
    """The pharmacy's side. `waiting`, `overdue` and `oldest_seconds` are of this moment, counted up to 10,000."""

    waiting = serializers.IntegerField()
    overdue = serializers.IntegerField()
    oldest_seconds = serializers.IntegerField(help_text="How long the first in the queue has waited.")
    received = serializers.IntegerField(help_text="Prescriptions.")
    decided = serializers.IntegerField(help_text="Decisions that can no longer be undone.")
    wait_seconds = SpreadSerializer(help_text="From the upload to the decision.")
    outcomes = serializers.DictField(child=serializers.IntegerField(), help_text="By outcome, questions among them.")
    reasons = CountedSerializer(many=True, help_text="Most frequent first.")
    hours = HourSerializer(many=True, help_text="The last 24, the last one under way.")
    weeks = WeekSerializer(many=True, help_text="The last 12, the last one under way.")


class DaySerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="Its beginning.")
    hits = serializers.IntegerField()
    misses = serializers.IntegerField()
    made = serializers.IntegerField()
    failed = serializers.IntegerField()


class OperatorSerializer(serializers.Serializer[Any]):
    """The operator's side. What edges answered is known an hour late at most, and not at all without their logs."""

    edge = serializers.DictField(
        child=serializers.IntegerField(), help_text="Answers of edges: hit, fetched, miss, refused, failed, other."
    )
    edge_bytes = serializers.IntegerField()
    hit_ratio = serializers.FloatField(allow_null=True, help_text="Of pictures, those that needed no Python.")
    misses = serializers.IntegerField()
    made = serializers.IntegerField(help_text="Variants.")
    coalesced = serializers.IntegerField(allow_null=True, help_text="Misses that another one's render answered.")
    failures = serializers.DictField(child=serializers.IntegerField(), help_text="Variants, by code.")
    render_ms = SpreadSerializer(help_text="Fetch, render and put.")
    first_view_ms = SpreadSerializer(help_text="From the first request for a variant until it was there.")
    billed_usd = serializers.FloatField(help_text="Calls that somebody bills us for.")
    oldest_seconds = serializers.DictField(
        child=serializers.FloatField(), help_text="Of this moment: how long the oldest variant of each lane has waited."
    )
    by_day = DaySerializer(many=True, help_text="The last 14, the last one under way.")


class CostSerializer(serializers.Serializer[Any]):
    variants = serializers.IntegerField()
    bytes = serializers.IntegerField()
    cpu_seconds = serializers.FloatField()
    money = serializers.FloatField(help_text="By RX_PRICES, in `currency`; storage for a month.")


class SavingsSerializer(serializers.Serializer[Any]):
    """Every preset of every page up front (`eager`), against those that somebody asked for (`made`)."""

    pages = serializers.IntegerField(help_text="Received in these days.")
    presets = serializers.IntegerField()
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Presets that were never made in these days: left out."
    )
    currency = serializers.CharField()
    eager = CostSerializer()
    made = CostSerializer()
    saved = CostSerializer()
    others_made = serializers.IntegerField(help_text="Tiles and free sizes: in neither sum.")
    first_view_ms = SpreadSerializer(help_text="What it costs: how long the first one to look has waited.")


class StatsSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    days = serializers.IntegerField()
    as_of = serializers.DateTimeField(allow_null=True, help_text="Up to when everything is added up.")
    pharmacy = PharmacySerializer()
    operator = OperatorSerializer()
    savings = SavingsSerializer()


class Stats(ApiView):
    """Figures of some days, added up beforehand: this costs the same however much there is."""

    scopes = {"GET": "ops:read"}  # noqa: RUF012
    queries = {"GET": StatsQuery}  # noqa: RUF012

    @extend_schema(operation_id="stats_retrieve", responses={200: StatsSerializer, **problems_of(400)})
    def get(self, request: Request) -> Response:
        """Of the whole service, not of one client. The same is on the admin's start page, and in `manage.py stats`.

        Counts only: no ids, and nothing of a prescription.
        """
        return Response(StatsSerializer(stats(self.query["days"])).data, headers={"Cache-Control": "no-store"})
