"""Since when the first of the queue has waited, whatever its priority: asked at each look at the metrics."""

from django.db import migrations, models

from prescriptions.migrations._without_lock import AddIndex


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL would lock the table while it builds

    dependencies = [("prescriptions", "0017_cache_table")]

    operations = [
        AddIndex("review", models.Index(fields=["status", "queued_at"], name="review_oldest")),
    ]
