"""Warming up: many variants are asked for at once, before anybody looks. Nobody waits for them, and they wait behind
whatever somebody does wait for.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.permissions import asker_of
from prescriptions.api.pictures.fields import page_numbers
from prescriptions.api.pictures.variants import resolve
from prescriptions.api.prescriptions import find_visible
from prescriptions.api.protocol import prefer
from prescriptions.api.protocol.prefer import Preferences
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.strict import Strict
from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem, from_transform, not_ready
from prescriptions.models import Image, Page, Prescription, Variant, VariantState
from prescriptions.variants import asking, statements
from prescriptions.variants.delivery import NO_STORE
from prescriptions.variants.fairness import pace, quota
from prescriptions.variants.fairness.askers import Asker
from transforms.errors import TransformError
from transforms.request.spec import Stored
from transforms.version import PIPELINE

# In one request: each takes its turn among what nobody waits for, so more would take longer than a request may.
MOST: Final = 100
_SPECS, _LONGEST = 20, 200
# What says that later ones will fare no better.
_ENOUGH: Final = ("too-much-at-once", "queue-full", "not-ready", "links-cut", "erased", "storage-unavailable")


class WarmRequestSerializer(Strict):
    """What is to be there when somebody looks: each of these variants, of each of these pages."""

    variants = serializers.ListField(
        child=serializers.CharField(max_length=_LONGEST),
        min_length=1,
        max_length=_SPECS,
        help_text="Presets, or IIIF requests `{region}/{size}/{rotation}/{quality}.{format}`; `sheet/` before one of "
        "them: of the sheet of paper in the page.",
    )
    pages = page_numbers(help_text="Numbers of pages; all of them where it is left out.")


class WarmedSerializer(serializers.Serializer[Any]):
    """One variant of one page."""

    page = serializers.IntegerField()
    variant = serializers.CharField(help_text="As it was asked for.")
    status = serializers.ChoiceField(
        choices=["ready", "under-way", "refused"],
        help_text="It is there; it is being made or waits for that; it is not taken on, and `problem` says why.",
    )
    job = serializers.URLField(required=False, help_text="Where to ask how far it is.")
    problem = serializers.CharField(required=False, help_text="Code of the problem.")


class WarmSerializer(serializers.Serializer[Any]):
    """What became of each, in the order of pages and variants."""

    ready = serializers.IntegerField()
    under_way = serializers.IntegerField()
    refused = serializers.IntegerField()
    variants = WarmedSerializer(many=True)


@dataclass(frozen=True, slots=True)
class _Wanted:
    page: Page
    spec: str
    image: Image | None
    stored: Stored | None
    problem: Problem | None = None


class Warm(ApiView):
    """Has many variants made before anybody looks."""

    scopes = {"POST": "rx:read"}  # noqa: RUF012
    in_one_transaction = False  # workers must see each claim; what is asked for again is there, or under way

    @extend_schema(
        operation_id="variants_warm",
        request=WarmRequestSerializer,
        parameters=[prefer.MINIMAL],
        responses={
            202: OpenApiResponse(WarmSerializer, description="Taken on, as far as each of them says."),
            **problems_of(400, 404, 410, 413, 415, 429),
        },
    )
    def post(self, request: Request, rx: str) -> Response:
        """At most 100, pages times variants. They count against your share, behind what somebody waits for. 429 or 503
        where none of them can be taken on.
        """
        prescription = find_visible(request, rx)
        sent = WarmRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        wanted = list(_wanted(prescription, sent.validated_data))
        by, wish = asker_of(request).in_bulk(), Preferences.of(request)
        warmed, left, trouble = _ask_for(wanted, by)
        told = [item["status"] for item in warmed]
        if trouble is not None and "refused" in told and {*told} == {"refused"}:
            raise trouble
        body = {"ready": told.count("ready"), "under_way": told.count("under-way"), "refused": told.count("refused")}
        headers = {**NO_STORE, **prefer.applied("return=minimal" if wish.minimal else ""), **quota.fields(left)}
        if trouble is not None:
            headers["Retry-After"] = str(trouble.retry_after or 1)
        return Response(None if wish.minimal else {**body, "variants": warmed}, status=202, headers=headers)


def _wanted(prescription: Prescription, asked: dict[str, Any]) -> Iterator[_Wanted]:
    """Everything that is asked for, once. Raises ValidationError (400), before anything is made."""
    pages = {page.number: page for page in prescription.pages.select_related("document")}
    numbers: Sequence[int] = sorted(set(asked.get("pages", pages)))
    if missing := set(numbers) - set(pages):
        raise serializers.ValidationError({"pages": [f"There is no page {min(missing)}."]})
    specs = list(dict.fromkeys(asked["variants"]))
    if len(numbers) * len(specs) > MOST:
        detail = f"{len(numbers)} pages times {len(specs)} variants; at most {MOST} in one request."
        raise serializers.ValidationError({"variants": [detail]})
    for number in numbers:
        pages[number].prescription = prescription
        for at, spec in enumerate(specs):
            try:
                yield _Wanted(pages[number], spec, *resolve(pages[number], spec))
            except TransformError as error:
                if error.status == 400:  # of no page
                    raise serializers.ValidationError({"variants": {str(at): [error.detail or error.title]}}) from None
                yield _Wanted(pages[number], spec, None, None, from_transform(error))
            except Problem as problem:
                yield _Wanted(pages[number], spec, None, None, problem)


def _ask_for(wanted: list[_Wanted], by: Asker) -> tuple[list[dict[str, Any]], int | None, Problem | None]:
    """What became of each; how many more the caller may have open; and what made the rest not worth asking for."""
    rows = Variant.objects.filter(page__in={one.page.pk for one in wanted}, pipeline=PIPELINE)
    known = {(row.page_id, row.sheet, row.stored): row for row in rows}
    warmed: list[dict[str, Any]] = []
    left, trouble = None, None
    deadline = time.monotonic() + settings.RX_WAIT
    for one in wanted:
        said: dict[str, Any] = {"page": one.page.number, "variant": one.spec}
        digest = one.image.sheet_digest if one.image else ""
        row, problem = known.get((one.page.pk, digest, str(one.stored))), one.problem or trouble
        # What is known costs nobody a turn. Should S3 have lost it, whoever looks has it made again.
        if row is not None and row.state in (VariantState.READY, *statements.OPEN):
            warmed.append({**said, **_standing(row)})
            continue
        if one.image is not None and one.stored is not None and problem is None:
            try:
                with pace.unhurried(by.unit):
                    outcome = asking.find_or_claim(one.image, one.stored, by=by)
            except Problem as refusal:
                problem = refusal
                trouble = refusal if refusal.code in _ENOUGH else None
            else:
                trouble = not_ready(retry_after=1) if time.monotonic() > deadline else None  # no time for more
                left = outcome.left if outcome.left is not None else left
                warmed.append({**said, **_standing(outcome.variant)})
                continue
        warmed.append({**said, "status": "refused", "problem": problem.code if problem else ""})
    return warmed, left, trouble


def _standing(row: Variant) -> dict[str, str]:
    if row.state == VariantState.READY:
        return {"status": "ready"}
    return {"status": "under-way", "job": absolute(f"/api/v1/jobs/{row.pk}")}
