"""Object keys.

Pure functions of ids and the stored form: nothing a person typed, nothing volatile (design: Identifiers, keys).
"""

import re

from transforms.request.spec import Stored

IDENTIFIER = re.compile(r"(?P<rx>[0-9a-f]{32})_(?P<number>[1-9][0-9]{0,2})\Z")


def original_key(rx: str, document_id: str) -> str:
    """Key of an uploaded file in the originals bucket."""
    return f"{rx}/{document_id}"


def variant_key(rx: str, number: int, pipeline: str, stored: Stored | str) -> str:
    """Key of a derived file in the variants bucket; the edge builds the same from the URL by position."""
    return f"{rx}/{number}/{pipeline}/{stored}"
