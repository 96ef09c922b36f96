"""The table of Django's cache: what log-ins count. It is nobody's truth and holds no patient data."""

from typing import Any

from django.core.management import call_command
from django.db import migrations


def make(apps: Any, schema_editor: Any) -> None:
    call_command("createcachetable", "rx_cache", database=schema_editor.connection.alias, verbosity=0)


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute("DROP TABLE IF EXISTS rx_cache")


class Migration(migrations.Migration):
    dependencies = [("prescriptions", "0016_measured")]

    operations = [migrations.RunPython(make, drop)]
