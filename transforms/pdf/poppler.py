"""The second PDF engine: poppler's programs through pdf2image, for documents and pages that PDFium refuses.

Their exit codes say nothing (0 with no output happens): only a picture of the asked size counts as success. They also
make up pages for those that are lost: only a document of which every page has all its parts is taken.
"""

import os
import resource
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Final

from PIL import Image

from transforms.errors import Detail, RendererBusy, RenderTimeout, SourceDamaged, TooManyPages
from transforms.geometry import Box, Size
from transforms.limits import LIMITS, Limits
from transforms.pdf.engines import LEAST
from transforms.pixels.resize import resize

# pdftoppm places glyphs and images by whole pixels when told a size: at the final size small print suffers. Drawn
# twice as large and averaged, it is as good as PDFium.
_OVERSAMPLE: Final = 2
_ROUNDING: Final = 2  # pixels
_STDIN: Final = threading.Lock()


def available() -> bool:
    """True if pdftoppm is installed here."""
    return shutil.which("pdftoppm") is not None


def sizes(data: bytes, *, seconds: float, limits: Limits = LIMITS) -> tuple[tuple[float, float], ...]:
    """Width and height of every page, as it is turned, in points.

    Raises SourceDamaged, also where parts of the file are missing, TooManyPages, RenderTimeout, RendererBusy.
    """
    # Lazy: 10 ms of a cold start, and hardly any page needs it.
    import pdf2image

    # Lazy: pikepdf takes 30 ms more.
    from transforms.pdf import whole

    with _our_errors(limits), _as_file(data) as path:
        told = pdf2image.pdfinfo_from_path(path, timeout=max(1, int(seconds)))
    pages = told.get("Pages", 0)
    if pages > limits.pdf_pages:
        raise TooManyPages(Detail.PDF_LONG)
    if pages < 1 or not whole.has_pages(data, pages):
        raise SourceDamaged(Detail.PDF_DAMAGED)
    with _our_errors(limits), _as_file(data) as path:
        told = pdf2image.pdfinfo_from_path(path, timeout=max(1, int(seconds)), first_page=1, last_page=pages)
        return tuple(_size(told, number) for number in range(1, pages + 1))


def _size(told: dict[str, Any], number: int) -> tuple[float, float]:
    words = told[f"Page {number:4} size"].split()  # "595.276 x 841.89 pts (A4)"
    size = float(words[0]), float(words[2])
    if min(size) < LEAST:
        raise SourceDamaged(Detail.PDF_DAMAGED)
    return size[::-1] if int(float(told[f"Page {number:4} rot"])) % 180 == 90 else size


@contextmanager
def _our_errors(limits: Limits) -> Iterator[None]:
    """What pdf2image and Pillow raise, as ours."""
    # Lazy: 10 ms of a cold start, and hardly any page needs it.
    from pdf2image import exceptions

    most = _computed() + limits.child_cpu_seconds
    try:
        yield
    except exceptions.PDFPopplerTimeoutError as error:
        raise RenderTimeout if _computed() >= most else RendererBusy from error
    except (
        exceptions.PDFPageCountError,
        exceptions.PDFSyntaxError,
        LookupError,
        OSError,
        ValueError,
        SyntaxError,
    ) as error:
        raise _unfit(most) from error


def draw(
    data: bytes, number: int, *, page: Size, region: Box, size: Size, seconds: float, limits: Limits = LIMITS
) -> Image.Image:
    """`region` (in pixels of `page`) of page `number` (from 1) at `size`, RGB, within `seconds`.

    Raises SourceDamaged, RenderTimeout, RendererBusy.
    """
    # Lazy: 10 ms of a cold start, and hardly any page needs it.
    import pdf2image

    whole = _whole_page(page, region, size, limits)
    most = _computed() + limits.child_cpu_seconds
    with _our_errors(limits), _as_file(data) as path:
        drawn = pdf2image.convert_from_path(
            path,
            first_page=number,
            last_page=number,
            size=max(whole.width, whole.height),  # one number works for turned pages too
            use_cropbox=True,
            timeout=max(1, int(seconds)),
        )
    if len(drawn) != 1 or not _close(Size(*drawn[0].size), whole):
        raise _unfit(most)
    across, down = Fraction(drawn[0].width, page.width), Fraction(drawn[0].height, page.height)
    box = (region.x * across, region.y * down, region.right * across, region.bottom * down)
    left, top, right, bottom = map(float, box)
    return resize(drawn[0].convert("RGB"), (size.width, size.height), box=(left, top, right, bottom))


def _computed() -> float:
    """Seconds of computing time of the programs that have ended. Each has a limit of its own (sandbox/confine.py)."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _unfit(most: float) -> RenderTimeout | SourceDamaged:
    """Why there is no picture: the program used up its computing time, or could not read the file."""
    return RenderTimeout() if _computed() >= most else SourceDamaged(Detail.PDF_DAMAGED)


def _close(drawn: Size, whole: Size) -> bool:
    """pdftoppm rounds the shorter side in its own way."""
    return abs(drawn.width - whole.width) <= _ROUNDING and abs(drawn.height - whole.height) <= _ROUNDING


def _whole_page(page: Size, region: Box, size: Size, limits: Limits) -> Size:
    """How large to draw the page (pdftoppm draws whole ones): so that the region is oversampled, or not enlarged."""
    factor = max(Fraction(size.width, region.width), Fraction(size.height, region.height))
    large = page.scaled(factor * _OVERSAMPLE)
    return large if large.area <= limits.pdf_pixels else page.scaled(factor)


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """A path where the programs that pdf2image starts can read `data`. Never a file on disk: it is a prescription.

    pdf2image hands nothing but its standard input down to them, so for that moment ours is the document. In a renderer
    it is that already, and there is no other memory for it.
    """
    if _is_stdin(data):
        yield "/dev/stdin"
        return
    with _STDIN:
        document = os.memfd_create("page")
        try:
            view: Any = memoryview(data)
            while view:
                view = view[os.write(document, view) :]
            before = os.dup(0)
            try:
                os.dup2(document, 0)
                yield "/dev/stdin"
            finally:
                os.dup2(before, 0)
                os.close(before)
        finally:
            os.close(document)


def _is_stdin(data: bytes) -> bool:
    try:
        return os.pread(0, len(data) + 1, 0) == data
    except OSError:  # a terminal, a pipe, or closed
        return False
