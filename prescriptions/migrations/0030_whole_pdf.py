"""All pages as one PDF, kept like a variant."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0029_lent_links"),
    ]

    operations = [
        migrations.CreateModel(
            name="WholePdf",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "form",
                    models.CharField(blank=True, help_text="a4, or empty: pages of their own size.", max_length=8),
                ),
                ("digest", models.CharField(max_length=32)),
                ("owner", models.CharField(max_length=32)),
                ("until", models.DateTimeField(null=True)),
                ("size", models.PositiveIntegerField(null=True)),
                ("etag", models.CharField(blank=True, max_length=80)),
                (
                    "prescription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="prescriptions.prescription"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("prescription", "form"), name="whole_pdf")],
            },
        ),
    ]
