"""A PNG whose pixels are whole, but not all that is said beside them.

Unpacks nothing. As libpng and browsers do, it drops what describes the picture if its checksum is wrong, and never
forgives a wrong one of header, palette or pixels.
"""

from dataclasses import replace
from typing import Final

from transforms.pixels.mending import proof
from transforms.png import Chunk, chunks, pack

_PICTURE: Final = frozenset({b"IHDR", b"PLTE", b"IDAT"})
_ANIMATION: Final = frozenset({b"acTL", b"fcTL", b"fdAT"})  # only the first picture is shown


def mended(data: bytes) -> bytes | None:
    """The same pixels in a sound file; None if there is none. Rows may be missing all the same: decode it."""
    found = list(chunks(data))
    pixels = [at for at, chunk in enumerate(found) if chunk.name == b"IDAT"]
    if not pixels or not all(chunk.sound or _is_end(chunk) for chunk in found if chunk.name in _PICTURE):
        return None
    if _is_end(last := found[pixels[-1]]):  # zeros in the place of bytes that never came are no pixels
        found[pixels[-1]] = replace(last, body=last.body.rstrip(proof.FILL))
    return pack(chunk for chunk in found if chunk.name in _PICTURE or (chunk.sound and chunk.name not in _ANIMATION))


def _is_end(chunk: Chunk) -> bool:
    """True for pixels that the file ends in: they have no checksum, which is not a wrong one."""
    return chunk.cut and chunk.name == b"IDAT"
