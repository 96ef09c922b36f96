"""App configuration: what every process of this app does when it starts, whatever kind it is."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from transforms import sandbox


class PrescriptionsConfig(AppConfig):
    name = "prescriptions"
    verbose_name = _("Prescriptions")

    def ready(self) -> None:
        # Lazy: they load models, which the app registry allows from here on. Importing them registers them.
        from prescriptions.ops import checks  # noqa: F401

        sandbox.use(sandbox.Sandbox(pdf_engines=settings.RX_PDF_ENGINES))
