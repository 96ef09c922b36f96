"""What an upload of a 12 MP photo costs until it stands in the queue and everything is at rest.

    python -m bench.upload [--rounds 7]

Decodes are counted in the renderer's job of an upload, run here; one more for a page that stands in the queue without
having been measured, for then it is decoded again. Beside that, so that no work can hide: CPU of everything but S3,
less the same for a photo of a few pixels in as many bytes, over the CPU of one whole decode in this process.
"""

import argparse
import io
import sqlite3
import statistics
import struct
from time import process_time
from typing import Any, Final
from unittest import mock

from PIL import Image, ImageFile

from bench import photos
from bench.processes import cpu_seconds, settle
from bench.rows import Row, attempt, record
from bench.served import SERVERS, Service, service
from transforms.measure.probe import probe

NAME: Final = "decodes of a photo until it stands in the queue"
WORK: Final = "all work on its pixels, in decodes"
COMMAND: Final = "python -m bench.upload"
GOAL: Final = "<= 1"
_COMMENT: Final = 60_000  # bytes; a segment has at most 65,533
_WARM_UP: Final = 4  # each process of the site has met both kinds


def decode_ms() -> float:
    began = process_time()
    with Image.open(io.BytesIO(photos.photo())) as image:
        image.load()
    return (process_time() - began) * 1000


def tiny(number: int, size: int) -> bytes:
    """A photo of a few pixels in about `size` bytes, most of them comments: it costs all that is paid by the byte."""
    out, comment = io.BytesIO(), b"\xff\xfe" + struct.pack(">H", _COMMENT + 2) + b" " * _COMMENT
    Image.effect_noise((320 + number, 240), 40).convert("RGB").save(out, "JPEG", quality=88)
    data = out.getvalue()
    return data[:2] + comment * ((size - len(data)) // len(comment)) + data[2:]


def cost_ms(running: Service, data: bytes) -> float:
    pids = [running.stack.pid_of(name) for name in SERVERS if name != "s3"]
    settle(pids)
    before = cpu_seconds(pids)
    running.upload(data)
    settle(pids, seconds=3)  # what looks for duplicates comes by a little later
    return (cpu_seconds(pids) - before) * 1000


def measure(running: Service, rounds: int) -> tuple[float, float]:
    """Median of (photo - tiny photo) and of one decode, milliseconds."""
    extra, whole = [], []
    for number in range(rounds + _WARM_UP):
        photo = photos.distinct(number)
        small, large = cost_ms(running, tiny(number, len(photo))), cost_ms(running, photo)
        extra.append(large - small)
        whole.append(decode_ms())
    return statistics.median(extra[_WARM_UP:]), statistics.median(whole[_WARM_UP:])


def decodes(running: Service) -> int:
    """How often the pixels of one photo are decoded."""
    counted, load = [], ImageFile.ImageFile.load

    def counting(image: ImageFile.ImageFile) -> Any:
        counted.extend([image] if image.tile else [])
        return load(image)

    with mock.patch.object(ImageFile.ImageFile, "load", counting):
        probe(photos.photo(), thumbnail=False)
    rx = running.upload(photos.photo())["id"]
    with sqlite3.connect(f"file:{running.stack.state.database}?mode=ro", uri=True, timeout=20) as database:
        [(likeness,)] = database.execute("SELECT likeness FROM prescriptions_page WHERE prescription_id = ?", (rx,))
    return len(counted) + (not likeness)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with service() as running:
        count, trouble = attempt(lambda: decodes(running))
        found, note = attempt(lambda: measure(running, options.rounds))
    if found:
        note = f"{found[0]:.0f} ms of CPU, one decode takes {found[1]:.0f}"
    worth = found[0] / found[1] if found else None
    rows = [
        Row(name=NAME, ours=count, unit="", goal=GOAL, command=COMMAND, note=trouble),
        Row(name=WORK, ours=worth, unit="", command=COMMAND, note=note),
    ]
    record("upload", rows)


if __name__ == "__main__":
    main()
