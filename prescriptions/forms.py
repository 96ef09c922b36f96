"""The customer's upload form. It checks only that there are files; intake looks into them."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from prescriptions.intake import MAX_FILES, Upload
from prescriptions.problems import Problem

# JPEG first: Safari converts HEIC to the first type it can; a PDF in the list keeps Android's camera choice.
ACCEPT = "image/jpeg,image/png,image/webp,image/heic,image/heif,image/avif,application/pdf,.heic,.heif,.avif,.pdf"


class _ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    widget = _ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        files = list(data) if isinstance(data, list | tuple) else [data] if data else []
        if not files:
            raise forms.ValidationError(_("Choose at least one photo, scan or PDF of your prescription."))
        if len(files) > MAX_FILES:
            message = _("Choose at most %(most)d files; these are %(many)d.")
            raise forms.ValidationError(message, params={"most": MAX_FILES, "many": len(files)})
        return files  # empty files too: intake names them


class UploadForm(forms.Form):
    """One or more files of one prescription."""

    files = _FilesField(  # type: ignore[assignment] # the name of the multipart field, as in the API
        label=_("Photos, scans or PDF"), widget=_ManyFiles(attrs={"accept": ACCEPT, "multiple": True, "required": True})
    )

    def explain(self, problem: Problem) -> None:
        """Say of each refused file what was wrong with it."""
        for error in problem.errors or [{"detail": problem.detail}]:
            name = error.get("file")
            text = (
                gettext("%(file)s: %(reason)s") % {"file": name, "reason": error["detail"]} if name else error["detail"]
            )
            self.add_error("files", text)
