"""Have we seen this page before? Exactly (same bytes), or nearly (perceptual hash).

Intake has measured most pages (`transforms.measure.page`); the sweep has the rest measured: pages far behind in a long
document, and those of before. No pixel is opened here. Advice for the reviewer, who compares with their own eyes;
nothing is ever refused for it.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import reduce
from itertools import groupby
from operator import attrgetter, or_
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.lookups import Exact
from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.infra.database.rounds import Rounds
from prescriptions.infra.per_process import per_process
from prescriptions.models import LIKENESS_BANDS, NO_LIKENESS, Document, Page, PageLight, Review, ReviewStatus, Sheet
from transforms import sandbox
from transforms.errors import TransformError
from transforms.formats import SourceType
from transforms.keys import original_key
from transforms.limits import LIMITS
from transforms.measure import perceptual_hash
from transforms.measure.page import Measures

log = logging.getLogger("rx.duplicates")

# Of 256 bits. Measured on the samples: the same photo re-encoded, resized or darkened differs by 3 to 13, different
# prescriptions on the same letterhead by 19 and more.
NEAR: Final = 12
_MOST: Final = 5
_BATCH: Final = 50


def seen_before(documents: Sequence[Document], pages: Sequence[Page]) -> list[dict[str, Any]]:
    """Earlier uploads of the same files, newest first, and what pages that are measured look like, as
    `Review.lookalikes` keeps them.
    """
    near = [entry for page in pages if page.likeness not in ("", NO_LIKENESS) for entry in nearest(page, page.likeness)]
    return _merged(_exact(documents), near)


def _exact(documents: Sequence[Document]) -> list[dict[str, Any]]:
    found = (
        Page.objects.filter(document__sha256__in=[document.sha256 for document in documents], index=1)
        .exclude(prescription__in={document.prescription_id for document in documents})
        .filter(prescription__erased_at=None, prescription__created_at__gte=_since())
        .select_related("document")
        .order_by("-prescription__created_at")[:_MOST]
    )
    own = {page.document.sha256: page for page in _first_pages(documents)}
    return [_entry(own[page.document.sha256], page.prescription_id, page.number, 0) for page in found]


def _merged(known: list[dict[str, Any]], near: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """None twice, the most alike first."""
    there = {(entry["rx"], entry["page"]) for entry in known}
    # 0 is for the same bytes: equal hashes are no proof.
    at_least = ({**entry, "distance": max(1, entry["distance"])} for entry in near)
    found = known + [entry for entry in at_least if (entry["rx"], entry["page"]) not in there]
    return sorted(found, key=lambda entry: int(entry["distance"]))[: 2 * _MOST]


def sweep() -> int:
    """Measure the pages of waiting prescriptions that are not measured yet, and compare them; returns how many.

    For the beat. Safe to run anywhere, any number at once: the same page gives the same bits.
    """
    waiting = (
        Page.objects.filter(likeness="", prescription__erased_at=None, prescription__review__isnull=False)
        .filter(~Q(prescription__review__status__in=(ReviewStatus.WITHDRAWN, ReviewStatus.ERASED)))
        .select_related("document", "prescription")
    )
    measured = 0
    for _, pages in groupby(list(_rounds().next(waiting, _BATCH)), key=attrgetter("document_id")):
        of_document = list(pages)
        try:
            measured += _measure(of_document, _source(of_document[0]))
        except (storage.StorageUnavailable, storage.ObjectMissing) as error:
            log.info("not compared", extra={"rx": of_document[0].prescription_id, "reason": type(error).__name__})
    return measured


@per_process
def _rounds() -> Rounds:
    return Rounds("pk")


def _measure(pages: Sequence[Page], source: bytes) -> int:
    """Pages of one document, as many in one job as there is time for; returns how many need no further look."""
    done, kind, owner = 0, SourceType(pages[0].document.media_type), pages[0].prescription_id
    while rest := pages[done:]:
        try:
            found = sandbox.default().measure(source, kind, [(page.index, page.size) for page in rest], owner=owner)
        except TransformError as error:
            if error.status == 503:
                return done  # the machine's fault: the next sweep tries again
            if len(rest) > 1:
                # One of them is at fault. Those behind it must not wait for it.
                return done + sum(_measure([page], source) for page in rest)
            Page.objects.filter(pk=rest[0].pk).update(likeness=NO_LIKENESS)
            return done + 1
        for page, measures in zip(rest, found, strict=False):
            _keep(page, measures)
        done += len(found)
    return done


def _keep(page: Page, measures: Measures) -> None:
    light = page.take(measures)
    with transaction.atomic():
        if not Page.objects.filter(pk=page.pk).update(likeness=page.likeness, luminance=page.luminance, skew=page.skew):
            return  # erased meanwhile
        PageLight.objects.update_or_create(page=page, defaults={"light": light.light})
        found = Sheet.found(page, measures.sheet)
        if found and not Sheet.objects.filter(page=page).exists():  # what a person has said is not measured again
            Sheet.objects.bulk_create([found], ignore_conflicts=True)
    review = Review.objects.filter(pk=page.prescription_id).first()
    if review is None:
        return
    lookalikes = _merged(review.lookalikes, nearest(page, measures.likeness) if measures.likeness else [])
    Review.objects.filter(pk=review.pk).update(
        lookalikes=lookalikes,
        is_duplicate=bool(lookalikes),
        is_dark=review.is_dark or measures.luminance < LIMITS.dark_luminance,
    )


def nearest(page: Page, bits: str) -> list[dict[str, Any]]:
    """The earlier pages that look most like a page with this hash. Nothing is missed: see `perceptual_hash.BANDS`.

    A page that is as near to a blank one has too little on it: any other such page would look like it.
    """
    if perceptual_hash.distance(bits, perceptual_hash.BLANK) <= NEAR:
        return []
    found = []
    rows = _earlier(page).filter(_in_a_band_with(bits)).order_by()
    for rx, number, other in rows.values_list("prescription_id", "number", "likeness").iterator(chunk_size=5000):
        bits_apart = perceptual_hash.distance(bits, other)
        if bits_apart <= NEAR:
            found.append(_entry(page, rx, number, bits_apart))
    return sorted(found, key=lambda entry: (entry["distance"], entry["rx"], entry["number"]))[:_MOST]


def _in_a_band_with(bits: str) -> Q:
    same = zip(LIKENESS_BANDS, perceptual_hash.bands(bits), strict=True)
    return reduce(or_, (Q(Exact(band, digits)) for band, digits in same))


def _earlier(page: Page) -> QuerySet[Page]:
    return Page.objects.filter(
        prescription__erased_at=None,
        prescription__created_at__gte=_since(),
        prescription__created_at__lte=page.prescription.created_at,
    ).exclude(prescription=page.prescription_id)


def _entry(page: Page, rx: str, number: int, bits_apart: int) -> dict[str, Any]:
    """`page` of this prescription looks like page `number` of prescription `rx`; distance 0 to 256, 0 is the same."""
    return {"page": page.number, "rx": rx, "number": number, "distance": bits_apart}


def _first_pages(documents: Iterable[Document]) -> QuerySet[Page]:
    return Page.objects.filter(document__in=list(documents), index=1).select_related("document")


def _source(page: Page) -> bytes:
    return storage.get_original(original_key(page.prescription_id, page.document_id), sha256=page.document.sha256)


def _since() -> Any:
    return timezone.now() - timedelta(days=settings.RX_DUPLICATE_DAYS)
