"""S3 in trouble, as this process sees it through a spoiling proxy: never a miss, four tries at most, then a breaker."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import timedelta

import pytest
from botocore.config import Config
from botocore.retries import standard
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.infra import per_process, storage
from prescriptions.infra.guards.breaker import Breaker
from prescriptions.models import Page, Variant, new_identifier
from prescriptions.variants import claims, links, making
from rxproject.local.stack.stack import Stack
from tests.faults.proxy import Fault, FaultProxy, Kind
from tests.links import mint
from tests.prescriptions.conftest import assert_problem, claim, objects, page, upload  # noqa: F401
from tests.waiting import until
from transforms.objects import NewObject
from transforms.request.spec import Stored

TRIES = 4
# For one try: a black hole is given up soon, and a busy machine is not taken for one.
HASTY, PATIENT = 0.4, 30.0
META = {"stored": "full/1,1/0/default.jpg", "pipeline": "p1", "source": "a" * 64, "canonical": "full/max/0/default.jpg"}
DATA = b"picture" * 20_000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def proxy(servers: Stack, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Everything that this process asks of S3 goes through it. The SDK waits its jitter in hundredths."""
    delay = standard.ExponentialBackoff.delay_amount
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda *a: delay(*a) / 100)
    patient = Breaker(failures=1000)
    monkeypatch.setattr(storage, "breaker", lambda: patient)
    with per_process.anew(), FaultProxy(settings.RX_S3_ENDPOINT.removeprefix("http://")) as running:
        settings.RX_S3_ENDPOINT = running.url
        give_up_after(settings, PATIENT)
        yield running


def give_up_after(settings: Settings, seconds: float) -> None:
    """The clients that are made from now on wait so long for the next bytes of an answer."""
    settings.RX_S3_CLIENT_CONFIG = settings.RX_S3_CLIENT_CONFIG.merge(Config(read_timeout=seconds))
    changed = deepcopy(settings.STORAGES)
    changed["variants"]["OPTIONS"].update(
        endpoint_url=settings.RX_S3_ENDPOINT, client_config=settings.RX_S3_CLIENT_CONFIG
    )
    settings.STORAGES = changed


def put(key: str, data: bytes = DATA) -> str:
    return storage.put_variant(key, NewObject(data=data, media_type="image/jpeg", metadata=META)).etag


def read(key: str) -> bytes:
    return b"".join(storage.open_variant(key)[1])


CALLS: dict[str, tuple[str, Callable[[str], object]]] = {
    "GET": ("GET", read),
    "HEAD": ("HEAD", storage.head_variant),
    "HEAD by django-storages": ("HEAD", storage.variant_exists),
    "PUT": ("PUT", put),
    "GET of an original": ("GET", lambda key: storage.get_original(key, sha256=DIGEST)),
}
# What is done to every request, and how often the SDK may ask then: seldomer where many fail, by its retry quota.
TROUBLE: dict[str, tuple[Fault, int]] = {
    "403": (Fault(Kind.STATUS, status=403, code="AccessDenied"), 1),
    "500": (Fault(Kind.STATUS, status=500, code="InternalError"), TRIES),
    "503": (Fault(Kind.STATUS, status=503, code="SlowDown"), TRIES),
    "reset": (Fault(Kind.RESET), TRIES),
    "black hole": (Fault(Kind.HANG), TRIES),
}


def test_no_trouble_is_a_missing_object_and_none_is_asked_more_than_four_times(
    proxy: FaultProxy, servers: Stack, settings: Settings
) -> None:
    # given keys without objects, one for each call and each kind of trouble
    give_up_after(settings, HASTY)
    keys = {(call, trouble): f"{new_identifier()}/a" for call in CALLS for trouble in TROUBLE}
    for (_, trouble), key in keys.items():
        fault = TROUBLE[trouble][0]
        proxy.faults.append(Fault(fault.kind, path=key, status=fault.status, code=fault.code))
    storages_client()

    # when all are made, at once because the SDK waits between its tries
    def outcome(case: tuple[str, str]) -> type[BaseException] | None:
        try:
            CALLS[case[0]][1](keys[case])
        except Exception as error:  # noqa: BLE001 - which one is the question
            return type(error)
        return None

    with ThreadPoolExecutor(len(keys)) as pool:
        outcomes = dict(zip(keys, pool.map(outcome, keys), strict=True))

    # then each says "trouble", after so many tries, and nothing was written
    assert outcomes == dict.fromkeys(keys, storage.StorageUnavailable)
    asked = {case: proxy.count(CALLS[case[0]][0], key) for case, key in keys.items()}
    assert {case: times for case, times in asked.items() if not 0 < times <= TRIES} == {}
    assert max(asked.values()) == TRIES
    assert [key for key in keys.values() if objects(servers, "rx-variants", key)] == []


def storages_client() -> None:
    """django-storages makes its client on first use, in each thread; the first must not race."""
    from django.core.files.storage import storages

    assert storages["variants"].connection.meta.client.meta.endpoint_url.startswith("http://127.0.0.1")


def test_trouble_that_passes_is_not_noticed(proxy: FaultProxy) -> None:
    # given an answer that comes late, one reset, one SlowDown
    key = f"{new_identifier()}/a"
    proxy.faults = [
        Fault(Kind.DELAY, methods=frozenset({"PUT"}), seconds=0.1, times=1),
        Fault(Kind.RESET, methods=frozenset({"GET"}), times=1),
        Fault(Kind.STATUS, methods=frozenset({"HEAD"}), times=1),
    ]

    etag = put(key)

    assert read(key) == DATA
    assert storage.head_variant(key).etag == etag
    assert [proxy.count(method, key) for method in ("PUT", "GET", "HEAD")] == [1, 2, 2]


def test_a_put_whose_answer_is_lost_finds_itself(proxy: FaultProxy, servers: Stack) -> None:
    key = f"{new_identifier()}/a"
    proxy.faults = [Fault(Kind.LOST, methods=frozenset({"PUT"}), times=1)]

    etag = put(key)  # the SDK's second try meets the first one's object: 412

    assert [seen.method for seen in proxy.seen] == ["PUT", "PUT", "HEAD"]
    assert (len(objects(servers, "rx-variants", key)), storage.head_variant(key).etag) == (1, etag)


def test_conditional_puts_that_meet_are_tried_again_and_not_for_ever(proxy: FaultProxy, servers: Stack) -> None:
    conflict = Fault(Kind.STATUS, frozenset({"PUT"}), status=409, code="ConditionalRequestConflict")
    first, second = f"{new_identifier()}/a", f"{new_identifier()}/a"
    proxy.faults = [
        Fault(Kind.STATUS, conflict.methods, path=first, status=409, code=conflict.code, times=2),
        Fault(Kind.STATUS, conflict.methods, path=second, status=409, code=conflict.code),
    ]

    put(first)
    with pytest.raises(storage.StorageUnavailable, match="conditions"):
        put(second)

    assert [proxy.count("PUT", key) for key in (first, second)] == [3, TRIES]
    assert [len(objects(servers, "rx-variants", key)) for key in (first, second)] == [1, 0]


def trip(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, *, open_for: float) -> str:
    """S3 fails five calls in a row; the key that was asked for."""
    key = f"{new_identifier()}/a"
    quick = Breaker(within=600, open_for=open_for)
    monkeypatch.setattr(storage, "breaker", lambda: quick)
    proxy.faults = [Fault(Kind.STATUS)]
    for _ in range(5):
        with pytest.raises(storage.StorageUnavailable, match="503"):
            storage.head_variant(key)
    assert proxy.count() == 5 * TRIES
    return key


def test_an_open_breaker_leaves_the_service_alone(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    key = trip(proxy, monkeypatch, open_for=600)
    asked = proxy.count()

    # when two hundred more want something of it
    def ask(number: int) -> str:
        with pytest.raises(storage.StorageUnavailable) as caught:
            (storage.variant_exists if number % 2 else storage.head_variant)(key)
        return str(caught.value)

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(ask, range(200)))

    # then none of them asks it
    assert {answer.partition(": ")[2] for answer in answers} == {"the breaker is open"}
    assert proxy.count() == asked


def test_a_breaker_closes_once_that_helps(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    key = trip(proxy, monkeypatch, open_for=0.2)
    asked = proxy.count()
    proxy.faults = []

    def is_missing() -> bool:
        try:
            return not storage.variant_exists(key)
        except storage.StorageUnavailable:
            return False

    until(is_missing)
    assert proxy.count() == asked + 1
    with pytest.raises(storage.ObjectMissing):
        storage.head_variant(key)


@pytest.mark.django_db(transaction=True)
def test_a_truncated_original_is_never_rendered(page: Page, proxy: FaultProxy, servers: Stack) -> None:  # noqa: F811
    # given an original of which only a part arrives
    variant = claim(page)
    proxy.faults = [Fault(Kind.TRUNCATE, frozenset({"GET"}), path="rx-originals", after=page.document.size // 2)]

    making.make(variant.id, variant.owner)

    # then nothing is stored, it is the machinery's fault, and the next try makes it
    variant.refresh_from_db()
    assert (variant.state, variant.error_code) == ("retry", claims.TROUBLE)
    assert objects(servers, "rx-variants", page.prescription_id) == []
    proxy.faults = []
    Variant.objects.update(state="queued", owner="next")
    making.make(variant.id, "next")
    variant.refresh_from_db()
    assert (variant.state, variant.attempts) == ("ready", 2)


@pytest.mark.django_db(transaction=True)
def test_a_damaged_original_is_never_rendered(page: Page, proxy: FaultProxy, servers: Stack) -> None:  # noqa: F811
    # given an original whose bytes have changed at rest, its length has not
    key = f"{page.prescription_id}/{page.document_id}"
    admin = servers.s3_client("bootstrap")
    whole = admin.get_object(Bucket="rx-originals", Key=key)["Body"].read()
    admin.put_object(Bucket="rx-originals", Key=key, Body=whole[:-9] + b"damaged!!")
    variant = claim(page)

    making.make(variant.id, variant.owner)

    variant.refresh_from_db()
    assert (variant.state, variant.error_code) == ("retry", claims.TROUBLE)
    assert objects(servers, "rx-variants", page.prescription_id) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trouble", ["403", "503", "reset"])
def test_no_request_is_a_miss_because_s3_is_in_trouble(
    trouble: str,
    page: Page,  # noqa: F811
    proxy: FaultProxy,
    client: Client,
) -> None:
    # given a variant that is there, and S3 in trouble
    stored = Stored.parse("full/150,200/0/default.webp")
    variant = claim(page, str(stored))
    making.make(variant.id, variant.owner)
    Variant.objects.update(ready_at=timezone.now() - timedelta(minutes=1))  # of this moment, it would be believed
    before = Variant.objects.values().get()
    writes = proxy.count("PUT")
    proxy.faults = [TROUBLE[trouble][0]]
    path = links.variant_path(page.prescription_id, page.number, stored, mint(page.prescription_id))

    # when it is asked for at both doors
    for door in (path, f"/generate{path}"):
        assert_problem(client.get(door), 503, "storage-unavailable")

    # then the row stands as it was, and nothing was made
    assert Variant.objects.values().get() == before
    assert proxy.count("PUT") == writes


def test_s3s_time_outs_nest_in_the_tasks() -> None:
    """A worker must learn of its storage's trouble before its own time is up, or the file gets the blame."""
    config = django_settings.RX_S3_CLIENT_CONFIG
    waits = sum(2**attempt for attempt in range(TRIES - 1))  # the SDK's longest jitter
    assert config.retries["total_max_attempts"] == TRIES
    assert TRIES * config.read_timeout + waits < django_settings.RX_VARIANT_LEASE * 3 / 4
