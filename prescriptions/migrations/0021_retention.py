"""Legal holds, retention runs, erasures that wait for a second person, and how far the ledger was followed."""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.contrib.auth.management import create_permissions
from django.db import migrations, models


def let_see_runs(apps: Any, schema_editor: Any) -> None:
    """Auditors and operators see what the nights have done. Holds, exports and overrides are granted to persons."""
    # Permissions are made after all migrations; the groups need this one now.
    config = apps.get_app_config("prescriptions")
    config.models_module = True  # without it `create_permissions` takes the app for one without models
    alias = schema_editor.connection.alias
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    permission = (
        apps.get_model("auth", "Permission")
        .objects.using(alias)
        .get(content_type__app_label="prescriptions", codename="view_retentionrun")
    )
    for name in ("auditor", "ops"):
        group, _created = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name=name)
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0020_looks"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasureRequest",
            fields=[
                (
                    "prescription",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="erasure_request",
                        serialize=False,
                        to="prescriptions.prescription",
                    ),
                ),
                ("asked_by", models.CharField(max_length=64, verbose_name="asked by")),
                ("asked_by_name", models.CharField(blank=True, max_length=150, verbose_name="name")),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="asked")),
                ("expires_at", models.DateTimeField(db_index=True, verbose_name="to be confirmed until")),
                (
                    "override",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("ordered", "a court or an authority orders it"),
                            ("wrong-upload", "it is no prescription, or was sent by mistake"),
                            ("not-supplied", "nothing was supplied on it, so the law does not ask for it"),
                        ],
                        max_length=20,
                        verbose_name="although it must be kept",
                    ),
                ),
                ("reference", models.CharField(blank=True, max_length=64, verbose_name="file number")),
            ],
            options={
                "verbose_name": "erasure to be confirmed",
                "verbose_name_plural": "erasures to be confirmed",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="LedgerHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=160)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RetentionRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("began_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="began")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("dry", models.BooleanField(verbose_name="dry run")),
                ("due", models.JSONField(default=dict, help_text="How many, by rule.", verbose_name="due")),
                ("erased", models.PositiveIntegerField(default=0, verbose_name="erased")),
                ("held", models.PositiveIntegerField(default=0, verbose_name="under a legal hold")),
                (
                    "failed",
                    models.PositiveIntegerField(
                        default=0, help_text="They are due again the next night.", verbose_name="not erased"
                    ),
                ),
                ("more", models.BooleanField(default=False, verbose_name="more are due")),
                ("ids", models.JSONField(default=list, help_text="Those that were due.", verbose_name="prescriptions")),
                ("trouble", models.CharField(blank=True, max_length=200, verbose_name="trouble")),
            ],
            options={
                "verbose_name": "retention run",
                "verbose_name_plural": "retention runs",
                "ordering": ("-began_at", "-id"),
                "default_permissions": ("view",),
            },
        ),
        migrations.AlterModelOptions(
            name="prescription",
            options={
                "ordering": ("-created_at", "-id"),
                "permissions": (
                    ("hold_prescription", "Can set and lift legal holds"),
                    ("override_retention", "Can erase before the retention ends"),
                    ("export_prescription", "Can export prescriptions"),
                ),
                "verbose_name": "prescription",
                "verbose_name_plural": "prescriptions",
            },
        ),
        migrations.AddField(
            model_name="prescription",
            name="compacted_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="store compacted"),
        ),
        migrations.AddField(
            model_name="prescription",
            name="held_since",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="held since"),
        ),
        migrations.AddField(
            model_name="prescription",
            name="noted_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="in the ledger"),
        ),
        migrations.AddField(
            model_name="prescription",
            name="wiped_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="database wiped"),
        ),
        migrations.RunPython(let_see_runs, migrations.RunPython.noop),
    ]
