"""The way of a picture's address: link, page, form, and then where the variant stands. As iiif/images.py goes it."""

from typing import Final

from prescriptions.api.pictures import variants as api_variants
from prescriptions.iiif import images
from prescriptions.infra.problems import Problem, erased, forbidden_link, from_transform, not_found
from prescriptions.models import Image, Page, Prescription, Redaction, Sheet
from prescriptions.models.finding import numbered
from prescriptions.ops.why import standing, tokens
from prescriptions.ops.why.notes import Notes, moment
from prescriptions.variants import links, sheets
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.links import Link
from transforms.errors import TransformError
from transforms.keys import parse_image_identifier
from transforms.request.presets import PRESETS
from transforms.request.spec import Stored
from transforms.version import PIPELINE

_ERASED: Final = "Nothing: it cannot come back. Upload it anew if it is needed."


def page_of(notes: Notes, rx: str, number: int) -> Page | None:
    """The page if it is there and may be shown; else why not."""
    prescription = prescription_of(notes, rx)
    if prescription is None:
        return None
    found = numbered(rx, number)
    if not found:
        count = prescription.pages.count()
        why = f"The prescription has no page {number}: it has {count}, numbered from 1."
        notes.refuse(not_found(), why, "Ask for a page that is there.")
        return None
    page = found[0]
    notes.say("page", "pixels", f"{page.width} x {page.height}, shown turned by {page.rotation} degrees")
    notes.say("page", "file", f"document {page.document.position}, page {page.index} of it, {page.document.media_type}")
    return page


def prescription_of(notes: Notes, rx: str) -> Prescription | None:
    """The prescription if it is there and was not erased; else why not."""
    prescription = Prescription.objects.filter(pk=rx).first()
    if prescription is None:
        why = "There is no prescription with this id, and there was none that has been erased."
        notes.refuse(not_found(), why, "Look whether the id is whole, and from this system.")
        return None
    notes.rxs.add(rx)
    notes.say("prescription", "id", rx)
    notes.say("prescription", "received", prescription.created_at)
    if prescription.erased_at is not None:
        proved = (
            f", proved empty at {moment(prescription.purged_at)}"
            if prescription.purged_at
            else ", and S3 not yet empty"
        )
        why = f"The prescription was erased at {moment(prescription.erased_at)}{proved}."
        notes.refuse(erased(), why, _ERASED)
        return None
    return prescription


def by_link(notes: Notes, token: str, identifier: str, tail: str = "") -> None:
    """`/iiif/3/{token}/{identifier}/{tail}`. Without a tail: info.json, or the service itself."""
    named = parse_image_identifier(identifier)
    if named is None:
        why = "A page is named by the prescription's id, _ and the page's number: this is no such name."
        notes.refuse(
            not_found(), why, "Take the address from the API or from info.json, and change nothing before the size."
        )
        return
    scope = tokens.link(notes, token, named.rx, page=named.number)
    page = page_of(notes, named.rx, named.number)
    if page is None:
        return
    if links.are_cut(page.prescription):
        _cut(notes, page.prescription)
    image = page if named.sheet is None else _sheet(notes, page, named.sheet)
    if image is None:
        return
    if tail:
        link = Link("", scope or "f", 0)
        variant(notes, image, tail, link=link, by=Asker.holders(named.rx))
    elif scope == "r":
        why = "info.json tells of the qualities of the clear page, and the link shows redacted pages alone."
        notes.refuse(forbidden_link(), why, "Ask for a link of scope f.")
    else:
        notes.end(200, "info", "The link opens this page: info.json tells its sizes and tiles.")


def _sheet(notes: Notes, page: Page, digest: str) -> Sheet | None:
    """The sheet in the page, if it counts; else why not."""
    try:
        return sheets.sheet_of(page, digest)
    except TransformError as error:
        notes.refuse(from_transform(error), do=_form(error.code))
    except Problem as problem:
        why = "The page never had a sheet of this name." if problem.status == 404 else ""
        notes.refuse(problem, why, "Take the address from the API, which has the sheet that counts.")
    return None


def _cut(notes: Notes, prescription: Prescription) -> None:
    at = prescription.links_cut_at
    why = "Its links were cut" + (f" at {moment(at)}" if at else "") + ": it must be kept and is hidden meanwhile."
    notes.refuse(forbidden_link(), why, "It opens when the last link has ended.")


def variant(notes: Notes, image: Image, tail: str, *, by: Asker, link: Link | None = None) -> Stored | None:
    """Of a page that may be shown, or the sheet in it: a preset (for the API) or an image request; its stored form."""
    page = image.page
    notes.say("request", "asked", tail[:256] if tail.isprintable() else ascii(tail[:256]))
    notes.say("request", "release", PIPELINE)
    try:
        if link:
            stored = images.resolve(image, tail, link)
        else:
            image, stored = api_variants.resolve(page, tail)
    except TransformError as error:
        notes.refuse(from_transform(error), do=_form(error.code))
        return None
    except Problem as problem:
        scope = problem.code == forbidden_link().code
        why = (
            "The link's scope is r: it shows redacted pages alone, and this is a quality of the clear page."
            if scope
            else ""
        )
        do = "Ask for the quality redacted, or for a link of scope f." if scope else "Ask for the quality redacted."
        notes.refuse(problem, why, do)
        if not scope:
            return None
        stored = images.resolve(image, tail, Link("", "f", 0))
    if image.sheet_digest:
        notes.say("page", "sheet", image.sheet_digest)
    notes.say("request", "stored form", stored)
    notes.say("request", "canonical", stored.canonical(image.size))
    if link is not None and tail != str(stored):
        why = f"The request is not in the stored form: the answer leads to {stored}."
        notes.end(303, "not-stored-form", why, "Nothing; whoever asks for the stored form saves a redirect.")
    if stored.quality.startswith("redacted-"):
        digest = stored.quality.removeprefix("redacted-")
        confirmed = Redaction.objects.filter(page=page, digest=digest).values_list("confirmed_at", flat=True).first()
        notes.say("page", "redaction", f"{digest}, confirmed {moment(confirmed)}" if confirmed else digest)
    standing.explain(notes, image, stored, by=by)
    return stored


def _form(code: str) -> str:
    if code == "redaction-missing":
        return "A reviewer confirms a redaction on the review page; until then there is nothing to show."
    if code == "sheet-missing":
        return "A reviewer sets its corners on the review page, or by API; until then there is the page alone."
    return f"Presets: {', '.join(PRESETS)}. Sizes and tiles: info.json."
