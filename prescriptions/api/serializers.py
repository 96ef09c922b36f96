"""Output shapes of the API. Every image address in them carries a stored form and a link token.

Whoever serializes hands out the links: `context["tokens"]` has one for each prescription.
"""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from prescriptions.api.ordering.lines import OrderLineSerializer, told
from prescriptions.api.pictures.pages import PageSerializer
from prescriptions.api.strict import Strict
from prescriptions.infra.addresses import absolute
from prescriptions.intake.customers import progress
from prescriptions.intake.order_links import LinkScope
from prescriptions.models import (
    REFERENCE,
    REFERENCE_HELP,
    CustomerAction,
    Document,
    Prescription,
    ReasonCode,
    Review,
    ReviewStatus,
    Variant,
    VariantState,
)
from prescriptions.review.publication import changed_at, published, standing
from prescriptions.variants import links
from transforms.keys import ID, image_identifier
from transforms.limits import LIMITS

# Statuses whose reason is the customer's to know.
_EXPLAINED = (ReviewStatus.REJECTED, ReviewStatus.WITHDRAWN)


def _is_explained(review: Review) -> bool:
    return review.status in _EXPLAINED and published(review)


class DocumentSerializer(serializers.ModelSerializer[Document]):
    class Meta:
        model = Document
        fields = ("id", "position", "media_type", "size", "sha256", "name")


class ReasonSerializer(serializers.ModelSerializer[ReasonCode]):
    """Why it was not accepted, in the customer's words, and what they can do about it."""

    title = serializers.CharField(source="customer_title")
    text = serializers.CharField(source="customer_body")

    class Meta:
        model = ReasonCode
        fields: tuple[str, ...] = ("code", "title", "text", "action", "retryable")


class GivenReasonSerializer(ReasonSerializer):
    """A reason as it was given for one prescription."""

    page = serializers.IntegerField(allow_null=True, help_text="Which page it is about, if one.")
    note = serializers.CharField(help_text="What the pharmacist added for the customer; may be empty.")

    class Meta(ReasonSerializer.Meta):
        fields = (*ReasonSerializer.Meta.fields, "page", "note")


class QuestionSerializer(serializers.Serializer[Any]):
    """What the pharmacist wants to know of the customer."""

    id = serializers.IntegerField(source="pk", help_text="Send it with the answer: it is to this question.")
    text = serializers.CharField()
    page = serializers.IntegerField(allow_null=True, help_text="Which page it is about, if one.")
    asked_at = serializers.DateTimeField(source="at")
    answer_until = serializers.DateTimeField(source="expires_at", help_text="Without an answer it is then rejected.")


class StandingSerializer(serializers.Serializer[Any]):
    """Where it stands in the words of the customer's own page."""

    stage = serializers.ChoiceField(choices=[stage.value for stage in progress.Stage])
    title = serializers.CharField(source="display.chip", help_text="A word or two.")
    headline = serializers.CharField(source="display.headline")
    text = serializers.CharField(source="display.text")
    note = serializers.CharField(help_text="What the pharmacist wrote to the customer with the decision; may be empty.")
    may_withdraw = serializers.BooleanField(help_text="Nobody has started on it: it can be taken back.")


class PrescriptionSerializer(serializers.ModelSerializer[Prescription]):
    """A prescription with everything that a client needs to show it."""

    status = serializers.SerializerMethodField(help_text="Where its review stands.")
    reason = serializers.SerializerMethodField(help_text="Why it was not accepted; null otherwise.")
    customer_action = serializers.SerializerMethodField(help_text="The one thing that the customer can do now.")
    customer = serializers.SerializerMethodField(help_text="What their own page says.")
    question = serializers.SerializerMethodField(help_text="What they are asked now; null otherwise.")
    updated_at = serializers.SerializerMethodField(help_text="When anything of this last changed, but for its links.")
    lines = serializers.SerializerMethodField(help_text="What was ordered, and what was decided on it.")
    pages = PageSerializer(many=True, read_only=True)
    documents = DocumentSerializer(many=True, read_only=True)
    manifest = serializers.SerializerMethodField(help_text="IIIF Presentation 3.0 manifest of all pages.")
    links_expire_at = serializers.SerializerMethodField(
        help_text="When the addresses in here end: `info`, `variants`, `manifest`. Ask again for others."
    )

    class Meta:
        model = Prescription
        fields = (
            "id",
            "status",
            "reason",
            "customer_action",
            "customer",
            "question",
            "order_ref",
            "patient_ref",
            "created_at",
            "updated_at",
            "lines",
            "pages",
            "documents",
            "manifest",
            "links_expire_at",
        )

    @extend_schema_field(serializers.ChoiceField(choices=ReviewStatus.values))
    def get_status(self, prescription: Prescription) -> str:
        review: Review | None = getattr(prescription, "review", None)
        if prescription.erased_at:
            return ReviewStatus.ERASED.value
        if review is None:
            return ReviewStatus.QUEUED.value
        return standing(review).value

    @extend_schema_field(GivenReasonSerializer(allow_null=True))
    def get_reason(self, prescription: Prescription) -> dict[str, Any] | None:
        review: Review | None = getattr(prescription, "review", None)
        if review is None or review.reason is None or not _is_explained(review):
            return None
        return {
            **ReasonSerializer(review.reason).data,
            "page": review.reason_page,
            "note": review.customer_text,
        }

    @extend_schema_field(serializers.ChoiceField(choices=CustomerAction.choices))
    def get_customer_action(self, prescription: Prescription) -> str:
        review: Review | None = getattr(prescription, "review", None)
        if review is not None and review.status == ReviewStatus.CLARIFICATION:
            return CustomerAction.ANSWER.value
        if review is not None and review.reason is not None and _is_explained(review):
            return review.reason.action
        return CustomerAction.NONE.value

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_updated_at(self, prescription: Prescription) -> Any:
        return serializers.DateTimeField().to_representation(changed_at(prescription))

    @extend_schema_field(StandingSerializer)
    def get_customer(self, prescription: Prescription) -> Any:
        return StandingSerializer(progress.of(prescription)).data

    @extend_schema_field(QuestionSerializer(allow_null=True))
    def get_question(self, prescription: Prescription) -> Any:
        asked = progress.of(prescription).question
        return QuestionSerializer(asked).data if asked else None

    @extend_schema_field(OrderLineSerializer(many=True))
    def get_lines(self, prescription: Prescription) -> Any:
        return OrderLineSerializer(told(prescription), many=True).data

    @extend_schema_field(OpenApiTypes.URI)
    def get_manifest(self, prescription: Prescription) -> str:
        tokens: Mapping[str, str] = self.context["tokens"]
        return absolute(links.manifest_path(prescription.id, tokens[prescription.id]))

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_links_expire_at(self, prescription: Prescription) -> str:
        tokens: Mapping[str, str] = self.context["tokens"]
        return links.ends(tokens[prescription.id]).isoformat().replace("+00:00", "Z")


class UploadSerializer(serializers.Serializer[Any]):
    """Fields of an upload; the files are checked by intake."""

    files = serializers.ListField(
        child=serializers.FileField(),
        min_length=1,
        max_length=LIMITS.files,
        help_text="One or more JPEG, PNG, WebP, HEIF/AVIF or PDF.",
    )
    order_ref = serializers.RegexField(REFERENCE, required=False, help_text=REFERENCE_HELP)
    patient_ref = serializers.RegexField(REFERENCE, required=False, help_text=REFERENCE_HELP)


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "pattern": f"^{ID}$"},
        "minItems": 1,
        "maxItems": LIMITS.files,
        "uniqueItems": True,
    }
)
class _Uploads(serializers.ListField):
    child = serializers.RegexField(rf"^{ID}\Z", trim_whitespace=False)

    def __init__(self, **rest: Any) -> None:
        super().__init__(min_length=1, max_length=LIMITS.files, **rest)


class FromUploadsSerializer(Strict):
    """Files that came in pieces (`/api/v1/uploads`), in this order."""

    uploads = _Uploads(help_text="Ids of files that are whole, each once.")
    order_ref = serializers.RegexField(
        REFERENCE, required=False, error_messages={"invalid": REFERENCE_HELP}, help_text=REFERENCE_HELP
    )
    patient_ref = serializers.RegexField(
        REFERENCE, required=False, error_messages={"invalid": REFERENCE_HELP}, help_text=REFERENCE_HELP
    )

    def validate_uploads(self, ids: list[str]) -> list[str]:
        if len(set(ids)) < len(ids):
            raise serializers.ValidationError("Name each file once.")
        return ids


LONGEST_LINK = 30 * 86_400  # seconds


class OrderLinkRequestSerializer(Strict):
    """`expires_in` is in seconds."""

    order_ref = serializers.RegexField(REFERENCE, error_messages={"invalid": REFERENCE_HELP}, help_text=REFERENCE_HELP)
    expires_in = serializers.IntegerField(min_value=60, max_value=LONGEST_LINK, default=86_400)
    patient_ref = serializers.RegexField(
        REFERENCE,
        required=False,
        error_messages={"invalid": REFERENCE_HELP},
        help_text="Whose order it is. Prescriptions of the same patient that are still valid can then be used again.",
    )
    scope = serializers.ChoiceField(
        choices=[str(scope) for scope in LinkScope],
        required=False,
        help_text=(
            "`order`: to send, and to see what was sent and how it fares; needs `rx:read` of whoever mints it. "
            "`upload`: to send, and to see nothing. By default `order` where that is allowed."
        ),
    )


class OrderLinkSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="By which it can be taken back.")
    scope = serializers.CharField()
    order_ref = serializers.CharField()
    url = serializers.URLField()
    upload_url = serializers.URLField()
    expires_at = serializers.DateTimeField()


class JobSerializer(serializers.ModelSerializer[Variant]):
    """A variant that is being made."""

    status = serializers.SerializerMethodField()
    page = serializers.SerializerMethodField(help_text="The IIIF identifier of the page, or of the sheet in it.")

    class Meta:
        model = Variant
        fields = ("id", "status", "page", "stored", "attempts", "created_at")

    @extend_schema_field(serializers.ChoiceField(choices=["queued", "rendering", "retry"]))
    def get_status(self, variant: Variant) -> str:
        return str(VariantState(variant.state).value)

    def get_page(self, variant: Variant) -> str:
        return image_identifier(variant.page.prescription_id, variant.page.number, variant.sheet)


class WrongSerializer(serializers.Serializer[Any]):
    """One thing that is wrong, and where: in the body, the query or a header."""

    pointer = serializers.CharField(required=False, help_text="JSON pointer (RFC 6901) into the body, or form field.")
    parameter = serializers.CharField(required=False, help_text="Name of a query parameter.")
    header = serializers.CharField(required=False, help_text="Name of a header.")
    file = serializers.CharField(required=False, help_text="Name of a file that was sent.")
    code = serializers.CharField(required=False, help_text="Why this file was refused.")
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    request_id = serializers.CharField()
    errors = WrongSerializer(many=True, required=False)  # type: ignore[assignment]
