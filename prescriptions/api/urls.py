"""Routes of /api/v1."""

from csp.decorators import csp_update
from django.urls import path, re_path

from prescriptions.api import prescriptions, reviews, schema, uploads
from prescriptions.api.discovery import catalogue, me, stats
from prescriptions.api.events import feed, webhooks
from prescriptions.api.keeping import views as keeping
from prescriptions.api.ordering import customers, orders
from prescriptions.api.ordering import links as order_links
from prescriptions.api.pictures import links, sheets, variants, warm
from transforms.keys import ID, PAGE_NUMBER

_RX = rf"(?P<rx>{ID})"
_WEBHOOK = r"^webhooks/(?P<webhook>[0-9a-f]{16})"

urlpatterns = [
    path("prescriptions", prescriptions.PrescriptionList.as_view(), name="prescriptions"),
    re_path(rf"^prescriptions/{_RX}$", prescriptions.PrescriptionDetail.as_view(), name="prescription"),
    re_path(rf"^prescriptions/{_RX}/original$", prescriptions.Original.as_view(), name="original"),
    re_path(rf"^prescriptions/{_RX}/document\.pdf$", prescriptions.WholeDocument.as_view(), name="document"),
    re_path(rf"^prescriptions/{_RX}/decision$", reviews.Decision.as_view(), name="decision"),
    re_path(rf"^prescriptions/{_RX}/claim$", reviews.Claim.as_view(), name="claim"),
    re_path(rf"^prescriptions/{_RX}/order-lines$", orders.OrderLines.as_view(), name="order-lines"),
    re_path(rf"^prescriptions/{_RX}/hold$", keeping.Hold.as_view(), name="hold"),
    re_path(rf"^prescriptions/{_RX}/erasure$", keeping.Erasure.as_view(), name="erasure"),
    path("erasures", keeping.Erasures.as_view(), name="erasures"),
    path("uploads", uploads.Uploads.as_view(), name="uploads"),
    re_path(rf"^uploads/(?P<incoming>{ID})$", uploads.OneUpload.as_view(), name="incoming"),
    path("events", feed.Events.as_view(), name="events"),
    path("webhooks", webhooks.Webhooks.as_view(), name="webhooks"),
    re_path(rf"{_WEBHOOK}$", webhooks.OneWebhook.as_view(), name="webhook"),
    re_path(rf"{_WEBHOOK}/deliveries$", webhooks.Deliveries.as_view(), name="webhook-deliveries"),
    re_path(rf"{_WEBHOOK}/enable$", webhooks.Enable.as_view(), name="webhook-enable"),
    re_path(rf"{_WEBHOOK}/replay$", webhooks.Replay.as_view(), name="webhook-replay"),
    re_path(rf"{_WEBHOOK}/rotate$", webhooks.Rotate.as_view(), name="webhook-rotate"),
    re_path(rf"{_WEBHOOK}/test$", webhooks.Test.as_view(), name="webhook-test"),
    path("exports", keeping.Exports.as_view(), name="exports"),
    path("catalogue", catalogue.Catalogue.as_view(), name="catalogue"),
    path("me", me.Me.as_view(), name="me"),
    path("stats", stats.Stats.as_view(), name="stats"),
    path("reasons", reviews.Reasons.as_view(), name="reasons"),
    path("reviews/next", reviews.NextReview.as_view(), name="reviews-next"),
    re_path(rf"^prescriptions/{_RX}/pages/(?P<number>{PAGE_NUMBER})/sheet$", sheets.PageSheet.as_view(), name="sheet"),
    re_path(
        rf"^prescriptions/{_RX}/pages/(?P<number>{PAGE_NUMBER})/variants/(?P<spec>.+)$",
        variants.PageVariant.as_view(),
        name="variant",
    ),
    re_path(rf"^jobs/(?P<job>{ID})$", variants.Job.as_view(), name="job"),
    re_path(rf"^prescriptions/{_RX}/warm$", warm.Warm.as_view(), name="warm"),
    re_path(rf"^prescriptions/{_RX}/links$", links.Links.as_view(), name="links"),
    re_path(rf"^prescriptions/{_RX}/links/(?P<lent>[0-9a-f]{{12}})$", links.Link.as_view(), name="link"),
    path("orders/<str:order_ref>", orders.Orders.as_view(), name="order"),
    path("orders/<str:order_ref>/prescriptions", customers.Reuse.as_view(), name="reuse"),
    re_path(rf"^prescriptions/{_RX}/answer$", customers.Answer.as_view(), name="answer"),
    re_path(rf"^prescriptions/{_RX}/withdraw$", customers.Withdraw.as_view(), name="withdraw"),
    path("order-links", order_links.OrderLinks.as_view(), name="order-links"),
    re_path(r"^order-links/(?P<link>[0-9a-f]{16})$", order_links.OrderLink.as_view(), name="order-link"),
    path("schema", schema.Schema.as_view(), name="schema"),
    # Swagger UI styles its icons inline; nothing that a stranger wrote is shown on this page.
    path(
        "docs",
        csp_update({"style-src": ["'unsafe-inline'"]})(schema.Docs.as_view()),
        name="docs",
    ),
]
