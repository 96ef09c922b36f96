"""S3 takes connections and says nothing: whoever needs it waits or is told to come back, and nobody else waits."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from tests.conftest import Site
from tests.faults.test_lost_answers import frozen, on_their_way
from tests.waiting import generation, insist, until

UPLOADS = 40
# While S3 hangs a call to it takes three times as long.
PATIENCE = 8.0
PAGES = ("/accounts/login/", "/docs/problems", "/livez", "/generate/nothing", "/api/v1/prescriptions")


def let_each_process_serve(site: Site) -> None:
    """A new one asks S3 for the ledger of erasures before its first page; here each has done so."""
    for name, port in (("web", site.stack.ports.web), ("generate", site.stack.ports.generate)):
        processes = generation(site.stack.pid_of(name), 1)
        for process in processes:
            others = [other for other in processes if other != process]
            for other in others:
                os.kill(other, signal.SIGSTOP)
            try:
                ask = partial(httpx.get, f"http://127.0.0.1:{port}/accounts/login/", timeout=60)
                assert insist(ask).status_code == 200
            finally:
                for other in others:
                    os.kill(other, signal.SIGCONT)


@pytest.mark.slow
def test_while_s3_hangs_pages_and_health_answer(site: Site, photo: bytes) -> None:
    let_each_process_serve(site)
    with ThreadPoolExecutor(UPLOADS) as pool, frozen(site.stack.pid_of("s3")):
        # given more uploads than there are threads, which wait for S3
        uploads = [pool.submit(site.upload, ("photo.jpg", photo)) for _ in range(UPLOADS)]
        until(lambda: len(on_their_way(site)) >= 8)

        # then everything else is there
        with httpx.Client(base_url=site.stack.base_url, timeout=PATIENCE) as somebody:
            for _ in range(5):
                statuses = [somebody.get(path, headers=site.bearer).status_code for path in PAGES]
                assert statuses == [200, 200, 200, 404, 200]
        assert not all(upload.done() for upload in uploads)

    # and each upload was taken, or is when it is sent again
    answers = [upload.result() for upload in uploads]
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 503)
    assert insist(site.upload, ("photo.jpg", photo)).status_code == 201
    until(lambda: site.http.get("/readyz").status_code == 200)
