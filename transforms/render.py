"""Source bytes and a stored form to the bytes of one variant. Pure, in this process, without isolation.

Must never be called on uploaded bytes outside the sandbox in production.
"""

from dataclasses import dataclass

from PIL import Image, ImageFile

from transforms.clock import Clock
from transforms.errors import PageMissing, ResultTooLarge, SourceDamaged
from transforms.formats import OutputFormat, SourceType
from transforms.geometry import Box, Size, fit
from transforms.limits import LIMITS
from transforms.pdf.engines import ENGINES, PDFIUM
from transforms.pixels import colour, images, plan, qualities, steps, vips
from transforms.pixels.encode import bare, encode
from transforms.request.spec import Stored


@dataclass(frozen=True, slots=True)
class RenderJob:
    """What to make. `page` counts from 1 in the document; `page_size`, `redactions` are in upright page pixels."""

    media_type: SourceType
    page: int
    stored: Stored
    page_size: Size
    redactions: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """An encoded variant. `timings` has milliseconds of open, decode, scale, quality and encode, where they ran."""

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
) -> Rendered:
    """The variant that `job` asks for.

    `engines` are the PDF engines to try, in order. `deadline` is a time.monotonic() value, looked at between steps.
    Raises any TransformError.
    """
    clock = Clock(deadline)
    qualities.check(job.stored.quality, job.redactions)
    made = _from_pdf(data, job, engines, clock) if job.media_type is SourceType.PDF else _from_image(data, job, clock)
    encoded = made if isinstance(made, bytes) else _encode(made, job.stored.format)
    clock.lap("encode")
    if len(encoded) > LIMITS.variant_bytes:
        raise ResultTooLarge
    size = job.stored.size.rotated(job.stored.rotation)
    return Rendered(encoded, job.stored.format.media_type, size.width, size.height, clock.timings)


def _from_image(data: bytes, job: RenderJob, clock: Clock) -> Image.Image | bytes:
    if job.page != 1:
        raise PageMissing
    source = images.open_image(data, job.media_type)
    with images.decoding(job.media_type):
        orientation = images.orientation(source)
        todo = _plan(job, images.size_of(source), orientation)
        clock.lap("open")
        if job.media_type is SourceType.JPEG and _is_the_page_itself(job):
            from transforms.pdf import write

            lossless = write.from_jpeg(data, source, orientation=orientation, rotation=job.stored.rotation)
            if lossless:
                return lossless
        factor = 0  # libvips decodes for itself
        image = vips.scaled(data, source, todo)
        if image is None:
            factor = steps.decode(source, todo, gray=job.stored.quality == "gray")
            clock.lap("decode")
            image = colour.scalable(source)
            image = steps.burn_source(image, todo, factor)
            image = steps.scale(image, todo, factor)
        image = _in_srgb(image, source)
        clock.lap("scale")
        return _finished(
            image, todo, job, lambda: _image_proxy(data, job.media_type, source, todo.source, factor), clock
        )


def _from_pdf(data: bytes, job: RenderJob, engines: tuple[str, ...], clock: Clock) -> Image.Image | bytes:
    if _is_the_page_itself(job) and PDFIUM in engines:
        from transforms.pdf import write

        lossless = write.from_pdf(data, job.page, rotation=job.stored.rotation)
        if lossless:
            return lossless
        clock.lap("decode")

    from transforms.pdf import pages

    def draw(region: Box, size: Size) -> Image.Image:
        return pages.draw_page(
            data, job.page, page=job.page_size, region=region, size=size, engines=engines, clock=clock
        )

    todo = _plan(job, job.page_size, 1)
    image = draw(todo.crop, todo.size)
    clock.lap("decode")
    whole = Box(0, 0, job.page_size.width, job.page_size.height)
    return _finished(image, todo, job, lambda: draw(whole, _proxy_size(job.page_size)), clock)


def _plan(job: RenderJob, source: Size, orientation: int) -> plan.Plan:
    todo = plan.make(
        job.stored,
        source=source,
        orientation=orientation,
        redactions=job.redactions if qualities.is_redacted(job.stored.quality) else (),
    )
    if source.rotated(90 * plan.turns_of(orientation)[1]) != job.page_size:
        raise SourceDamaged("The file is not the one whose pages were measured. Send it again.")
    return todo


def _in_srgb(image: Image.Image, source: Image.Image) -> Image.Image:
    """Grey or sRGB without transparency, by what the file says of its colours."""
    return colour.flatten(image, source.info.get("icc_profile"), adobe="adobe" in source.info)


def _finished(image: Image.Image, todo: plan.Plan, job: RenderJob, proxy: qualities.Proxy, clock: Clock) -> Image.Image:
    image = qualities.apply(job.stored.quality, image, todo, proxy)
    image = steps.burn(image, todo.burnt_output())
    image = steps.turn(image, todo)
    clock.lap("quality")
    return image


def _image_proxy(data: bytes, kind: SourceType, decoded: ImageFile.ImageFile, size: Size, factor: int) -> Image.Image:
    """The whole page of `size`, in source orientation. Always the same, whatever was shrunk for this request.

    `decoded` is at 1/`factor` (0: not decoded): where that is what the proxy needs, it is not decoded again.
    """
    source, shrunk, wanted = decoded, 1, 1
    while size.area > LIMITS.proxy_pixels * wanted**2:
        wanted *= 2
    if kind is SourceType.JPEG:
        small = Size(-(-size.width // wanted), -(-size.height // wanted))
        whole = plan.Plan(size, Box(0, 0, size.width, size.height), small, None, ())
        if factor == whole.shrink:
            shrunk = factor
        else:
            reopened = images.open_image(data, kind)
            shrunk = steps.decode(reopened, whole)
            source = reopened
    image = colour.scalable(source)
    # Whole blocks averaged: nobody will look at it, and it costs a tenth of LANCZOS.
    return _in_srgb(image.reduce(wanted // shrunk) if wanted > shrunk else image, source)


def _proxy_size(page: Size) -> Size:
    return fit(page, page, area=LIMITS.proxy_pixels)


def _is_the_page_itself(job: RenderJob) -> bool:
    """True if the whole page at its own size is asked for as PDF: nothing has to be drawn for that."""
    stored = job.stored
    whole = stored.region is None and stored.size == job.page_size
    return stored.format is OutputFormat.PDF and whole and stored.quality == "default"


def _encode(image: Image.Image, form: OutputFormat) -> bytes:
    if form is not OutputFormat.PDF:
        return encode(image, form)
    from transforms.pdf import write

    return write.from_picture(bare(image))
