"""Source bytes and a stored form to the bytes of one variant. Pure, in this process, without isolation.

Must never be called on uploaded bytes outside the sandbox in production.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from PIL import Image, ImageFile

from transforms.clock import Clock
from transforms.errors import Detail, PageMissing, ResultTooLarge, SourceDamaged
from transforms.formats import OutputFormat, SourceType
from transforms.geometry import Box, Size, fit
from transforms.limits import LIMITS, Limits
from transforms.pdf.engines import ENGINES, PDFIUM
from transforms.pixels import colour, encode, flatten, images, plan, proxy, qualities, steps, transparency
from transforms.pixels.flatten import Flat
from transforms.pixels.plan import Plan
from transforms.pixels.steps import Scaled
from transforms.request.paper import Paper
from transforms.request.spec import Stored


@dataclass(frozen=True, slots=True)
class RenderJob:
    """What to make. `page` counts from 1 in the document; `page_size`, `redactions` are in upright page pixels.

    With `paper`, the sheet in the page, `stored` is of that: flat, in pixels of its own. `light` is what intake has
    measured of the page, or of the sheet (`Measures.light`). Without it, the render measures: the same.
    """

    media_type: SourceType
    page: int
    stored: Stored
    page_size: Size
    redactions: tuple[Box, ...] = ()
    light: bytes = b""
    paper: Paper | None = None

    @property
    def size(self) -> Size:
        """Of the image that `stored` is of, in upright pixels."""
        return self.paper.size if self.paper else self.page_size


@dataclass(frozen=True, slots=True)
class Rendered:
    """An encoded variant of `width` x `height` pixels. `timings` has milliseconds by phase, in the order they ran."""

    data: bytes
    media_type: str
    width: int
    height: int
    timings: dict[str, float]


def render(
    data: bytes,
    job: RenderJob,
    *,
    engines: tuple[str, ...] = ENGINES,
    deadline: float | None = None,
    limits: Limits = LIMITS,
) -> Rendered:
    """The variant that `job` asks for.

    `engines` are the PDF engines to try, in order. `deadline` is a time.monotonic() value in seconds. Where there is
    one, it and `limits.child_cpu_seconds` of this process are looked at between steps. Raises any TransformError.
    """
    qualities.check(job.stored.quality, job.redactions)
    clock = Clock(deadline, cpu_seconds=limits.child_cpu_seconds)
    work = _Work(data, job, engines, limits, clock)
    try:
        _run_source(work)
    except SourceDamaged:
        # Lazy: 4 MB and 10 ms of a cold start, and hardly any file needs it.
        from transforms.pixels import mending

        # Intake has taken it, so it can be mended. Here as there: only what fails is looked at any closer.
        mended = None if job.media_type is SourceType.PDF else mending.mended(data, job.media_type, limits=limits)
        if mended is None:
            raise
        work = _Work(mended, job, engines, limits, clock)
        _run_source(work)
    _run(_OUTPUT_STEPS, work)
    if len(work.encoded) > limits.variant_bytes:
        raise ResultTooLarge
    size = job.stored.size.rotated(job.stored.rotation)
    return Rendered(work.encoded, job.stored.format.media_type, size.width, size.height, work.clock.timings)


def _run_source(work: "_Work") -> None:
    if work.job.media_type is SourceType.PDF:
        _run(_PDF_STEPS, work)
        return
    with images.decoding(work.job.media_type):
        _run(_IMAGE_STEPS, work)


@dataclass(slots=True)
class _Work:
    """One render under way: what was asked for, and what the steps so far have made of it."""

    data: bytes
    job: RenderJob
    engines: tuple[str, ...]
    limits: Limits
    clock: Clock
    source: ImageFile.ImageFile = field(init=False)  # the opened file, of images only
    orientation: int = 1  # EXIF
    plain: bool = False  # CMYK that is not stored inverted
    plan: Plan = field(init=False)
    flat: Flat | None = None  # of sheets; then `plan` has the sheet for its source
    factor: int = 1  # `source` was decoded at 1/factor
    scaled: Scaled = field(init=False)
    image: Image.Image = field(init=False)  # what the next step works on
    encoded: bytes = b""


# The steps, in the order of the tables below. Each leaves at once if it has nothing to do.


def _open_image(work: _Work) -> None:
    if work.job.page != 1:
        raise PageMissing
    work.source = images.open_image(work.data, work.job.media_type, limits=work.limits)
    work.orientation = images.orientation(work.source, work.data)


def _make_plan(work: _Work) -> None:
    job = work.job
    size = job.page_size if job.media_type is SourceType.PDF else images.size_of(work.source)
    redactions = job.redactions if qualities.is_redacted(job.stored.quality) else ()
    if size.rotated(90 * plan.turns_of(work.orientation)[1]) != job.page_size:
        raise SourceDamaged(Detail.OTHER_FILE)
    if job.paper is None:
        work.plan = plan.make(job.stored, source=size, orientation=work.orientation, redactions=redactions)
        return
    work.plan = plan.make(job.stored, source=job.paper.size)
    work.flat = Flat(size, work.orientation, job.paper, work.plan.crop, work.plan.size, redactions)


def _read_cmyk(work: _Work) -> None:
    work.plain = colour.reads_plain(work.source, work.data, limits=work.limits)


def _copy_jpeg(work: _Work) -> None:
    if work.job.media_type is not SourceType.JPEG or not _is_page_itself(work.job):
        return
    # Lazy: img2pdf and pikepdf take 55 ms of a cold start.
    from transforms.pdf import write

    rotation = work.job.stored.rotation
    work.encoded = write.from_jpeg(work.data, work.source, orientation=work.orientation, rotation=rotation) or b""


def _copy_pdf_page(work: _Work) -> None:
    if PDFIUM not in work.engines or not _is_page_itself(work.job):
        return
    # Lazy: PDFium and pikepdf take 50 ms of a cold start.
    from transforms.pdf import copies

    rotation = work.job.stored.rotation
    work.encoded = copies.page(work.data, work.job.page, rotation=rotation, limits=work.limits) or b""


def _draw_pdf_page(work: _Work) -> None:
    if work.flat is None:
        work.image = _drawn(work, work.plan.crop, work.plan.size)
    else:
        box, size = work.flat.window
        work.image = work.flat.from_window(steps.burn_window(_drawn(work, box, size), work.flat.burn, box), box)
    work.scaled = Scaled(work.image, steps.frame_of(work.plan), extra=(0, 0, 0, 0))


def _decode(work: _Work) -> None:
    work.factor = steps.decode(work.source, work.flat or work.plan, gray=work.job.stored.quality == "gray")


def _scale(work: _Work) -> None:
    image = _scalable(work, work.source)
    halo = qualities.halo(work.job.stored.quality, steps.frame_of(work.plan), work.plan.size.width)
    if work.flat:
        image = steps.burn_source(image, work.flat.burnt_source, work.factor)
        frame, extra = steps.widened(work.plan, halo)
        work.scaled = Scaled(work.flat.from_source(image, work.factor, extra), frame, extra)
    else:
        image = steps.burn_source(image, work.plan.burn, work.factor)
        work.scaled = steps.scale(image, work.plan, work.factor, halo)
    work.image = work.scaled.image


def _convert_to_srgb(work: _Work) -> None:
    work.image = _in_srgb(work, work.image)


def _apply_quality(work: _Work) -> None:
    page = qualities.Measured(work.job.light, partial(_proxy, work), partial(_parts, work))
    image = qualities.apply(work.job.stored.quality, work.image, work.scaled.frame, page)
    work.image = work.scaled.without_extra(image)


def _burn_redactions(work: _Work) -> None:
    if work.flat:
        work.image = flatten.burn(work.image, work.flat.burnt_output())
    else:
        work.image = steps.burn(work.image, work.plan.burnt_output())


def _turn(work: _Work) -> None:
    work.image = steps.turn(work.image, work.plan)


def _free_source(work: _Work) -> None:
    del work.source  # a decoded page takes up to 260 MB, which the encoder may need


def _encode(work: _Work) -> None:
    form = work.job.stored.format
    if form is not OutputFormat.PDF:
        work.encoded = encode.encode(work.image, form, limits=work.limits)
        return
    # Lazy: img2pdf and pikepdf take 55 ms of a cold start.
    from transforms.pdf import write

    work.encoded = write.from_picture(encode.bare(work.image), limits=work.limits)


# The phase that the time of a step counts for, and the step.
_Steps = tuple[tuple[str, Callable[[_Work], None]], ...]

_IMAGE_STEPS: Final[_Steps] = (
    ("open", _open_image),
    ("open", _make_plan),
    ("open", _read_cmyk),
    ("open", _copy_jpeg),
    ("decode", _decode),
    ("scale", _scale),
    ("scale", _convert_to_srgb),
    ("quality", _apply_quality),
    ("quality", _burn_redactions),
    ("quality", _turn),
    ("quality", _free_source),
)
_PDF_STEPS: Final[_Steps] = (
    ("open", _make_plan),
    ("open", _copy_pdf_page),
    ("decode", _draw_pdf_page),
    ("quality", _apply_quality),
    ("quality", _burn_redactions),
    ("quality", _turn),
)
_OUTPUT_STEPS: Final[_Steps] = (("encode", _encode),)
# What `Rendered.timings` may have.
PHASES: Final = frozenset(phase for phase, _ in (*_IMAGE_STEPS, *_PDF_STEPS, *_OUTPUT_STEPS))


def _run(table: _Steps, work: _Work) -> None:
    """Runs the steps until there is something to store. Raises as `Clock.lap` does."""
    for phase, step in table:
        if work.encoded:
            return  # the page could be copied
        step(work)
        work.clock.lap(phase)


def _is_page_itself(job: RenderJob) -> bool:
    """True if the whole page at its own size is asked for as PDF: nothing has to be drawn for that."""
    whole = job.paper is None and job.stored.region is None and job.stored.size == job.page_size
    return job.stored.format is OutputFormat.PDF and whole and job.stored.quality == "default"


def _scalable(work: _Work, source: ImageFile.ImageFile) -> Image.Image:
    """`source`, decoded from the file, in a mode that can be scaled."""
    return colour.scalable(source, transparency.alpha(source, work.data, limits=work.limits))


def _in_srgb(work: _Work, image: Image.Image) -> Image.Image:
    """Grey or sRGB without transparency, by what the file says of its colours."""
    return colour.flatten(image, work.source.info.get("icc_profile"), plain=work.plain)


def _drawn(work: _Work, region: Box, size: Size) -> Image.Image:
    # Lazy: PDFium takes 22 ms of a cold start.
    from transforms.pdf import pages

    return pages.draw(
        work.data,
        work.job.page,
        page=work.job.page_size,
        region=region,
        size=size,
        engines=work.engines,
        clock=work.clock,
        limits=work.limits,
    )


def _proxy(work: _Work) -> Image.Image:
    """What the light is measured on: the whole page, or the whole sheet, in small."""
    is_pdf = work.job.media_type is SourceType.PDF
    whole = _pdf_proxy(work) if is_pdf else _image_proxy(work)
    if work.job.paper is None:
        return whole
    turn = None if is_pdf else plan.turn_of(work.orientation)
    upright = whole if turn is None else whole.transpose(turn)
    return flatten.proxy(upright, work.job.page_size, work.job.paper)


def _pdf_proxy(work: _Work) -> Image.Image:
    """The whole page in at most a megapixel."""
    page = work.job.page_size
    return _drawn(work, Box(0, 0, page.width, page.height), fit(page, page, area=work.limits.proxy_pixels))


def _image_proxy(work: _Work) -> Image.Image:
    """Where the source was decoded as the proxy needs it, it is not decoded again."""
    size, source, shrunk = (work.flat or work.plan).source, work.source, work.factor
    if shrunk != proxy.shrink(size, work.job.media_type, limits=work.limits):
        source = images.open_image(work.data, work.job.media_type, limits=work.limits)
        shrunk = proxy.decode(source, limits=work.limits)
    image = _scalable(work, source)
    return _in_srgb(work, proxy.reduced(image, size, shrunk=shrunk, limits=work.limits))


def _parts(work: _Work, boxes: Iterable[Box]) -> Iterator[tuple[Image.Image, Box]]:
    """None of a PDF page, which is drawn sharp, and none where a JPEG was shrunk while it was decoded."""
    if work.job.media_type is SourceType.PDF or work.factor != 1:
        return
    for box in boxes:
        if work.flat:
            part = replace(work.flat, crop=box, size=box.size).from_source(colour.scalable(work.source), 1)
        else:
            part = work.source.crop((box.x, box.y, box.right, box.bottom))
        yield _in_srgb(work, colour.scalable(part)), box
