"""Wake-ups: waiters are told through Redis; without Redis they look for themselves."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.db import connection
from pytest_django import Settings

from prescriptions.models import Page, Variant, new_identifier
from prescriptions.variants import asking, waiting
from prescriptions.variants.waiting import Registration
from rxproject.local.stack.stack import Stack
from tests.conftest import PROJECT
from tests.prescriptions.conftest import CLOSED, claim
from transforms.request.spec import Stored

pytestmark = pytest.mark.usefixtures("servers")
SMALL = "full/150,200/0/default.webp"


def publish_elsewhere(servers: Stack, variant_id: str) -> None:
    """What another process would do: publish until somebody who is subscribed has heard it."""
    before = waiting._waiting.signals[variant_id].wakes
    with redis.Redis.from_url(servers.env_for("web")["RX_REDIS_URL"]) as other:
        for _ in range(600):
            if other.publish(waiting.CHANNEL, variant_id) > 1:  # the stack's own web processes listen, too
                pass
            time.sleep(0.05)
            signal = waiting._waiting.signals.get(variant_id)
            if signal is None or signal.wakes > before:
                return


def test_another_process_wakes_a_waiter(servers: Stack) -> None:
    variant_id = new_identifier()

    with Registration(variant_id) as registration, ThreadPoolExecutor(1) as pool:
        pool.submit(publish_elsewhere, servers, variant_id)
        woken = registration.wait(60)

    assert woken


def test_a_wake_up_is_for_one_variant_only() -> None:
    mine, other = new_identifier(), new_identifier()

    with Registration(mine) as registration, Registration(other) as elsewhere:
        waiting.publish(other)

        assert elsewhere.wait(60)
        assert not registration.wait(0)


def test_one_wake_up_reaches_all_waiters_whenever_they_come_to_it_and_leaves_nothing() -> None:
    variant_id = new_identifier()

    with Registration(variant_id) as early, Registration(variant_id) as late:
        waiting._here().set(variant_id)
        assert early.wait(60)

        # then the first one's waking up took nothing from the one who was still reading its row
        assert late.wait(0)
        assert not late.wait(0)
    assert variant_id not in waiting._waiting.signals


def test_those_whom_one_wake_up_woke_read_the_row_once() -> None:
    variant_id, reads = new_identifier(), iter(range(9))

    with Registration(variant_id) as one, Registration(variant_id) as two:
        waiting._here().set(variant_id)
        assert one.wait(60)
        assert two.wait(60)
        assert (one.read(lambda: next(reads)), two.read(lambda: next(reads))) == (0, 0)

        # and after the next one anew
        waiting._here().set(variant_id)
        assert one.wait(60)
        assert one.read(lambda: next(reads)) == 1


def test_there_is_one_listener_however_many_wait() -> None:
    def one(_: int) -> None:
        with Registration(new_identifier()):
            time.sleep(0.01)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(64)))

    listener = waiting._waiting.listener
    assert listener is not None
    assert listener.is_alive()
    assert waiting._waiting.signals == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(60)
def test_a_waiter_is_woken_without_polling(page: Page, settings: Settings) -> None:
    # given a waiter that would look only every ten minutes
    settings.RX_POLL = 600.0

    # then only a wake-up can end this in time
    assert asking.obtain(page, Stored.parse(SMALL), wait=600).how == "generated"


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
    outcome = asking.obtain(row, Stored.parse(SMALL), wait=50)
    thread.join()

    assert (outcome.how, outcome.variant.state) == ("coalesced", "ready")


@pytest.mark.django_db(transaction=True)
def test_without_redis_a_miss_is_made_all_the_same(page: Page, no_redis: None) -> None:
    assert asking.obtain(page, Stored.parse(SMALL), wait=50).how == "generated"


def test_publishing_without_redis_raises_nothing(no_redis: None) -> None:
    waiting.publish(new_identifier())


def test_a_fork_starts_anew() -> None:
    script = (
        "import os, sys, django; django.setup()\n"
        "from prescriptions.variants import waiting\n"
        "with waiting.Registration('a'): pass\n"
        "before = waiting._waiting\n"
        "if (pid := os.fork()) == 0:\n"
        "    with waiting.Registration('b'):\n"
        "        ok = waiting._waiting is not before and waiting._waiting.listener.is_alive()\n"
        "    os._exit(0 if ok else 1)\n"
        "os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "RX_REDIS_URL": f"redis://{CLOSED}", "PATH": ""}

    assert subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=environment, check=False).returncode == 0


def test_a_lost_subscription_is_taken_up_again(servers: Stack, settings: Settings) -> None:
    # given a listener whose connection the server cuts
    variant_id = new_identifier()
    with Registration(variant_id) as registration, ThreadPoolExecutor(1) as pool:
        pool.submit(publish_elsewhere, servers, variant_id).result()
        assert registration.wait(60)
        with redis.Redis.from_url(settings.RX_REDIS_URL) as admin:
            admin.client_kill_filter(_type="pubsub")

        # then it comes back by itself
        pool.submit(publish_elsewhere, servers, variant_id)
        assert registration.wait(60)
