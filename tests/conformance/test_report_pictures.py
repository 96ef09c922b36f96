"""Pictures of public bug reports: each is taken and shown as browsers show it, or refused for what it is.

Means are of an independent renderer on white paper, upright; those of CMYK without its profile's press.
"""

import csv
from typing import Final

import pytest
from PIL import Image, ImageStat

from tests.transforms.rendering import CORPUS, pixels
from transforms.errors import SourceDamaged, UnsupportedMedia
from transforms.measure.probe import probe

REPORTS: Final = CORPUS / "reports"
PAGE: Final = (620, 877)
PAPER: Final = (232, 234, 225)
NEAR: Final = 6  # levels

REFUSED: Final = {
    "i_cut_50.jpg": SourceDamaged,
    "i_cut_90.jpg": SourceDamaged,
    "i_png_cut.png": SourceDamaged,
    "i_leading_newline.jpg": UnsupportedMedia,
}
# Others are the page, in its colours.
SHOWN: Final[dict[str, tuple[tuple[int, int], tuple[int, ...]]]] = {
    "i_1x1.png": ((1, 1), (231, 233, 225)),
    "i_cmyk_noadobe_inverted.jpg": (PAGE, (231, 234, 224)),
    "i_dpi_204x98.jpg": ((620, 420), (225, 225, 220)),
    "i_pano_12000x1500.jpg": ((12000, 1500), (200, 183, 194)),
    "i_png_1bit.png": (PAGE, (231, 231, 231)),
    "i_png_alpha.png": (PAGE, (246, 243, 242)),
    "i_png_bad_crc_exif.png": ((877, 620), PAPER),  # how it is held is what cannot be read
    "i_png_gray16.png": (PAGE, (232, 232, 232)),
    "i_png_gray16_trns.png": (PAGE, (232, 232, 232)),
    "i_png_gray_gamma1.png": (PAGE, (232, 232, 232)),
    "i_png_graya16.png": (PAGE, (232, 232, 232)),
    "i_png_signature_transparent.png": (PAGE, (254, 254, 254)),
    "i_tall_7x9000.png": ((7, 9000), (238, 243, 230)),
    "i_wide_16000x10.png": ((16000, 10), (209, 192, 203)),
}


def names() -> list[str]:
    table = REPORTS / "REPORTS.tsv"
    if not table.exists():
        return []
    with table.open(newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row["file"] for row in rows if row["file"].startswith("i_")]


@pytest.mark.skipif(not names(), reason="the collection of reported files is not here")
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", names())
def test_a_reported_picture_is_shown_as_it_is_or_refused(name: str) -> None:
    data = (REPORTS / name).read_bytes()
    if name in REFUSED:
        with pytest.raises(REFUSED[name]):
            probe(data)
        return
    size, mean = SHOWN.get(name, (PAGE, PAPER))

    [page] = probe(data).pages
    image = pixels(data, "full/max/0/default.png").convert("RGB")

    assert image.size == (page.width, page.height) == size
    assert all(abs(found - wanted) <= NEAR for found, wanted in zip(ImageStat.Stat(image).mean, mean, strict=True))
    # and in small, where other ways lead
    small = pixels(data, "full/!200,200/0/default.webp").convert("RGB")
    expected = ImageStat.Stat(image.resize(small.size, Image.Resampling.BOX)).mean
    assert all(abs(a - b) <= NEAR for a, b in zip(ImageStat.Stat(small).mean, expected, strict=True))
