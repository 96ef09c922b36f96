"""The official validator of the IIIF Image API against the running stack, through nginx and every redirect."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from iiif_validator.validator import ValidationInfo
from PIL import Image

from rxproject.local.stack.stack import Stack
from tests.conftest import Site

VALIDATOR = Path(sys.executable).with_name("iiif-validate.py")
SQUARE = 100  # pixels; the validator looks at ten by ten of them
TESTS = 33  # of version 3.0 up to level 2


def picture() -> bytes:
    """The page that the validator expects: 1000 x 1000, coloured squares, from its own table of colours."""
    image = Image.new("RGB", (10 * SQUARE, 10 * SQUARE))
    for x, column in enumerate(ValidationInfo().colorInfo):
        for y, colour in enumerate(column):
            image.paste(colour, (x * SQUARE, y * SQUARE, (x + 1) * SQUARE, (y + 1) * SQUARE))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def uploaded(site: Site) -> str:
    """The address of a fresh page's info.json."""
    info: str = site.prescription(("squares.png", picture()))["pages"][0]["info"]
    return info


def validate(info: str) -> tuple[int, set[str], str]:
    """A page under the validator: how many tests ran, which failed, and all it said."""
    # Host and path must come back byte for byte as info.json's id.
    match = re.fullmatch(r"http://([^/]+)/(iiif/3/[^/]+)/([0-9a-f]{32}_1)/info\.json", info)
    assert match is not None, info
    server, prefix, identifier = match.groups()
    ran = subprocess.run(
        [sys.executable, VALIDATOR, "-s", server, "-p", prefix, "-i", identifier, "--version=3.0", "--level=2"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    said = ran.stdout + ran.stderr
    # It exits with 0 when it ran nothing, so the exit code alone proves nothing.
    done = re.search(r"^Done \((\d+) tests, (\d+) failures\)$", said, re.MULTILINE)
    assert done is not None, said
    failed = set(re.findall(r"^\[\d+\] test (\w+) FAIL$", said, re.MULTILINE))
    assert (ran.returncode, int(done[2])) == (len(failed), len(failed)), said
    return int(done[1]), failed, said


@pytest.fixture
def rejecting(private_stack: Stack, private_site: Site) -> Iterator[Site]:
    """`!w,h` larger than the page is refused. Stored forms never have it, so only `web` needs to know."""
    private_stack.overrides["RX_IIIF_OVERSIZE"] = "reject"
    private_stack.restart("web")
    yield private_site
    del private_stack.overrides["RX_IIIF_OVERSIZE"]
    private_stack.restart("web")


@pytest.mark.slow
def test_all_of_level_two_but_what_contradicts_the_specification(site: Site) -> None:
    # given a service that reads `!w,h` as the specification does (Image API 3.0 §4.2: never more than the page itself)
    info = uploaded(site)
    larger = site.follow(info.replace("info.json", "full/!2000,3000/0/default.jpg"))[-1]
    assert Image.open(io.BytesIO(larger.content)).size == (1000, 1000)

    # then only the test that wants this refused does not pass
    count, failed, said = validate(info)
    assert (count, failed) == (TESTS, {"size_noup"}), said


@pytest.mark.slow
def test_all_of_level_two(rejecting: Site) -> None:
    count, failed, said = validate(uploaded(rejecting))

    assert (count, failed) == (TESTS, set()), said
