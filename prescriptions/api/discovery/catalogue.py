"""`GET /catalogue`: every code that the API takes or tells, with its words; so that nobody types them over."""

from dataclasses import asdict
from typing import Any, Final

from django.conf import settings
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api import tokens
from prescriptions.api.base import ApiView
from prescriptions.api.permissions import holds
from prescriptions.api.schema import problems as problems_of
from prescriptions.infra.problems import TYPE_PREFIX, documented
from prescriptions.intake import notices
from prescriptions.intake.customers import progress
from prescriptions.models import CustomerAction, EventType, LineDecision, ReasonCode, ReviewStatus, Schedule
from transforms.limits import LIMITS
from transforms.measure.notices import Notice
from transforms.request.presets import PRESETS

# Of all limits those that a client meets. The others are about renderers.
_LIMITS: Final = (
    "image_bytes", "pdf_bytes", "source_pixels", "source_side", "pdf_pages", "files", "order_lines", "output_side",
    "output_pixels", "stored_variants",
)  # fmt: skip


class CodeSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    text = serializers.CharField()


class StatusSerializer(CodeSerializer):
    """A status, and what the customer's page says in it."""

    stage = serializers.CharField(allow_null=True)
    headline = serializers.CharField(allow_null=True)


class ReasonTextSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(help_text="For the customer.")
    text = serializers.CharField(help_text="For the customer.")
    staff = serializers.CharField(
        required=False, help_text="What colleagues call it, in their languages; with `rx:review` alone."
    )


class CatalogueReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    group = serializers.CharField()
    action = serializers.ChoiceField(choices=CustomerAction.choices, help_text="What the customer can do about it.")
    retryable = serializers.BooleanField()
    needs_note = serializers.BooleanField()
    offered = serializers.BooleanField(help_text="False: only set by the system, or switched off.")
    texts = serializers.DictField(
        child=ReasonTextSerializer(), help_text="By language; in English where there is no other."
    )


class PresetSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    request = serializers.CharField(help_text="IIIF Image API 3.0: region, size, rotation, quality and format.")


class ProblemTypeSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    code = serializers.CharField()
    statuses = serializers.ListField(child=serializers.IntegerField())
    text = serializers.CharField(help_text="Markdown.")


class CatalogueSerializer(serializers.Serializer[Any]):
    languages = serializers.ListField(child=serializers.CharField(), help_text="Of the texts.")
    statuses = StatusSerializer(many=True)
    reasons = CatalogueReasonSerializer(many=True)
    customer_actions = CodeSerializer(many=True)
    schedules = CodeSerializer(many=True)
    line_decisions = CodeSerializer(many=True)
    notices = CodeSerializer(many=True, help_text="What a page may not show of its file.")
    presets = PresetSerializer(many=True)
    limits = serializers.DictField(child=serializers.IntegerField(), help_text="Bytes, pixels, and how many of each.")
    scopes = CodeSerializer(many=True)
    events = CodeSerializer(many=True)
    problems = ProblemTypeSerializer(many=True)


class Catalogue(ApiView):
    """Every code that the API takes or tells: for whoever has a token."""

    @extend_schema(operation_id="catalogue_retrieve", responses={200: CatalogueSerializer, **problems_of()})
    def get(self, request: Request) -> Response:
        limits = asdict(LIMITS)
        body = {
            "languages": [code for code, _name in settings.LANGUAGES],
            "statuses": [_status(status) for status in ReviewStatus],
            "reasons": [_reason(row, staff=holds(request, "rx:review")) for row in ReasonCode.objects.all()],
            "customer_actions": _codes(CustomerAction.choices),
            "schedules": _codes(Schedule.choices),
            "line_decisions": _codes(LineDecision.choices),
            "notices": _codes((code, words.customer) for code, words in notices.known([code.value for code in Notice])),
            "presets": [{"name": name, "request": spec} for name, spec in PRESETS.items()],
            "limits": {name: limits[name] for name in _LIMITS},
            "scopes": _codes(tokens.SCOPES.items()),
            "events": _codes(EventType.choices),
            "problems": [
                {"type": TYPE_PREFIX + code, "code": code, "statuses": statuses, "text": text}
                for code, statuses, text in documented()
            ],
        }
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
        return Response(CatalogueSerializer(body).data, headers=headers)


def _codes(pairs: Any) -> list[dict[str, str]]:
    return [{"code": str(code), "text": str(text)} for code, text in pairs]


def _status(status: ReviewStatus) -> dict[str, Any]:
    stage = progress.STAGES.get(status)
    headline = str(progress.DISPLAYS[stage].headline) if stage else None
    return {"code": status.value, "text": str(status.label), "stage": stage, "headline": headline}


def _reason(row: ReasonCode, *, staff: bool) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in ("code", "group", "action", "retryable", "needs_note", "offered")}
    return {**plain, "texts": {code: _words(row, code, staff=staff) for code, _name in settings.LANGUAGES}}


def _words(row: ReasonCode, language: str, *, staff: bool) -> dict[str, str]:
    with translation.override(language):
        words = {"title": row.title, "text": row.text}
        return words | {"staff": str(row)} if staff and language in settings.RX_STAFF_LANGUAGES else words
