"""Pages to one document: order, size, uprightness, sheets of A4; and the same in the sandbox."""

import io
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pikepdf
import pypdfium2
import pytest
from PIL import Image

from tests.transforms import fixtures
from tests.transforms.rendering import shows, variant
from transforms.errors import RenderCrashed
from transforms.limits import Limits
from transforms.pdf.assemble import A4, assemble, parts
from transforms.sandbox import Sandbox

CORNERS = fixtures.CORNERS


def page_pdf(data: bytes, spec: str = "full/max/0/default.pdf", *, page: int = 1) -> bytes:
    """A page as the service stores it for printing."""
    return variant(data, spec, page=page).data


def assembled(*pages: bytes, a4: bool = False) -> bytes:
    out = io.BytesIO()
    assemble([io.BytesIO(data) for data in pages], out, a4=a4)
    return out.getvalue()


def sizes(data: bytes) -> list[tuple[float, float]]:
    """As they are seen, in points."""
    return [tuple(round(side, 1) for side in page.get_size()) for page in pypdfium2.PdfDocument(data)]


def centre(data: bytes, number: int, size: tuple[float, float]) -> bool:
    """Does the middle of a page, of so many points, show the corners of the fixtures' page upright?"""
    picture = pypdfium2.PdfDocument(data)[number].render(scale=4).to_pil()
    width, height = (round(side * 4) for side in size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return shows(picture.crop((left, top, left + width, top + height)), CORNERS)


def test_photos_and_documents_in_the_order_given() -> None:
    three = fixtures.vector_pdf(3)

    made = assembled(
        page_pdf(fixtures.jpeg()), page_pdf(three, page=2), page_pdf(fixtures.oriented(6)), page_pdf(three, page=3)
    )

    document = pypdfium2.PdfDocument(made)
    assert sizes(made) == [(72.0, 48.0), (96.0, 64.0), (72.0, 48.0), (96.0, 64.0)]
    assert [page.get_textpage().get_text_bounded().strip() for page in document] == ["", "2", "", "3"]
    assert all(shows(page.render(scale=4).to_pil(), CORNERS) for page in document)


@pytest.mark.parametrize(
    ("rotate", "turned"), [(0, "0"), (90, "270"), (180, "180"), (270, "90")], ids=["0", "90", "180", "270"]
)
def test_on_sheets_of_a4_small_pages_keep_their_size_and_are_upright(rotate: int, turned: str) -> None:
    # given a page that is stored turned and is asked for upright
    data = fixtures.edited(fixtures.vector_pdf(), Rotate=rotate)

    made = assembled(page_pdf(data, f"full/max/{turned}/default.pdf"), page_pdf(fixtures.jpeg()), a4=True)

    # then it lies upright in the middle of a lying sheet
    assert sizes(made) == [(841.9, 595.3), (841.9, 595.3)]
    assert centre(made, 0, (96, 64))
    assert centre(made, 1, (72, 48))


def test_on_sheets_of_a4_large_pages_are_made_to_fit() -> None:
    data = fixtures.edited(fixtures.vector_pdf(), UserUnit=20)

    made = assembled(page_pdf(data), a4=True)

    assert sizes(made) == [(841.9, 595.3)]
    assert centre(made, 0, (A4[1], A4[1] * 64 / 96))


def test_the_document_says_nothing_of_its_own() -> None:
    with pikepdf.open(io.BytesIO(assembled(page_pdf(fixtures.jpeg()), a4=True))) as document:
        assert set(document.Root.keys()) == {"/Type", "/Pages"}
        assert not {"/Info", "/Encrypt", "/Prev"} & set(document.trailer.keys())
    page = page_pdf(fixtures.jpeg())
    assert assembled(page, a4=True) == assembled(page, a4=True)


def test_a_large_document_is_not_held_by_our_code(tmp_path: os.PathLike[str]) -> None:
    # given twenty pages of a megabyte that cannot be compressed
    noise = fixtures.jpeg(fixtures.Image.frombytes("RGB", (640, 640), os.urandom(640 * 640 * 3)), quality=100)
    page = page_pdf(noise)
    file = os.path.join(tmp_path, "pages")  # noqa: PTH118
    with open(file, "wb") as out:  # noqa: PTH123
        out.write(page * 20)

    # and everything that is imported on the first use
    with open(file, "rb") as source, open(f"{file}.first", "wb") as made:  # noqa: PTH123
        assemble(list(parts(source.fileno(), [len(page)])), made)

    # when they become one document
    tracemalloc.start()
    with open(file, "rb") as source, open(f"{file}.pdf", "wb") as made:  # noqa: PTH123
        assemble(list(parts(source.fileno(), [len(page)] * 20)), made)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert os.path.getsize(f"{file}.pdf") > 20 * len(noise)  # noqa: PTH202
    assert peak < 5 * len(noise)


# The sandbox does the same.


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = Sandbox(limits=Limits(child_idle_seconds=60))  # how long a test takes must not matter
    yield made
    made.close()


def back_to_back(*pages: bytes) -> BinaryIO:
    file = os.fdopen(os.memfd_create("pages"), "w+b")
    file.write(b"".join(pages))
    file.flush()
    return file


def test_in_the_sandbox(box: Sandbox) -> None:
    pages = [page_pdf(fixtures.jpeg()), page_pdf(fixtures.vector_pdf())]

    with (
        back_to_back(*pages) as source,
        box.assemble(source, [len(page) for page in pages], a4=True, owner="a") as made,
    ):
        assert made.read() == assembled(*pages, a4=True)
        # and what a child wrote it cannot change afterwards, nor can anybody else
        with pytest.raises(PermissionError):
            os.pwrite(made.fileno(), b"x", 0)


def open_files() -> set[tuple[str, str]]:
    """Descriptors of this process and what each leads to; one may close while they are read."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add((link.name, str(link.readlink())))
    return found


def test_pages_that_are_none_are_a_crash_of_the_child_alone(box: Sandbox) -> None:
    box.close()
    before = open_files()
    with back_to_back(b"%PDF-1.7 nothing") as source, pytest.raises(RenderCrashed):
        box.assemble(source, [16], owner="a")
    # the next document is made all the same, and nothing is left open
    page = page_pdf(fixtures.jpeg())
    with back_to_back(page) as source, box.assemble(source, [len(page)], owner="a") as made:
        assert made.read(5) == b"%PDF-"
    box.close()
    # (what others had open and have closed meanwhile is their business)
    assert open_files() - before == set()


def resident_peak(pid: int) -> int:
    """Bytes."""
    (line,) = (row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("a4", [False, True])
def test_fifty_large_photos_and_pages_cost_the_child_no_more_than_they_are(box: Sandbox, a4: bool) -> None:
    # given photos of 3 megapixels, lying and held upright, and pages of a document between them
    noise = Image.effect_noise((2016, 1512), 20).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "Dr. Author"
    pages = [
        page_pdf(fixtures.jpeg(noise, quality=75, subsampling="4:2:0")),
        page_pdf(fixtures.jpeg(noise, quality=75, subsampling="4:2:0", exif=exif)),
        page_pdf(fixtures.vector_pdf()),
    ]
    box.warm()
    (child,) = (pid for pid, whose in box.processes()[1:] if whose is None)
    peaks = [resident_peak(child)]

    def watch() -> None:
        with suppress(OSError, ValueError):  # it ends with its job
            while True:
                peaks.append(resident_peak(child))
                time.sleep(0.002)

    watching = threading.Thread(target=watch)
    watching.start()

    # when 51 of them become one document
    with (
        back_to_back(*pages * 17) as source,
        box.assemble(source, [len(page) for page in pages] * 17, a4=a4, owner="a") as made,
    ):
        watching.join(60)
        grown = max(peaks) - peaks[0]
        size = os.fstat(made.fileno()).st_size
        document = pypdfium2.PdfDocument(made)
        shapes = [page.get_width() > page.get_height() for page in document]
        document.close()
        made.seek(0)
        author = b"Dr. Author" in made.read()

    # then the child has held its pages once at most, and they are upright, in order
    assert size > 25_000_000
    assert grown < 1.25 * size + 8_000_000, "once, a heap of a few megabytes, and what any first job touches"
    assert shapes == [True, False, True] * 17
    assert not author
