"""The reasons that a shop starts with, and a review for every prescription that came before there were reviews."""

from typing import Any

from django.db import migrations

# code, title for the customer, text for the customer, what the customer can do, can be put right, needs a note
REASONS = {
    "image": [
        (
            "image_blurry",
            "The picture is blurred",
            "Take a new photo: hold still, in good light, and tap the paper to focus.",
            "reupload",
            True,
            False,
        ),
        (
            "image_dark",
            "The picture is too dark",
            "Take a new photo in daylight or under a lamp, without shadows on the paper.",
            "reupload",
            True,
            False,
        ),
        (
            "image_cropped",
            "A part of the prescription is cut off",
            "Take a new photo that shows the whole paper with all four corners.",
            "reupload",
            True,
            False,
        ),
        (
            "image_too_small",
            "The picture is too small to read",
            "Take a new photo at normal quality, or send the original file instead of a screenshot.",
            "reupload",
            True,
            False,
        ),
        ("page_missing", "A page is missing", "Send all pages of the prescription together.", "reupload", True, False),
        (
            "not_a_prescription",
            "This is not a prescription",
            "Send the prescription that your doctor gave you.",
            "reupload",
            True,
            False,
        ),
        (
            "file_unreadable",
            "The file cannot be read",
            "Send it again, or take a photo of the paper.",
            "reupload",
            True,
            False,
        ),
        (
            "password_protected_pdf",
            "The PDF is locked with a password",
            "Send a copy without a password, or take a photo of the paper.",
            "reupload",
            True,
            False,
        ),
        (
            "file_infected",
            "The file was refused by our virus check",
            "Take a photo of the paper and send that.",
            "reupload",
            True,
            False,
        ),
    ],
    "content": [
        (
            "date_missing",
            "The date is missing",
            "Ask your doctor for a prescription with a date.",
            "contact_doctor",
            True,
            False,
        ),
        (
            "date_in_future",
            "The date lies in the future",
            "Ask your doctor to correct the date.",
            "contact_doctor",
            True,
            False,
        ),
        (
            "expired",
            "The prescription has expired",
            "Ask your doctor for a new prescription.",
            "consult_doctor",
            True,
            False,
        ),
        (
            "signature_missing",
            "The signature or stamp is missing",
            "Ask your doctor to sign the prescription.",
            "contact_doctor",
            True,
            False,
        ),
        (
            "prescriber_missing",
            "The doctor's name is missing",
            "Ask your doctor for a prescription with name and address.",
            "contact_doctor",
            True,
            False,
        ),
        (
            "prescriber_reg_invalid",
            "We could not confirm the doctor's registration",
            "Ask your doctor for a prescription with a registration number.",
            "contact_doctor",
            True,
            False,
        ),
        (
            "patient_missing",
            "The patient's name is missing",
            "Ask your doctor for a prescription with the patient's name.",
            "contact_doctor",
            True,
            False,
        ),
        (
            "patient_mismatch",
            "The prescription is for somebody else",
            "Send the prescription of the patient named in this order.",
            "reupload",
            True,
            False,
        ),
        (
            "medicine_missing",
            "No medicine is named",
            "Ask your doctor for a prescription that names the medicine.",
            "contact_doctor",
            True,
            False,
        ),
        (
            "strength_or_dose_unclear",
            "Strength or dose is not clear",
            "Ask your doctor to write strength and dose clearly.",
            "contact_doctor",
            True,
            False,
        ),
        (
            "quantity_exceeds",
            "More is ordered than was prescribed",
            "Order the prescribed quantity.",
            "edit_order",
            True,
            False,
        ),
        (
            "duration_elapsed",
            "The prescribed treatment is over",
            "Ask your doctor for a new prescription.",
            "consult_doctor",
            True,
            False,
        ),
        (
            "altered_or_suspected_forgery",
            "We could not accept this prescription",
            "Ask your doctor for a new prescription.",
            "contact_doctor",
            False,
            True,
        ),
        (
            "language_unreadable",
            "We could not read the handwriting or language",
            "Ask your doctor for a printed prescription.",
            "contact_doctor",
            True,
            False,
        ),
    ],
    "order": [
        (
            "item_not_on_prescription",
            "A medicine is not on the prescription",
            "Remove it from the order, or send a prescription that names it.",
            "edit_order",
            True,
            False,
        ),
        (
            "item_schedule_not_sold_online",
            "This medicine is not sold online",
            "Remove it from the order and buy it in a pharmacy.",
            "edit_order",
            True,
            False,
        ),
        (
            "duplicate_of_used",
            "This prescription was used already",
            "Ask your doctor for a new prescription.",
            "consult_doctor",
            True,
            False,
        ),
        (
            "already_dispensed_in_full",
            "Everything on this prescription was supplied",
            "Ask your doctor for a new prescription.",
            "consult_doctor",
            True,
            False,
        ),
    ],
    "process": [
        (
            "no_reply_from_customer",
            "We had a question and got no answer",
            "Send the prescription again when you are ready.",
            "reupload",
            True,
            False,
        ),
        (
            "prescriber_declined",
            "Your doctor did not confirm the prescription",
            "Talk to your doctor.",
            "contact_doctor",
            False,
            False,
        ),
        (
            "withdrawn_by_customer",
            "You withdrew the prescription",
            "Send it again whenever you like.",
            "reupload",
            True,
            False,
        ),
        ("other", "We could not accept this prescription", "See the note from our pharmacist.", "none", True, True),
    ],
}


def seed(apps: Any, schema_editor: Any) -> None:
    ReasonCode = apps.get_model("prescriptions", "ReasonCode")
    rows = [(group, *row) for group, rows in REASONS.items() for row in rows]
    ReasonCode.objects.bulk_create(
        [
            ReasonCode(
                code=code,
                group=group,
                position=position,
                customer_title=title,
                customer_body=body,
                action=action,
                retryable=retryable,
                needs_note=needs_note,
            )
            for position, (group, code, title, body, action, retryable, needs_note) in enumerate(rows, 1)
        ],
        ignore_conflicts=True,
    )


def open_reviews(apps: Any, schema_editor: Any) -> None:
    Prescription = apps.get_model("prescriptions", "Prescription")
    Review = apps.get_model("prescriptions", "Review")
    fresh = []
    for row in Prescription.objects.filter(review=None).iterator():
        status = "erased" if row.erased_at else "queued"
        fresh.append(Review(prescription_id=row.pk, status=status, queued_at=row.created_at, status_at=row.created_at))
    Review.objects.bulk_create(fresh, batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("prescriptions", "0003_audit_append_only")]

    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunPython(open_reviews, migrations.RunPython.noop),
    ]
