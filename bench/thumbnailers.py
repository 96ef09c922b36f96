"""The ways to make a JPEG of quality 80 that `bench.transforms` compares, each in a process of its own.

A process reads one JSON object a line, makes the picture it describes, and answers with the CPU milliseconds that took
and its peak of resident megabytes. Nothing is imported that its way does not need: memory is weighed as well.
"""

import io
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

# path, kind (of `SourceType`), page, box, size and full (width, height), stored
Task = dict[str, Any]


def ours(task: Task, data: bytes) -> None:
    from transforms.formats import SourceType
    from transforms.geometry import Size
    from transforms.render import RenderJob, render
    from transforms.request.spec import Stored

    job = RenderJob(SourceType(task["kind"]), task["page"], Stored.parse(task["stored"]), Size(*task["full"]))
    render(data, job)


def pillow(task: Task, data: bytes) -> None:
    """Ours where there is no wheel of the fast resizer."""
    from transforms.pixels import resize

    resize.fast = lambda: None
    ours(task, data)


def naive(task: Task, data: bytes) -> None:
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    _save(image.resize(task["size"], Image.Resampling.LANCZOS))


def thumbnail(task: Task, data: bytes) -> None:
    from PIL import Image, ImageOps

    image = Image.open(io.BytesIO(data))
    image.thumbnail((task["box"], task["box"]), Image.Resampling.LANCZOS)
    _save(ImageOps.exif_transpose(image))


def vips(task: Task, data: bytes) -> None:
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    width, height = task["size"]
    pyvips.Image.thumbnail_buffer(data, width, height=height, size="force").jpegsave_buffer(Q=80, keep="none")


def pdf2image(task: Task, data: bytes) -> None:
    from pdf2image import convert_from_bytes
    from PIL import Image

    (image,) = convert_from_bytes(data, first_page=task["page"], last_page=task["page"])
    _save(image.resize(task["size"], Image.Resampling.LANCZOS))


def _save(image: Any) -> None:
    image.save(io.BytesIO(), "JPEG", quality=80)


WAYS: Final[dict[str, Callable[[Task, bytes], None]]] = {
    way.__name__: way for way in (ours, pillow, naive, thumbnail, vips, pdf2image)
}


def _cpu() -> float:
    """Milliseconds of this process and its ended children (pdftoppm)."""
    usage = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in usage) * 1000


def _peak() -> float:
    """Not ru_maxrss: that is inherited from the process that started this one."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    way, *keep = sys.argv[1:]
    if keep:
        # Only where time is measured: it takes some megabytes of modules that making pictures does not need.
        from transforms.sandbox import heap

        heap.keep()
    for line in sys.stdin:
        task = json.loads(line)
        data = Path(task["path"]).read_bytes()
        began = _cpu()
        WAYS[way](task, data)
        print(json.dumps([_cpu() - began, _peak()]), flush=True)


if __name__ == "__main__":
    main()
