"""Links that can be taken back."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0028_replays_under_way"),
    ]

    operations = [
        migrations.CreateModel(
            name="LentLink",
            fields=[
                ("id", models.CharField(max_length=12, primary_key=True, serialize=False)),
                ("scope", models.CharField(max_length=1)),
                ("pages", models.JSONField(default=list, help_text="Numbers of the pages that it opens; empty: all.")),
                ("made_by", models.CharField(max_length=64)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "prescription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="prescriptions.prescription"
                    ),
                ),
            ],
            options={
                "ordering": ("-made_at",),
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("revoked_at__isnull", False)),
                        fields=["expires_at"],
                        name="lent_link_revoked",
                    )
                ],
            },
        ),
    ]
