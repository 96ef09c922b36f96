"""File formats: what is accepted, told by magic bytes alone, and what can be made. Never trusts a name."""

from enum import StrEnum
from typing import Final

from transforms.errors import SUPPORTED_LABEL, SourceEmpty, UnsupportedMedia

__all__ = ["SNIFF_BYTES", "SUPPORTED_LABEL", "OutputFormat", "SourceType", "sniff"]

SNIFF_BYTES: Final = 64  # enough for the longest test below


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

# All at offset 0. A PDF with junk in front of its header opens in some viewers, and so does a file that is a
# PDF and something else at once: such files are refused rather than guessed at.
_PREFIXES: Final = (
    (b"\xff\xd8\xff", SourceType.JPEG),
    (b"\x89PNG\r\n\x1a\n", SourceType.PNG),
    (b"%PDF-", SourceType.PDF),
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
    raise UnsupportedMedia


def _sniff_isobmff(head: bytes) -> SourceType:
    major = head[8:12]
    if major in _AVIF_BRANDS:
        return SourceType.AVIF
    if major in _HEIF_BRANDS:
        end = min(int.from_bytes(head[:4], "big"), SNIFF_BYTES)
        compatible = {head[at : at + 4] for at in range(16, end, 4)}
        return SourceType.AVIF if major in _GENERIC_BRANDS and compatible & _AVIF_BRANDS else SourceType.HEIF
    raise UnsupportedMedia
