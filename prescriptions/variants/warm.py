"""Prefetch: what a reviewer is about to see is asked for before they look. Nothing is awaited, nothing is required."""

import logging
from collections.abc import Iterator

from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.models import Page, Variant
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

    First the image that the viewer begins with, of every page, then the strip's thumbnails.
    """
    pages = list(Page.objects.filter(prescription_id=rx).select_related("prescription", "document")[:_PAGES])
    if following:
        pages += Page.objects.filter(prescription_id=following, number=1).select_related("prescription", "document")
    known = set(
        Variant.objects.filter(page__in=pages, pipeline=PIPELINE).values_list("page_id", "stored")
    )  # ready or on its way: no need to ask S3
    asked = 0
    for page, stored in _wanted(pages):
        if (page.pk, str(stored)) in known:
            continue
        known.add((page.pk, str(stored)))
        try:
            asking.find_or_claim(page, stored, by=by)
        except (Problem, StorageUnavailable) as error:
            log.info("not warmed", extra={"reason": type(error).__name__})
            break  # busy or down: the reviewer's own request will say so
        asked += 1
    return asked


def _wanted(pages: list[Page]) -> Iterator[tuple[Page, Stored]]:
    # The viewer draws tiles only for those who zoom in further than the first image goes.
    for preset in ("review", "thumb"):
        yield from ((page, preset_of(page, preset)) for page in pages)
