"""`GET /api/v1/events`: what happened, in order, for whoever asks again and again."""

import re
from typing import Any, Final

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.pagination import WholeNumber
from prescriptions.api.schema import problems
from prescriptions.events import feed
from prescriptions.models import ApiToken, Event, EventType

_USUAL, _MOST = 100, 500
_POSITION = re.compile(r"[0-9]{1,18}", re.ASCII)
_TYPE: Final = "|".join(EventType.values).replace(".", r"\.")
ALLOWED: Final = f"One or more, each once, with commas between them, of: {', '.join(EventType.values)}."


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": 10**18 - 1})
class Position(serializers.IntegerField):
    """A position in the feed, or 0."""

    default_error_messages = {"invalid": "A position as an event or `next` has it, or 0 for the oldest."}  # noqa: RUF012

    def to_internal_value(self, data: Any) -> int:
        if not _POSITION.fullmatch(str(data)):
            self.fail("invalid")
        return int(data)


@extend_schema_field({"type": "string", "pattern": rf"^({_TYPE})(,({_TYPE}))*$"})
class Types(serializers.CharField):
    """Types of events, with commas between them."""

    default_error_messages = {"invalid": ALLOWED}  # noqa: RUF012

    def to_internal_value(self, data: Any) -> Any:
        words = str(data).split(",")
        if len(set(words)) < len(words) or not set(words) <= set(EventType.values):
            self.fail("invalid")
        return words


class FeedQuery(serializers.Serializer[Any]):
    after = Position(required=False, help_text="Only what comes after this position; without it, from the oldest on.")
    limit = WholeNumber(most=_MOST, required=False, help_text=f"Events of one answer; {_USUAL} where it is left out.")
    types = Types(required=False, help_text=ALLOWED)


class AboutSerializer(serializers.Serializer[Any]):
    """What it is about. Which of the optional fields there are depends on the type."""

    prescription = serializers.CharField(required=False, help_text="Its id.")
    url = serializers.URLField(required=False, help_text="Where to read more, with a token.")
    order_ref = serializers.CharField(allow_null=True, help_text="Yours; null once the prescription is erased.")
    status = serializers.CharField(required=False)
    version = serializers.IntegerField(required=False, help_text="Of the review. It grows with every step.")
    reason = serializers.CharField(required=False, help_text="A code; `/api/v1/reasons` has its words.")
    pages = serializers.IntegerField(required=False)
    lines = serializers.IntegerField(required=False, help_text="How many there are now.")
    replaces = serializers.CharField(required=False, help_text="The prescription that it was sent for again.")
    replaced_by = serializers.CharField(required=False)
    page = serializers.IntegerField(required=False)
    variant = serializers.CharField(required=False, help_text="Its stored form.")
    job = serializers.CharField(required=False)
    error = serializers.CharField(required=False, help_text="A code of /docs/problems.")
    webhook = serializers.CharField(required=False)


class EventSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The same wherever and however often it is told: what you have had, ignore.")
    type = serializers.ChoiceField(EventType.choices)
    timestamp = serializers.DateTimeField()
    position = serializers.IntegerField(help_text="Its place in the feed. Positions grow, and have gaps.")
    data = AboutSerializer()  # type: ignore[assignment] # the name that Standard Webhooks has for it


class FeedSerializer(serializers.Serializer[Any]):
    events = EventSerializer(many=True)
    next = serializers.IntegerField(help_text="Send it as `after` the next time.")
    more = serializers.BooleanField(help_text="There are more already: ask again at once.")


class Events(ApiView):
    """What happened to this client's prescriptions, oldest first."""

    scopes = {"GET": "rx:read"}  # noqa: RUF012
    queries = {"GET": FeedQuery}  # noqa: RUF012

    @extend_schema(operation_id="events_list", responses={200: FeedSerializer, **problems(410)})
    def get(self, request: Request) -> Response:
        after, limit = self.query.get("after", 0), self.query.get("limit", _USUAL)
        found = feed.read(_visible(request), after=after, limit=limit + 1, types=self.query.get("types", ()))
        shown = found[:limit]
        end = shown[-1].position if shown else after
        return Response({"events": [feed.as_told(one) for one in shown], "next": end, "more": len(found) > limit})


def _visible(request: Request) -> QuerySet[Event]:
    """As `permissions.visible` has it for prescriptions."""
    rows = Event.objects.all()
    if isinstance(request.auth, ApiToken):
        return rows if "rx:all" in request.auth.scopes else rows.filter(client=request.auth.client)
    return rows if request.user.is_staff else rows.none()
