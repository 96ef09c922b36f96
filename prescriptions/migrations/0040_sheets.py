"""The sheet of paper in a page is an image of its own, with variants."""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from prescriptions.migrations._without_lock import AddUnique


def delete_with_the_page(apps: Any, schema_editor: Any) -> None:
    """Beside this release runs one that knows no sheets, and it deletes the pages of whoever asks to be erased."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "ALTER TABLE prescriptions_sheet DROP CONSTRAINT IF EXISTS sheet_page, ADD CONSTRAINT sheet_page "
            "FOREIGN KEY (page_id) REFERENCES prescriptions_page (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"
        )


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL builds the index of a table that may be large while people go on working

    dependencies = [
        ("prescriptions", "0039_handover"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Sheet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "digest",
                    models.CharField(help_text="Names it in addresses and keys.", max_length=8, verbose_name="digest"),
                ),
                (
                    "corners",
                    models.JSONField(
                        help_text="[[x, y], ...] in upright pixels of the page, clockwise from the sheet's top left.",
                        verbose_name="corners",
                    ),
                ),
                ("width", models.PositiveIntegerField(verbose_name="width")),
                ("height", models.PositiveIntegerField(verbose_name="height")),
                (
                    "source",
                    models.CharField(
                        choices=[("auto", "found in the photo"), ("person", "set by a person")],
                        max_length=8,
                        verbose_name="source",
                    ),
                ),
                (
                    "confidence",
                    models.FloatField(help_text="0 to 1, where it was found.", null=True, verbose_name="confidence"),
                ),
                ("proposed", models.BooleanField(default=False, verbose_name="proposed")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="set")),
                ("retired_at", models.DateTimeField(blank=True, null=True, verbose_name="retired")),
                ("cleared_at", models.DateTimeField(blank=True, null=True, verbose_name="variants deleted")),
                ("light", models.BinaryField(default=b"")),
            ],
            options={
                "verbose_name": "sheet",
                "verbose_name_plural": "sheets",
                "ordering": ("-created_at", "-id"),
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="variant",
            name="sheet",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Its digest; empty: the page.",
                max_length=8,
                verbose_name="sheet",
            ),
        ),
        migrations.AddField(
            model_name="sheet",
            name="page",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="sheets",
                to="prescriptions.page",
            ),
        ),
        migrations.RunPython(delete_with_the_page, migrations.RunPython.noop),
        migrations.AddField(
            model_name="sheet",
            name="set_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="set by",
            ),
        ),
        migrations.AddIndex(
            model_name="sheet",
            index=models.Index(fields=["page", "digest"], name="sheet_digest"),
        ),
        migrations.AddIndex(
            model_name="sheet",
            index=models.Index(
                condition=models.Q(("cleared_at", None), ("retired_at__isnull", False)),
                fields=["retired_at"],
                name="sheet_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="sheet",
            constraint=models.UniqueConstraint(
                condition=models.Q(("retired_at", None)), fields=("page",), name="sheet_standing"
            ),
        ),
        # The new constraint stands before the old one goes: a variant has one claim all the while.
        AddUnique(
            model_name="variant",
            constraint=models.UniqueConstraint(
                fields=("page", "sheet", "stored", "pipeline"), name="variant_made_once"
            ),
        ),
        migrations.RemoveConstraint(model_name="variant", name="variant_single_flight"),
    ]
