"""QR codes as paths of an SVG, drawn into our own pages: nobody else is told of an address."""

from dataclasses import dataclass
from typing import Final

from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M

_QUIET: Final = 4  # modules around it, as ISO/IEC 18004 wants


@dataclass(frozen=True, slots=True)
class Code:
    """`path` is in a square of `size` modules; what is not in it is white."""

    text: str
    size: int
    path: str


def of(text: str) -> Code:
    """With room for 15 % of it to be misread: a screen is neither torn nor dirty."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=_QUIET)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return Code(text, len(rows), path)
