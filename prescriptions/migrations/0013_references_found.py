"""Columns that the database derives from references, and the indexes by which people find them.

On PostgreSQL each column is one pass over the table, which nobody can write to meanwhile.
"""

from django.db import migrations, models
from django.db.models.functions import Lower, Substr

_LENGTH = 64


def _derived(expression: models.Func) -> models.GeneratedField:
    return models.GeneratedField(
        expression=expression, output_field=models.CharField(max_length=_LENGTH), db_persist=True
    )


def _lowered(column: str) -> models.GeneratedField:
    return _derived(Lower(column))


def _backwards(column: str) -> models.GeneratedField:
    letters = [Substr(Lower(column), place, 1) for place in range(_LENGTH, 0, -1)]
    return _derived(models.Func(*letters, template="(%(expressions)s)", arg_joiner=" || "))


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0012_retries"),
    ]

    operations = [
        *(
            migrations.AddField("prescription", f"{name}_{way}", field(f"{name}_ref"))
            for name in ("order", "patient")
            for way, field in (("lowered", _lowered), ("backwards", _backwards))
        ),
        *(
            migrations.AddIndex(
                "prescription",
                models.Index(fields=[column], name=f"rx_{column}", opclasses=["varchar_pattern_ops"]),
            )
            for column in ("order_lowered", "order_backwards", "patient_lowered", "patient_backwards")
        ),
    ]
