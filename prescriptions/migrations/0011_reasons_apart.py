"""Every reason gets a name for staff, no two texts are alike any more, and seniors may approve what has run out."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations

# What colleagues call it. Customers never read this.
STAFF_TITLES = {
    "image_blurry": "Blurred",
    "image_dark": "Too dark",
    "image_cropped": "A part is cut off",
    "image_too_small": "Too small to read",
    "page_missing": "Not all pages are there",
    "not_a_prescription": "No prescription at all",
    "file_unreadable": "The file cannot be shown",
    "password_protected_pdf": "PDF with a password",
    "file_infected": "Refused by the virus check",
    "date_missing": "No date",
    "date_in_future": "Date in the future",
    "expired": "Run out: its validity is over",
    "signature_missing": "No signature or stamp",
    "prescriber_missing": "No prescriber's name",
    "prescriber_reg_invalid": "Registration number not confirmed",
    "patient_missing": "No patient's name",
    "patient_mismatch": "Another patient than in the order",
    "medicine_missing": "No medicine named",
    "strength_or_dose_unclear": "Strength or dose unclear",
    "quantity_exceeds": "More ordered than prescribed",
    "duration_elapsed": "Prescribed treatment is over",
    "altered_or_suspected_forgery": "Altered, or suspected forgery",
    "language_unreadable": "Handwriting or language unreadable",
    "item_not_on_prescription": "Medicine not on the prescription",
    "item_schedule_not_sold_online": "Schedule not sold online",
    "duplicate_of_used": "Used for another order",
    "already_dispensed_in_full": "Supplied in full before",
    "no_reply_from_customer": "No answer in time",
    "prescriber_declined": "Prescriber did not confirm it",
    "withdrawn_by_customer": "Withdrawn by the customer",
    "other": "Another reason, in a note",
}
# code: the text as it was seeded, and what tells it from the others. What a shop has worded itself stays.
TITLES = {
    "altered_or_suspected_forgery": ("We could not accept this prescription", "We cannot use this prescription"),
    "other": ("We could not accept this prescription", "Our pharmacist could not accept it"),
}
_NEW = "Ask your doctor for a new prescription."
BODIES = {
    "expired": (_NEW, "Its validity is over. Ask your doctor for a new one."),
    "duration_elapsed": (_NEW, "Ask your doctor whether to go on, and for a new prescription."),
    "altered_or_suspected_forgery": (_NEW, "Ask your doctor for a new one and send us that."),
    "duplicate_of_used": (_NEW, "It went with another order. Ask your doctor for a new one."),
    "already_dispensed_in_full": (_NEW, "If you need more, ask your doctor for a new one."),
    "other": ("See the note from our pharmacist.", "If there is no note from our pharmacist here, ask us."),
}
# Found at upload, said by a clock, or done by the customer: no pharmacist can mean these.
BY_SYSTEM = ("password_protected_pdf", "file_infected", "no_reply_from_customer", "withdrawn_by_customer")


def set_apart(apps: Any, schema_editor: Any) -> None:
    ReasonCode = apps.get_model("prescriptions", "ReasonCode")
    for code, title in STAFF_TITLES.items():
        ReasonCode.objects.filter(code=code, staff_title="").update(staff_title=title)
    for column, texts in (("customer_title", TITLES), ("customer_body", BODIES)):
        for code, (before, after) in texts.items():
            ReasonCode.objects.filter(code=code, **{column: before}).update(**{column: after})
    ReasonCode.objects.filter(code__in=BY_SYSTEM).update(group="system")


def let_seniors(apps: Any, schema_editor: Any) -> None:
    # Permissions are made after all migrations; the group needs this one now.
    config = apps.get_app_config("prescriptions")
    config.models_module = True  # without it `create_permissions` takes the app for one without models
    alias = schema_editor.connection.alias
    create_permissions(config, apps=apps, verbosity=0, using=alias)
    permission = (
        apps.get_model("auth", "Permission")
        .objects.using(alias)
        .get(content_type__app_label="prescriptions", codename="override_review")
    )
    senior, _created = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="senior")
    senior.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("prescriptions", "0010_decisions")]

    operations = [
        migrations.RunPython(set_apart, migrations.RunPython.noop),
        migrations.RunPython(let_seniors, migrations.RunPython.noop),
    ]
