"""Prefetch: what a reviewer is about to see is asked for before they look. Nothing is awaited, nothing is required."""

import logging

from prescriptions import variants
from prescriptions.models import Page, Variant
from prescriptions.problems import Problem
from prescriptions.storage import StorageUnavailable
from transforms.version import PIPELINE

log = logging.getLogger("rx.warm")

# Of a long document the first pages; the rest is made while these are read.
_PAGES = 8


def warm(rx: str, *, following: str | None = None) -> int:
    """Ask for the review variant of this item's pages and of the next item's first page; returns how many were new."""
    pages = list(Page.objects.filter(prescription_id=rx).select_related("prescription", "document")[:_PAGES])
    if following:
        pages += Page.objects.filter(prescription_id=following, number=1).select_related("prescription", "document")
    known = set(
        Variant.objects.filter(page__in=pages, pipeline=PIPELINE).values_list("page_id", "stored")
    )  # ready or on its way: no need to ask S3
    asked = 0
    for page in pages:
        stored = variants.preset_of(page, "review")
        if (page.pk, str(stored)) in known:
            continue
        try:
            variants.ask(page, stored)
        except (Problem, StorageUnavailable) as error:
            log.info("not warmed", extra={"reason": type(error).__name__})
            break  # busy or down: the reviewer's own request will say so
        asked += 1
    return asked
