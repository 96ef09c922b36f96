"""Prefetch: what a reviewer is about to see is asked for before they look. Nothing is awaited, nothing is required."""

import logging
from collections.abc import Iterator

from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.models import Image, Page, Variant, image_of
from prescriptions.variants import asking
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.pictures import preset_of
from transforms.request.spec import Stored
from transforms.version import PIPELINE

log = logging.getLogger("rx.warm")

# Of a long document the first pages; the rest is made while these are read.
_PAGES = 8


def warm(rx: str, *, by: Asker, following: str | None = None) -> int:
    """Ask for what the review page shows of this item's pages and of the next item's first; returns how many were new.

    First the image that the viewer begins with, of every page (its sheet, where there is one), then the strip's
    thumbnails.
    """
    rows = Page.objects.select_related("prescription", "document").prefetch_related("sheets")
    pages = list(rows.filter(prescription_id=rx)[:_PAGES])
    if following:
        pages += rows.filter(prescription_id=following, number=1)
    known = set(
        Variant.objects.filter(page__in=pages, pipeline=PIPELINE).values_list("page_id", "sheet", "stored")
    )  # ready or on its way: no need to ask S3
    asked = 0
    for image, stored in _wanted(pages):
        name = (image.page.pk, image.sheet_digest, str(stored))
        if name in known:
            continue
        known.add(name)
        try:
            asking.find_or_claim(image, stored, by=by)
        except (Problem, StorageUnavailable) as error:
            log.info("not warmed", extra={"reason": type(error).__name__})
            break  # busy or down: the reviewer's own request will say so
        asked += 1
    return asked


def _wanted(pages: list[Page]) -> Iterator[tuple[Image, Stored]]:
    # The viewer draws tiles only for those who zoom in further than the first image goes.
    yield from ((image, preset_of(image, "review")) for image in map(image_of, pages))
    yield from ((page, preset_of(page, "thumb")) for page in pages)
