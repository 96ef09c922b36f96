"""Have we seen this page before? Exactly (same bytes) at intake; nearly (perceptual hash) a little later, in a worker.

Advice for the reviewer, who compares with their own eyes; nothing is ever refused for it.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.lookups import Exact
from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.models import LIKENESS_BANDS, Document, Page, Review, ReviewStatus
from transforms import sandbox
from transforms.errors import TransformError
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.keys import original_key
from transforms.limits import LIMITS
from transforms.measure import perceptual_hash, skew
from transforms.render import RenderJob
from transforms.request.spec import Spec

log = logging.getLogger("rx.duplicates")

# Of 256 bits. Measured on the samples: the same photo re-encoded, resized or darkened differs by 3 to 13, different
# prescriptions on the same letterhead by 19 and more.
NEAR: Final = 12
# What could not be compared; never looked at again.
_IMPOSSIBLE: Final = "-"
_MOST: Final = 5
_BATCH: Final = 50


def exact(documents: Sequence[Document]) -> list[dict[str, Any]]:
    """Earlier uploads of the same files, newest first, as `Review.lookalikes` keeps them."""
    found = (
        Page.objects.filter(document__sha256__in=[document.sha256 for document in documents], index=1)
        .exclude(prescription__in={document.prescription_id for document in documents})
        .filter(prescription__erased_at=None, prescription__created_at__gte=_since())
        .select_related("document")
        .order_by("-prescription__created_at")[:_MOST]
    )
    own = {page.document.sha256: page for page in _first_pages(documents)}
    return [_entry(own[page.document.sha256], page.prescription_id, page.number, 0) for page in found]


def sweep() -> int:
    """Hash the pages of waiting prescriptions that were not hashed yet, and compare them; returns how many.

    For the beat. Safe to run anywhere, any number at once: the same page gives the same bits.
    """
    waiting = (
        Page.objects.filter(likeness="", prescription__erased_at=None, prescription__review__isnull=False)
        .filter(~Q(prescription__review__status__in=(ReviewStatus.WITHDRAWN, ReviewStatus.ERASED)))
        .select_related("document", "prescription")
        .order_by("pk")
    )
    hashed = 0
    source: tuple[str, bytes] = ("", b"")
    for page in waiting[:_BATCH]:
        try:
            if source[0] != page.document_id:
                source = (page.document_id, _source(page))
            _hash(page, source[1])
        except (storage.StorageUnavailable, storage.ObjectMissing) as error:
            log.info("not compared", extra={"rx": page.prescription_id, "reason": type(error).__name__})
            continue
        hashed += 1
    return hashed


def _hash(page: Page, source: bytes) -> None:
    size = Size(page.width, page.height)

    def small(spec: str) -> bytes:
        job = RenderJob(SourceType(page.document.media_type), page.index, Spec.parse(spec).resolve(size), size)
        return sandbox.default().render(source, job, owner=page.prescription_id).data

    try:
        made = perceptual_hash.measure(small(perceptual_hash.SPEC))
        slope = skew.slope(small(skew.spec(page.width, page.height)))
    except TransformError as error:
        if error.status != 503:
            Page.objects.filter(pk=page.pk).update(likeness=_IMPOSSIBLE)
        return
    except (ValueError, OSError):
        # Not what was asked for: a renderer gone astray. The pages behind this one must not wait for it.
        Page.objects.filter(pk=page.pk).update(likeness=_IMPOSSIBLE)
        return
    Page.objects.filter(pk=page.pk).update(likeness=made.bits, skew=slope)
    near = nearest(page, made.bits)
    review = Review.objects.filter(pk=page.prescription_id).first()
    if review is None:
        return
    known = {(entry["rx"], entry["page"]) for entry in review.lookalikes}
    lookalikes = review.lookalikes + [entry for entry in near if (entry["rx"], entry["page"]) not in known]
    Review.objects.filter(pk=review.pk).update(
        lookalikes=sorted(lookalikes, key=lambda entry: int(entry["distance"]))[: 2 * _MOST],
        is_duplicate=bool(lookalikes),
        is_dark=review.is_dark or made.luminance < LIMITS.dark_luminance,
    )


def nearest(page: Page, bits: str) -> list[dict[str, Any]]:
    """The earlier pages that look most like a page with this hash. Nothing is missed: see `perceptual_hash.BANDS`."""
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
