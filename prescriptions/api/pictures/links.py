"""Links to pages that can be taken back, for whoever is to see them: a doctor's practice, say, or an insurer."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.pictures.fields import page_numbers
from prescriptions.api.prescriptions import find_visible
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.strict import Strict
from prescriptions.audit import actors
from prescriptions.infra import problems
from prescriptions.infra.addresses import absolute
from prescriptions.models import Image, LentLink, Prescription
from prescriptions.variants import links
from prescriptions.variants.delivery import NO_STORE
from prescriptions.variants.links.lent import LONGEST, make, take_back
from prescriptions.variants.pictures import picture, service_of
from transforms.request.presets import PRESETS

_SCOPES = "`f`: the pages as they are; `r`: only where parts were blacked out, and never what is beneath."


class LinkRequestSerializer(Strict):
    """What a link is to open, and for how long."""

    scope = serializers.ChoiceField(
        choices=["f", "r"], help_text=_SCOPES, error_messages={"invalid_choice": "`f` or `r`."}
    )
    expires_in = serializers.IntegerField(min_value=60, max_value=LONGEST, help_text="Seconds.")
    pages = page_numbers(help_text="Numbers of the pages that it opens; all of them where it is left out.")


class LentSheetSerializer(serializers.Serializer[Any]):
    """The sheet of paper in a page, with its addresses under the link."""

    id = serializers.CharField(help_text="The sheet's IIIF identifier.")
    info = serializers.URLField(required=False, help_text="The sheet's IIIF info.json; not of a link with scope `r`.")
    variants = serializers.DictField(child=serializers.URLField(), help_text="Preset name to address.")


class LentPageSerializer(serializers.Serializer[Any]):
    """A page with its addresses under the link."""

    number = serializers.IntegerField()
    id = serializers.CharField(help_text="The page's IIIF identifier.")
    info = serializers.URLField(required=False, help_text="The page's IIIF info.json; not of a link with scope `r`.")
    variants = serializers.DictField(child=serializers.URLField(), help_text="Preset name to address.")
    sheet = LentSheetSerializer(allow_null=True, help_text="The paper in it; null where none is known.")


class LinkSerializer(serializers.ModelSerializer[LentLink]):
    """A link that can be taken back, without its addresses."""

    scope = serializers.ChoiceField(choices=["f", "r"], help_text=_SCOPES)
    created_at = serializers.DateTimeField(source="made_at")
    pages = serializers.ListField(child=serializers.IntegerField(), help_text="Those that it opens; empty: all.")
    revoked_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = LentLink
        fields = ("id", "scope", "pages", "created_at", "expires_at", "revoked_at")


class OpenLinkSerializer(LinkSerializer):
    """A link that can be taken back, with the addresses that it opens."""

    opens = LentPageSerializer(many=True)
    manifest = serializers.URLField(
        required=False, help_text="IIIF Presentation 3.0 manifest; of a link with scope `f` to all pages."
    )

    class Meta(LinkSerializer.Meta):
        fields = (*LinkSerializer.Meta.fields, "opens", "manifest")  # type: ignore[assignment]


class Links(ApiView):
    """The links of a prescription that can be taken back: `POST` makes one, `GET` lists them, newest first."""

    scopes = {"GET": "rx:read", "POST": "rx:read"}  # noqa: RUF012

    @extend_schema(operation_id="links_list", responses={200: LinkSerializer(many=True), **problems_of(404, 410)})
    def get(self, request: Request, rx: str) -> Response:
        """Those that have not ended by themselves. One that was taken back says when."""
        prescription = find_visible(request, rx)
        rows = LentLink.objects.filter(prescription=prescription.pk, expires_at__gt=timezone.now())
        return Response(LinkSerializer(rows, many=True).data, headers=NO_STORE)

    @extend_schema(
        operation_id="links_create",
        request=LinkRequestSerializer,
        responses={201: OpenLinkSerializer, **problems_of(400, 404, 409, 410, 415)},
    )
    def post(self, request: Request, rx: str) -> Response:
        """The only way to show pages to somebody so that it can be taken back, or to show redacted pages alone."""
        prescription = find_visible(request, rx)
        sent = LinkRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        asked = sent.validated_data
        pages = sorted(set(asked.get("pages", ())))
        if missing := set(pages) - {page.number for page in prescription.pages.all()}:
            raise serializers.ValidationError({"pages": [f"There is no page {min(missing)}."]})
        actor = actors.of(request)
        link = make(prescription, scope=asked["scope"], expires_in=asked["expires_in"], pages=pages, actor=actor)
        location = absolute(f"/api/v1/prescriptions/{rx}/links/{link.pk}")
        body = _with_addresses(request, prescription, link)
        return Response(body, status=201, headers={"Location": location, **NO_STORE})


class Link(ApiView):
    """One link: `GET` says it again, with its addresses while they open something; `DELETE` takes it back."""

    scopes = {"GET": "rx:read", "DELETE": "rx:read"}  # noqa: RUF012

    @extend_schema(operation_id="links_retrieve", responses={200: OpenLinkSerializer, **problems_of(404, 410)})
    def get(self, request: Request, rx: str, lent: str) -> Response:
        prescription, found = self._find(request, rx, lent)
        if found.revoked_at is None and found.expires_at > timezone.now():
            return Response(_with_addresses(request, prescription, found), headers=NO_STORE)
        return Response({**LinkSerializer(found).data, "opens": []}, headers=NO_STORE)

    @extend_schema(operation_id="links_revoke", request=None, responses={204: None, **problems_of(404, 410)})
    def delete(self, request: Request, rx: str, lent: str) -> Response:
        """At once; what an edge remembers of it ends within 30 seconds. The same answer however often it is asked."""
        _prescription, found = self._find(request, rx, lent)
        take_back(found, actor=actors.of(request))
        return Response(status=204, headers=NO_STORE)

    def _find(self, request: Request, rx: str, link: str) -> tuple[Prescription, LentLink]:
        prescription = find_visible(request, rx)
        found = LentLink.objects.filter(prescription=prescription.pk, pk=link).first()
        if found is None:
            raise problems.not_found()
        return prescription, found


def _with_addresses(request: Request, prescription: Prescription, link: LentLink) -> dict[str, Any]:
    """Leaves the trace of a link that is handed out."""
    rx, full = prescription.pk, link.scope == "f"
    tokens = links.lend(
        rx,
        link.pk,
        scope="f" if full else "r",
        expires=int(link.expires_at.timestamp()),
        actor=actors.of(request),
        pages=link.pages,
    )
    opens = []
    for page in prescription.pages.all():
        token = tokens.get(page.number) or tokens.get(0)
        if token is not None:
            sheet = page.sheet and _addresses(page.sheet, token, full=full)
            opens.append({"number": page.number, **_addresses(page, token, full=full), "sheet": sheet})
    body = {**LinkSerializer(link).data, "opens": opens}
    return {**body, "manifest": absolute(links.manifest_path(rx, tokens[0]))} if full and 0 in tokens else body


def _addresses(image: Image, token: str, *, full: bool) -> dict[str, Any]:
    info = {"info": absolute(f"{service_of(image, token)}/info.json")} if full else {}
    variants = {name: absolute(picture(image, name, token).src) for name in PRESETS}
    return {"id": image.identifier, **info, "variants": variants}
