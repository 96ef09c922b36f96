"""A review of which something was lost when the database was restored."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("prescriptions", "0024_draft_of_link")]

    operations = [
        migrations.AddField(
            "review",
            "decision_lost",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="What was done before is not known.",
                verbose_name="lost with a restore",
            ),
        ),
    ]
