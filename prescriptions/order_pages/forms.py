"""The form behind the order's page. It checks what a browser cannot be trusted with; drafts look into the files."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from prescriptions.intake import consent
from prescriptions.intake.accepting import Upload

# JPEG first: Safari converts HEIC to the first type it can; a PDF in the list keeps Android's camera choice.
ACCEPT: Final = (
    "image/jpeg,image/png,image/webp,image/heic,image/heif,image/avif,application/pdf,.heic,.heif,.avif,.pdf"
)


class ManyFiles(forms.ClearableFileInput):
    """A file input that takes several; its markup is in the page's template."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files, none and empty ones too: each gets an answer of its own later."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        return list(data) if isinstance(data, list | tuple) else [data] if data else []


class SubmitForm(forms.Form):
    """Everything that is sent with the button."""

    files = FilesField(required=False)  # type: ignore[assignment] # the name of the multipart field, as in the API
    consent = forms.BooleanField(
        label=consent.TEXTS[consent.CURRENT],
        error_messages={"required": _("Tick the box to say that the prescription is for this order's patient.")},
    )
