"""URLs of the site."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

admin.site.site_header = admin.site.site_title = _("Prescriptions")
admin.site.enable_nav_sidebar = False  # a few lists; the width is better spent on them
admin.site.site_url = None
admin.site.index_title = _("Overview")

handler403 = "prescriptions.admin.explain.refusals.forbidden"
handler404 = "prescriptions.admin.explain.refusals.not_found"

_READ = ("get", "head", "options")  # a RedirectView would redirect forms, too

urlpatterns = [
    path(
        "favicon.ico",
        RedirectView.as_view(url=static("prescriptions/icon.svg"), permanent=False, http_method_names=_READ),
    ),
    path("admin/", admin.site.urls),
    path("", include("prescriptions.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index", permanent=False, http_method_names=_READ)),
]
