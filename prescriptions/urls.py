"""Routes of the app: customers' pages, IIIF, health. `/generate` mirrors the image addresses for the edge's misses."""

from django.urls import include, path

from prescriptions.views import documents, health, images, manifests, orders

_service = "iiif/3/<str:token>/<str:identifier>"

urlpatterns = [
    path("api/v1/", include("prescriptions.api.urls")),
    path("orders/<str:order_ref>/prescription", orders.OrderPage.as_view(), name="order"),
    path("upload/", orders.OrderPage.as_view(bare=True), name="upload"),
    path("iiif/presentation/3/<str:token>/<str:rx>/manifest", manifests.manifest, name="manifest"),
    path(_service, images.service, name="service"),
    path(f"{_service}/info.json", images.info, name="info"),
    path(f"{_service}/<path:tail>", images.image, name="image"),
    path(f"generate/{_service}/<path:tail>", images.generate, name="generate"),
    path("docs/problems", documents.problems, name="problems"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
