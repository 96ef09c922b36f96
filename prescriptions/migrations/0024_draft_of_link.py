"""A link that only uploads has a draft of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("prescriptions", "0023_duties")]

    operations = [
        migrations.AddField(
            "draft",
            "link",
            models.CharField(
                blank=True, db_default="", default="", help_text="The id of the link that only uploads.", max_length=16
            ),
        ),
        migrations.AddConstraint(
            "draft",
            models.UniqueConstraint(fields=("client", "order_ref", "link"), name="draft_of_link"),
        ),
        migrations.RemoveConstraint("draft", "draft_of_order"),
    ]
