"""The whole way: a call signed by AWS's SDK, the gateway, awslambdaric, our handler, a real S3."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from rxproject.buckets import VARIANTS
from tests.rxproject.local.gateway.process import Gateway, running
from tests.rxproject.local.gateway.storage import Storage, call, jpeg, real_s3, storage

__all__ = ["real_s3", "storage"]  # fixtures


@pytest.fixture(scope="module")
def gateway(real_s3: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(
        tmp_path_factory.mktemp("gateway"),
        function_env=real_s3.function_env,
        handler="transforms.function.handler.handler",
        burst="8",
    ) as started:
        yield started


def test_a_variant_is_made(gateway: Gateway, storage: Storage) -> None:
    answer = gateway.call(call(storage.original(jpeg())))

    body = answer.json()
    data = storage.admin.get_object(Bucket=VARIANTS, Key=body["key"])["Body"].read()
    assert (answer.status_code, body["created"], body["bytes"]) == (200, True, len(data))
    assert Image.open(io.BytesIO(data)).size == (150, 100)
    assert len(answer.content) < 1000


def test_a_problem_keeps_its_status_and_type(gateway: Gateway, storage: Storage) -> None:
    answer = gateway.call(call(storage.original(jpeg()[:-200])))

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "source-damaged"
    assert storage.variants() == []


def test_eight_calls_for_one_variant_make_one_object(gateway: Gateway, storage: Storage) -> None:
    body = call(storage.original(jpeg()))

    with ThreadPoolExecutor(8) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: gateway.call(body), range(8))]

    assert sorted(answer["created"] for answer in answers) == [False] * 7 + [True]
    assert len({answer["etag"] for answer in answers}) == 1
    assert storage.variants() == [body["target"]]


def test_the_callers_request_id_is_in_the_functions_log(gateway: Gateway, storage: Storage) -> None:
    gateway.call(call(storage.original(jpeg())), headers={"X-Request-ID": "edge-42"})

    assert "edge-42" in gateway.log.read_text()
