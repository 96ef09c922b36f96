"""Sentences that scripts say, and what was typed, listed for somebody who cannot send it any more."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prescriptions.admin.review_page.form_state import FormState

_SAY: Final[dict[str, Promise]] = {
    "yours": _("yours for %(time)s"),
    "ending": _("Your claim ends in %(seconds)s seconds. Press Extend to keep it."),
    "ended": _("Your claim has run out. What you typed is kept. Claim it again to carry on."),
    "extended": _("Extended."),
    "valid": _("Valid until %(day)s"),
    "ran_out": _("It ran out on %(day)s."),
    "future": _("The date is in the future."),
    "too_old": _("The date is too long ago: the earliest is %(day)s."),
    "never": _("Cannot be approved:"),
    "never_future": _("the date is in the future"),
    "never_old": _("the date is before %(day)s"),
    "never_expired": _("it ran out on %(day)s; only a senior can override that"),
    "never_confirmed": _("it has run out: do not agree"),
    "missing_override": _("it ran out on %(day)s: say why you approve it all the same"),
    "customer_reads": _("The customer reads: %(text)s"),
    "missing_which": _("which date is meant"),
    "missing_ticks": _("tick what you see: %(count)s"),
    "missing": _("Missing:"),
    "missing_pages": _("%(count)s of %(all)s pages not looked at: page %(pages)s"),
    "missing_checklist": _("checklist %(done)s/%(points)s"),
    "missing_date": _("date"),
    "missing_prescriber": _("prescriber"),
    "missing_registration": _("registration no."),
    "missing_lines": _("a decision on every line"),
    "missing_quantity": _("the quantity of a line"),
    "missing_line_reason": _("the reason for a line"),
    "missing_reason": _("reason"),
    "missing_question": _("the question"),
    "missing_note": _("a note"),
    "missing_outcome": _("Choose an outcome first."),
    "full_lines": _("a line is not accepted: choose “Approve in part”"),
    "some_lines": _("every line is accepted: choose “Approve”"),
    "none_lines": _("no line is accepted: choose “Not accepted”"),
    "sending": _("Sending …"),
    "submit": _("Submit"),
    "lost": _("The server is not answering. Nothing has been saved yet. Try again."),
    "session": _("Your session has ended."),
    "session_text": _("Sign in again in another tab, then carry on here. What you typed is kept."),
    "session_link": _("Sign in"),
    "restored": _("What you typed before is back."),
    "rotated": _("Page %(page)s was turned. It stays this way for everyone."),
    "not_rotated": _("The new rotation could not be saved."),
    "redacted": _("Redaction of page %(page)s confirmed. Older versions of it are withdrawn."),
    "redaction_now": _("Confirmed boxes on page %(page)s: %(count)s"),
    "redaction_none": _("Nothing on page %(page)s is redacted."),
    "sheet_set": _("The paper of page %(page)s is kept as it lies now, for everyone."),
    "sheet_none": _("Page %(page)s is shown as the photo, for everyone."),
    "boxes_drawn": _("Drawn: %(count)s"),
    "leave": _("What you typed has not been sent yet. Leave anyway?"),
    "failed": _("Page %(page)s cannot be shown."),
    "claim_again": _("Claim it again"),
    "key_zoom_in": _("Zoom in"),
    "key_zoom_out": _("Zoom out"),
    "key_fit": _("Whole page"),
    "key_width": _("Page width"),
    "key_right": _("Turn right"),
    "key_left": _("Turn left"),
    "key_invert": _("Invert colours"),
    "key_enhanced": _("Enhanced picture"),
    "key_straighten": _("Straighten"),
    "key_previous": _("Previous page"),
    "key_next": _("Next page"),
    "key_original": _("The whole photo, or the paper"),
    "key_accept": _("Yes, this is the paper"),
    "key_corners": _("Corners of the paper"),
    "key_over": _("Turn the paper over"),
}
_LABELS: Final[dict[str, Promise]] = {
    "prescribed_on": _("Prescribed on"),
    "prescriber": _("Prescriber"),
    "registration_number": _("Registration number"),
    "customer_text": _("Note to the customer"),
    "internal_note": _("Internal note"),
    "override_reason": _("Approved although"),
    "question": _("Question"),
    "note": _("Note"),
}


def for_scripts() -> dict[str, str]:
    return {key: str(text) for key, text in _SAY.items()}


def left_over(form: FormState) -> list[tuple[str, str]]:
    """Label and text of everything typed that is longer than a choice."""
    return [(str(label), form.texts[name]) for name, label in _LABELS.items() if form.texts.get(name)]
