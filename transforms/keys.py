"""Object keys and page identifiers: built here, read here, nowhere else.

Pure functions of ids and the stored form: nothing a person typed, nothing volatile. A key that is not exactly of the
form is none: readers answer None.
"""

import re
from dataclasses import dataclass
from typing import Final

from transforms.request.spec import Stored

# For whoever has to recognise them inside something longer, such as an address.
ID: Final = r"[0-9a-f]{32}"  # of a prescription, document, variant
PAGE_NUMBER: Final = r"[1-9][0-9]{0,2}"  # counts from 1 over all documents of a prescription
SHEET: Final = r"[0-9a-f]{8}"  # digest of a sheet in a page (`paper`)

INCOMING: Final = "incoming/"  # of files that come in pieces; no prescription's id, and behind all of them in a listing
_PREFIX: Final = re.compile(rf"({ID})/")
_INCOMING: Final = re.compile(rf"{INCOMING}({ID})/")
_ORIGINAL: Final = re.compile(rf"({ID})/({ID})")
_RECEIPT: Final = re.compile(rf"({ID})/({ID})\.receipt")
_VARIANT: Final = re.compile(rf"({ID})/({PAGE_NUMBER})(?:s({SHEET}))?/(p[1-9][0-9]{{0,3}})/(.+)")
_DOCUMENT: Final = re.compile(rf"({ID})/document/[0-9a-f]{{32}}\.pdf")
_IMAGE: Final = re.compile(rf"({ID})_({PAGE_NUMBER})(?:s({SHEET})?)?")


@dataclass(frozen=True, slots=True)
class OriginalKey:
    """Ids of prescription and document."""

    rx: str
    document: str


@dataclass(frozen=True, slots=True)
class VariantKey:
    """Id of the prescription, page number in it, pipeline version; `stored` is not yet proved to be a stored form.

    `sheet`: digest of the sheet in the page that it shows; empty for the page itself.
    """

    rx: str
    number: int
    pipeline: str
    stored: str
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class ImageIdentifier:
    """Id of the prescription and page number in it. `sheet`: None for the page itself; the digest of a sheet in it, or
    empty for the one that counts now.
    """

    rx: str
    number: int
    sheet: str | None = None


def is_id(text: str) -> bool:
    """Does it have the form of an id?"""
    return re.fullmatch(ID, text) is not None


def prefix(rx: str) -> str:
    """What all keys of a prescription begin with, in both buckets."""
    return f"{rx}/"


def original_key(rx: str, document_id: str) -> str:
    """Key of an uploaded file in the originals bucket."""
    return f"{prefix(rx)}{document_id}"


def receipt_key(rx: str, receipt_id: str) -> str:
    """Key of what an upload was, beside its originals and in the same bucket."""
    return f"{original_key(rx, receipt_id)}.receipt"


def incoming_prefix(incoming: str) -> str:
    """What all keys of a file that comes in pieces begin with, in the originals bucket."""
    return f"{INCOMING}{incoming}/"


def piece_key(incoming: str, first: int, number: int) -> str:
    """Key of one piece; `first` is the number of the first of those that will be put together."""
    return f"{pieces_prefix(incoming, first)}{number:06d}"


def pieces_prefix(incoming: str, first: int) -> str:
    """What the keys of pieces begin with that will be put together."""
    return f"{incoming_prefix(incoming)}{first:06d}/"


def assembled_key(incoming: str) -> str:
    """Key of what S3 puts together from parts."""
    return f"{incoming_prefix(incoming)}whole"


def parse_incoming_key(key: str) -> str | None:
    """The file in pieces that a key belongs to."""
    found = _INCOMING.match(key)
    return found[1] if found else None


def is_incoming(key: str) -> bool:
    """Is it one of a file that comes in pieces?"""
    return key.startswith(INCOMING)


def variant_key(rx: str, number: int, pipeline: str, stored: Stored | str, *, sheet: str = "") -> str:
    """Key of a derived file in the variants bucket; the edge builds the same from the URL by position."""
    return f"{prefix(rx)}{number}{_of_sheet(sheet)}/{pipeline}/{stored}"


def page_prefixes(rx: str, number: int) -> tuple[str, str]:
    """What all keys of a page's variants begin with, and those of all sheets in it."""
    return f"{prefix(rx)}{number}/", f"{prefix(rx)}{number}s"


def sheet_prefix(rx: str, number: int, sheet: str) -> str:
    """What all keys of the variants of one sheet begin with."""
    return f"{prefix(rx)}{number}{_of_sheet(sheet)}/"


def document_key(rx: str, digest: str) -> str:
    """Key of all pages in one PDF in the variants bucket; `digest` says how the pages are in it."""
    return f"{prefix(rx)}document/{digest}.pdf"


def page_identifier(rx: str, number: int) -> str:
    """The `identifier` of a page in addresses (IIIF Image API 3.0 §2.1)."""
    return f"{rx}_{number}"


def image_identifier(rx: str, number: int, sheet: str = "") -> str:
    """The same of the sheet with this digest in the page; of the page itself without one."""
    return f"{page_identifier(rx, number)}{_of_sheet(sheet)}"


def _of_sheet(digest: str) -> str:
    return f"s{digest}" if digest else ""


def prescription_of(key: str) -> str | None:
    """The prescription that a key of either bucket lies under, whatever comes after it."""
    found = _PREFIX.match(key)
    return found[1] if found else None


def parse_original_key(key: str) -> OriginalKey | None:
    """The parts of what `original_key` builds."""
    found = _ORIGINAL.fullmatch(key)
    return OriginalKey(found[1], found[2]) if found else None


def parse_receipt_key(key: str) -> OriginalKey | None:
    """The parts of what `receipt_key` builds; `document` is the receipt's own id."""
    found = _RECEIPT.fullmatch(key)
    return OriginalKey(found[1], found[2]) if found else None


def parse_variant_key(key: str) -> VariantKey | None:
    """The parts of what `variant_key` builds."""
    found = _VARIANT.fullmatch(key)
    return VariantKey(found[1], int(found[2]), found[4], found[5], found[3] or "") if found else None


def parse_document_key(key: str) -> str | None:
    """The prescription of what `document_key` builds."""
    found = _DOCUMENT.fullmatch(key)
    return found[1] if found else None


def parse_image_identifier(text: str) -> ImageIdentifier | None:
    """The parts of what `image_identifier` builds, and of `{page}s`: the sheet in it, whichever counts now."""
    found = _IMAGE.fullmatch(text)
    if found is None:
        return None
    with_sheet = len(text) > found.end(2)
    return ImageIdentifier(found[1], int(found[2]), (found[3] or "") if with_sheet else None)
