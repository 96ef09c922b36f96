"""PostgreSQL keeps the same promises about claims as SQLite, alone and under a stampede on the whole stack."""

import contextlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from rxproject.demo import samples
from rxproject.runstack.stack import Stack
from tests.conftest import PROJECT, Site
from tests.review.test_postgresql import postgresql  # noqa: F401

CLIENTS = 200


def test_claims_are_the_same(postgresql: str) -> None:  # noqa: F811
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/prescriptions/test_claims.py"],
        cwd=PROJECT,
        env={**os.environ, "RX_DATABASE_URL": postgresql},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.slow
def test_a_stampede_is_one_render(postgresql: str, tmp_path: Path) -> None:  # noqa: F811
    with (
        Stack(state_dir=tmp_path, quick_stop=True, overrides={"RX_DATABASE_URL": postgresql}) as stack,
        psycopg.connect(postgresql, autocommit=True) as database,
        contextlib.ExitStack() as ending,
    ):
        site = Site(stack, "")
        ending.callback(site.http.close)
        site.token = site.manage("rxtoken", "create", "--name", "tests", "--scopes", "rx:read,rx:write")
        body = site.prescription(("photo.jpg", samples.phone_photo(seed=4, megapixels=12)))
        url = body["pages"][0]["variants"]["review"]

        def ask(_: int) -> int:
            with httpx.Client(timeout=60, follow_redirects=True) as client:
                return client.get(url).status_code

        with ThreadPoolExecutor(CLIENTS) as pool:
            assert set(pool.map(ask, range(CLIENTS))) == {200}
        rows = database.execute("SELECT state, attempts FROM prescriptions_variant").fetchall()
        assert rows == [("ready", 1)]
        assert len(site.objects(body["id"])) == 1
