"""The Lambda function against a real S3: what it makes, what it refuses before touching anything, and its answers."""

import base64
import hashlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rxproject.buckets import VARIANTS
from tests.rxproject.local.gateway.storage import OTHER_RX, RX, Storage, call, jpeg, real_s3, storage
from transforms.function import handler as function
from transforms.geometry import Box
from transforms.limits import LIMITS
from transforms.redaction import digest
from transforms.version import PIPELINE

__all__ = ["real_s3", "storage"]  # fixtures

STORED = "full/150,100/0/default.webp"
KEY = f"{RX}/1/{PIPELINE}/{STORED}"
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 96]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
)


class Context:
    aws_request_id = "aws-request-1"

    def __init__(self, seconds: float = 20.0) -> None:
        self._ms = int(seconds * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._ms


@pytest.fixture(autouse=True)
def _environment(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in storage.function_env.items():
        monkeypatch.setenv(name, value)
    function.s3_client.cache_clear()
    yield
    function.s3_client().close()
    function.s3_client.cache_clear()


def invoke(body: Any, *, seconds: float = 20.0, **event: Any) -> dict[str, Any]:
    """The proxy response, its body parsed."""
    text = body if isinstance(body, str) else json.dumps(body)
    answer = function.handler({"body": text, "isBase64Encoded": False, **event}, Context(seconds))
    return {**answer, "body": json.loads(answer["body"])}


def refusal(answer: dict[str, Any]) -> tuple[int, str]:
    body = answer["body"]
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert answer["statusCode"] == body["status"]
    assert body["request_id"] == "aws-request-1"
    assert body["title"]
    assert body["detail"]
    return body["status"], body["code"]


def test_a_variant_is_made_and_described(storage: Storage) -> None:
    sha256 = storage.original(jpeg())

    answer = invoke(call(sha256))

    there = storage.admin.get_object(Bucket=VARIANTS, Key=KEY)
    data = there["Body"].read()
    assert Image.open(io.BytesIO(data)).size == (150, 100)
    assert there["ContentType"] == "image/webp"
    assert there["Metadata"] == {"stored": STORED, "pipeline": PIPELINE, "source": sha256, "canonical": STORED}
    assert "ContentDisposition" not in there
    body = answer["body"]
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "application/json")
    assert answer["headers"]["Cache-Control"] == "no-store"
    ms = body.pop("ms")
    assert body == {
        "key": KEY,
        "bytes": len(data),
        "width": 150,
        "height": 100,
        "etag": there["ETag"],
        "created": True,
    }
    assert {"fetch", "render", "render.decode", "render.encode", "put", "total"} <= ms.keys()


def test_asked_again_it_says_what_is_there(storage: Storage) -> None:
    sha256 = storage.original(jpeg())
    first = invoke(call(sha256))["body"]

    second = invoke(call(sha256))["body"]

    assert (first["created"], second["created"]) == (True, False)
    assert (second["etag"], second["bytes"]) == (first["etag"], first["bytes"])


def test_what_was_made_of_another_original_is_replaced(storage: Storage) -> None:
    invoke(call(storage.original(jpeg(colour="red"))))
    sha256 = storage.original(jpeg(colour="blue"))

    answer = invoke(call(sha256))

    assert answer["body"]["created"] is True
    assert storage.admin.head_object(Bucket=VARIANTS, Key=KEY)["Metadata"]["source"] == sha256


def test_full_size_is_max_in_its_canonical_tail(storage: Storage) -> None:
    stored = "full/600,400/0/default.jpg"

    answer = invoke(call(storage.original(jpeg()), stored, canonical="full/max/0/default.jpg"))

    there = storage.admin.head_object(Bucket=VARIANTS, Key=answer["body"]["key"])
    assert there["Metadata"]["canonical"] == "full/max/0/default.jpg"


def test_a_pdf_page_is_drawn(storage: Storage) -> None:
    sha256 = storage.original(PDF)

    answer = invoke(call(sha256, media_type="application/pdf"))

    assert (answer["statusCode"], answer["body"]["width"], answer["body"]["height"]) == (200, 150, 100)


def test_a_variant_in_pdf_is_a_download(storage: Storage) -> None:
    stored = "full/600,400/0/default.pdf"

    answer = invoke(call(storage.original(jpeg()), stored, canonical="full/max/0/default.pdf"))

    there = storage.admin.get_object(Bucket=VARIANTS, Key=answer["body"]["key"])
    assert there["ContentDisposition"] == 'attachment; filename="prescription.pdf"'
    assert there["ContentType"] == "application/pdf"
    assert there["Body"].read().startswith(b"%PDF-")


def test_a_redaction_is_burnt_in(storage: Storage) -> None:
    quality = f"redacted-{digest(f'{RX}_1', [Box(0, 0, 60, 40)])}"

    answer = invoke(
        call(
            storage.original(jpeg(colour="white")),
            f"full/600,400/0/{quality}.png",
            canonical=f"full/max/0/{quality}.png",
            redactions=[[0, 0, 60, 40]],
        )
    )

    data = storage.admin.get_object(Bucket=VARIANTS, Key=answer["body"]["key"])["Body"].read()
    image = Image.open(io.BytesIO(data)).convert("L")
    assert (image.getpixel((10, 10)), image.getpixel((300, 200))) == (0, 255)


def test_a_body_in_base64_is_read(storage: Storage) -> None:
    body = json.dumps(call(storage.original(jpeg()))).encode()

    assert invoke(base64.b64encode(body).decode(), isBase64Encoded=True)["statusCode"] == 200


# --- refused before anything is fetched -------------------------------------------------------------------------------

ANY = "a" * 64
BAD_EVENTS: dict[str, Any] = {
    "no body": None,
    "no JSON": "{",
    "no object": "[]",
    "deep": "[" * 100_000,
    "a field missing": {k: v for k, v in call(ANY).items() if k != "page"},
    "a field too many": call(ANY, surprise=1),
    "source: not of the form": call(ANY, source="../../etc/passwd"),
    "source: a third part": call(ANY, source=f"{RX}/{'0' * 32}/x"),
    "source: upper case": call(ANY, source=f"{RX.upper()}/{'0' * 32}"),
    "source: trailing newline": call(ANY, source=f"{RX}/{'0' * 32}\n"),
    "target: another prescription": call(ANY, target=f"{OTHER_RX}/1/{PIPELINE}/{STORED}"),
    "target: page 0": call(ANY, target=f"{RX}/0/{PIPELINE}/{STORED}"),
    "target: no pipeline": call(ANY, target=f"{RX}/1/{STORED}"),
    "target: dots": call(ANY, target=f"{RX}/1/{PIPELINE}/../../{STORED}"),
    "sha256: short": call("abc"),
    "sha256: number": call(ANY, source_sha256=1),
    "media type": call(ANY, media_type="image/svg+xml"),
    "page: zero": call(ANY, page=0),
    "page: too many": call(ANY, page=LIMITS.pdf_pages + 1),
    "page: true": call(ANY, page=True),
    "page: text": call(ANY, page="1"),
    "width: zero": call(ANY, page_width=0),
    "width: huge": call(ANY, page_width=10**9),
    "canonical: of another form": call(ANY, canonical="full/max/0/default.webp"),
    "canonical: a header": call(ANY, canonical="x\r\nX-Evil: 1"),
    "redactions without the quality": call(ANY, redactions=[[0, 0, 1, 1]]),
    "redactions: three numbers": call(ANY, redactions=[[0, 0, 1]]),
    "redactions: fractions": call(ANY, redactions=[[0, 0, 1.5, 1]]),
    "redactions: off the page": call(ANY, redactions=[[590, 0, 20, 20]]),
    "redactions: empty box": call(ANY, redactions=[[0, 0, 0, 5]]),
    "redactions: too many": call(ANY, redactions=[[0, 0, 1, 1]] * (LIMITS.redactions + 1)),
}
BAD_SPECS = {
    "not a stored form": (call(ANY, "full/max/0/default.webp"), 400),
    "a size that no request leads to": (call(ANY, "full/150,10/0/default.webp", canonical="x"), 400),
    "larger than the page": (call(ANY, "full/1200,800/0/default.webp"), 400),
    "a region off the page": (call(ANY, "600,0,10,10/10,10/0/default.webp"), 400),
}


@pytest.mark.parametrize("what", BAD_EVENTS)
def test_a_call_that_is_not_valid(storage: Storage, what: str) -> None:
    assert refusal(invoke(BAD_EVENTS[what])) in ((400, "bad-event"), (400, "bad-spec"))
    assert storage.variants() == []


@pytest.mark.parametrize("what", BAD_SPECS)
def test_a_target_that_no_request_leads_to(storage: Storage, what: str) -> None:
    body, status = BAD_SPECS[what]

    answer = invoke(body)

    assert answer["body"]["permanent"] is True
    assert refusal(answer)[0] == status
    assert storage.variants() == []


def test_a_redacted_quality_without_redactions_is_not_the_clear_page(storage: Storage) -> None:
    stored = "full/150,100/0/redacted-01234567.webp"

    assert refusal(invoke(call(storage.original(jpeg()), stored))) == (400, "bad-event")
    assert storage.variants() == []


@pytest.mark.parametrize(
    ("page", "boxes"),
    [
        ("1", [[0, 0, 60, 40]]),
        ("1", [[0, 0, 60, 40], [300, 200, 60, 40], [0, 0, 1, 1]]),
        ("1", [[0, 0, 60, 40], [300, 200, 60, 41]]),
        ("2", [[0, 0, 60, 40], [300, 200, 60, 40]]),
    ],
    ids=["a box fewer", "a box more", "another box", "another page"],
)
def test_a_key_that_promises_other_redactions_is_refused(storage: Storage, page: str, boxes: list[list[int]]) -> None:
    # given the key of two boxes on page 1
    named = digest(f"{RX}_1", [Box(300, 200, 60, 40), Box(0, 0, 60, 40)])
    stored = f"full/150,100/0/redacted-{named}.webp"
    sha256 = storage.original(jpeg())

    # when it is to be filled with what hides something else
    answer = invoke(call(sha256, stored, target=f"{RX}/{page}/{PIPELINE}/{stored}", redactions=boxes))

    assert refusal(answer) == (400, "bad-event")
    assert storage.variants() == []
    # and with its own boxes, in any order, it is made
    right = invoke(call(sha256, stored, redactions=[[0, 0, 60, 40], [300, 200, 60, 40]]))
    assert right["statusCode"] == 200
    assert storage.variants() == [f"{RX}/1/{PIPELINE}/{stored}"]


def test_another_release_is_a_conflict(storage: Storage) -> None:
    answer = invoke(call(storage.original(jpeg()), target=f"{RX}/1/p9999/{STORED}"))

    assert refusal(answer) == (409, "pipeline-differs")
    assert answer["body"]["permanent"] is False
    assert storage.variants() == []


# --- refused by what is in S3 ---------------------------------------------------------------------------------------


def test_an_original_that_is_not_there(storage: Storage) -> None:
    answer = invoke(call(ANY, source=f"{RX}/{'9' * 32}"))

    assert refusal(answer) == (404, "source-missing")
    assert answer["body"]["permanent"] is False
    assert storage.variants() == []


def test_an_original_that_is_not_the_one_meant(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function.s3_client(), "backoff_seconds", 0.001)
    storage.original(jpeg())

    assert refusal(invoke(call("b" * 64))) == (503, "storage-unavailable")
    assert storage.variants() == []


@pytest.mark.parametrize(
    ("data", "media_type", "expected"),
    [
        (jpeg()[:-200], "image/jpeg", (422, "source-damaged")),
        (b"%PDF-1.4 nonsense", "application/pdf", (422, "source-damaged")),
        (b"\xff\xd8\xff" + bytes(LIMITS.image_bytes), "image/jpeg", (413, "source-too-large")),
    ],
)
def test_an_original_that_cannot_be_rendered(
    storage: Storage, data: bytes, media_type: str, expected: tuple[int, str]
) -> None:
    answer = invoke(call(storage.original(data), media_type=media_type))

    assert refusal(answer) == expected
    assert answer["body"]["permanent"] is True
    assert storage.variants() == []


def test_a_page_that_only_the_second_engine_draws_is_left_to_a_worker(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)  # as it is in the function: no poppler

    answer = invoke(call(storage.original(b"%PDF-1.4 nonsense"), media_type="application/pdf"))

    assert refusal(answer) == (501, "engine-missing")
    assert answer["body"]["permanent"] is False


def test_a_page_that_the_document_does_not_have(storage: Storage) -> None:
    assert refusal(invoke(call(storage.original(PDF), media_type="application/pdf", page=2))) == (404, "page-missing")


def test_storage_that_refuses_is_not_a_missing_original(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = storage.original(jpeg())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    assert refusal(invoke(call(sha256))) == (503, "storage-unavailable")
    assert storage.variants() == []


def test_without_time_left_nothing_is_begun(storage: Storage) -> None:
    assert refusal(invoke(call(storage.original(jpeg())), seconds=1.0)) == (503, "storage-unavailable")
    assert storage.variants() == []


def test_memory_that_ran_out_can_be_tried_again(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(function, "render", greedy)

    answer = invoke(call(storage.original(jpeg())))

    assert refusal(answer) == (422, "render-memory")
    assert answer["body"]["permanent"] is False


def test_a_bug_raises_so_that_lambda_counts_it(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(function, "render", broken)

    with pytest.raises(ZeroDivisionError):
        invoke(call(storage.original(jpeg())))


def test_one_line_of_log_with_the_callers_request_id(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "transforms.function.handler"):
        invoke(call(storage.original(jpeg())), headers={"x-request-id": "edge-7"})
        invoke("{", headers={"X-Request-ID": "not allowed\n"})

    first, second = (json.loads(record.message) for record in caplog.records)
    assert (first["request_id"], first["outcome"]) == ("edge-7", "created")
    assert (second["request_id"], second["outcome"]) == ("aws-request-1", "bad-event")
    assert RX not in caplog.text


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, transforms.function.handler; "
        "heavy = {'django', 'boto3', 'botocore', 'urllib3', 'requests', 'celery', 'redis', 'numpy', 'cykooz_resizer', "
        "'pdf2image', 'pikepdf', 'img2pdf', 'lxml', 'pillow_heif', 'asyncio', 'multiprocessing'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]

    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


def test_the_digest_that_proves_a_variant_is_of_its_bytes(storage: Storage) -> None:
    answer = invoke(call(storage.original(jpeg())))

    head = storage.admin.head_object(Bucket=VARIANTS, Key=answer["body"]["key"], ChecksumMode="ENABLED")
    data = storage.admin.get_object(Bucket=VARIANTS, Key=answer["body"]["key"])["Body"].read()
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
