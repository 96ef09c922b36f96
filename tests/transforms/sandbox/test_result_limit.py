"""A result that is too large to store: a clear refusal that trying again cannot change, from a child in good health."""

import os
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.transforms import fixtures
from tests.transforms.sandbox.processes import children_of
from transforms.errors import RenderMemory, ResultTooLarge
from transforms.formats import OutputFormat
from transforms.limits import LIMITS, Limits
from transforms.pixels.encode import encode
from transforms.render import RenderJob
from transforms.request.spec import Spec
from transforms.sandbox import Sandbox

NOISE = Image.frombytes("RGB", (300, 300), os.urandom(300 * 300 * 3))
FORMATS = [str(form) for form in OutputFormat]
MOST = 16_384


@pytest.fixture(scope="module")
def strict() -> Iterator[Sandbox]:
    box = Sandbox(limits=Limits(variant_bytes=MOST, child_idle_seconds=60))
    yield box
    box.close()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("source", ["PNG", "JPEG"])
def test_it_is_refused_for_good_in_every_format(strict: Sandbox, source: str, form: str) -> None:
    data = fixtures.save(NOISE, source)
    found = strict.probe(data, owner="a")
    (page,) = found.pages
    large, small = (
        RenderJob(found.media_type, 1, Spec.parse(f"full/{size}/0/default.{form}").resolve(page), page)
        for size in ("max", "40,")
    )

    with pytest.raises(ResultTooLarge) as raised:
        strict.render(data, large, owner="a")

    assert (raised.value.permanent, raised.value.status) == (True, 422)
    assert raised.value.detail == "The result would be too large to store. Ask for a smaller size, or for jpg or webp."
    # and the same child goes on with what is small
    (child,) = children_of(strict, "a")
    assert 0 < len(strict.render(data, small, owner="a").data) <= MOST
    assert children_of(strict, "a") == [child]


def test_the_limit_of_the_service_is_what_a_tile_or_a_print_never_needs() -> None:
    # the largest size that may be asked for besides a page's own, as noise without loss
    side = int(LIMITS.output_pixels**0.5)
    assert side * side * 3 < LIMITS.variant_bytes


def test_an_encoder_is_ended_when_it_has_written_too_much() -> None:
    with pytest.raises(ResultTooLarge):
        encode(NOISE, OutputFormat.PNG, limits=Limits(variant_bytes=1000))


def test_an_encoder_without_memory_is_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise ValueError("encoding error 1")  # what libwebp says when it gets no more

    monkeypatch.setattr(Image.Image, "save", refuses)

    with pytest.raises(RenderMemory):
        encode(NOISE, OutputFormat.WEBP)
