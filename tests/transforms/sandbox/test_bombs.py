"""Bombs in the sandbox: each ends in an answer or one of our errors, costs at most its own child, and says nothing of
what a decoder said.

The children have one second of CPU time instead of ten, so that the ones which need the limit reach it sooner.
"""

import logging
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.transforms import bombs
from tests.transforms.sandbox.processes import PAGE, PHOTO, children_of, zygote_of
from transforms import errors
from transforms.errors import TransformError
from transforms.limits import LIMITS, MIB, Limits
from transforms.render import RenderJob
from transforms.request.spec import Spec
from transforms.sandbox import Sandbox

SAID: Final = re.compile(r"A renderer ended in a job: code -?\d+, (?P<peak>\d+) MiB at its peak\.")
# Everything that the library may tell people of a file. Decoders' own words would be none of these.
OUR_WORDS: Final = re.compile(
    "|".join(
        (
            *(re.escape(kind.title) for kind in errors.ALL),
            r"The (JPEG|PNG|WebP|AVIF|HEIC) file is damaged or incomplete\. Send it again, or another copy\.",
            r"The PDF is damaged\. Print it to a new PDF, or send a photo\.",
            r"The PDF has no pages\.",
            r"The PDF has more than 50 pages\. Send the pages that matter\.",
            r"The image has no pixels\.",
            r"The image is too large: at most 65 megapixels and 16383 pixels a side are accepted\. Take the photo.*",
        )
    )
)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = Sandbox(limits=Limits(child_cpu_seconds=1, child_idle_seconds=60))
    yield made
    made.close()


def outcome(box: Sandbox, data: bytes) -> str:
    """The code of the error at intake or of the render that follows; empty for a picture."""
    try:
        found = box.probe(data, owner="bomber")
        (page, *_) = found.pages
        stored = Spec.parse("full/!400,400/0/default.webp").resolve(page)
        rendered = box.render(data, RenderJob(found.media_type, 1, stored, page), owner="bomber")
    except TransformError as error:
        said = error
    else:
        said = None
    if said is not None:
        assert OUR_WORDS.fullmatch(said.detail), said.detail
        return said.code
    assert (rendered.width, rendered.height) == (stored.size.width, stored.size.height)
    assert b"<script" not in rendered.data
    return ""


def peaks(box: Sandbox, caplog: pytest.LogCaptureFixture) -> list[int]:
    """MiB that were resident at most, of the bomber's children: of those that died, and of the one that waits."""
    dead = [int(found["peak"]) for record in caplog.records if (found := SAID.fullmatch(record.getMessage()))]
    alive = []
    for pid in children_of(box, "bomber"):
        limits, status = (Path(f"/proc/{pid}/{name}").read_text() for name in ("limits", "status"))
        assert re.search(rf"^Max address space +{LIMITS.child_memory_bytes} ", limits, re.MULTILINE)
        (high,) = re.findall(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        alive.append(int(high) // 1024)
    return dead + alive


def harmless(box: Sandbox, zygote: int, peaked: list[int]) -> None:
    """What holds however it ended."""
    assert peaked
    assert max(peaked) * MIB <= LIMITS.child_memory_bytes
    assert box.probe(PHOTO, owner="next").pages == (PAGE,)
    assert zygote_of(box) == zygote


@pytest.mark.parametrize("name", bombs.REFUSED)
def test_a_bomb_that_says_so_is_refused_by_a_child_in_good_health(
    box: Sandbox, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    make, code = bombs.REFUSED[name]
    box.warm()
    zygote = zygote_of(box)

    assert outcome(box, make()) == code

    assert not SAID.search(caplog.text)
    assert len(children_of(box, "bomber")) == 1
    harmless(box, zygote, peaks(box, caplog))


@pytest.mark.parametrize("name", bombs.SURVIVED)
def test_a_bomb_that_goes_off_costs_its_own_child_at_most(
    box: Sandbox, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    make: Callable[[], bytes] = bombs.SURVIVED[name]
    box.warm()
    zygote, ours = zygote_of(box), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = make()

    with caplog.at_level(logging.WARNING, "transforms.sandbox"):
        code = outcome(box, data)

    if name in bombs.ENDLESS:
        assert code in ("render-timeout", "render-memory")
        assert children_of(box, "bomber") == []
    harmless(box, zygote, peaks(box, caplog))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - ours) * 1024
    assert grown < 200 * MIB  # this process, which made the bomb and handed it over, unpacked nothing of it


def test_a_grid_of_tiles_is_put_together(box: Sandbox) -> None:
    """The bombs of that kind are of the format, and not refused for their spelling alone."""
    found = box.probe(bombs.heif_grid(2, 3, tile=2, size=(288, 128)), owner="a")

    assert [(page.width, page.height) for page in found.pages] == [(288, 128)]
