"""Photos for the running service: one drawn photo of 12 megapixels, and as many originals of it as are asked for."""

import functools
import struct
from pathlib import Path
from urllib.parse import urlsplit

from rxproject.local import samples

UPRIGHT = (3000, 4000)


@functools.cache
def photo() -> bytes:
    """3 MB, held upright: stored on its side, as EXIF orientation 6 says."""
    return samples.phone_photo(seed=1, megapixels=12)


def distinct(number: int) -> bytes:
    """The same pixels as another file, with another digest: a comment more. As hard to decode as all the others."""
    comment = f"original {number}".encode()
    return photo()[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + photo()[2:]


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
