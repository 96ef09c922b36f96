"""Numbers as IIIF requests write them: ASCII digits, no sign, no exponent, no leading zero, bounded length.

Python's own int() and float() take `+1`, `1_0`, `1e9` and digits of other scripts: never use them on a
request.
"""

import re
from fractions import Fraction
from typing import Final

DIGITS: Final = 10
NUMBER_RULES: Final = f"plain digits without sign or leading zero, at most {DIGITS} of them"

_WHOLE: Final = rf"(?:0|[1-9][0-9]{{0,{DIGITS - 1}}})"
_WHOLE_NUMBER: Final = re.compile(_WHOLE)
_DECIMAL: Final = re.compile(rf"{_WHOLE}(?:\.[0-9]{{1,{DIGITS}}})?")


def whole_number(text: str) -> int | None:
    """`text` as an integer of zero or more; None if it is not written as one."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def decimal(text: str) -> Fraction | None:
    """`text` as an exact decimal of zero or more (IIIF Image API 3.0 §4.7); None if it is not one."""
    return Fraction(text) if _DECIMAL.fullmatch(text) else None


def decimal_text(value: Fraction) -> str:
    """The shortest spelling of a value that `decimal` returned: no trailing zeros."""
    whole, part = divmod(int(value * 10**DIGITS), 10**DIGITS)
    return f"{whole}.{part:0{DIGITS}d}".rstrip("0").rstrip(".")


def quoted(text: str) -> str:
    """A piece of a request as it may stand in an error message: short, and ASCII whatever was sent."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")
