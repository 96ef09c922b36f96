"""What happened, added up by the hour and the day."""

import datetime

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0037_lists_of_prescriptions"),
    ]

    operations = [
        migrations.CreateModel(
            name="FigureMark",
            fields=[
                ("name", models.CharField(max_length=24, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(default=datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))),
                ("place", models.CharField(blank=True, max_length=40)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Figure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("grain", models.CharField(max_length=1)),
                ("name", models.CharField(max_length=24)),
                ("at", models.DateTimeField()),
                ("label", models.CharField(blank=True, max_length=48)),
                ("count", models.BigIntegerField()),
                ("total", models.FloatField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["grain", "at"], name="figure_age")],
                "constraints": [models.UniqueConstraint(fields=("grain", "name", "at", "label"), name="figure")],
            },
        ),
    ]
