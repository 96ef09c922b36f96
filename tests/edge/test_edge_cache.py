"""What the edge keeps: for the link that opened it, never longer than that, and no refusal."""

import shutil
import time
from pathlib import Path

import pytest

from tests.edge.servers import (
    BUCKET,
    NGINX,
    Address,
    Edge,
    StandIn,
    StartEdge,
    Store,
    mint,
    standing_in,
)

BODY = bytes(range(256)) * 40


def test_what_is_cached_is_for_the_link_that_opened_it(edge: Edge, store: Store, django: StandIn) -> None:
    # given an answer that only the cache still has
    address = Address()
    store.put(address.key, BODY)
    token = mint(address.rx, ttl=100)
    assert edge.http.get(address.path(token)).status_code == 200
    store.client.delete_object(Bucket=BUCKET, Key=address.key)
    kid, expires, scope, mac = token.split(".")

    # then its link opens it, and no other link, good or bad, finds it
    cached = edge.http.get(address.path(token))
    assert (cached.status_code, cached.content) == (200, BODY)
    assert edge.http.get(address.path(mint(address.rx, ttl=200))).status_code == 307
    assert edge.http.get(address.path(mint(address.rx, scope="r"))).content == b"from upstream"  # Django's to resolve
    for forged in (
        mint(address.rx, ttl=-1),
        mint(Address().rx, ttl=100),
        f"k0.{expires}.{scope}.{mac}",
        f"{kid}.zzzzzz.{scope}.{mac}",
        f"{kid}.{expires}.{scope}.{mac[::-1]}",
        f"{kid}.{expires}.{scope}.{mac}%20",
        f"{kid}.{expires}.{scope}.{mac.swapcase()}",
        f"{kid}.{expires}.r.{mac}",
    ):
        assert edge.http.get(address.path(forged)).status_code == 403, forged
    # nor does that link find it at another address
    for page, tail in ((2, address.tail), (1, "full/201,150/0/default.webp"), (1, "full/200,150/0/gray.webp")):
        assert edge.http.get(f"/iiif/3/{token}/{address.rx}_{page}/{tail}").status_code == 307


def test_a_refusal_is_not_kept(start_edge: StartEdge, store: Store) -> None:
    edge, address = start_edge(), Address()
    store.put(address.key, BODY)

    for token in ("wrong", mint(Address().rx), mint(address.rx, ttl=-1)):
        assert edge.http.get(address.path(token)).status_code == 403

    assert [path for path in edge.tmpfs_dir.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(("ttl", "ages", "cache"), [(25, range(15, 26), "MISS"), (60, range(15, 26), "HIT")])
def test_no_answer_outlives_its_link_in_the_cache_or_in_a_browser(
    edge: Edge, store: Store, ttl: int, ages: range, cache: str
) -> None:
    address = Address()
    store.put(address.key, BODY)
    token = mint(address.rx, ttl=ttl)

    edge.http.get(address.path(token))
    again = edge.http.get(address.path(token))

    assert int(again.headers["cache-control"].split("=")[1].partition(",")[0]) in ages
    assert edge.log(again)["cache"] == cache


def test_a_store_that_does_not_say_what_it_was_asked_to_say_lets_browsers_keep_nothing(start_edge: StartEdge) -> None:
    with standing_in() as s3:
        s3.headers = {"ETag": '"e"', "Cache-Control": "public, max-age=31536000, immutable"}
        edge, address = start_edge(s3=s3.host), Address()

        for _ in ("cold", "cached"):
            assert edge.http.get(address.path()).headers.get_list("cache-control") == ["private, no-cache"]


@pytest.mark.parametrize("there", ["deleted", "unreachable"])
def test_what_was_erased_is_forgotten_in_time_however_often_it_is_asked_for(
    start_edge: StartEdge, tmp_path: Path, there: str
) -> None:
    """With two seconds in place of thirty: an entry's time is not made longer by hits, nor by an S3 that is away."""
    scripts = tmp_path / "js"
    shutil.copytree(NGINX, scripts)
    shared = scripts / "variant.conf"
    shared.write_text(shared.read_text().replace("proxy_cache_valid 200 29s;", "proxy_cache_valid 200 2s;"))
    with standing_in() as s3:
        edge, address = start_edge(s3=s3.host, overrides={"RX_EDGE_JS_DIR": str(scripts)}), Address()
        path, s3.body = address.path(), BODY
        assert edge.http.get(path).content == BODY
        filled = time.monotonic()

        s3.status, s3.body = (404 if there == "deleted" else 0), b""
        hits = [edge.http.get(path).content == BODY]
        while edge.http.get(path).content == BODY:
            hits.append(True)
            assert time.monotonic() - filled < 20, "served for ever"
            time.sleep(0.05)

    assert all(hits), "it was cached"
    assert len(hits) > 5
    assert edge.http.get(path).status_code in (307, 503)
