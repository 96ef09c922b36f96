"""An Idempotency-Key is reserved while its request is under way."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0027_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="replay",
            name="location",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="replay",
            name="owner",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddField(
            model_name="replay",
            name="until",
            field=models.DateTimeField(null=True),
        ),
    ]
