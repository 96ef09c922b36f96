"""Orders are handed over to phones."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0038_figures"),
    ]

    operations = [
        migrations.AddField(
            model_name="draftfile",
            name="phone",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="The handover that it came by.", max_length=16
            ),
        ),
        migrations.CreateModel(
            name="Handover",
            fields=[
                ("id", models.CharField(editable=False, max_length=16, primary_key=True, serialize=False)),
                ("code", models.CharField(help_text="SHA-256 of what opens it, once.", max_length=64, unique=True)),
                (
                    "phone",
                    models.CharField(blank=True, help_text="SHA-256 of what the first phone was given.", max_length=64),
                ),
                ("client", models.CharField(max_length=64)),
                ("order_ref", models.CharField(max_length=64)),
                ("parent", models.CharField(help_text="The id of the link that it is a child of.", max_length=16)),
                ("draft_link", models.CharField(blank=True, help_text="As the draft's.", max_length=16)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("ends_at", models.DateTimeField(help_text="When its parent ends.")),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["client", "order_ref"], name="handover_of_order")],
            },
        ),
    ]
