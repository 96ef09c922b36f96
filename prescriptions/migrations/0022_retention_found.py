"""The indexes that erasures ask for."""

from django.db import migrations, models

from prescriptions.migrations._without_lock import AddIndex


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL would lock each table while it builds

    dependencies = [("prescriptions", "0021_retention")]

    operations = [
        AddIndex(
            "prescription",
            models.Index(
                condition=models.Q(("erased_at__isnull", False), ("noted_at", None)),
                fields=["erased_at"],
                name="rx_to_note",
            ),
        ),
        AddIndex(
            "prescription",
            models.Index(
                condition=models.Q(("compacted_at", None), ("purged_at__isnull", False)),
                fields=["purged_at"],
                name="rx_to_compact",
            ),
        ),
        AddIndex(
            "prescription",
            models.Index(
                condition=models.Q(("purged_at__isnull", False), ("wiped_at", None)),
                fields=["purged_at"],
                name="rx_to_wipe",
            ),
        ),
        AddIndex(
            "review",
            models.Index(condition=models.Q(("is_duplicate", True)), fields=["prescription"], name="review_lookalikes"),
        ),
    ]
