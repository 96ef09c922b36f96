"""App configuration: what every process of this app does when it starts, whatever kind it is."""

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin_apps  # a class by its name would be taken for ours
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _

from prescriptions.languages import catalogues
from transforms import sandbox


class PrescriptionsConfig(AppConfig):
    name = "prescriptions"
    verbose_name = _("Prescriptions")

    def ready(self) -> None:
        # Lazy: they load models, which the app registry allows from here on. Importing them registers them.
        from allauth.account.signals import user_logged_in as came_through
        from corsheaders.signals import check_request_enabled

        # Lazy: as above.
        from prescriptions.accounts import sessions, single_sign_on, trail

        # Lazy: as above.
        from prescriptions.api.protocol import origins

        # Lazy: as above.
        from prescriptions.infra.telemetry import reports

        # Lazy: as above.
        from prescriptions.ops import checks  # noqa: F401

        catalogues.compile_stale()
        reports.start()
        trail.listen()
        user_logged_in.connect(sessions.begin, dispatch_uid="rx.sessions.begin")
        check_request_enabled.connect(origins.may_call, dispatch_uid="rx.origins.may_call")
        came_through.connect(single_sign_on.believe, dispatch_uid="rx.single_sign_on.believe")
        sandbox.use(sandbox.Sandbox(pdf_engines=settings.RX_PDF_ENGINES, unfiltered=settings.DEBUG))


class Admin(admin_apps.AdminConfig):
    """Django's admin, with our site in place of its own."""

    default = False  # of this module's two, the other is the app
    default_site = "prescriptions.accounts.site.Site"
