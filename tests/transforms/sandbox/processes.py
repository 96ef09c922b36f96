"""A photo to render, and what becomes of the processes that render it."""

from pathlib import Path

from PIL import Image

from tests.transforms import fixtures
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.render import RenderJob
from transforms.request.spec import Stored
from transforms.sandbox import Sandbox

ROOT = Path(__file__).parents[3]
PAGE = Size(320, 240)
JOB = RenderJob(SourceType.JPEG, 1, Stored.parse("full/160,120/0/default.jpg"), PAGE)
PHOTO = fixtures.save(Image.linear_gradient("L").resize((PAGE.width, PAGE.height)).convert("RGB"), "JPEG")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def zygote_of(box: Sandbox) -> int:
    return box.processes()[0][0]


def children_of(box: Sandbox, owner: str | None) -> list[int]:
    return [pid for pid, whose in box.processes()[1:] if whose == owner]
