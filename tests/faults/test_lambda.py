"""The article's own flow: a miss goes through API Gateway to Lambda, whatever breaks on the way."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from rxproject.local import samples
from rxproject.local.stack.stack import Stack
from tests.conftest import Site, site_of
from tests.faults.misses import caught_rendering, state_of
from tests.shared_stack import OVERRIDES
from tests.waiting import insist, until


@pytest.fixture(scope="module")
def lambda_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stack whose misses are made by Lambda, and by Celery when that is in trouble."""
    # In any order: a gateway that two tests have ended must not be left alone while a third one asks for it.
    overrides = {**OVERRIDES, "RX_BACKEND": "lambda", "RX_FALLBACK_BACKEND": "celery", "RX_BREAKER_FAILURES": "1000"}
    folder = tmp_path_factory.mktemp("lambda")
    with Stack(state_dir=folder, quick_stop=True, overrides=overrides) as running, site_of(running) as made:
        yield made


def made_by(site: Site, rx: str) -> list[tuple[str, str, int]]:
    return site.rows(
        "SELECT v.state, v.backend, v.attempts FROM prescriptions_variant v "
        "JOIN prescriptions_page p ON p.id = v.page_id WHERE p.prescription_id = ?",
        rx,
    )


def test_a_miss_is_made_by_lambda_and_costs_something(lambda_site: Site, photo: bytes) -> None:
    body = lambda_site.prescription(("photo.jpg", photo))

    answers = lambda_site.follow(body["pages"][0]["variants"]["preview"])

    assert [answer.status_code for answer in answers] == [307, 303, 200]
    assert made_by(lambda_site, body["id"]) == [("ready", "lambda", 1)]
    ((cost, timings),) = lambda_site.rows(
        "SELECT v.cost_usd, v.timings FROM prescriptions_variant v "
        "JOIN prescriptions_page p ON p.id = v.page_id WHERE p.prescription_id = ?",
        body["id"],
    )
    assert 0.0000002 < cost < 0.001
    assert "lambda.render" in timings
    assert answers[-1].headers["link"].startswith(f"<{body['pages'][0]['info'].removesuffix('/info.json')}/full/")


def test_the_functions_log_names_the_request_that_asked(lambda_site: Site, photo: bytes) -> None:
    body = lambda_site.prescription(("photo.jpg", photo))

    miss = lambda_site.follow(body["pages"][0]["variants"]["card"])[1]

    asked_by = miss.headers["x-request-id"]
    assert len(asked_by) == 32
    written = lambda_site.stack.log_path("gateway").read_text()
    assert f'"request_id": "{asked_by}", "aws_request_id"' in written


def test_two_hundred_clients_are_one_call(lambda_site: Site) -> None:
    body = lambda_site.prescription(("photo.jpg", samples.phone_photo(seed=4, megapixels=12)))
    url = body["pages"][0]["variants"]["review"]

    def ask(_: int) -> int:
        with httpx.Client(timeout=60, follow_redirects=True) as client:
            return insist(client.get, url).status_code

    with ThreadPoolExecutor(200) as pool:
        assert set(pool.map(ask, range(200))) == {200}
    assert made_by(lambda_site, body["id"]) == [("ready", "lambda", 1)]
    versions = lambda_site.stack.s3_client("bootstrap").list_object_versions(Bucket="rx-variants", Prefix=body["id"])
    assert len(versions["Versions"]) == 1


def test_without_the_gateway_celery_takes_over(lambda_site: Site, photo: bytes) -> None:
    body = lambda_site.prescription(("photo.jpg", photo))
    lambda_site.stack.halt("gateway")
    try:
        answers = lambda_site.follow(body["pages"][0]["variants"]["card"])
    finally:
        lambda_site.stack.restart("gateway")

    assert [answer.status_code for answer in answers] == [307, 303, 200]
    assert made_by(lambda_site, body["id"]) == [("ready", "celery", 1)]


@pytest.mark.slow
def test_a_gateway_killed_in_mid_call_loses_nothing(lambda_site: Site) -> None:
    # given a call under way that takes a second or more
    rx, _ = caught_rendering(lambda_site, seed=7)

    # when the gateway dies with its functions
    lambda_site.stack.kill("gateway", signal.SIGKILL)

    # then the variant is made all the same, and once
    until(lambda: state_of(lambda_site, rx)[0][0] == "ready")
    lambda_site.stack.restart("gateway")
    assert state_of(lambda_site, rx)[0][1] <= 3
    versions = lambda_site.stack.s3_client("bootstrap").list_object_versions(Bucket="rx-variants", Prefix=rx)
    assert len(versions["Versions"]) == 1
