"""The four groups of staff and what each may do. Nobody may delete anything.

Who may look at a page (`view_page`) sees its pictures: auditors and operators may not, unless somebody grants it.
"""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations

_PHARMACIST = (
    "view_prescription",
    "view_document",
    "view_page",
    "view_variant",
    "view_review",
    "view_orderline",
    "view_clarificationmessage",
    "view_redaction",
    "view_reasoncode",
    "claim_review",
    "decide_review",
    "redact_page",
)
GROUPS = {
    "pharmacist": _PHARMACIST,
    "senior": (*_PHARMACIST, "second_check_review", "reopen_review", "assign_review", "view_auditevent"),
    "auditor": (
        "view_prescription",
        "view_review",
        "view_orderline",
        "view_clarificationmessage",
        "view_redaction",
        "view_reasoncode",
        "view_auditevent",
        "view_auditanchor",
    ),
    "ops": ("view_variant", "change_variant", "view_apitoken"),
}


def make(apps: Any, schema_editor: Any) -> None:
    # Permissions are made after all migrations; the groups need them now.
    config = apps.get_app_config("prescriptions")
    config.models_module = True  # without it `create_permissions` takes the app for one without models
    alias = schema_editor.connection.alias
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in GROUPS.items():
        group, _created = Group.objects.using(alias).get_or_create(name=name)
        rows = Permission.objects.using(alias).filter(content_type__app_label="prescriptions", codename__in=codenames)
        missing = set(codenames) - {row.codename for row in rows}
        if missing:
            raise RuntimeError(f"There are no permissions named {sorted(missing)}.")
        group.permissions.add(*rows)


class Migration(migrations.Migration):
    dependencies = [
        ("prescriptions", "0004_reasons"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
