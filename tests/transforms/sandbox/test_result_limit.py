"""A result that is too large to store: a clear refusal that trying again cannot change, from a child in good health."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.transforms import fixtures
from tests.transforms.sandbox.test_sandbox import ROOT, children_of
from transforms.errors import RenderMemory, ResultTooLarge
from transforms.formats import OutputFormat
from transforms.limits import LIMITS, Limits
from transforms.pixels import encode
from transforms.pixels.encode import encode as encoded
from transforms.render import RenderJob
from transforms.request.spec import Spec
from transforms.sandbox import Sandbox

NOISE = Image.frombytes("RGB", (600, 600), os.urandom(600 * 600 * 3))
FORMATS = [str(form) for form in OutputFormat]


def library_with_limit(folder: Path, size: str) -> Path:
    """The library as the children run it, with another size that no variant may have."""
    shutil.copytree(ROOT / "transforms", folder / "transforms", ignore=shutil.ignore_patterns("__pycache__"))
    limits = folder / "transforms/limits.py"
    text = limits.read_text()
    assert "variant_bytes: int = 64 * MIB" in text
    limits.write_text(text.replace("variant_bytes: int = 64 * MIB", f"variant_bytes: int = {size}"))
    return folder


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    box = Sandbox(library=library_with_limit(tmp_path_factory.mktemp("library"), "32_768"))
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
        for size in ("max", "60,")
    )

    with pytest.raises(ResultTooLarge) as raised:
        strict.render(data, large, owner="a")

    assert (raised.value.permanent, raised.value.status) == (True, 422)
    assert raised.value.detail == "The result would be too large to store. Ask for a smaller size, or for jpg or webp."
    # and the same child goes on with what is small
    (child,) = children_of(strict, "a")
    assert 0 < len(strict.render(data, small, owner="a").data) <= 32_768
    assert children_of(strict, "a") == [child]


def test_the_limit_of_the_service_is_what_a_tile_or_a_print_never_needs() -> None:
    # the largest size that may be asked for besides a page's own, as noise without loss
    side = int(LIMITS.output_pixels**0.5)
    assert side * side * 3 < LIMITS.variant_bytes


def test_an_encoder_is_ended_when_it_has_written_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "LIMITS", Limits(variant_bytes=1000))

    with pytest.raises(ResultTooLarge):
        encoded(NOISE, OutputFormat.PNG)


def test_an_encoder_without_memory_is_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise ValueError("encoding error 1")  # what libwebp says when it gets no more

    monkeypatch.setattr(Image.Image, "save", refuses)

    with pytest.raises(RenderMemory):
        encoded(NOISE, OutputFormat.WEBP)
