"""Clients: the origins that are theirs."""

from django.db import migrations, models

import prescriptions.models.access


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0025_decision_lost"),
    ]

    operations = [
        migrations.CreateModel(
            name="Client",
            fields=[
                ("name", models.CharField(max_length=64, primary_key=True, serialize=False, verbose_name="client")),
                (
                    "origins",
                    models.JSONField(
                        blank=True,
                        default=list,
                        validators=[prescriptions.models.access.check_origins],
                        verbose_name="origins",
                    ),
                ),
            ],
            options={
                "verbose_name": "client",
                "verbose_name_plural": "clients",
                "ordering": ("name",),
                "default_permissions": (),
            },
        ),
    ]
