"""What is no picture: prescriptions, uploads that came to nothing, manifests, the PDF of all pages, objects' keys."""

from typing import Final

from django.conf import settings
from django.utils import timezone

from prescriptions.infra.problems import forbidden_link, links_cut, not_found
from prescriptions.intake import loose
from prescriptions.models import Document, Incoming, LooseOriginal, Prescription, Review, ReviewStatus, Variant
from prescriptions.ops.why import incoming, pictures, standing, tokens
from prescriptions.ops.why.notes import Notes, moment
from prescriptions.review.publication import standing as review_standing
from prescriptions.variants import links, sheets
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.links import Link
from transforms import keys
from transforms.request.spec import Stored
from transforms.version import PIPELINE

_SOME: Final = 10


def whole(notes: Notes, token: str, rx: str) -> None:
    """The manifest, or all pages as one PDF, by a link."""
    if not keys.is_id(rx):
        notes.refuse(not_found(), "This is no id of a prescription: it has 32 digits of 0-9 and a-f.")
        return
    scope = tokens.link(notes, token, rx)
    if scope == "r":
        why = "The link's scope is r: it shows redacted pages one by one, and nothing as a whole."
        notes.refuse(forbidden_link(), why, "Ask for a link of scope f.")
    found = pictures.prescription_of(notes, rx)
    if found is not None and links.are_cut(found):
        notes.refuse(forbidden_link(), "Its links were cut.", "It opens when the last link has ended.")
    elif found is not None:
        notes.end(200, "opens", f"The link opens all {found.pages.count()} pages.")


def by_id(notes: Notes, name: str) -> None:
    """A prescription, a variant, or a file: ids of each are 32 hex digits."""
    variant = Variant.objects.select_related("page__prescription", "page__document").filter(pk=name).first()
    if variant is not None:
        _variant(notes, variant)
        return
    document = Document.objects.filter(pk=name).first()
    if document is not None:
        notes.say("file", "id", name)
        prescription(notes, document.prescription_id)
        return
    if upload(notes, name) or _lost_upload(notes, name):
        return
    prescription(notes, name)


def upload(notes: Notes, name: str) -> bool:
    """A file that comes in pieces, if there is one of this id."""
    row = Incoming.objects.filter(pk=name).first()
    if row is not None and (rx := incoming.explain(notes, row)):
        prescription(notes, rx)
    return row is not None


def _variant(notes: Notes, variant: Variant) -> None:
    page = pictures.page_of(notes, variant.page.prescription_id, variant.page.number)
    if page is None:
        return
    if variant.pipeline != PIPELINE:
        why = f"This is the work of the release {variant.pipeline}; {PIPELINE} runs here, and has keys of its own."
        notes.end(0, "another-release", why, "Nothing: it is made anew when somebody asks for it.")
    notes.say("request", "stored form", variant.stored)
    image = sheets.known(page, variant.sheet) or page
    standing.explain(notes, image, Stored.parse(variant.stored), by=Asker.holders(page.prescription_id))


def prescription(notes: Notes, rx: str) -> None:
    """What there is of it, and what stands in its way."""
    found = pictures.prescription_of(notes, rx)
    if found is None:
        return
    notes.say("prescription", "files, pages", f"{found.documents.count()}, {found.pages.count()}")
    if found.retain_until:
        notes.say("prescription", "kept until", found.retain_until.isoformat())
    if found.legal_hold:
        notes.say("prescription", "legal hold", "yes")
    for state, count in _states(found):
        notes.say("variants", state, count)
    for given_up in Variant.objects.filter(page__prescription=rx, state__in=("failed", "dead"))[:_SOME]:
        notes.say("variants", f"given up: {given_up.pk}", f"{given_up.stored}, {given_up.error_code}")
    if links.are_cut(found):
        notes.refuse(links_cut(), "Its links were cut: it is hidden until the last of them has ended.")
    if notes.reviews:
        _review(notes, found)
    if not notes.endings:
        notes.end(200, "there", "The prescription is there, and its pages can be seen.")


def _states(found: Prescription) -> list[tuple[str, int]]:
    rows = Variant.objects.filter(page__prescription=found).order_by().values_list("state", flat=True)
    states = list(rows)
    return [(state, states.count(state)) for state in sorted(set(states))]


def _review(notes: Notes, found: Prescription) -> None:
    """As people outside are told of it: what can be undone is nobody's to know."""
    row = Review.objects.filter(pk=found.pk).select_related("prescription").first()
    if row is None:
        return
    status = review_standing(row)
    notes.say("review", "status", status.value)
    if row.status == status:
        notes.say("review", "since", row.status_at)
    if status is ReviewStatus.WITHDRAWN:
        why = f"The prescription was withdrawn at {moment(row.status_at)}: nobody reviews it. Its pages can be seen."
        notes.end(200, "withdrawn", why, "The customer sends another one; this one ends with its retention.")
    elif status is ReviewStatus.QUEUED and row.due_at and row.due_at < timezone.now():
        notes.end(200, "overdue", f"It waits for a pharmacist since {moment(row.queued_at)}, longer than was promised.")


def _lost_upload(notes: Notes, name: str) -> bool:
    """An upload that was announced and wrote no rows: refused, or its sender or server died."""
    rows = list(LooseOriginal.objects.filter(rx=name) or LooseOriginal.objects.filter(pk=name))
    if not rows or Prescription.objects.filter(pk=rows[0].rx).exists():
        return False
    ends = max(row.since for row in rows) + loose.LEFT_AFTER
    notes.rxs.add(rows[0].rx)
    notes.say("upload", "files announced", len(rows))
    notes.say("upload", "since", min(row.since for row in rows))
    why = f"The upload was never completed: it was refused or broken off. Its files are deleted after {moment(ends)}."
    notes.refuse(not_found(), why, "The sender tries again, with the same Idempotency-Key.")
    return True


def key(notes: Notes, text: str) -> None:
    """Of an object, in whichever bucket."""
    if name := keys.parse_incoming_key(text):
        notes.say("object", "bucket", settings.RX_ORIGINALS_BUCKET)
        if not upload(notes, name):
            why = "No row tells of the file that this piece is of: it was forgotten, or a restored database lost it."
            notes.end(0, "piece-without-row", why, "Nothing: manage.py reconcile deletes it when it is three days old.")
        return
    variant, original = keys.parse_variant_key(text), keys.parse_original_key(text)
    if original is not None:
        notes.say("object", "bucket", settings.RX_ORIGINALS_BUCKET)
        by_id(notes, original.document)
        return
    if variant is None:
        prescription(notes, keys.prescription_of(text) or "")
        return
    notes.say("object", "bucket", settings.RX_VARIANTS_BUCKET)
    if variant.pipeline != PIPELINE:
        why = f"The key is one of the release {variant.pipeline}; {PIPELINE} runs here, and has keys of its own."
        notes.end(0, "another-release", why, "Nothing: what nobody asks for any more expires by itself.")
    page = pictures.page_of(notes, variant.rx, variant.number)
    image = sheets.known(page, variant.sheet) if page else None
    if image is not None:
        pictures.variant(notes, image, variant.stored, by=Asker.holders(variant.rx), link=Link("", "f", 0))


def reference(notes: Notes, text: str) -> None:
    """The beginning of an id, as people name prescriptions."""
    found = list(Prescription.objects.filter(pk__gte=text, pk__lt=f"{text}g").values_list("pk", flat=True)[: _SOME + 1])
    if len(found) == 1:
        prescription(notes, found[0])
    elif found:
        notes.refuse(not_found(), f"More than one prescription's id begins with {text}.", "Give more of the id.")
    else:
        notes.refuse(not_found(), f"No prescription's id begins with {text}.", "Look whether it is from this system.")
