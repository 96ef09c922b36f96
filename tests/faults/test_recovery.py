"""What breaks in mid-miss is made good without anybody asking again; nothing loops and nothing answers 500."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from tests.conftest import Site
from tests.faults.edges import another_edge
from tests.faults.misses import ask_later, caught_rendering, lapse, state_of
from tests.waiting import until
from transforms.version import PIPELINE


@pytest.mark.slow
def test_a_worker_killed_in_mid_render_loses_nothing(site: Site) -> None:
    # given a render that takes a second or more, begun and not ended
    rx, job = caught_rendering(site, seed=5)

    # when the worker and its children are killed, and a worker is started again as the supervisor would
    os.killpg(site.stack.pid_of("worker"), signal.SIGKILL)
    assert state_of(site, rx) == [("rendering", 1)]
    site.stack.restart("worker")
    lapse(site, rx)

    # then the variant gets made although nobody asks again
    until(lambda: state_of(site, rx)[0][0] == "ready")
    assert state_of(site, rx) == [("ready", 2)]
    assert site.http.get(job, headers=site.bearer).status_code == 303


@pytest.mark.slow
def test_a_flushed_redis_loses_nothing(site: Site, photo: bytes) -> None:
    # given a claim whose message waits in Redis, because there is no worker
    rx = site.prescription(("photo.jpg", photo))["id"]
    site.stack.halt("worker")
    ask_later(site, rx, "thumb")

    # when Redis forgets everything and a worker comes back
    with contextlib.closing(redis.Redis.from_url(site.stack.env_for("web")["RX_REDIS_URL"])) as connection:
        connection.flushall()
    site.stack.restart("worker")
    lapse(site, rx)

    # then the row alone is enough
    until(lambda: state_of(site, rx) == [("ready", 1)])


def test_an_object_deleted_behind_a_ready_row_is_made_again(site: Site, photo: bytes) -> None:
    # given a ready row whose object is gone
    body = site.prescription(("photo.jpg", photo))
    made = site.http.get(f"/api/v1/prescriptions/{body['id']}/pages/1/variants/card", headers=site.bearer)
    (key,) = site.objects(body["id"])
    site.stack.s3_client("bootstrap").delete_object(Bucket="rx-variants", Key=key)

    # when somebody follows the link
    answers = site.follow(made.headers["location"])

    # then it is there again after one detour, or two where its row became ready this very moment and was believed
    assert [answer.status_code for answer in answers] in ([307, 303, 200], [307, 303, 307, 200])
    assert site.objects(body["id"]) == [key]


def test_an_object_that_is_gone_at_the_second_hop_is_sent_from_here(site: Site, photo: bytes) -> None:
    body = site.prescription(("photo.jpg", photo))
    made = site.http.get(f"/api/v1/prescriptions/{body['id']}/pages/1/variants/card", headers=site.bearer)
    (key,) = site.objects(body["id"])
    site.stack.s3_client("bootstrap").delete_object(Bucket="rx-variants", Key=key)

    answers = site.follow(made.headers["location"] + "?hop=1")

    assert [answer.status_code for answer in answers] == [307, 200]
    assert answers[-1].headers["cache-control"] == "no-store"
    assert answers[-1].headers["content-type"] == "image/webp"


@pytest.fixture
def edge_of_another_release(site: Site, tmp_path: Path) -> Iterator[httpx.Client]:
    """A second nginx in front of the same servers, whose pipeline is not Django's (a rolling upgrade)."""
    with another_edge(site, tmp_path, RX_PIPELINE="p0") as client:
        yield client


def test_an_edge_with_another_pipeline_never_loops(
    site: Site, photo: bytes, edge_of_another_release: httpx.Client
) -> None:
    body = site.prescription(("photo.jpg", photo))
    path = httpx.URL(body["pages"][0]["variants"]["thumb"]).path

    for _ in range(2):  # cold, and once it is in S3 under Django's pipeline
        miss = edge_of_another_release.get(path)
        sent = edge_of_another_release.get(miss.headers["location"])

        assert (miss.status_code, sent.status_code) == (307, 200)
        assert (sent.headers["cache-control"], sent.headers["content-type"]) == ("no-store", "image/webp")
    assert site.objects(body["id"]) == [f"{body['id']}/1/{PIPELINE}/full/150,200/0/default.webp"]


@pytest.mark.slow
def test_without_s3_images_are_503_and_nothing_is_generated(site: Site, photo: bytes) -> None:
    # given a variant that was made and one that was not
    body = site.prescription(("photo.jpg", photo))
    made, cold = body["pages"][0]["variants"]["thumb"], body["pages"][0]["variants"]["card"]
    api = f"/api/v1/prescriptions/{body['id']}/pages/1/variants/thumb"
    site.http.get(api, headers=site.bearer)
    rows = state_of(site, body["id"])

    # when the storage is away
    site.stack.halt("s3")
    try:
        answers = {
            "cold": site.http.get(cold),
            "made": site.http.get(made),
            "generate": site.http.get("/generate" + httpx.URL(made).path),
            "api": site.http.get(api, headers=site.bearer),
            "upload": site.upload(("photo.jpg", photo)),
        }
        ready = site.http.get("/readyz")
    finally:
        site.stack.restart("s3")

    # then everything says "later", nothing was claimed, and the probe names what is missing
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 503)
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers.values())
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers.values())
    assert state_of(site, body["id"]) == rows
    assert (ready.status_code, list(ready.json()["missing"])) == (503, ["storage"])

    # and when it comes back, so do they
    until(lambda: site.http.get("/readyz").status_code == 200)
    assert [site.follow(url)[-1].status_code for url in (made, cold)] == [200, 200]
