"""App configuration; importing the system checks registers them."""

from django.apps import AppConfig


class PrescriptionsConfig(AppConfig):
    name = "prescriptions"
    verbose_name = "Prescriptions"

    def ready(self) -> None:
        from prescriptions import checks  # noqa: F401
