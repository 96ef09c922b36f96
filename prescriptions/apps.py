"""App configuration; importing the system checks registers them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PrescriptionsConfig(AppConfig):
    name = "prescriptions"
    verbose_name = _("Prescriptions")

    def ready(self) -> None:
        from prescriptions.ops import checks  # noqa: F401
