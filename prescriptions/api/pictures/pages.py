"""What the API says of a page: itself, and the sheet of paper in it.

`context["tokens"]` has a link for each prescription.
"""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from prescriptions.infra.addresses import absolute
from prescriptions.intake import notices
from prescriptions.models import Page, Sheet, SheetSource
from prescriptions.variants.pictures import picture, service_of
from transforms.measure.notices import Notice
from transforms.request.presets import PRESETS


class NoticeSerializer(serializers.Serializer[Any]):
    """Something that a page does not show of its file, in the customer's words."""

    code = serializers.ChoiceField(choices=[code.value for code in Notice])
    text = serializers.CharField()


class SheetSerializer(serializers.ModelSerializer[Sheet]):
    """The sheet of paper in a photo: cut out, flat and upright, an image of its own."""

    id = serializers.CharField(source="identifier", help_text="Its IIIF identifier, `{rx}_{n}s{8 hex}`.")
    width = serializers.IntegerField(read_only=True, help_text="Pixels.")
    height = serializers.IntegerField(read_only=True, help_text="Pixels.")
    corners = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        min_length=4,
        max_length=4,
        read_only=True,
        help_text="`[x, y]` in pixels of the page before `rotation`, clockwise from the paper's own top left.",
    )
    confidence = serializers.FloatField(
        read_only=True, allow_null=True, help_text="0 to 1; null where a person has set other corners than were found."
    )
    by = serializers.ChoiceField(
        source="source", choices=SheetSource.values, help_text="It was found, or a person has set it."
    )
    info = serializers.SerializerMethodField(help_text="Its IIIF info.json.")
    variants = serializers.SerializerMethodField(help_text="Preset name to address. Made when first asked for.")

    class Meta:
        model = Sheet
        fields = ("id", "width", "height", "corners", "confidence", "by", "info", "variants")

    @extend_schema_field(OpenApiTypes.URI)
    def get_info(self, sheet: Sheet) -> str:
        return absolute(f"{service_of(sheet, self._token(sheet))}/info.json")

    @extend_schema_field(serializers.DictField(child=serializers.URLField()))
    def get_variants(self, sheet: Sheet) -> dict[str, str]:
        token = self._token(sheet)
        return {name: absolute(picture(sheet, name, token).src) for name in PRESETS}

    def _token(self, sheet: Sheet) -> str:
        tokens: Mapping[str, str] = self.context["tokens"]
        return tokens[sheet.page.prescription_id]


class PageSerializer(serializers.ModelSerializer[Page]):
    """A page with the addresses of its IIIF service and of every preset. Presets are turned; the service is not."""

    id = serializers.CharField(source="identifier", help_text="The page's IIIF identifier, `{rx}_{n}`.")
    width = serializers.IntegerField(read_only=True, help_text="Pixels, before `rotation`.")
    height = serializers.IntegerField(read_only=True, help_text="Pixels, before `rotation`.")
    rotation = serializers.IntegerField(
        read_only=True, help_text="Degrees clockwise by which the presets are turned: 0, 90, 180 or 270."
    )
    notices = serializers.SerializerMethodField(help_text="What it does not show of its file; usually nothing.")
    info = serializers.SerializerMethodField(help_text="The page's IIIF info.json.")
    variants = serializers.SerializerMethodField(help_text="Preset name to address. Made when first asked for.")
    sheet = SheetSerializer(allow_null=True, read_only=True, help_text="The paper in it; null where none is known.")

    class Meta:
        model = Page
        fields = ("number", "id", "width", "height", "rotation", "notices", "info", "variants", "sheet")

    @extend_schema_field(NoticeSerializer(many=True))
    def get_notices(self, page: Page) -> list[dict[str, str]]:
        return [{"code": code, "text": str(words.customer)} for code, words in notices.known(page.notices)]

    @extend_schema_field(OpenApiTypes.URI)
    def get_info(self, page: Page) -> str:
        return absolute(f"{service_of(page, self._token(page))}/info.json")

    @extend_schema_field(serializers.DictField(child=serializers.URLField()))
    def get_variants(self, page: Page) -> dict[str, str]:
        token = self._token(page)
        return {name: absolute(picture(page, name, token).src) for name in PRESETS}

    def _token(self, page: Page) -> str:
        tokens: Mapping[str, str] = self.context["tokens"]
        return tokens[page.prescription_id]
