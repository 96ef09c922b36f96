"""Prepared faults: the first line names each, and says what the service itself answers."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.audit.actors import SYSTEM
from prescriptions.infra import per_process, redis_client, storage
from prescriptions.intake import loose, order_links
from prescriptions.intake.tus import pieces, uploads
from prescriptions.models import AuditEvent, Draft, Incoming, Page, Prescription, Redaction, Review
from prescriptions.ops import why
from prescriptions.upkeep import erasure
from prescriptions.variants import links
from prescriptions.variants.fairness import quota
from prescriptions.variants.fairness.askers import Asker
from tests.links import mint
from tests.prescriptions.conftest import CLOSED, claim
from transforms.keys import original_key, piece_key
from transforms.objects import NewObject
from transforms.request.spec import Stored

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]
SMALL = "full/150,200/0/default.webp"
PATIENT = "KANARIENVOGEL"


@dataclass
class Bench:
    """A page whose upload was good, and what a fault needs."""

    page: Page
    settings: Settings
    monkeypatch: pytest.MonkeyPatch
    undo: ExitStack

    @property
    def rx(self) -> str:
        return self.page.prescription_id

    def address(self, tail: str = SMALL, *, number: int = 1, **token: Any) -> str:
        return links.variant_path(self.rx, number, tail, mint(self.rx, **token))

    def row(self, **columns: Any) -> str:
        claim(self.page, SMALL, **columns)
        return self.address()

    def stored(self, *, with_row: bool = True) -> str:
        variant = claim(self.page, SMALL, state="ready", attempts=1, ready_at=timezone.now())
        new = NewObject(data=b"picture", media_type="image/webp", metadata={"source": "0" * 64, "canonical": SMALL})
        variant.etag = storage.put_variant(variant.key, new).etag
        variant.save()
        if not with_row:
            variant.delete()
        return self.address()


def lent(bench: Bench, **columns: Any) -> str:
    row = links.lent.make(bench.page.prescription, scope="f", expires_in=3600, pages=[], actor=SYSTEM)
    if columns:
        links.lent.take_back(row, actor=SYSTEM)
    expires = int(row.expires_at.timestamp())
    token = links.lend(bench.rx, row.pk, scope="f", expires=expires, actor=SYSTEM)[0]
    return links.variant_path(bench.rx, 1, SMALL, token)


def cut(bench: Bench) -> str:
    Prescription.objects.update(links_cut_at=timezone.now())
    return bench.address()


def erased(bench: Bench) -> str:
    erasure.erase(bench.page.prescription, actor=SYSTEM)
    return bench.address()


def withdrawn(bench: Bench) -> str:
    Review.objects.update(status="withdrawn")
    return bench.rx


def superseded(bench: Bench) -> str:
    at, asha = timezone.now(), get_user_model().objects.create_user("asha")
    old = {"digest": "0" * 8, "confirmed_by": asha, "confirmed_at": at, "superseded_at": at}
    Redaction.objects.create(page=bench.page, boxes=[], **old)
    return bench.address("full/150,200/0/redacted-00000000.webp")


def without_original(bench: Bench) -> str:
    storage.delete_everything(bench.settings.RX_ORIGINALS_BUCKET, original_key(bench.rx, bench.page.document_id))
    later = timezone.now() + timedelta(minutes=1)
    trouble = {"state": "dead", "attempts": 3, "error_code": "backend-unavailable", "lease_until": later}
    return bench.row(**trouble, error_detail="The original is missing in the storage.")


def no_worker(bench: Bench) -> str:
    bench.settings.RX_BACKEND = "celery"
    bench.monkeypatch.setattr(redis_client, "WORKER_KEY", "rx:nobody")
    return bench.row()


def s3_away(bench: Bench) -> str:
    config = bench.settings.RX_S3_CLIENT_CONFIG
    once = config.__class__(retries={"mode": "standard", "total_max_attempts": 1})
    bench.settings.RX_S3_CLIENT_CONFIG = config.merge(once)
    bench.settings.RX_S3_ENDPOINT = f"http://{CLOSED}"
    bench.undo.enter_context(per_process.anew())
    bench.undo.callback(lambda: redis_client.connection().close())
    return bench.address()


def too_large(bench: Bench) -> str:
    Page.objects.update(width=6928, height=9248)
    return bench.address("full/6928,9248/0/default.avif")


def quota_reached(bench: Bench) -> str:
    bench.settings.RX_CLIENT_QUEUE = 1
    quota.take(Asker.holders(bench.rx).unit, "advertised", "0" * 32)
    return bench.address()


def queue_full(bench: Bench) -> str:
    bench.settings.RX_QUEUE_LIMIT = 0
    return bench.address()


def broken_off(bench: Bench) -> str:
    loose.announce("d" * 32, ["e" * 32])
    return "d" * 32


def order_link(bench: Bench, *, order_ref: str = "A-1", lasts: int = 600, taken_back: bool = False) -> str:
    link = order_links.mint(order_ref="A-1", client="shop", expires_in=lasts, patient_ref=PATIENT)
    if taken_back:
        order_links.revoke("shop", link.id, longest=timezone.now())
    return order_links.page_path(link).replace("/A-1/", f"/{order_ref}/")


def in_pieces(bench: Bench, came: int = 3, **columns: Any) -> str:
    """A file of nine bytes, of which some have come."""
    row = uploads.begin(
        uploads.Sender("client:shop", "shop", 9), length=9, name=PATIENT, wants=columns.pop("wants", None)
    )
    if came:
        row = uploads.append(row, 0, b"%PDF-1.7\n"[:came])
    Incoming.objects.filter(pk=row.pk).update(**columns)
    return row.pk


def pieces_lost(bench: Bench) -> str:
    pk = in_pieces(bench)
    pieces.delete(pk)
    return pk


def in_a_draft(bench: Bench) -> str:
    return in_pieces(bench, 9, closed=True, rx=Draft.objects.create(client="shop", order_ref="A-1").pk)


LATER = timedelta(minutes=1)
FAULTS: dict[str, tuple[Callable[[Bench], str], str]] = {
    # --- The link ---
    "expired": (lambda b: b.address(expires=int(time.time()) - 60), "403 link-refused: The token expired: it was good"),
    "of another prescription": (
        lambda b: links.variant_path(b.rx, 1, SMALL, mint("0" * 32)),
        "403 link-refused: The token's signature (mac) is wrong",
    ),
    "unknown kid": (
        lambda b: b.address(keys=f"old:{'ab' * 32}"),
        "403 link-refused: The token was signed with the key old, which RX_LINK_KEYS does not have",
    ),
    "cut short": (lambda b: b.address().replace(f"/{b.rx}", f"x/{b.rx}"), "403 link-refused: The token in the address"),
    "scope": (lambda b: b.address("full/150,200/0/gray.webp", scope="r"), "403 link-refused: The link's scope is r"),
    "scope, info.json": (lambda b: b.address("info.json", scope="r"), "403 link-refused: info.json tells"),
    "taken back": (lambda b: lent(b, back=True), "403 link-refused: The link "),
    "links cut": (cut, "403 link-refused: Its links were cut"),
    # --- What it leads to ---
    "erased": (erased, "410 erased: The prescription was erased at"),
    "withdrawn": (withdrawn, "200 withdrawn: The prescription was withdrawn at"),
    "unknown prescription": (lambda b: f"/iiif/3/{mint('0' * 32)}/{'0' * 32}_1/{SMALL}", "404 not-found: There is no"),
    "unknown page": (lambda b: b.address(number=2), "404 not-found: The prescription has no page 2: it has 1"),
    "unknown path": (lambda b: "/iiif/2/x", "404 not-found: No route has this path"),
    "unknown host": (lambda b: f"https://evil.example{b.address()}", "400 unknown-host: evil.example is no host"),
    # --- What is asked for ---
    "unsupported format": (lambda b: b.address("full/max/0/default.tif"), "400 bad-spec: The format 'tif' is"),
    "larger than the page": (lambda b: b.address("full/900,1200/0/default.webp"), "400 bad-spec: The size '900,"),
    "enlarged": (lambda b: b.address("full/^900,1200/0/default.webp"), "501 upscaling-not-supported: "),
    "another spelling": (
        lambda b: b.address("full/max/0/color.webp"),
        "303 not-stored-form: The request is not in the stored form: the answer leads to full/300,400/0/default.webp",
    ),
    "no redaction": (lambda b: b.address("full/max/0/redacted.webp"), "404 redaction-missing: "),
    "old redaction": (superseded, "410 redaction-superseded: "),
    # --- Whether it is taken on ---
    "too large to make": (too_large, "413 too-large-to-make: "),
    "quota": (quota_reached, "429 too-much-at-once: Whoever asks has 1 open in the lane advertised"),
    "queue full": (queue_full, "503 queue-full: "),
    # --- Where it stands ---
    "S3 away": (s3_away, "503 storage-unavailable: S3 does not answer"),
    "original missing": (without_original, "503 backend-unavailable: The original (document 1) is missing in S3"),
    "cannot be made": (
        lambda b: b.row(state="failed", attempts=2, error_code="source-damaged", error_detail="Damaged."),
        "422 source-damaged: It cannot be made (after 2 of 3 attempts; everybody gets this answer): Damaged.",
    ),
    "given up": (
        lambda b: b.row(
            state="dead", attempts=3, error_code="backend-unavailable", lease_until=timezone.now() + LATER,
            error_detail="No renderer could be reached.",
        ),
        "503 backend-unavailable: It was given up after 3 attempts (No renderer could be reached.)",
    ),
    "to be tried again": (
        lambda b: b.row(state="retry", attempts=1, error_code="render-timeout", lease_until=timezone.now() + LATER),
        "503 not-ready: An attempt failed (render-timeout); the next one is due at",
    ),
    "rendering": (lambda b: b.row(state="rendering", attempts=1, backend="celery"), "503 not-ready: It is being made"),
    "queued": (lambda b: b.row(), "503 not-ready: It is queued in the lane images"),
    "no worker": (no_worker, "503 not-ready: It is queued, and no worker of the release"),
    "nobody works on it": (
        lambda b: b.row(state="rendering", attempts=3, lease_until=timezone.now() - LATER),
        "503 not-ready: Whoever had claimed it was not heard of since",
    ),
    "object lost": (
        lambda b: b.row(state="ready", attempts=1, ready_at=timezone.now() - LATER),
        "307 row-without-object: The row says ready, and S3 has lost the object",
    ),
    "row lost": (lambda b: b.stored(with_row=False), "200 object-without-row: S3 has the object and no row"),
    "another release": (
        lambda b: b.row(state="ready", pipeline="p1", ready_at=timezone.now()),
        "307 another-release: The release p1 has made it",
    ),
    # --- Uploads, order links, nothing ---
    "broken-off upload": (broken_off, "404 not-found: The upload was never completed"),
    "not all has come": (in_pieces, "200 upload-incomplete: 6 of 9 bytes have not come yet."),
    "nothing has come": (lambda b: in_pieces(b, 0), "200 upload-incomplete: 9 of 9 bytes"),
    "nobody named it": (lambda b: in_pieces(b, 9), "200 upload-waits: The file is whole, and nothing was made of it"),
    "its maker died": (lambda b: in_pieces(b, 9, wants={}), "200 upload-unfinished: The file is whole, and whoever"),
    "in a draft": (in_a_draft, "200 in-a-draft: The file has come, was checked, and is one of a draft"),
    "no draft any more": (lambda b: in_pieces(b, 9, closed=True, rx="d" * 32), "410 upload-gone: The file was one"),
    "file given up": (lambda b: in_pieces(b, closed=True), "410 upload-gone: The file is over: its sender gave it up"),
    "file expired": (
        lambda b: in_pieces(b, expires_at=timezone.now() - LATER),
        "410 upload-gone: The file is over: it was not whole and used by",
    ),
    "pieces lost": (pieces_lost, "410 upload-gone: S3 has lost 1 of the pieces"),
    "pieces too small": (lambda b: in_pieces(b, attempts=1000), "422 too-many-pieces: At most 1000"),
    "piece without row": (
        lambda b: piece_key("d" * 32, 1, 1),
        "piece-without-row: No row tells of the file that this piece is of",
    ),
    "order link expired": (lambda b: order_link(b, lasts=-1), "404 not-found: The order link expired"),
    "order link taken back": (lambda b: order_link(b, taken_back=True), "404 not-found: The order link "),
    "order link of another": (lambda b: order_link(b, order_ref="A-2"), "404 not-found: The order link is for another"),
    # --- And where nothing is wrong ---
    "a hit": (lambda b: b.stored(), "200 hit: It is there, 7 bytes"),
    "a miss": (lambda b: b.address(), "307 miss: Nobody has asked for it yet"),
    "a lent link": (lent, "307 miss: "),
}  # fmt: skip


@pytest.fixture
def bench(page: Page, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    settings.RX_WAIT = 0
    Prescription.objects.update(order_ref="A-1", patient_ref=PATIENT)
    with ExitStack() as undo:
        yield Bench(page, settings, monkeypatch, undo)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_first_line_names_it(fault: str, bench: Bench, seeded: None, recorder: list[str]) -> None:
    prepare, expected = FAULTS[fault]
    asked = prepare(bench)

    found = why.explain(asked)

    said = str(found)
    assert str(found.verdict).startswith(expected)
    assert bool(found.verdict.do) == (fault not in ("a hit", "a miss", "a lent link"))
    assert PATIENT not in said
    assert "A-1" not in said
    assert not any(len(part) > 40 and part in said for part in asked.split("/")), "a usable token"
    if asked.startswith("/"):
        assert found.verdict.status == answered(asked, found.verdict.status)


def answered(address: str, expected: int) -> int:
    """What the service itself answers; to whoever may wait, what comes of it."""
    client = Client(raise_request_exception=False)
    answer = client.get(address)
    if answer.status_code == 307 and expected != 307:
        answer = client.get(answer["Location"])
    answer.getvalue()  # a body that nobody reads keeps its connection to S3
    return answer.status_code


def test_ids_and_keys_lead_to_the_same_row(bench: Bench) -> None:
    bench.stored()
    variant = bench.page.variants.get()

    verdicts = {str(why.explain(text).verdict) for text in (bench.address(), variant.pk, variant.key)}
    others = [
        why.explain(text).verdict.code for text in (bench.rx, bench.rx[:8], f"{bench.rx}_1", bench.page.document_id)
    ]

    assert len(verdicts) == 1
    assert others == ["there"] * 4
    rest_of_api = f"http://127.0.0.1:8000/api/v1/prescriptions/{bench.rx}/pages/1/variants/{SMALL}"
    assert why.explain(rest_of_api).verdict.code == "hit"
    assert [why.explain(text).verdict.code for text in ("", "hello there", "\x00", "x" * 5000)] == [
        "not-understood"
    ] * 4
    odd = f"/iiif/3/{mint(bench.rx)}/{bench.rx}_1/full/%1b%00/0/default.webp"
    assert "\x1b" not in str(why.explain(odd))
    assert why.explain("/admin/prescriptions/variant/%00/change/").verdict.code == "no-variant"
    assert why.explain(f"rxk_{'0' * 16}_secret").verdict.status == 401


def test_a_file_in_pieces_is_found_by_its_address_and_its_pieces_and_leads_to_its_prescription(bench: Bench) -> None:
    waiting, used = in_pieces(bench), in_pieces(bench, 9, closed=True, rx=bench.rx)

    under = [f"/api/v1/uploads/{waiting}", f"/orders/A-1/prescription/uploads/{waiting}", piece_key(waiting, 1, 1)]
    assert [why.explain(text).verdict.code for text in under] == ["upload-incomplete"] * 3
    assert str(why.explain(under[0].replace(waiting, "d" * 32)).verdict).startswith("404 not-found: No file in pieces")
    found = why.explain(used)
    assert (found.verdict.code, found.rxs) == ("there", {bench.rx})
    facts = {(fact.part, fact.name): fact.value for fact in found.facts}
    assert facts[("file in pieces", "kept")] == "9 of 9 bytes"
    assert facts[("file in pieces", "has become")] == f"a file of the prescription {bench.rx}"


def test_a_stage_of_a_variant_that_was_made_has_its_milliseconds(bench: Bench) -> None:
    asked = bench.stored()
    bench.page.variants.update(milliseconds=12.5, timings={"render": 9.0}, cost_usd=0.00001)

    facts = {(fact.part, fact.name): fact.value for fact in why.explain(asked).facts}

    assert facts[("milliseconds", "render")] == "9.0"
    assert facts[("cost", "billed")] == "0.00001000 USD"
    assert facts[("token", "scope")] == "f: pages as they are"
    assert facts[("request", "stored form")] == SMALL


def test_what_came_behind_the_first_fault_is_said_as_well(bench: Bench) -> None:
    bench.stored()

    found = why.explain(bench.address(expires=int(time.time()) - 60))

    assert [ending.code for ending in (found.verdict, *found.behind)] == ["link-refused", "hit"]


def test_the_command_says_it_and_leaves_a_trace(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    out, asked = io.StringIO(), bench.address("full/150,200/0/default.tif")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{asked}\n"))

    call_command("rxwhy", "-", stdout=out)

    first, do, rule, *_rest = out.getvalue().splitlines()
    assert first.startswith("400 bad-spec: The format 'tif' is not valid")
    assert do.startswith("  do: Presets: thumb")
    assert rule.startswith("  rule: the image request is malformed")
    event = AuditEvent.objects.filter(rx=bench.rx).last()
    assert event is not None
    assert (event.verb, event.actor, event.data) == ("prescription.viewed", "system", {"part": "explain"})


def test_looking_claims_nothing_and_counts_nothing(bench: Bench) -> None:
    why.explain(bench.address())

    assert not bench.page.variants.exists()
    assert quota.left(Asker.holders(bench.rx).unit, "advertised") == bench.settings.RX_CLIENT_QUEUE


def test_stored_forms_of_the_playground(bench: Bench) -> None:
    found = why.explain_variant(bench.rx, 1, "thumb", by=Asker.staff(1))

    facts = {fact.name: fact.value for fact in found.facts}
    assert facts["stored form"] == str(Stored.parse("full/150,200/0/default.webp"))
    assert found.verdict.code == "miss"
