"""What a customer is told about a file that cannot be taken: which file, which rule, and the way out.

The transforms library words its errors for developers; here each code gets a sentence in the customer's language.
"""

from typing import Final

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from prescriptions.infra import ratelimit
from prescriptions.infra.problems import Problem
from transforms.errors import TransformError
from transforms.limits import LIMITS, MIB

FORMATS: Final = "JPEG, PNG, WebP, HEIC, PDF"

# Round numbers as people say them; `filesizeformat` would make it "15.0 MB".
BYTES: Final = {
    "image_limit": f"{LIMITS.image_bytes // MIB}\u00a0MB",
    "pdf_limit": f"{LIMITS.pdf_bytes // MIB}\u00a0MB",
}

_BUSY = _("We are busy and could not check %(file)s. Try again in a minute.")
_UNREADABLE = _("We could not read %(file)s. Send it again, or take a photo of the page.")
SENTENCES: Final[dict[str, Promise]] = {
    "unsupported-media-type": _(
        "%(file)s is not a file we can read. It must be one of: %(formats)s. Take a photo of the page instead."
    ),
    "source-empty": _("%(file)s is empty. Choose it again, or take a photo of the page."),
    "source-damaged": _("%(file)s is damaged or incomplete. Send another copy, or take a photo of the page."),
    "source-locked": _(
        "%(file)s is locked with a password. Save a copy without the password, or take a photo of each page."
    ),
    "source-too-large": _(
        "%(file)s has %(size)s. Photos may have up to %(image_limit)s, PDF files up to %(pdf_limit)s. "
        "Take a new photo at normal quality."
    ),
    "too-many-pixels": _("%(file)s has too many pixels. Take a new photo at normal quality."),
    "too-many-pages": _("With %(file)s there are more than %(pages)d pages. Send only the pages of this prescription."),
    "too-many-files": _(
        "%(file)s was not added, because one prescription has at most %(files)d files. Remove one first."
    ),
    "idempotency-key-reused": _("%(file)s was mixed up with another file. Choose it again."),
    "draft-closed": _("%(file)s came too late: this prescription was already sent. Reload the page to send another."),
    "renderer-unavailable": _BUSY,
    "renderer-busy": _BUSY,
}


def sentence(code: str, *, file: str, size: int = 0) -> str:
    """The sentence for one file. `size` is in bytes."""
    return template(code) % {"file": file or gettext("The file"), "size": filesizeformat(size)}


def template(code: str) -> str:
    """The sentence with `%(file)s` and `%(size)s` still to be filled in."""
    return str(SENTENCES.get(code, _UNREADABLE)) % {
        "file": "%(file)s",
        "formats": FORMATS,
        "size": "%(size)s",
        **BYTES,
        "pages": LIMITS.pdf_pages,
        "files": LIMITS.order_files,
    }


def refused(code: str, status: int, *, file: str, size: int = 0) -> Problem:
    """The answer that says so."""
    retry_after = 5 if status == 503 else None
    detail = sentence(code, file=file, size=size)
    return Problem(status, code, gettext("The file was not added"), detail, retry_after=retry_after)


def order_full() -> Problem:
    """An order has had as many prescriptions as it may have in a day (RX_ORDER_UPLOADS)."""
    most = settings.RX_ORDER_UPLOADS
    detail = ngettext(
        "A prescription was sent for this order within a day. An order can take no more. "
        "Send the next one tomorrow, or ask us.",
        "%(most)d prescriptions were sent for this order within a day. An order can take no more. "
        "Send the next one tomorrow, or ask us.",
        most,
    ) % {"most": most}
    left = ratelimit.fields("order", most, left=0, reset=3600, window=86_400, unit="prescriptions")
    title = gettext("Nothing more can be sent today")
    return Problem(429, "order-full", title, detail, retry_after=3600, headers=left)


def of_transform(error: TransformError, *, file: str, size: int) -> Problem:
    """The customer's form of what intake found."""
    return refused(error.code, error.status, file=file, size=size)
