"""The first render of a process is slow: here it is one of a picture of our own, while nobody waits."""

import io
from functools import cache
from typing import Final

from PIL import Image

from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.render import RenderJob, render
from transforms.request.spec import Stored

_SIZE: Final = Size(1200, 900)
_ORIENTATION: Final = 0x0112
SMALL: Final = "full/400,300/0/"
LARGE: Final = "full/1000,750/0/"


@cache
def picture() -> bytes:
    """A small JPEG, made once in the zygote and shared by its children."""
    out = io.BytesIO()
    exif = Image.Exif()
    exif[_ORIENTATION] = 3  # so that what reads it, which loads more of Pillow, is used as well
    image = Image.linear_gradient("L").resize((_SIZE.width, _SIZE.height)).convert("RGB")
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def run(*forms: str) -> None:
    """Renders the picture in each of `forms`, which are stored forms."""
    for form in forms:
        stored = Stored.parse(form)
        render(picture(), RenderJob(media_type=SourceType.JPEG, page=1, stored=stored, page_size=_SIZE))
