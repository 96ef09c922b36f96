"""What a pharmacy's day looks like: orders of every kind, received and reviewed over the last hours and days.

Everything happens through the functions that real requests use; only the clock they look at is set back.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from unittest import mock

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone

from prescriptions.audit import actors
from prescriptions.audit.actors import CUSTOMER
from prescriptions.intake import accepting
from prescriptions.models import Prescription, Review
from prescriptions.review import clarifications, decisions, orders, proof, queue
from prescriptions.review.payload import CHECKLIST
from rxproject.local import samples
from rxproject.local.samples.camera import Fault
from rxproject.local.samples.content import content

People = Mapping[str, Any]
# Of an order's lines; the third of a `strict` one is H1 and needs a second check.
_SCHEDULES = ("H", "otc", "H", "otc", "H")
_SMALL_PHOTO = 3  # megapixels: drawn in a third of a second


@dataclass(frozen=True, slots=True)
class Story:
    """One order. `minutes`: how long ago it was sent; `make`: its file, for the day it was issued on; `then`: what a
    pharmacist did with it.
    """

    name: str
    order_ref: str
    patient_ref: str
    minutes: int
    file: str
    seed: int
    make: Callable[[int, date], bytes]
    medicines: int = 4
    strict: bool = False
    then: Callable[["Story", Review, People], object] | None = None

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was ordered: what is written on the paper, at most five of it."""
        found = []
        for position, medicine in enumerate(content(self.seed, medicines=self.medicines).medicines[:5]):
            name, _, strength = medicine.name.partition(" ")
            schedule = "H1" if self.strict and position == 2 else _SCHEDULES[position]
            ordered = {"name": name, "strength": strength, "quantity_ordered": medicine.quantity, "schedule": schedule}
            found.append({**ordered, "line_ref": f"{self.order_ref}-{position + 1}"})
        return found


def load_story(story: Story, *, client: str, people: People) -> Prescription:
    """Make the prescription and do with it what the story says."""
    sent = timezone.now() - timedelta(minutes=story.minutes)
    file = SimpleUploadedFile(story.file, story.make(story.seed, issued_on(sent)))
    with _clock(sent):
        rx = accepting.accept([file], client=client, order_ref=story.order_ref, patient_ref=story.patient_ref).pk
        orders.replace(rx, story.lines, actor=CUSTOMER)
    # No function sets this: a prescription is received when it is received.
    Prescription.objects.filter(pk=rx).update(created_at=sent)
    if story.then:
        # In one transaction: a lease of the past must not be found by the sweep between claim and decision. What
        # happens on commit happens now, so the clock is set inside.
        with transaction.atomic(), _clock(sent + (timezone.now() - sent) * 0.4):
            story.then(story, queue.claim(rx, people["pharmacist"]), people)
    return Prescription.objects.get(pk=rx)


def issued_on(sent: datetime) -> date:
    """The day before it was sent."""
    return timezone.localdate(sent) - timedelta(days=1)


@contextmanager
def _clock(moment: datetime) -> Iterator[None]:
    with mock.patch.object(timezone, "now", return_value=moment):
        yield


def _decide(story: Story, review: Review, people: People, **sent: Any) -> None:
    paper = content(story.seed, medicines=story.medicines)
    actor = actors.staff(people["pharmacist"])
    proof.look(review.pk, range(1, review.prescription.pages.count() + 1), actor=actor, version=review.version)
    written = {
        "prescribed_on": issued_on(review.queued_at),
        "prescriber": paper.doctor,
        "registration_number": paper.registration,
        "checklist": list(CHECKLIST),
    }
    decisions.decide(review.pk, {**written, **sent}, actor=actor, version=review.version)


def _approve(story: Story, review: Review, people: People) -> None:
    _decide(story, review, people, outcome="approved")


def _approve_some(story: Story, review: Review, people: People) -> None:
    verdicts: list[dict[str, Any]] = [
        {"line": position, "decision": "accepted"} for position in range(1, len(story.lines) + 1)
    ]
    half = max(1, int(story.lines[1]["quantity_ordered"]) // 2)
    verdicts[1] |= {"decision": "reduced", "quantity_allowed": half, "reason": "quantity_exceeds"}
    verdicts[2] |= {"decision": "refused", "reason": "strength_or_dose_unclear"}
    note = f"{story.lines[2]['name']}: please ask your doctor to write the dose again; we can add it to this order."
    _decide(story, review, people, outcome="partially_approved", lines=verdicts, customer_text=note)


def _reject(story: Story, review: Review, people: People) -> None:
    _decide(
        story,
        review,
        people,
        outcome="rejected",
        reason="image_blurry",
        reason_page=1,
        prescribed_on="",
        prescriber="",
        registration_number="",
        checklist=[],
        customer_text="The medicines cannot be read. The paper itself looks fine: a sharper photo is enough.",
    )


def _ask(story: Story, review: Review, people: People) -> None:
    line = story.lines[0]
    question = (
        f"Your order says {line['name']} {line['strength']}, {line['quantity_ordered']} units. The dose "
        "on the paper is hard to read. Do you take it once or twice a day?"
    )
    clarifications.ask(review.pk, question, actor=actors.staff(people["pharmacist"]), version=review.version, page=1)


def _photo(seed: int, issued: date) -> bytes:
    return samples.phone_photo(seed, megapixels=_SMALL_PHOTO, issued=issued)


def _faulty(fault: Fault) -> Callable[[int, date], bytes]:
    return lambda seed, issued: samples.phone_photo(seed, megapixels=_SMALL_PHOTO, fault=fault, issued=issued)


# The first three are one of each kind of file, in the order that the README counts on.
STORIES = (
    Story("photo", "ORD-20411", "PAT-3318", 4, "phone-photo.jpg", 1, lambda s, d: samples.phone_photo(s, issued=d)),
    Story(
        "scan", "ORD-20409", "PAT-1874", 17, "a4-scan.jpg", 2, lambda s, d: samples.a4_scan(s, issued=d), strict=True
    ),
    Story(
        "three-pages",
        "ORD-20406",
        "PAT-5502",
        28,
        "three-pages.pdf",
        3,
        lambda s, d: samples.printed_pdf(s, issued=d),
        medicines=samples.PDF_MEDICINES,
    ),
    Story("bad-light", "ORD-20408", "PAT-2267", 21, "bad-light.jpg", 4, _faulty(Fault.SHADOW)),
    Story("dark", "ORD-20410", "PAT-4090", 9, "dark.jpg", 5, _faulty(Fault.DARK)),
    Story("run-out", "ORD-20407", "PAT-3071", 25, "old.jpg", 11, lambda s, d: _photo(s, d - timedelta(days=200))),
    Story("small", "ORD-20404", "PAT-6143", 44, "screenshot.png", 6, lambda s, d: samples.as_png(s, issued=d)),
    Story("approved", "ORD-20377", "PAT-7731", 2 * 24 * 60 + 2, "prescription.jpg", 7, _photo, then=_approve),
    Story(
        # The very file of the order before, for another patient: so it is made for that order's day.
        "duplicate",
        "ORD-20412",
        "PAT-8826",
        2,
        "IMG_2041.jpg",
        7,
        lambda seed, issued: _photo(seed, issued - timedelta(days=2)),
    ),
    Story("rejected", "ORD-20391", "PAT-9015", 190, "blurred.jpg", 8, _faulty(Fault.BLUR), then=_reject),
    Story("partly-approved", "ORD-20396", "PAT-1239", 150, "photo.jpg", 9, _photo, then=_approve_some),
    Story("question", "ORD-20401", "PAT-5678", 65, "photo.jpg", 10, _photo, then=_ask),
    Story(
        "second-check",
        "ORD-20403",
        "PAT-2950",
        40,
        "two-pages.pdf",
        12,
        lambda s, d: samples.printed_pdf(s, medicines=7, issued=d),
        medicines=7,
        strict=True,
        then=_approve,
    ),
)
