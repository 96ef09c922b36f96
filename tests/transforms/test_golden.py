"""Pixels of a few variants, as digests, by what scales them: they may change only together with PIPELINE.

After a deliberate change: raise PIPELINE, then `python -m tests.transforms.test_golden` writes the new digests.
"""

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path
from unittest import mock

import pillow_heif
import pypdfium2
import pytest
from PIL import features

from tests.transforms import fixtures
from tests.transforms.rendering import pixels
from transforms.geometry import Box, Size
from transforms.pixels import resize
from transforms.request.paper import Paper
from transforms.version import PIPELINE

RESIZERS = ("fast", "pillow")
PAPER = Paper.of([(60, 40), (700, 70), (720, 480), (50, 470)], Size(*fixtures.photo().size))
RECORD = Path(__file__).with_name("golden.json")
CASES = {
    "jpeg shrunk": (lambda: fixtures.jpeg(fixtures.photo()), "full/100,/0/default.png"),
    "jpeg at half": (lambda: fixtures.jpeg(fixtures.photo()), "full/384,256/0/default.png"),
    "jpeg region turned": (lambda: fixtures.jpeg(fixtures.photo()), "30,50,301,203/99,/90/default.png"),
    "jpeg oriented": (lambda: fixtures.oriented(6), "full/37,/0/default.jpg"),
    "jpeg cmyk": (fixtures.cmyk, "full/50,/0/default.png"),
    "png scaled": (lambda: fixtures.png(fixtures.photo()), "full/123,/0/default.webp"),
    "png 16 bit": (fixtures.gray16, "full/50,/0/default.png"),
    "png palette": (lambda: fixtures.png(fixtures.page(mode="P")), "full/50,/0/default.png"),
    "gray": (lambda: fixtures.jpeg(fixtures.photo()), "full/100,/0/gray.png"),
    "bitonal": (lambda: fixtures.jpeg(fixtures.photo()), "full/100,/0/bitonal.png"),
    "enhanced": (lambda: fixtures.jpeg(fixtures.photo()), "full/100,/0/enhanced.png"),
    "redacted": (lambda: fixtures.jpeg(fixtures.photo()), "full/100,/0/redacted.png"),
    "sheet": (lambda: fixtures.jpeg(fixtures.photo()), "full/100,/0/default.png"),
    "sheet at its own size": (lambda: fixtures.jpeg(fixtures.photo()), "40,50,200,150/max/0/default.png"),
    "pdf page": (lambda: fixtures.vector_pdf(text="Amoxicillin"), "full/200,/0/default.png"),
    "pdf region": (lambda: fixtures.scanned_pdf(), "100,50,200,150/100,/180/default.png"),
}


def engines() -> dict[str, str]:
    """Other versions of these give other pixels, which is no fault of ours."""
    return {
        "machine": platform.machine(),
        "jpeg": str(features.version("libjpeg_turbo")),
        "pillow": str(features.version("pil")),
        "resizer": metadata.version("cykooz-resizer") if resize.fast() else "",
        "webp": str(features.version("webp")),
        "heif": pillow_heif.__version__,
        "pdfium": str(pypdfium2.version.PDFIUM_INFO.build),
    }


def digest(case: str, resizer: str) -> str:
    make, spec = CASES[case]
    with mock.patch.object(resize, "fast", (lambda: None) if resizer == "pillow" else resize.fast):
        paper = PAPER if case.startswith("sheet") else None
        image = pixels(make(), spec, redactions=(Box(100, 100, 300, 200),), paper=paper)
    head = f"{image.mode} {image.size}".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()


@pytest.mark.parametrize("resizer", RESIZERS)
@pytest.mark.parametrize("case", CASES)
def test_pixels_change_only_with_the_pipeline(case, resizer):
    record = json.loads(RECORD.read_text())
    if record["engines"] != engines():
        pytest.skip("recorded with other versions of the engines: record anew, and raise PIPELINE if pixels changed")
    assert record["pipeline"] == PIPELINE, "PIPELINE was raised: record the digests anew"
    assert digest(case, resizer) == record["digests"][resizer][case], (
        "pixels changed: raise PIPELINE in transforms/version.py, record anew"
    )


def test_every_case_is_recorded():
    digests = json.loads(RECORD.read_text())["digests"]
    assert {resizer: digests[resizer].keys() for resizer in digests} == {resizer: CASES.keys() for resizer in RESIZERS}


if __name__ == "__main__":
    digests = {resizer: {case: digest(case, resizer) for case in CASES} for resizer in RESIZERS}
    RECORD.write_text(json.dumps({"pipeline": PIPELINE, "engines": engines(), "digests": digests}, indent=2) + "\n")
