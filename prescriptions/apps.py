"""App configuration: what every process of this app does when it starts, whatever kind it is."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class PrescriptionsConfig(AppConfig):
    name = "prescriptions"
    verbose_name = _("Prescriptions")

    def ready(self) -> None:
        # Lazy: these load models, which the app registry allows from here on. Importing the checks registers them.
        from prescriptions.ops import checks  # noqa: F401
        from transforms import sandbox

        sandbox.use(sandbox.Sandbox(pdf_engines=settings.RX_PDF_ENGINES))
