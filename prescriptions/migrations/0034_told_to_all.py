"""Lists by status and by change for those who see the prescriptions of every client."""

from django.db import migrations, models

from prescriptions.migrations._without_lock import AddIndex

_INDEXES = (
    models.Index(fields=["told_status", "-created_at", "-id"], name="rx_all_of_status"),
    models.Index(fields=["updated_at", "id"], name="rx_all_changed"),
)


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL would lock the table while it builds

    dependencies = [("prescriptions", "0033_told")]

    operations = [AddIndex("prescription", index) for index in _INDEXES]
