"""A file that passed all checks."""

from dataclasses import dataclass

from transforms.geometry import Size
from transforms.measure.page import Measures


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be kept: what its rows will say. `size` in bytes; of each page, upright pixels, notices, and what
    was measured; `thumbnail` of the first, if it was asked for.
    """

    document_id: str
    media_type: str
    size: int
    sha256: str
    name: str
    pages: tuple[Size, ...]
    notices: tuple[tuple[str, ...], ...]
    measures: tuple[Measures | None, ...]
    thumbnail: bytes = b""
