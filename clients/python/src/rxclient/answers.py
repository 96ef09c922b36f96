"""What the API answers, as it comes: JSON objects with names and types. The OpenAPI document says what each means."""

from typing import Any, Literal, NotRequired, TypedDict

Status = Literal[
    "queued", "in_review", "clarification", "second_check", "approved", "partially_approved", "rejected", "expired",
    "withdrawn", "erased",
]  # fmt: skip


class Wrong(TypedDict):
    pointer: NotRequired[str]
    parameter: NotRequired[str]
    header: NotRequired[str]
    file: NotRequired[str]
    code: NotRequired[str]
    detail: str


class Problem(TypedDict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: NotRequired[list[Wrong]]


class Line(TypedDict):
    line: int
    line_ref: str
    name: str
    strength: str
    schedule: str
    quantity_ordered: int
    quantity_allowed: int | None
    decision: str
    reason: str | None


class Sheet(TypedDict):
    """The sheet of paper in a page, flat: `corners` are [x, y] in pixels of the page, before its `rotation`."""

    id: str
    width: int
    height: int
    corners: list[list[float]]
    confidence: float | None
    by: Literal["auto", "person"]
    info: str
    variants: dict[str, str]


class Page(TypedDict):
    """`width` and `height` in pixels, before `rotation` in degrees clockwise."""

    number: int
    id: str
    width: int
    height: int
    rotation: int
    notices: list[dict[str, str]]
    info: str
    variants: dict[str, str]
    sheet: Sheet | None


class Document(TypedDict):
    id: str
    position: int
    media_type: str
    size: int
    sha256: str
    name: str


class Prescription(TypedDict):
    id: str
    status: Status
    reason: dict[str, Any] | None
    customer_action: str
    customer: dict[str, Any]
    question: dict[str, Any] | None
    order_ref: str
    patient_ref: str
    created_at: str
    updated_at: str
    lines: list[Line]
    pages: list[Page]
    documents: list[Document]
    manifest: str
    links_expire_at: str


class Order(TypedDict):
    order_ref: str
    lines: list[dict[str, Any]]
    patient_ref: str
    return_url: str
    language: str
    promised_by: str | None
    created_at: str
    updated_at: str


class OrderLink(TypedDict):
    id: str
    scope: str
    order_ref: str
    url: str
    upload_url: str
    expires_at: str


class Variant(TypedDict):
    url: str
    expires_at: str
    width: int
    height: int
    bytes: int
    media_type: str
    etag: str
    how: Literal["hit", "generated", "coalesced"]


class Job(TypedDict):
    id: str
    status: Literal["queued", "rendering", "retry"]
    page: str
    stored: str
    attempts: int
    created_at: str


class Event(TypedDict):
    """`data` has ids and codes alone; read more at its `url`, with a token."""

    id: str
    type: str
    timestamp: str
    position: int
    data: dict[str, Any]


class EventPage(TypedDict):
    events: list[Event]
    next: int
    more: bool


class Webhook(TypedDict):
    """`secret` is shown once, when it is made or rotated."""

    id: str
    url: str
    types: list[str]
    created_at: str
    last_success_at: str | None
    failures: int
    disabled_at: str | None
    disabled_because: str
    old_secret_until: str | None
    secret: NotRequired[str | None]
