"""File formats: what is accepted, told by magic bytes alone, and what can be made. Never trusts a name."""

import re
from enum import StrEnum
from typing import Final

from transforms.errors import SUPPORTED_LABEL, Detail, SourceEmpty, UnsupportedMedia

__all__ = ["SNIFF_BYTES", "SUPPORTED_LABEL", "OutputFormat", "SourceType", "is_pdf", "sniff"]

SNIFF_BYTES: Final = 1024  # enough for the longest test below


class SourceType(StrEnum):
    """Media types of uploads."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    HEIF = "image/heic"
    AVIF = "image/avif"
    PDF = "application/pdf"


class OutputFormat(StrEnum):
    """The `format` segment of a variant (IIIF Image API 3.0 §4.5)."""

    JPG = "jpg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        """As in Content-Type."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Final = {
    OutputFormat.JPG: "image/jpeg",
    OutputFormat.PNG: "image/png",
    OutputFormat.WEBP: "image/webp",
    OutputFormat.AVIF: "image/avif",
    OutputFormat.PDF: "application/pdf",
}

# All at offset 0.
_PREFIXES: Final = (
    (b"\xff\xd8\xff", SourceType.JPEG),
    (b"\x89PNG\r\n\x1a\n", SourceType.PNG),
    (b"%PDF-", SourceType.PDF),
)

# A PDF has its header at the start or within its first 1,024 bytes: careless programs leave blank lines, a byte order
# mark or the headers of the message that carried it in front, and viewers forgive them. A file that is a PDF and
# something else at once is refused, so nothing but these may come first, without the characters that open a tag or hide
# the rest from a script (< * `).
_PDF_HEADER: Final = b"%PDF-"
_BLANK: Final = rb"[\x00\t\n\f\r ]"
_TEXT: Final = rb"[\t -)+-;=-_a-~]"
_MESSAGE_LINE: Final = rb"(?:HTTP/[0-9.]{1,4} [0-9]{3}%(text)s*|--%(text)s{1,80}|[A-Za-z][A-Za-z0-9-]{0,60}:%(text)s*)"
_BEFORE_PDF: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:%(blank)s*%(line)s\r?\n)*%(blank)s*"
    % {b"blank": _BLANK, b"line": _MESSAGE_LINE % {b"text": _TEXT}}
)

# ISO/IEC 23008-12 brands. mif1 and msf1 only say "some coded image": the compatible brands then tell AVIF
# apart.
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_GENERIC_BRANDS: Final = frozenset({b"mif1", b"msf1"})


def sniff(head: bytes) -> SourceType:
    """The type of a file whose first bytes (`SNIFF_BYTES` or more, or the whole file) are `head`.

    Raises SourceEmpty for no bytes and UnsupportedMedia, with the list of what is accepted, for anything
    unknown.
    """
    if not head:
        raise SourceEmpty
    for prefix, kind in _PREFIXES:
        if head.startswith(prefix):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return SourceType.WEBP
    if head[4:8] == b"ftyp":
        return _sniff_isobmff(head)
    if is_pdf(head):
        return SourceType.PDF
    raise UnsupportedMedia(Detail.PDF_INSIDE if _PDF_HEADER in head[:SNIFF_BYTES] else "")


def is_pdf(head: bytes) -> bool:
    """True if a file that starts with `head` is a PDF, and nothing else besides."""
    before, header, _ = head[:SNIFF_BYTES].partition(_PDF_HEADER)
    return bool(header) and _BEFORE_PDF.fullmatch(before) is not None


def _sniff_isobmff(head: bytes) -> SourceType:
    major = head[8:12]
    if major in _AVIF_BRANDS:
        return SourceType.AVIF
    if major in _HEIF_BRANDS:
        end = min(int.from_bytes(head[:4], "big"), SNIFF_BYTES)
        compatible = {head[at : at + 4] for at in range(16, end, 4)}
        return SourceType.AVIF if major in _GENERIC_BRANDS and compatible & _AVIF_BRANDS else SourceType.HEIF
    raise UnsupportedMedia
