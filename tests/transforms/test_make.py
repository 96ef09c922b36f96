"""Making one variant: the steps in their order, and what is left behind when one of them fails."""

from dataclasses import dataclass, field

import pytest

from transforms.errors import RenderTimeout
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.make import MadeVariant, VariantTask, make_variant
from transforms.objects import NewObject, Put, StorageUnavailable
from transforms.render import Rendered, RenderJob
from transforms.request.spec import Stored
from transforms.version import PIPELINE

RX, DOCUMENT, SHA256 = "0" * 32, "1" * 32, "a" * 64


def task(stored: str = "full/150,100/90/default.webp") -> VariantTask:
    job = RenderJob(SourceType.JPEG, 1, Stored.parse(stored), Size(600, 400))
    return VariantTask(rx=RX, document=DOCUMENT, sha256=SHA256, number=2, pipeline=PIPELINE, job=job)


@dataclass
class Storage:
    """One original; remembers what is put. `present` is what a put finds there already."""

    present: Put | None = None
    put: list[tuple[str, NewObject]] = field(default_factory=list)

    def get_original(self, key: str, *, sha256: str) -> bytes:
        assert (key, sha256) == (f"{RX}/{DOCUMENT}", SHA256)
        return b"original"

    def put_variant(self, key: str, new: NewObject) -> Put:
        self.put.append((key, new))
        return self.present or Put('"new"', len(new.data), created=True)


def render(data: bytes, job: RenderJob) -> Rendered:
    assert data == b"original"
    return Rendered(b"variant", job.stored.format.media_type, 100, 150, {"decode": 1.5, "encode": 2.5})


def test_what_is_made_and_stored() -> None:
    storage = Storage()
    timings: dict[str, float] = {}

    made = make_variant(task(), storage=storage, render=render, timings=timings)

    assert made == MadeVariant(size=7, width=100, height=150, etag='"new"', created=True)
    ((key, new),) = storage.put
    assert key == f"{RX}/2/{PIPELINE}/full/150,100/90/default.webp"
    assert (new.data, new.media_type, new.disposition) == (b"variant", "image/webp", "")
    assert new.metadata == {
        "stored": "full/150,100/90/default.webp",
        "pipeline": PIPELINE,
        "source": SHA256,
        "canonical": "full/150,100/90/default.webp",
    }
    assert list(timings) == ["fetch", "render", "render.decode", "render.encode", "put"]
    assert (timings["render.decode"], timings["render.encode"]) == (1.5, 2.5)


def test_a_pdf_is_a_download() -> None:
    storage = Storage()

    make_variant(task("full/600,400/0/default.pdf"), storage=storage, render=render, timings={})

    ((_, new),) = storage.put
    assert (new.media_type, new.disposition) == ("application/pdf", 'attachment; filename="prescription.pdf"')
    assert new.metadata["canonical"] == "full/max/0/default.pdf"


def test_what_somebody_else_made_meanwhile_is_told() -> None:
    """Its size and ETag, not those of what was rendered here."""
    made = make_variant(task(), storage=Storage(Put('"old"', 9, created=False)), render=render, timings={})

    assert (made.size, made.etag, made.created) == (9, '"old"', False)


def test_a_render_that_fails_stores_nothing_and_tells_how_long_the_fetch_took() -> None:
    def too_slow(data: bytes, job: RenderJob) -> Rendered:
        raise RenderTimeout

    storage = Storage()
    timings: dict[str, float] = {}

    with pytest.raises(RenderTimeout):
        make_variant(task(), storage=storage, render=too_slow, timings=timings)

    assert storage.put == []
    assert list(timings) == ["fetch"]


def test_it_can_be_stopped_before_the_put() -> None:
    def erased() -> None:
        raise StorageUnavailable("erased")

    storage = Storage()
    timings: dict[str, float] = {}

    with pytest.raises(StorageUnavailable, match="erased"):
        make_variant(task(), storage=storage, render=render, timings=timings, before_put=erased)

    assert storage.put == []
    assert "put" not in timings
