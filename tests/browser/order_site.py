"""An order's page and what customers choose on it."""

import io
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image, ImageFilter, ImageOps
from playwright.sync_api import Page, expect

from rxproject.local import samples
from tests.conftest import Site

Files = dict[str, Path]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A good photo, three that deserve advice, a PDF, a HEIC, and something else."""
    folder = tmp_path_factory.mktemp("files")
    photo = ImageOps.exif_transpose(Image.open(io.BytesIO(samples.phone_photo(1, megapixels=2))))

    def jpeg(image: Image.Image) -> bytes:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=88)
        return out.getvalue()

    content = {
        "good.jpg": jpeg(photo),
        "blurred.jpg": jpeg(photo.filter(ImageFilter.GaussianBlur(4))),
        "dark.jpg": jpeg(photo.point(lambda value: value * 0.3)),
        "small.png": samples.as_png(),
        "three.pdf": samples.three_page_pdf(),
        "iphone.heic": samples.photo_heic(),
        "scan.bmp": b"BM" + b"0" * 900,
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in content}


@pytest.fixture
def order(site: Site) -> str:
    """Address of a fresh order's page, with the link that opens it."""
    answer = site.http.post("/api/v1/order-links", json={"order_ref": f"WEB-{uuid4().hex}"}, headers=site.bearer)
    return str(answer.json()["url"])


def ref_of(order: str) -> str:
    return order.split("/orders/")[1].split("/")[0]


def choose(page: Page, files: Files, *names: str) -> None:
    page.set_input_files("#choose", [files[name] for name in names])
    expect(page.locator(".kept")).to_have_count(len([name for name in names if name != "scan.bmp"]))


def names(page: Page) -> list[str]:
    return page.locator(".file bdi").all_inner_texts()


def send(page: Page) -> None:
    """With the box ticked; then it is there."""
    page.check("#consent")
    page.click("#send")
    expect(page.locator(".status")).to_be_visible()
