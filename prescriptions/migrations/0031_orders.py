"""Orders, which may be there before anything is uploaded; the lines that prescriptions had so far become theirs."""

from itertools import groupby
from typing import Any

import django.utils.timezone
from django.db import migrations, models
from django.db.models import Value

_AT_ONCE = 500
_FIELDS = ("line_ref", "name", "strength", "schedule", "quantity_ordered")


def take_lines(apps: Any, schema_editor: Any) -> None:
    """Those of the newest prescription of each order that has any. Safe to run again."""
    alias = schema_editor.connection.alias
    OrderLine = apps.get_model("prescriptions", "OrderLine")
    Order = apps.get_model("prescriptions", "Order")
    Review = apps.get_model("prescriptions", "Review")
    rows = OrderLine.objects.using(alias).exclude(prescription__order_ref="").filter(prescription__erased_at=None)
    rows = rows.select_related("prescription").order_by(
        "prescription__client",
        "prescription__order_ref",
        "-prescription__created_at",
        "-prescription_id",
        "position",
    )
    made: list[Any] = []
    newest: list[str] = []

    def write() -> None:
        Order.objects.using(alias).bulk_create(made, ignore_conflicts=True)
        Review.objects.using(alias).filter(pk__in=newest).update(order_version=1)
        made.clear()
        newest.clear()

    of_order = groupby(rows.iterator(_AT_ONCE), key=lambda row: (row.prescription.client, row.prescription.order_ref))
    for (client, ref), lines in of_order:
        first = next(lines)
        prescription = first.prescription
        own = [first, *(row for row in lines if row.prescription_id == prescription.pk)]
        made.append(
            Order(
                client=client,
                ref=ref,
                patient_ref=prescription.patient_ref,
                lines=[{"line": row.position, **{name: getattr(row, name) for name in _FIELDS}} for row in own],
                lines_version=1,
                created_at=prescription.created_at,
                updated_at=prescription.created_at,
            )
        )
        newest.append(prescription.pk)
        if len(made) == _AT_ONCE:
            write()
    write()


class Migration(migrations.Migration):
    dependencies = [("prescriptions", "0030_whole_pdf")]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("client", models.CharField(max_length=64, verbose_name="client")),
                ("ref", models.CharField(max_length=64, verbose_name="order")),
                ("lines", models.JSONField(default=list, verbose_name="lines")),
                ("lines_version", models.PositiveIntegerField(default=0)),
                ("patient_ref", models.CharField(blank=True, max_length=64, verbose_name="patient reference")),
                (
                    "return_url",
                    models.CharField(
                        blank=True,
                        help_text="Of the shop; of one of its client's origins.",
                        max_length=500,
                        verbose_name="return address",
                    ),
                ),
                (
                    "language",
                    models.CharField(blank=True, help_text="The customer's.", max_length=16, verbose_name="language"),
                ),
                ("promised_by", models.DateTimeField(blank=True, null=True, verbose_name="promised by")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="created"),
                ),
                (
                    "updated_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="changed"),
                ),
            ],
            options={
                "verbose_name": "order",
                "verbose_name_plural": "orders",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["client", "patient_ref"], name="order_of_patient"),
                    models.Index(fields=["updated_at"], name="order_oldest"),
                ],
                "constraints": [models.UniqueConstraint(fields=("client", "ref"), name="order_of_client")],
            },
        ),
        migrations.AddField(
            "review",
            "order_version",
            models.PositiveIntegerField(default=0, db_default=0, verbose_name="version of the order's lines"),
        ),
        migrations.AddField(
            "review",
            "lines_changes",
            models.JSONField(
                blank=True,
                default=list,
                db_default=Value([], models.JSONField()),
                verbose_name="changes of the lines",
            ),
        ),
        migrations.RunPython(take_lines, migrations.RunPython.noop, elidable=True),
    ]
