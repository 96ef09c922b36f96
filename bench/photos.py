"""Photos for the running service: one drawn photo of 12 megapixels, and as many originals of it as are asked for."""

import functools
import io
import random
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from PIL import Image

from rxproject.local import samples

UPRIGHT = (3000, 4000)
_SHADOWS: Final = 8


@functools.cache
def photo() -> bytes:
    """3 MB, held upright: stored on its side, as EXIF orientation 6 says."""
    return samples.phone_photo(seed=1, megapixels=12)


@functools.cache
def _opened() -> Image.Image:
    image = Image.open(io.BytesIO(photo()))
    image.load()
    return image


def distinct(number: int) -> bytes:
    """Another photo of that kind: the same page under other shadows, so that nobody takes one for a copy of another."""
    source, image = random.Random(number), _opened().copy()
    for _ in range(_SHADOWS):
        side = source.randrange(image.height // 6, image.height // 3)
        left, top = source.randrange(image.width - side), source.randrange(image.height - side)
        box = (left, top, left + side, top + side)
        shade = source.uniform(0.4, 0.9)
        image.paste(image.crop(box).point(lambda value, shade=shade: int(value * shade)), box)  # type: ignore[misc]
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, exif=_opened().getexif())
    return out.getvalue()


def save(folder: Path, count: int) -> list[str]:
    """So many of them as files; their names."""
    names = [f"{number}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(distinct(number))
    return names


def address(page: dict[str, str], width: int, form: str) -> str:
    """The stored form's path for a page of `UPRIGHT` pixels, as nginx answers it."""
    height = round(UPRIGHT[1] * width / UPRIGHT[0])
    return urlsplit(page["info"]).path.replace("info.json", f"full/{width},{height}/0/default.{form}")
