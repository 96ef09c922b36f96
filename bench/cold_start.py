"""Lambda's cold start: a fresh process to its first answer, our handler against one on boto3 and pdf2image.

Run: python -m bench.cold_start [--rounds N]. Rounds are interleaved, so that a busy machine slows both alike. Prints
medians and ratios; the goals (ratio at most 0.25, warm overhead at most 20 ms) are shown, never asserted.
"""

import argparse
import hashlib
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RX, DOCUMENT = "0" * 32, "1" * 32
GOAL_RATIO, GOAL_OVERHEAD_MS = 0.25, 20
COMMAND, PEER = "python -m bench.cold_start", "boto3, Pillow, pdf2image"


class Context:
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


# --- what is compared -----------------------------------------------------------------------------------------------


def ours(event: dict[str, Any]) -> Any:
    # Lazy: a child imports this module, and its imports are what is measured.
    from transforms.function.handler import handler

    return handler(event, Context())


def peer(event: dict[str, Any]) -> Any:
    """The same work as most tutorials do it: boto3, Pillow, pdf2image."""
    import boto3
    from pdf2image import convert_from_bytes
    from PIL import Image, ImageOps

    call = json.loads(event["body"])
    s3 = boto3.client("s3", endpoint_url=os.environ["RX_S3_ENDPOINT"])
    data = s3.get_object(Bucket=os.environ["RX_ORIGINALS_BUCKET"], Key=call["source"])["Body"].read()
    assert hashlib.sha256(data).hexdigest() == call["source_sha256"]
    if call["media_type"] == "application/pdf":
        image = convert_from_bytes(data, first_page=call["page"], last_page=call["page"])[0]
    else:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    width, height = (int(side) for side in call["target"].split("/")[4].split(","))
    out = io.BytesIO()
    image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS).save(out, "WEBP", quality=80)
    put = s3.put_object(
        Bucket=os.environ["RX_VARIANTS_BUCKET"],
        Key=call["target"],
        Body=out.getvalue(),
        ContentType="image/webp",
        IfNoneMatch="*",
    )
    return {"statusCode": 200, "body": json.dumps({"etag": put["ETag"]})}


def nothing(_event: dict[str, Any]) -> Any:
    """The interpreter alone: what neither can avoid."""
    return {"statusCode": 200, "body": "{}"}


CONTENDERS: dict[str, Callable[[dict[str, Any]], Any]] = {"interpreter": nothing, "ours": ours, "peer": peer}


# --- sources --------------------------------------------------------------------------------------------------------


def photo(width: int, height: int) -> bytes:
    """Paper with noise and strokes: as hard to decode as a phone's photo of the same size."""
    from PIL import Image, ImageDraw

    source = random.Random(7)
    noise = Image.frombytes("L", (width // 2, height // 2), source.randbytes(width * height // 4))
    paper = Image.blend(Image.new("L", (width, height), 232), noise.resize((width, height)), 0.06).convert("RGB")
    draw = ImageDraw.Draw(paper)
    for line in range(height // 100):
        start = (source.randrange(width // 3), 50 + line * 100)
        draw.line([start, (start[0] + source.randrange(width // 2), start[1] + 12)], fill="#234", width=9)
    out = io.BytesIO()
    paper.save(out, "JPEG", quality=92)
    return out.getvalue()


def document() -> bytes:
    """A vector page: text on A4."""
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    for number in range(40):
        pdf.cell(
            0,
            6,
            f"{number:02d}  Amoxicillin 500 mg, one capsule three times a day, 7 days",
            new_x="LMARGIN",
            new_y="NEXT",
        )
    return bytes(pdf.output())


def cases() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Name: source bytes, and the call for a variant of it."""
    small, large, pdf = photo(1200, 1600), photo(3000, 4000), document()
    return {
        "2 MP JPEG to 200": (small, _fields(small, (1200, 1600), "full/150,200/0/default.webp")),
        "12 MP JPEG to 1080": (large, _fields(large, (3000, 4000), "full/810,1080/0/default.webp")),
        "vector PDF to 1080": (pdf, _fields(pdf, (2480, 3508), "full/764,1080/0/default.webp")),
    }


def _fields(data: bytes, page: tuple[int, int], stored: str) -> dict[str, Any]:
    # Lazy: as above; only the parent gets here.
    from transforms.formats import sniff
    from transforms.function.event import to_body
    from transforms.geometry import Size
    from transforms.make import VariantTask
    from transforms.render import RenderJob
    from transforms.request.spec import Stored
    from transforms.version import PIPELINE

    job = RenderJob(media_type=sniff(data), page=1, stored=Stored.parse(stored), page_size=Size(*page))
    sha256 = hashlib.sha256(data).hexdigest()
    task = VariantTask(rx=RX, document=DOCUMENT, sha256=sha256, number=1, pipeline=PIPELINE, job=job)
    fields: dict[str, Any] = json.loads(to_body(task))
    return fields


# --- measuring ------------------------------------------------------------------------------------------------------


def first_answer_ms(who: str, event: Path, env: dict[str, str]) -> float:
    started = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "bench.cold_start", "--child", who, str(event)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    elapsed = (time.perf_counter() - started) * 1000
    answer = json.loads(run.stdout)
    assert answer["statusCode"] == 200, answer
    return elapsed


def warm_overhead_ms(event: dict[str, Any], env: dict[str, str], forget: Callable[[], None], rounds: int) -> float:
    """Median of the handler's whole time minus its render, in one warm process: fetch, put, checks, signing."""
    os.environ.update(env)
    overheads = []
    for _ in range(rounds + 1):
        forget()
        started = time.perf_counter()
        answer = ours(event)
        elapsed = (time.perf_counter() - started) * 1000
        overheads.append(elapsed - json.loads(answer["body"])["ms"]["render"])
    return statistics.median(overheads[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", nargs=2, metavar=("WHO", "EVENT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        who, path = options.child
        print(json.dumps(CONTENDERS[who](json.loads(Path(path).read_text()))))
        return

    # Lazy: these, too, are no part of a cold start.
    from bench.rows import Row, against, record
    from rxproject.local.stack import Stack

    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(state_dir=Path(folder) / "state", only={"s3"}, quick_stop=True) as stack,
    ):
        role, admin = stack.env_for("worker"), stack.s3_client("bootstrap")
        env = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": role["RX_S3_ACCESS_KEY"],
            "AWS_SECRET_ACCESS_KEY": role["RX_S3_SECRET_KEY"],
            "AWS_REGION": role["RX_S3_REGION"],
            "AWS_DEFAULT_REGION": role["RX_S3_REGION"],
            "RX_S3_ENDPOINT": role["RX_S3_ENDPOINT"],
            "RX_ORIGINALS_BUCKET": role["RX_ORIGINALS_BUCKET"],
            "RX_VARIANTS_BUCKET": role["RX_VARIANTS_BUCKET"],
        }
        rows = []
        for name, (data, fields) in cases().items():
            admin.put_object(Bucket=env["RX_ORIGINALS_BUCKET"], Key=fields["source"], Body=data)
            event = {"body": json.dumps(fields)}
            path = Path(folder) / "event.json"
            path.write_text(json.dumps(event))

            def forget(key: str = fields["target"]) -> None:
                admin.delete_object(Bucket=env["RX_VARIANTS_BUCKET"], Key=key)

            times: dict[str, list[float]] = {who: [] for who in CONTENDERS}
            for number in range(options.rounds + 1):
                for who, measured in times.items():
                    forget()
                    elapsed = first_answer_ms(who, path, env)
                    if number:  # the first round warms the file cache
                        measured.append(elapsed)
            bare, mine, other = (statistics.median(measured) for measured in times.values())
            overhead = warm_overhead_ms(event, env, forget, options.rounds)
            note, warm = f"the interpreter alone takes {bare:.0f}", f"{name}: warm, besides the render"
            shared: dict[str, Any] = {"unit": "ms", "command": COMMAND}
            rows.append(against(name, mine, other, PEER, goal=f"<= {GOAL_RATIO}", note=note, **shared))
            rows.append(Row(name=warm, ours=overhead, goal=f"<= {GOAL_OVERHEAD_MS}", **shared))
        record("cold_start", rows)


if __name__ == "__main__":
    main()
