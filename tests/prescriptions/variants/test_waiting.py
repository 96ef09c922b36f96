"""Wake-ups: waiters are told through Redis; without Redis they look for themselves."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import redis
from django.db import connection
from pytest_django import Settings

from prescriptions.infra import per_process
from prescriptions.models import Page, Variant, new_identifier
from prescriptions.variants import asking, waiting
from prescriptions.variants.waiting import Registration
from rxproject.local.stack.stack import Stack
from tests.conftest import PROJECT
from tests.prescriptions.conftest import CLOSED, SOMEBODY, claim
from transforms.request.spec import Stored

pytestmark = pytest.mark.usefixtures("servers")
SMALL = "full/150,200/0/default.webp"


@contextmanager
def published_elsewhere(servers: Stack, variant_id: str) -> Iterator[None]:
    """What another process would do, again and again: who waits here may not be subscribed yet."""
    enough = threading.Event()

    def publish() -> None:
        with redis.Redis.from_url(servers.env_for("web")["RX_REDIS_URL"]) as other:
            while not enough.wait(0.05):
                other.publish(waiting.CHANNEL, variant_id)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_another_process_wakes_a_waiter(servers: Stack) -> None:
    variant_id = new_identifier()

    with Registration(variant_id) as registration, published_elsewhere(servers, variant_id):
        assert registration.wait(60)


def test_a_wake_up_is_for_one_variant_only() -> None:
    mine, other = new_identifier(), new_identifier()

    with Registration(mine) as registration, Registration(other) as elsewhere:
        waiting.publish(other)

        assert elsewhere.wait(60)
        assert not registration.wait(0)


def test_one_wake_up_reaches_all_waiters_whenever_they_come_to_it_and_leaves_nothing(no_redis: None) -> None:
    variant_id = new_identifier()

    with Registration(variant_id) as early, Registration(variant_id) as late:
        waiting.publish(variant_id)
        assert early.wait(60)

        # then the first one's waking up took nothing from the one who was still reading its row
        assert late.wait(0)
        assert not late.wait(0)
    assert waiting.waited_for() == set()


def test_those_whom_one_wake_up_woke_read_the_row_once(no_redis: None) -> None:
    variant_id, reads = new_identifier(), iter(range(9))

    with Registration(variant_id) as one, Registration(variant_id) as two:
        waiting.publish(variant_id)
        assert one.wait(60)
        assert two.wait(60)
        assert (one.read(lambda: next(reads)), two.read(lambda: next(reads))) == (0, 0)

        # and after the next one anew
        waiting.publish(variant_id)
        assert one.wait(60)
        assert one.read(lambda: next(reads)) == 1


def listeners() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == waiting.LISTENER}


def test_there_is_one_listener_however_many_wait(servers: Stack) -> None:
    def one(_: int) -> None:
        with Registration(new_identifier()):
            time.sleep(0.01)

    with per_process.anew():
        before = listeners()
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(one, range(64)))

        assert len(listeners() - before) == 1
        assert waiting.waited_for() == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(60)
def test_a_waiter_is_woken_without_polling(page: Page, settings: Settings) -> None:
    # given a waiter that would look only every ten minutes
    settings.RX_POLL = 600.0

    # then only a wake-up can end this in time
    assert asking.get_variant(page, Stored.parse(SMALL), by=SOMEBODY, wait=600).how == "generated"


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_row_is_looked_at_again(row: Page, no_redis: None, settings: Settings) -> None:
    settings.RX_POLL = 0.05
    variant = claim(row, SMALL)

    def finish_silently() -> None:
        time.sleep(0.3)
        Variant.objects.filter(pk=variant.pk).update(state="ready")
        connection.close()

    thread = threading.Thread(target=finish_silently)
    thread.start()
    outcome = asking.get_variant(row, Stored.parse(SMALL), by=SOMEBODY, wait=50)
    thread.join()

    assert (outcome.how, outcome.variant.state) == ("coalesced", "ready")


@pytest.mark.django_db(transaction=True)
def test_without_redis_a_miss_is_made_all_the_same(page: Page, no_redis: None) -> None:
    assert asking.get_variant(page, Stored.parse(SMALL), by=SOMEBODY, wait=50).how == "generated"


def test_publishing_without_redis_raises_nothing(no_redis: None) -> None:
    waiting.publish(new_identifier())


def test_a_fork_starts_anew() -> None:
    script = (
        "import os, sys, threading, django; django.setup()\n"
        "from prescriptions.variants import waiting\n"
        "with waiting.Registration('a'):\n"
        "    if (pid := os.fork()) == 0:\n"
        "        with waiting.Registration('b'):\n"
        "            listens = waiting.LISTENER in [thread.name for thread in threading.enumerate()]\n"
        "            os._exit(0 if listens and waiting.waited_for() == {'b'} else 1)\n"
        "os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "RX_REDIS_URL": f"redis://{CLOSED}", "PATH": ""}

    assert subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=environment, check=False).returncode == 0


def test_a_lost_subscription_is_taken_up_again(servers: Stack, settings: Settings) -> None:
    # given a listener whose connection the server cuts
    variant_id = new_identifier()
    with Registration(variant_id) as registration:
        with published_elsewhere(servers, variant_id):
            assert registration.wait(60)
        with redis.Redis.from_url(settings.RX_REDIS_URL) as admin:
            admin.client_kill_filter(_type="pubsub")
        while registration.wait(0.5):
            pass  # what was still on its way

        # then it comes back by itself
        with published_elsewhere(servers, variant_id):
            assert registration.wait(60)
