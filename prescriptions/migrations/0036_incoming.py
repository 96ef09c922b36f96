"""Files that come in pieces."""

import django.utils.timezone
from django.db import migrations, models

import prescriptions.models.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0035_reasons_in_languages"),
    ]

    operations = [
        migrations.CreateModel(
            name="Incoming",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=prescriptions.models.identifiers.new_identifier,
                        editable=False,
                        max_length=32,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("owner", models.CharField(max_length=200)),
                ("client", models.CharField(max_length=64)),
                ("name", models.BinaryField(help_text="The file's name, sealed.", null=True)),
                ("wants", models.JSONField(null=True)),
                ("length", models.PositiveIntegerField(help_text="Bytes, as announced.")),
                ("offset", models.PositiveIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                (
                    "multipart",
                    models.CharField(blank=True, help_text="What S3 calls the upload of `parts`.", max_length=1024),
                ),
                ("parts", models.JSONField(default=list, help_text="Number, ETag, SHA-256 and bytes of each.")),
                (
                    "tail",
                    models.JSONField(
                        default=list, help_text="What is no part yet: number, SHA-256 and bytes of each piece."
                    ),
                ),
                (
                    "closed",
                    models.BooleanField(
                        default=False, help_text="Nothing more is taken: it was used, ended or refused."
                    ),
                ),
                ("rx", models.CharField(blank=True, help_text="The prescription or draft that has it.", max_length=32)),
                ("file", models.CharField(blank=True, help_text="Which file of the draft it is.", max_length=32)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(condition=models.Q(("rx", "")), fields=["owner"], name="incoming_of_owner"),
                    models.Index(condition=models.Q(("rx", ""), _negated=True), fields=["rx"], name="incoming_of_rx"),
                ],
            },
        ),
    ]
