"""Webhooks, and what is to be sent to each. Operators see them; who sets them up is granted that."""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

import prescriptions.models.events.webhooks


def let_see_webhooks(apps: Any, schema_editor: Any) -> None:
    # Permissions are made after all migrations; the group needs this one now.
    config = apps.get_app_config("prescriptions")
    config.models_module = True  # without it `create_permissions` takes the app for one without models
    alias = schema_editor.connection.alias
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    permission = (
        apps.get_model("auth", "Permission")
        .objects.using(alias)
        .get(content_type__app_label="prescriptions", codename="view_webhook")
    )
    group, _created = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="ops")
    group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0031_orders"),
    ]

    operations = [
        migrations.CreateModel(
            name="Webhook",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=prescriptions.models.events.webhooks.new_webhook_id,
                        editable=False,
                        max_length=16,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("client", models.CharField(db_index=True, max_length=64, verbose_name="client")),
                ("url", models.CharField(max_length=500, verbose_name="address")),
                ("types", models.JSONField(default=list, verbose_name="types")),
                ("secret", models.BinaryField()),
                ("old_secret", models.BinaryField(null=True)),
                ("old_until", models.DateTimeField(help_text="Until then both secrets sign.", null=True)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="created"),
                ),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("rests_until", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "succeeded_at",
                    models.DateTimeField(help_text="To the minute.", null=True, verbose_name="last success"),
                ),
                ("disabled_at", models.DateTimeField(null=True, verbose_name="switched off")),
                (
                    "disabled_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("failing", "it took nothing for too long"),
                            ("gone", "it answered that it is gone for good (410)"),
                            ("person", "somebody switched it off"),
                        ],
                        max_length=16,
                        verbose_name="because",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook",
                "verbose_name_plural": "webhooks",
                "ordering": ("client", "created_at", "id"),
                "default_permissions": ("view", "change"),
            },
        ),
        migrations.AlterField(
            model_name="event",
            name="type",
            field=models.CharField(
                choices=[
                    ("prescription.received", "received"),
                    ("prescription.in_review", "in review"),
                    ("prescription.question", "question asked"),
                    ("prescription.answered", "question answered"),
                    ("prescription.approved", "approved"),
                    ("prescription.partially_approved", "partly approved"),
                    ("prescription.rejected", "not accepted"),
                    ("prescription.reopened", "decision taken back"),
                    ("prescription.withdrawn", "withdrawn"),
                    ("prescription.expired", "expired"),
                    ("prescription.erased", "erased"),
                    ("order.lines_changed", "order lines changed"),
                    ("variant.ready", "variant ready"),
                    ("variant.failed", "variant failed"),
                    ("webhook.test", "test of a webhook"),
                ],
                max_length=40,
                verbose_name="type",
            ),
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.BigIntegerField()),
                ("subject", models.CharField(max_length=100)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "open"), ("delivered", "delivered"), ("given_up", "given up")],
                        default="open",
                        max_length=12,
                        verbose_name="state",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="tries")),
                ("first_at", models.DateTimeField(null=True)),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("owner", models.CharField(blank=True, max_length=32)),
                ("leased_until", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                ("log", models.JSONField(default=list)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="prescriptions.event"
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="prescriptions.webhook",
                    ),
                ),
            ],
            options={
                "ordering": ("-position",),
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["webhook", "position"], name="delivery_newest"),
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["webhook", "next_at"], name="delivery_due"
                    ),
                    models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["webhook", "subject", "position"],
                        name="delivery_in_order",
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("webhook", "event"), name="delivery_once")],
            },
        ),
        migrations.RunPython(let_see_webhooks, migrations.RunPython.noop),
    ]
