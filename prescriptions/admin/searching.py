"""What people type into the search of a list, as lookups that an index answers.

References are found in any case, by their beginning or by their last characters. What the product prints is taken as
it stands: `RX-4485b496`, the name of a page or of a document, a whole token.
"""

import re

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from prescriptions.admin.base import prefixed
from prescriptions.models import Page, Prescription, Variant

PRESCRIPTION_HELP = _("Reference, or the beginning or last 4 characters of an order or patient reference")
VARIANT_HELP = _("Reference of a prescription or id of a variant, or its first 4 characters or more")
RX_HELP = _("Reference of a prescription, or its first 4 characters or more")
TOKEN_HELP = _("A part of the name or of the client, or the token's id")

# With fewer, chance would find too much.
_LEAST = 4
_RX = re.compile(
    rf"(?:(?:rx|prescription)[\s-]*)?(?P<digits>[0-9a-f]{{{_LEAST},32}})(?:_[0-9]{{1,3}}|\.pdf)?", re.IGNORECASE
)
# What a reference may hold, see REFERENCE; an end may begin with what no reference begins with.
_PART = re.compile(r"[a-z0-9._-]{1,64}")
_TOKEN = re.compile(r"(?:rxk_)?(?P<id>[0-9a-f]{16})(?:_.*)?", re.IGNORECASE)


def by_rx(column: str, term: str) -> Q:
    """What belongs to prescriptions whose reference it is, or begins; nothing where it cannot be one."""
    match = _RX.fullmatch(term.strip())
    return Q(**prefixed(column, match["digits"].lower())) if match else Q(pk__in=())


def prescriptions(term: str) -> QuerySet[Prescription]:
    """By their own reference, their order's or their patient's."""
    typed = term.strip().lower()
    wanted = by_rx("id", typed)
    if _PART.fullmatch(typed):
        wanted |= Q(order_lowered__begins=typed) | Q(patient_lowered__begins=typed)
        if len(typed) >= _LEAST:
            wanted |= Q(order_backwards__begins=typed[::-1]) | Q(patient_backwards__begins=typed[::-1])
    return Prescription.objects.filter(wanted)


def variants(term: str) -> QuerySet[Variant]:
    """By their own id or their prescription's. One query each: with OR, PostgreSQL would read the whole table."""
    pages = Page.objects.filter(by_rx("prescription_id", term))
    of_pages = Variant.objects.filter(page__in=pages).order_by()
    return Variant.objects.filter(by_rx("id", term)).order_by().union(of_pages)


def tokens(term: str) -> Q:
    """By name, client or id. There are never so many of them that an index would matter.

    A whole token is found by the id in it: nobody should have to take one apart to revoke it.
    """
    typed = term.strip().replace("\0", "")
    match = _TOKEN.fullmatch(typed)
    named = Q(name__icontains=typed) | Q(client__icontains=typed)
    return named | Q(pk=match["id"].lower()) if match else named
