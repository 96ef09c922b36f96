"""What an upload costs: all the renderers' work for a 12 MP photo until it stands in the queue and everything is at
rest, in decodes of that photo.

    python -m bench.upload [--rounds 7]

Counted from outside, so that no decode can hide: CPU of everything but S3, less the same for a photo of a few pixels,
over the CPU of one whole decode in this process. A first decode alone comes to little more than one, for hashing,
copying and looking at the pixels count too; a second one cannot be missed.
"""

import argparse
import io
import statistics
from time import process_time
from typing import Final

from PIL import Image

from bench import photos
from bench.processes import cpu_seconds, settle
from bench.rows import Row, attempt, record
from bench.served import SERVERS, Service, service

NAME: Final = "decodes of a photo until it stands in the queue"
COMMAND: Final = "python -m bench.upload"
GOAL: Final = "<= 1.5"  # one, and the work around it


def decode_ms() -> float:
    began = process_time()
    with Image.open(io.BytesIO(photos.photo())) as image:
        image.load()
    return (process_time() - began) * 1000


def tiny(number: int) -> bytes:
    """A photo whose decode costs nothing, of other pixels each time."""
    out = io.BytesIO()
    Image.effect_noise((320 + number, 240), 40).convert("RGB").save(out, "JPEG", quality=88)
    return out.getvalue()


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
    for number in range(rounds + 1):
        small, large = cost_ms(running, tiny(number)), cost_ms(running, photos.distinct(number))
        extra.append(large - small)
        whole.append(decode_ms())
    return statistics.median(extra[1:]), statistics.median(whole[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with service() as running:
        found, note = attempt(lambda: measure(running, options.rounds))
    if found:
        note = f"{found[0]:.0f} ms of CPU, one decode takes {found[1]:.0f}"
    ours = found[0] / found[1] if found else None
    record("upload", [Row(name=NAME, ours=ours, unit="", goal=GOAL, command=COMMAND, note=note)])


if __name__ == "__main__":
    main()
