"""Routes of the app: customers' pages, IIIF, health. `/generate` mirrors the image addresses for the edge's misses."""

from django.urls import URLPattern, include, path

from prescriptions.iiif import images, manifests
from prescriptions.languages import choosing
from prescriptions.ops import health, metrics_view, problem_page, security_txt, senders
from prescriptions.order_pages import draft_files, phone, status, upload, uploads

_service = "iiif/3/<str:token>/<str:identifier>"


def _pages_of_an_order(page: str, name: str, *, bare: bool) -> list[URLPattern]:
    under = page.rstrip("/")
    return [
        path(page, upload.OrderPage.as_view(bare=bare), name=name),
        path(f"{under}/status", status.OrderStatus.as_view(bare=bare), name=f"{name}-status"),
        path(f"{under}/files", draft_files.DraftFiles.as_view(bare=bare), name=f"{name}-files"),
        path(f"{under}/uploads", uploads.OrderUploads.as_view(bare=bare), name=f"{name}-uploads"),
        path(f"{under}/uploads/<str:incoming>", uploads.OrderUpload.as_view(bare=bare), name=f"{name}-incoming"),
        path(f"{under}/files/<str:file_id>", draft_files.DraftThumbnail.as_view(bare=bare), name=f"{name}-file"),
    ]


urlpatterns = [
    path("api/v1/", include("prescriptions.api.urls")),
    path("accounts/", include("prescriptions.accounts.urls")),
    *_pages_of_an_order("orders/<str:order_ref>/prescription", "order", bare=False),
    *_pages_of_an_order("upload/", "upload", bare=True),
    path("upload/phone", phone.PhonePage.as_view(), name="phone"),
    path("upload/phone/files", draft_files.DraftFiles.as_view(phone=True), name="phone-files"),
    path("upload/phone/uploads", uploads.OrderUploads.as_view(phone=True), name="phone-uploads"),
    path("upload/phone/uploads/<str:incoming>", uploads.OrderUpload.as_view(phone=True), name="phone-incoming"),
    path("iiif/presentation/3/<str:token>/<str:rx>/manifest", manifests.manifest, name="manifest"),
    path("iiif/presentation/3/<str:token>/<str:rx>/document.pdf", manifests.document, name="document"),
    path(_service, images.service, name="service"),
    path(f"{_service}/info.json", images.info, name="info"),
    path(f"{_service}/<path:tail>", images.image, name="image"),
    path(f"generate/{_service}/<path:tail>", images.generate, name="generate"),
    path("language", choosing.choose, name="language"),
    path("docs/problems", problem_page.problems, name="problems"),
    path(".well-known/security.txt", security_txt.security_txt, name="security-txt"),
    path("livez", health.livez, name="livez"),
    path("healthz", health.livez, name="healthz"),  # by its older name
    path("readyz", health.readyz, name="readyz"),
    path("-may-send", senders.may_send, name="may-send"),  # the edge's own question; nobody outside can ask it
    path("-link", senders.is_good, name="link-is-good"),  # as above
    path("metrics", metrics_view.Metrics.as_view(), name="metrics"),
]
