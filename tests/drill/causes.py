"""What makes each alert fire: the trouble it is there for, made for as long as somebody watches."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx

from tests.conftest import Site
from tests.drill.faults import Scene
from tests.drill.prometheus import Prometheus
from tests.faults.proxy import Fault, Kind
from tests.waiting import descendants_of, free_port, generation, kill_all

ROOT: Final = Path(__file__).resolve().parents[2]
_PAUSE: Final = 0.05
_WIDEST: Final = 1200  # pixels: the photos have some more
_FORMS: Final = tuple(
    f"{quality}.{form}" for quality in ("gray", "default", "bitonal") for form in ("webp", "jpg", "png")
)


@dataclass
class Stage:
    """Where it happens. `beat`: the address that tells numbers; `photos`: small ones, `large`: one of 64 megapixels."""

    scene: Scene
    site: Site
    watcher: Prometheus
    photos: Sequence[bytes]
    large: bytes
    beat: str
    sizes: Iterator[tuple[str, int]] = field(
        default_factory=lambda: itertools.cycle(itertools.product(_FORMS, range(100, _WIDEST)))
    )

    def upload(self, photo: bytes) -> str:
        return str(self.site.prescription(("photo.jpg", photo))["id"])

    def another(self) -> bytes:
        """A photo that nobody has sent: its end is read by nobody."""
        return self.photos[0] + os.urandom(8)

    def path(self, rx: str) -> str:
        """A size that nobody has asked for; after thousands the first ones again, of another page by then."""
        form, width = next(self.sizes)
        return f"/api/v1/prescriptions/{rx}/pages/1/variants/full/{width},/0/{form}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.site.stack.base_url, headers=self.site.bearer, timeout=60)


Act = Callable[[httpx.Client], object]
Cause = Callable[[Stage], AbstractContextManager[None]]


@contextmanager
def people(stage: Stage, *acts: Act) -> Iterator[None]:
    """Each does the same again and again, whatever the answer."""
    ended = threading.Event()

    def forever(act: Act) -> None:
        with stage.client() as client:
            while not ended.is_set():
                with suppress(httpx.HTTPError):
                    act(client)
                time.sleep(_PAUSE)

    threads = [threading.Thread(target=forever, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)


def sends(stage: Stage) -> Act:
    return lambda client: client.post("/api/v1/prescriptions", files={"files": ("photo.jpg", stage.another())})


def looks(stage: Stage, rx: str, **headers: str) -> Act:
    """At what nobody has seen yet."""
    return lambda client: client.get(stage.path(rx), headers=headers)


@contextmanager
def frozen(stage: Stage, name: str) -> Iterator[None]:
    group = stage.scene.stack.pid_of(name)
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


@contextmanager
def spoilt(stage: Stage, fault: Fault) -> Iterator[None]:
    stage.scene.s3.faults.append(fault)
    try:
        yield
    finally:
        stage.scene.s3.faults.clear()


# --- The causes -------------------------------------------------------------------------------------------------------
@contextmanager
def beat_is_frozen(stage: Stage) -> Iterator[None]:
    with frozen(stage, "beat"):
        yield


@contextmanager
def s3_fails(stage: Stage) -> Iterator[None]:
    rx = stage.upload(stage.photos[1])
    fault = Fault(Kind.STATUS, status=500, code="InternalError")
    with spoilt(stage, fault), people(stage, sends(stage), looks(stage, rx), looks(stage, rx)):
        yield


@contextmanager
def no_worker(stage: Stage) -> Iterator[None]:
    """One asks for hundreds, and eight people wait: from then on, what nobody waits for is hardly taken on."""
    rx = stage.upload(stage.another())
    asks = [looks(stage, rx, Prefer="respond-async") for _ in range(4)]
    waits = [looks(stage, rx) for _ in range(8)]
    with frozen(stage, "worker"), people(stage, *asks, *waits):
        yield


@contextmanager
def asks_for_hundreds(stage: Stage) -> Iterator[None]:
    """Two clients, while nobody waits."""
    token = stage.site.manage("rxtoken", "create", "--name", "drill-other", "--scopes", "rx:read,rx:write")
    other = {"Authorization": f"Bearer {token}"}
    mine = stage.upload(stage.another())
    theirs = str(stage.site.upload(("photo.jpg", stage.another()), headers=other).json()["id"])
    asks = [looks(stage, mine, Prefer="respond-async") for _ in range(4)]
    asks += [looks(stage, theirs, Prefer="respond-async", **other) for _ in range(4)]
    with frozen(stage, "worker"), people(stage, *asks):
        yield


def stage_client(stage: Stage) -> str:
    return str(stage.site.rows("SELECT client FROM prescriptions_prescription ORDER BY created_at DESC LIMIT 1")[0][0])


@contextmanager
def work_is_late(stage: Stage) -> Iterator[None]:
    """Nobody asks afterwards: what is made at once would outnumber what was late."""
    rx = stage.upload(stage.another())
    asks = [looks(stage, rx, Prefer="respond-async") for _ in range(3)]
    with frozen(stage, "worker"), people(stage, *asks):
        stage.scene.pause(12)
    yield


@contextmanager
def s3_is_slow(stage: Stage) -> Iterator[None]:
    rx = stage.upload(stage.another())
    with spoilt(stage, Fault(Kind.DELAY, seconds=3)), people(stage, looks(stage, rx), looks(stage, rx)):
        yield


@contextmanager
def valkey_is_frozen(stage: Stage) -> Iterator[None]:
    rx = stage.upload(stage.another())
    with frozen(stage, "redis"), people(stage, looks(stage, rx), looks(stage, rx)):
        yield


@contextmanager
def an_original_is_gone(stage: Stage) -> Iterator[None]:
    rx = stage.upload(stage.another())
    s3 = stage.scene.stack.s3_client("bootstrap")
    for key in stage.site.objects(rx, bucket="rx-originals"):
        for version in s3.list_object_versions(Bucket="rx-originals", Prefix=key)["Versions"]:
            s3.delete_object(Bucket="rx-originals", Key=key, VersionId=version["VersionId"])
    with people(stage, looks(stage, rx)):
        yield


@contextmanager
def renderers_crash(stage: Stage) -> Iterator[None]:
    """As a decoder does that a file has led astray."""
    rx = stage.upload(stage.large)

    def crash(_client: httpx.Client) -> None:
        time.sleep(0.4)  # time enough to begin
        for pid in generation(stage.scene.stack.pid_of("worker"), 2):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSEGV)

    large = f"/api/v1/prescriptions/{rx}/pages/1/variants/full/{{}},/0/default.jpg"
    widths = itertools.count(2500)
    with people(stage, crash, lambda client: client.get(large.format(next(widths)))):
        yield


@contextmanager
def work_is_given_up(stage: Stage) -> Iterator[None]:
    rx = stage.upload(stage.another())
    refused = Fault(Kind.STATUS, methods=frozenset({"GET"}), status=403, code="AccessDenied")
    with spoilt(stage, refused), people(stage, *(looks(stage, rx, Prefer="respond-async") for _ in range(4))):
        yield


@contextmanager
def nobody_knows_stolen_passwords(stage: Stage) -> Iterator[None]:
    words = "from django.contrib.auth.password_validation import validate_password as v; v('correct horse 7 battery')"
    stage.site.manage("shell", "--no-imports", "-c", words)
    yield


@contextmanager
def links_are_forged(stage: Stage) -> Iterator[None]:
    rx = stage.upload(stage.another())
    path = f"/iiif/3/k1.1.d.{'0' * 32}/{rx}_1/full/100,/0/default.webp"
    with people(stage, *([lambda client: client.get(path)] * 4)):
        yield


@contextmanager
def the_cache_is_full(stage: Stage) -> Iterator[None]:
    """As the container of an edge says it, beside its log."""
    said = stage.scene.stack.state.access_log.with_name("cache-bytes")
    said.write_text("360000000\n")
    try:
        yield
    finally:
        said.unlink()


@contextmanager
def customers_wait(stage: Stage) -> Iterator[None]:
    rx = stage.upload(stage.another())
    stage.site.change(
        "UPDATE prescriptions_review SET queued_at = datetime('now', '-1 hour'), due_at = datetime('now', '-1 minute') "
        "WHERE prescription_id = ?",
        rx,
    )
    yield


class _Shop(BaseHTTPRequestHandler):
    """Takes events, and has trouble with one prescription: `refuses`."""

    refuses = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(500 if self.refuses and self.refuses in body else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def webhook(stage: Stage, address: str) -> Iterator[None]:
    words = (
        "rxtoken",
        "create",
        "--name",
        "drill-hooks",
        "--client",
        stage_client(stage),
        "--scopes",
        "webhooks:write",
    )
    token = {"Authorization": f"Bearer {stage.site.manage(*words)}"}
    made = stage.site.http.post("/api/v1/webhooks", json={"url": address}, headers=token)
    assert made.status_code == 201, made.text
    try:
        yield
    finally:
        stage.site.http.delete(f"/api/v1/webhooks/{made.json()['id']}", headers=token)


@contextmanager
def a_shop_is_away(stage: Stage) -> Iterator[None]:
    """For more than an hour, by the clock of what waits for it; and then for longer than anybody tries."""
    stage.upload(stage.another())
    with webhook(stage, f"http://127.0.0.1:{free_port()}/"):
        stage.upload(stage.another())
        stage.scene.pause(3)
        stage.site.change("UPDATE prescriptions_delivery SET created_at = datetime('now', '-2 hours')")
        yield


@contextmanager
def a_shop_chokes_on_one(stage: Stage) -> Iterator[None]:
    stage.upload(stage.another())
    shop = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    with webhook(stage, f"http://127.0.0.1:{shop.server_port}/"):
        _Shop.refuses = stage.upload(stage.another())

        def now_and_then(client: httpx.Client) -> None:
            sends(stage)(client)
            time.sleep(5)

        with people(stage, now_and_then):
            yield
    shop.shutdown()


@contextmanager
def large_work(stage: Stage) -> Iterator[None]:
    one, two = stage.upload(stage.large), stage.upload(stage.large + b"2")
    with frozen(stage, "worker"), stage.client() as client:
        path = "/api/v1/prescriptions/{}/pages/1/variants/full/{},/0/default.jpg"
        client.get(path.format(one, 3000), headers={"Prefer": "respond-async"})
        with people(stage, lambda client: client.get(path.format(two, 3000), headers={"Prefer": "respond-async"})):
            yield


@contextmanager
def another_release(stage: Stage) -> Iterator[None]:
    port = free_port()
    words = f"gunicorn rxproject.wsgi:application --bind=127.0.0.1:{port} --no-control-socket"
    with beside(stage, "web", "tests.faults.another_release", "p0", *words.split(), RX_METRICS_DIR=""):
        stage.watcher.watch(stage.beat, f"127.0.0.1:{port}")
        try:
            yield
        finally:
            stage.watcher.watch(stage.beat)


@contextmanager
def an_old_kernel(stage: Stage) -> Iterator[None]:
    words = ("celery --app=rxproject worker --hostname=worker@old --pool=threads --concurrency=1 --queues=images "
             "--without-gossip --without-mingle --without-heartbeat")  # fmt: skip
    with beside(stage, "worker", "tests.drill.without_landlock", *words.split()):
        yield


@contextmanager
def beside(stage: Stage, role: str, *words: str, **more: str) -> Iterator[None]:
    """One more process, with the environment of a role."""
    with ExitStack() as ends:
        log = ends.enter_context((stage.watcher.folder / f"{words[0]}.log").open("wb"))
        env = stage.scene.stack.env_for(role) | {"RX_STATE_DIR": str(stage.watcher.folder)} | more
        process = subprocess.Popen([sys.executable, "-m", *words], cwd=ROOT, env=env, stdout=log, stderr=log)
        ends.callback(process.wait)
        ends.callback(lambda: kill_all([*descendants_of(process.pid), process.pid]))
        yield


# What is done, and what has to fire. In this order: what leaves much work behind comes last.
CAUSES: Final[list[tuple[str, Cause, set[str]]]] = [
    ("a client tries forged links", links_are_forged, {"RxLinksRefused"}),
    ("the cache holds 360 MB", the_cache_is_full, {"RxCacheFull"}),
    ("the first in the queue waits for an hour", customers_wait, {"RxReviewsWait", "RxReviewsOverdue"}),
    ("a web process of another release", another_release, {"RxUpgradeHalfway"}),
    ("a worker on a kernel without Landlock", an_old_kernel, {"RxSandboxWeak"}),
    ("a password, and no list of stolen ones", nobody_knows_stolen_passwords, {"RxStolenPasswordsUnknown"}),
    ("an original's versions are deleted", an_original_is_gone, {"RxOriginalMissing"}),
    ("S3 takes three seconds for everything", s3_is_slow, {"RxRendersSlow"}),
    ("the worker stood still for a while", work_is_late, {"RxTurnsLate"}),
    ("Valkey stands still", valkey_is_frozen, {"RxSharesUnknown"}),
    ("beat stands still", beat_is_frozen, {"RxNoNumbers", "RxNoSweep"}),
    ("a shop is away", a_shop_is_away, {"RxEventsLate", "RxWebhookDisabled"}),
    ("a shop chokes on one event", a_shop_chokes_on_one, {"RxEventGivenUp"}),
    ("two of 64 megapixels, room for one", large_work, {"RxLargeWorkRefused"}),
    ("S3 answers 500", s3_fails,
     {"RxErrors", "RxStorageFails", "RxServiceAway", "RxUploadsFail", "RxEdgeFails"}),
    ("renderers crash at work", renderers_crash, {"RxRendererKilled"}),
    ("workers may not read originals", work_is_given_up, {"RxVariantsGivenUp"}),
    ("the worker stands still, and people wait", no_worker, {"RxLaneStuck", "RxRequestsRefused", "RxVariantsLate"}),
    ("the worker stands still, and two ask for hundreds", asks_for_hundreds, {"RxClientOverShare", "RxLinesLong"}),
]  # fmt: skip
