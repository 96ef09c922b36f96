"""Prescribers that are suggested when they are met again."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0040_sheets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Prescriber",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("client", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=120)),
                ("registration_number", models.CharField(blank=True, max_length=40)),
                (
                    "found_by",
                    models.CharField(help_text="Each word in small letters, after a space.", max_length=200),
                ),
                ("used_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "prescription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="prescriptions.prescription"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["client", "-used_at"], name="prescriber_latest")],
                "constraints": [
                    models.UniqueConstraint(fields=("client", "name", "registration_number"), name="prescriber")
                ],
            },
        ),
    ]
