"""The one finder: unknown is 404 and erased is 410, whoever asks and at whatever address."""

from typing import TypeVar

from django.db.models import QuerySet

from prescriptions.infra.database import prepared
from prescriptions.infra.problems import erased, not_found
from prescriptions.models.review import Review
from prescriptions.models.uploads import Page, Prescription
from prescriptions.models.variants import Variant

Row = TypeVar("Row", Prescription, Page, Review, Variant)


def find(rows: QuerySet[Row], **wanted: object) -> Row:
    """The row that is wanted, of those that the caller may see. Raises Problem 404, 410."""
    row = rows.filter(**wanted).first()
    if row is None:
        raise not_found()
    if _prescription_of(row).erased_at is not None:
        raise erased()
    return row


@prepared.rows
def numbered(rx: str, number: int) -> QuerySet[Page]:
    """The page of this number, with its prescription and document."""
    return Page.objects.select_related("prescription", "document").filter(prescription=rx, number=number).order_by()


def find_page(rx: str, number: int) -> Page:
    """A page with its prescription and document at hand. Raises Problem 404, 410."""
    pages = numbered(rx, number)
    # An erasure takes the rows of pages along; then the prescription's tombstone has the answer.
    if not pages or pages[0].prescription.erased_at is not None:
        find(Prescription.objects.all(), pk=rx)
        raise not_found()
    return pages[0]


def hold_page(page: Page) -> None:
    """One change of a page at a time: the others wait until this transaction is over, and so does an erasure.

    Raises Problem 404, 410: it was erased since it was found.
    """
    standing = Page.objects.select_for_update(no_key=True).filter(pk=page.pk, prescription__erased_at=None)
    if standing.first() is None:
        find(Prescription.objects.all(), pk=page.prescription_id)
        raise not_found()


def _prescription_of(row: Prescription | Page | Review | Variant) -> Prescription:
    if isinstance(row, Variant):
        row = row.page
    return row if isinstance(row, Prescription) else row.prescription
