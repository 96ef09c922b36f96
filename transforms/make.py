"""Make one variant: fetch the original, render it, put the result once. What a worker and a Lambda function both do.

Where objects are and who renders is handed in: nothing here knows S3, a sandbox or a database.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from transforms.formats import OutputFormat
from transforms.keys import original_key, variant_key
from transforms.objects import NewObject, Put
from transforms.render import Rendered, RenderJob

Render = Callable[[bytes, RenderJob], Rendered]


class Storage(Protocol):
    """The two buckets. What else than these exceptions comes out of it passes through."""

    def get_original(self, key: str, *, sha256: str) -> bytes:
        """The bytes, proved whole by their digest (hex). Raises ObjectMissing, StorageUnavailable."""

    def put_variant(self, key: str, new: NewObject) -> Put:
        """As `put_once`. Raises StorageUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantTask:
    """One variant to make, of one page of one uploaded document.

    `rx` and `document` are ids, `sha256` (hex) is of the original, `number` is the page's in the prescription;
    `job.page` counts in the document.
    """

    rx: str
    document: str
    sha256: str
    number: int
    pipeline: str
    job: RenderJob

    @property
    def source(self) -> str:
        """Key of the original."""
        return original_key(self.rx, self.document)

    @property
    def target(self) -> str:
        """Key of the variant."""
        sheet = self.job.paper.digest if self.job.paper else ""
        return variant_key(self.rx, self.number, self.pipeline, self.job.stored, sheet=sheet)

    @property
    def canonical(self) -> str:
        """The canonical tail of the image's URI (IIIF Image API 3.0 §4.8)."""
        return self.job.stored.canonical(self.job.size)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the edge cannot compute and reads from the object; "source" is what `put_once` compares."""
        return {
            "stored": str(self.job.stored),
            "pipeline": self.pipeline,
            "source": self.sha256,
            "canonical": self.canonical,
        }

    @property
    def disposition(self) -> str:
        """Browsers' own viewers do not work under the edge's CSP: a PDF is a download."""
        return 'attachment; filename="prescription.pdf"' if self.job.stored.format is OutputFormat.PDF else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeVariant:
    """The object that is there now: bytes, pixels, ETag; `created` is False where somebody else was faster."""

    size: int
    width: int
    height: int
    etag: str
    created: bool


def make_variant(
    task: VariantTask,
    *,
    storage: Storage,
    render: Render,
    timings: dict[str, float],
    before_put: Callable[[], None] = lambda: None,
) -> MadeVariant:
    """Fetch, render, put. `before_put` may raise to stop it after the render.

    `timings` gets the milliseconds of fetch, render and put, and of the render's phases as render.<phase>, each when it
    is over. Raises TransformError, ObjectMissing (no original), StorageUnavailable.
    """
    last = time.perf_counter()

    def lap(phase: str) -> None:
        nonlocal last
        now = time.perf_counter()
        timings[phase] = (now - last) * 1000
        last = now

    source = storage.get_original(task.source, sha256=task.sha256)
    lap("fetch")
    rendered = render(source, task.job)
    lap("render")
    timings.update({f"render.{phase}": ms for phase, ms in rendered.timings.items()})
    before_put()
    put = storage.put_variant(
        task.target,
        NewObject(
            data=rendered.data,
            media_type=rendered.media_type,
            metadata=task.metadata,
            disposition=task.disposition,
        ),
    )
    lap("put")
    return MadeVariant(size=put.size, width=rendered.width, height=rendered.height, etag=put.etag, created=put.created)
