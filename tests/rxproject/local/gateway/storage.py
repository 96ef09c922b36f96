"""A real S3 for the tests of the Lambda function, and the environment a function needs to reach it as the renderer."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from rxproject.buckets import ORIGINALS, VARIANTS
from rxproject.local.stack import Stack
from transforms.version import PIPELINE

RX = "0123456789abcdef0123456789abcdef"
OTHER_RX = "f" * 32
DOCUMENT = "00112233445566778899aabbccddeeff"
PAGE = (600, 400)


@dataclass(frozen=True, slots=True)
class Storage:
    """`admin` is a boto3 client with all rights; `function_env` has the renderer's identity in Lambda's names."""

    endpoint: str
    admin: Any
    function_env: dict[str, str]

    def original(self, data: bytes, *, rx: str = RX, document: str = DOCUMENT) -> str:
        """Put an original; returns its SHA-256."""
        self.admin.put_object(Bucket=ORIGINALS, Key=f"{rx}/{document}", Body=data)
        return hashlib.sha256(data).hexdigest()

    def variants(self) -> list[str]:
        """The keys of all variants."""
        found = self.admin.list_objects_v2(Bucket=VARIANTS).get("Contents", [])
        return [item["Key"] for item in found]

    def clear(self) -> None:
        for key in self.variants():
            self.admin.delete_object(Bucket=VARIANTS, Key=key)


@pytest.fixture(scope="session")
def real_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with Stack(state_dir=tmp_path_factory.mktemp("s3"), only={"s3"}, quick_stop=True) as stack:
        env = stack.env_for("worker")
        function_env = {
            "AWS_ACCESS_KEY_ID": env["RX_S3_ACCESS_KEY"],
            "AWS_SECRET_ACCESS_KEY": env["RX_S3_SECRET_KEY"],
            "AWS_REGION": env["RX_S3_REGION"],
            "RX_S3_ENDPOINT": env["RX_S3_ENDPOINT"],
            "RX_ORIGINALS_BUCKET": env["RX_ORIGINALS_BUCKET"],
            "RX_VARIANTS_BUCKET": env["RX_VARIANTS_BUCKET"],
        }
        yield Storage(env["RX_S3_ENDPOINT"], stack.s3_client("bootstrap"), function_env)


@pytest.fixture
def storage(real_s3: Storage) -> Storage:
    """The same server for all tests, without variants."""
    real_s3.clear()
    return real_s3


def jpeg(size: tuple[int, int] = PAGE, colour: str = "#cde") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def call(sha256: str, stored: str = "full/150,100/0/default.webp", **changes: Any) -> dict[str, Any]:
    """The body of a call for one variant of a 600 x 400 JPEG."""
    body: dict[str, Any] = {
        "source": f"{RX}/{DOCUMENT}",
        "source_sha256": sha256,
        "target": f"{RX}/1/{PIPELINE}/{stored}",
        "media_type": "image/jpeg",
        "page": 1,
        "page_width": PAGE[0],
        "page_height": PAGE[1],
        "canonical": stored,
        "redactions": [],
    }
    return body | changes
