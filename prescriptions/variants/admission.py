"""What is taken on: bounds on what strangers can make us compute and keep. Hits never come here.

Presets and advertised tiles are refused for a full queue alone. `RX_ADMISSION=shadow` counts what the bounds on large
work would refuse, and takes it on. How much one client may have open is another question: fairness/quota.py.
"""

from math import ceil

from django.conf import settings
from django.db.models import F, Sum

from prescriptions.infra import metrics, ratelimit
from prescriptions.infra.problems import Problem
from prescriptions.models import Image, Page, Variant
from prescriptions.variants import claims, statements
from prescriptions.variants.pictures import is_advertised
from transforms.limits import LIMITS, MIB
from transforms.request.spec import Stored

_MEGAPIXEL = 1_000_000
# How much of a lane's queue other sizes may fill. The rest is for presets and tiles: what we ourselves invite people to
# ask for finds a place however many PDFs and large pages others ask for.
_SHARE_OF_OTHERS = 0.8
# Large work that a worker gets done in a second, in megapixels of its pages: what a refusal's Retry-After is made of.
_PER_SECOND = 20
_SOONEST, _LATEST = 2, 60  # seconds


def refuse(image: Image, stored: Stored, *, counted: bool = True) -> str:
    """The lane that it may wait in. Raises Problem: 413 (never), 429 (later, or another size), 503 (later).

    `counted`: in the metrics; not for whoever only wants to know.
    """
    advertised = is_advertised(image, stored)
    lane = claims.lane_of(image, stored, advertised=advertised)
    if not advertised:
        _refuse_another_size(image.page)
        if lane == claims.LARGE:
            _refuse_large(image, stored, counted=counted)
    _refuse_full_queue(lane, advertised=advertised)
    return lane


def _refuse_another_size(page: Page) -> None:
    made = statements.other_sizes(page.pk)
    if made >= LIMITS.stored_variants:
        raise Problem(
            429,
            "too-many-variants",
            "Too many variants of this page",
            f"A page can have at most {LIMITS.stored_variants} stored variants. Use one of the sizes in info.json.",
            retry_after=3600,
            headers=ratelimit.fields("page", LIMITS.stored_variants, left=0, reset=3600, unit="variants"),
        )


def _refuse_large(image: Image, stored: Stored, *, counted: bool) -> None:
    page = image.page
    needs = claims.cost_of(image, stored).bytes
    if needs > min(LIMITS.child_memory_bytes, settings.RX_LARGE_MEMORY_MB * MIB):
        _refuse(
            "too-large-to-make",
            Problem(
                413,
                "too-large-to-make",
                "Too large to be made",
                "In this size and format the page needs more memory than a renderer has. "
                "Ask for a smaller size, for jpg or webp, or for one of the sizes in info.json.",
            ),
            counted=counted,
        )
    open_ones = Variant.objects.filter(state__in=claims.OPEN, lane=claims.LARGE)
    pixels = open_ones.aggregate(sum=Sum(F("page__width") * F("page__height")))["sum"] or 0
    # Whoever is alone is taken on, however large.
    if pixels and pixels + page.size.area > settings.RX_LARGE_MEGAPIXELS * _MEGAPIXEL:
        seconds = min(max(pixels // (_PER_SECOND * _MEGAPIXEL), _SOONEST), _LATEST)
        most = settings.RX_LARGE_MEGAPIXELS
        _refuse(
            "too-much-large-work",
            Problem(
                429,
                "too-much-large-work",
                "Too much large work",
                "Many large variants are being made now. Try again later, or use one of the sizes in info.json.",
                retry_after=seconds,
                headers=ratelimit.fields("large", most, left=0, reset=seconds, unit="megapixels"),
            ),
            counted=counted,
        )


def _refuse(reason: str, problem: Problem, *, counted: bool) -> None:
    applied = settings.RX_ADMISSION == "on"
    if counted:
        metrics.admission_refused(reason, applied=applied)
    if applied:
        raise problem


def _refuse_full_queue(lane: str, *, advertised: bool) -> None:
    waiting = statements.open_in(lane)
    if waiting >= _room(lane, advertised=advertised):
        raise Problem(
            503,
            "queue-full",
            "Too busy",
            "Too many variants are being made now. Try again shortly.",
            retry_after=5,
        )


def _room(lane: str, *, advertised: bool) -> int:
    """How many may wait in this lane before another one of this kind is refused. In IMAGES nothing is advertised."""
    limit: int = settings.RX_QUEUE_LIMIT
    return limit if advertised or lane == claims.IMAGES else ceil(limit * _SHARE_OF_OTHERS)
