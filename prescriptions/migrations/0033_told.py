"""What people outside are told of a prescription, in its own row: lists by status and by change have an index each."""

from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Q, Subquery

from prescriptions.migrations._without_lock import AddIndex

_AT_ONCE = 1000
_INDEXES = (
    models.Index(fields=["client", "told_status", "-created_at", "-id"], name="rx_of_status"),
    models.Index(fields=["client", "updated_at", "id"], name="rx_changed"),
    models.Index(fields=["told_next_at"], condition=Q(("told_next_at__isnull", False)), name="rx_to_tell"),
)


def fill(apps: Any, schema_editor: Any) -> None:
    """So many at a time, each in a transaction of its own. Safe to run again."""
    alias = schema_editor.connection.alias
    Prescription = apps.get_model("prescriptions", "Prescription")
    Review = apps.get_model("prescriptions", "Review")
    status = Subquery(Review.objects.filter(pk=OuterRef("pk")).values("status")[:1])
    rows = Prescription.objects.using(alias)
    last = ""
    while page := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        last = page[-1]
        rows.filter(pk__in=page).exclude(review=None).update(told_status=status)


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL would lock the table while it fills and builds

    dependencies = [("prescriptions", "0032_webhooks")]

    operations = [
        migrations.AddField(
            "prescription",
            "told_status",
            models.CharField(db_default="queued", default="queued", editable=False, max_length=20),
        ),
        migrations.AddField(
            "prescription",
            "told_next",
            models.CharField(blank=True, db_default="", default="", editable=False, max_length=20),
        ),
        migrations.AddField(
            "prescription", "told_next_at", models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        *(AddIndex("prescription", index) for index in _INDEXES),
    ]
