"""One call from a source to the pixels of its variant, as the service does it: probe, resolve, render."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from transforms.geometry import Box
from transforms.measure import probe as probing
from transforms.render import Rendered, RenderJob, render
from transforms.request.paper import Paper
from transforms.request.spec import Spec

# Collected files of other projects; not part of this one.
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
# Refused, says their list. Its colour profile has a wrong checksum, and is dropped: the picture is whole.
TAKEN_WITHOUT_PROFILE = "Pillow/unknown_compression_method.png"


# Once for each source, as at intake; what is refused is not kept.
probe = lru_cache(maxsize=32)(probing.probe)


def variant(
    data: bytes,
    spec: str,
    *,
    page: int = 1,
    redactions: tuple[Box, ...] = (),
    paper: Paper | None = None,
    **options: Any,
) -> Rendered:
    """`spec` as a client would ask; `redacted` means the given rectangles; with `paper`, of that sheet in the page."""
    found = probe(data)
    size = found.pages[page - 1]
    stored = Spec.parse(spec).resolve(paper.size if paper else size, redaction="00000000")
    return render(data, RenderJob(found.media_type, page, stored, size, redactions, paper=paper), **options)


def opened(rendered: Rendered) -> Image.Image:
    image = Image.open(io.BytesIO(rendered.data))
    image.load()
    return image


def pixels(data: bytes, spec: str, **options: Any) -> Image.Image:
    return opened(variant(data, spec, **options))


def near(found: Any, wanted: tuple[int, ...], tolerance: int = 12) -> bool:
    """Lossy coding moves a colour a little."""
    return len(found) == len(wanted) and all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


def corners(image: Image.Image) -> tuple[tuple[int, ...], ...]:
    """Colours in the corner squares of the fixtures' page: top left, top right, bottom left, bottom right."""
    image = image.convert("RGB")
    (width, height), side = image.size, max(image.size) / 6
    x, y = int(side / 2), int(side / 2)
    return tuple(
        image.getpixel(at)  # type: ignore[misc]
        for at in ((x, y), (width - 1 - x, y), (x, height - 1 - y), (width - 1 - x, height - 1 - y))
    )


def shows(image: Image.Image, wanted: tuple[tuple[int, int, int], ...], tolerance: int = 12) -> bool:
    return all(near(found, colour, tolerance) for found, colour in zip(corners(image), wanted, strict=True))
