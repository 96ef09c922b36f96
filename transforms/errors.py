"""Every way in which a transform can fail, with its public code and HTTP status.

`detail` is shown to callers: it must never hold patient data, a path, a key or an engine's own words.
"""

from enum import StrEnum
from typing import ClassVar, Final

from transforms.limits import LIMITS, MIB

SUPPORTED_LABEL = "JPEG, PNG, WebP, HEIF/AVIF, PDF"
_DAMAGED: Final = "The {} file is damaged or incomplete. Send it again, or another copy."


class Detail(StrEnum):
    """Everything that is said of a file besides the titles below. Between processes go the names, never the words."""

    JPEG_DAMAGED = _DAMAGED.format("JPEG")
    PNG_DAMAGED = _DAMAGED.format("PNG")
    WEBP_DAMAGED = _DAMAGED.format("WebP")
    AVIF_DAMAGED = _DAMAGED.format("AVIF")
    HEIF_DAMAGED = _DAMAGED.format("HEIC")
    PDF_DAMAGED = "The PDF is damaged. Print it to a new PDF, or send a photo."
    PDF_EMPTY = "The PDF has no pages."
    PDF_LONG = f"The PDF has more than {LIMITS.pdf_pages} pages. Send the pages that matter."
    PDF_LARGE = f"The file is too large: at most {LIMITS.pdf_bytes // MIB} MiB are accepted."
    PDF_INSIDE = (
        "The file has something else in front of its PDF. Send the PDF alone, or print it to a new one. "
        f"Accepted are: {SUPPORTED_LABEL}."
    )
    IMAGE_EMPTY = "The image has no pixels."
    IMAGE_LARGE = f"The file is too large: at most {LIMITS.image_bytes // MIB} MiB are accepted."
    IMAGE_PIXELS = (
        f"The image is too large: at most {LIMITS.source_pixels // 1_000_000} megapixels and {LIMITS.source_side} "
        "pixels a side are accepted. Take the photo at a lower resolution."
    )
    OTHER_FILE = "The file is not the one whose pages were measured. Send it again."
    NO_ENGINE = "No PDF engine is configured."
    NO_OTHER_ENGINE = "No other PDF engine is installed."


class TransformError(Exception):
    """Base of all. `code` is stable and public; `permanent` means that trying again cannot help.

    `detail` is one sentence or two for whoever asked; without one, the title.
    """

    code: ClassVar[str] = "transform-failed"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The page could not be rendered."
    permanent: ClassVar[bool] = True

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.title
        super().__init__(self.detail)


class SpecError(TransformError):
    """Malformed, or asking for something this service refuses to make (IIIF Image API 3.0 §7.3)."""

    code = "bad-spec"
    status = 400
    title = "The image request is not valid."


class UpscaleRefused(TransformError):
    """`^` was given and the result would be larger than the region (IIIF Image API 3.0 §4.2)."""

    code = "upscaling-not-supported"
    status = 501
    title = "Images are never enlarged."


class RedactionMissing(SpecError):
    """`redacted` was asked for and no reviewer has confirmed a redaction: the clear page is no substitute."""

    code = "redaction-missing"
    status = 404
    title = "No redacted version of this page exists."
    permanent = False


class SheetMissing(SpecError):
    """The sheet in a page was asked for, and none was found or set there."""

    code = "sheet-missing"
    status = 404
    title = "No sheet of paper is known in this page."
    permanent = False


class UnsupportedMedia(TransformError):
    """By its first bytes the file is of no accepted kind."""

    code = "unsupported-media-type"
    status = 415
    title = f"This kind of file is not accepted. Accepted are: {SUPPORTED_LABEL}."


class SourceEmpty(TransformError):
    """The file has no bytes."""

    code = "source-empty"
    title = "The file is empty."


class SourceDamaged(TransformError):
    """A decoder refuses the file, or it is not the file that was measured at intake."""

    code = "source-damaged"
    title = "The file is damaged or incomplete. Send it again, or another copy."


class SourceLocked(TransformError):
    """The PDF needs a password to be opened."""

    code = "source-locked"
    title = "The PDF is protected with a password. Send a copy without one."


class SourceTooLarge(TransformError):
    """More bytes than `Limits.image_bytes` or `Limits.pdf_bytes`."""

    code = "source-too-large"
    status = 413
    title = "The file is too large."


class TooManyPixels(TransformError):
    """More pixels than `Limits.source_pixels`, or a longer side than `Limits.source_side`."""

    code = "too-many-pixels"
    title = "The image has too many pixels."


class TooManyPages(TransformError):
    """More pages than `Limits.pdf_pages`."""

    code = "too-many-pages"
    title = "The document has too many pages."


class PageMissing(TransformError):
    """The page number is beyond the document."""

    code = "page-missing"
    status = 404
    title = "The document has no such page."


class ResultTooLarge(TransformError):
    """More bytes than `Limits.variant_bytes`."""

    code = "result-too-large"
    title = "The result would be too large to store. Ask for a smaller size, or for jpg or webp."


class RenderCrashed(TransformError):
    """The renderer's process ended, or it met an error that nobody foresaw."""

    code = "render-crashed"
    title = "Rendering the page failed."
    permanent = False


class RenderMemory(TransformError):
    """The renderer needed more than `Limits.child_memory_bytes`."""

    code = "render-memory"
    title = "Rendering the page needs more memory than is allowed."
    permanent = False


class RenderTimeout(TransformError):
    """The renderer used more than `Limits.child_cpu_seconds`: the file needs as much on an idle machine, too."""

    code = "render-timeout"
    title = "Rendering the page takes more computing time than is allowed."
    permanent = False


class RendererUnavailable(TransformError):
    """No renderer's process could be started in time, or somebody else ended it. Says nothing of the file."""

    code = "renderer-unavailable"
    status = 503
    title = "No renderer is available right now. Try again shortly."
    permanent = False


class RendererBusy(TransformError):
    """`Limits.child_wall_seconds` were over before the computing time was: the machine is busy, or something hangs.

    Says nothing of the file.
    """

    code = "renderer-busy"
    status = 503
    title = "The renderers are too busy right now. Try again shortly."
    permanent = False


class EngineMissing(TransformError):
    """The first PDF engine refuses the page, and the second is not installed where it was tried: elsewhere it is."""

    code = "engine-missing"
    status = 501
    title = "The page needs a PDF engine that is not installed here."
    permanent = False


ALL: tuple[type[TransformError], ...] = (
    SpecError,
    UpscaleRefused,
    RedactionMissing,
    SheetMissing,
    UnsupportedMedia,
    SourceEmpty,
    SourceDamaged,
    SourceLocked,
    SourceTooLarge,
    TooManyPixels,
    TooManyPages,
    PageMissing,
    ResultTooLarge,
    RenderCrashed,
    RenderMemory,
    RenderTimeout,
    RendererUnavailable,
    RendererBusy,
    EngineMissing,
)
_BY_CODE = {kind.code: kind for kind in ALL}
CODES: Final = frozenset(_BY_CODE)


def from_code(code: str, detail: str = "") -> TransformError:
    """The error that another process reported. An unknown code becomes RenderCrashed: it can be tried again."""
    return _BY_CODE.get(code, RenderCrashed)(detail)
