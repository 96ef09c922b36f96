"""Large work is bounded: what can never fit is refused for good, what may fit later for now, and what we ourselves
invite people to ask for never.
"""

import pytest
from pytest_django import Settings

from prescriptions.infra.metrics import definitions
from prescriptions.infra.problems import Problem
from prescriptions.models import Page
from prescriptions.variants import admission, claims
from tests.prescriptions.conftest import claim
from transforms.request.presets import PRESETS, preset
from transforms.request.spec import Stored

pytestmark = pytest.mark.django_db

NEVER = Stored.parse("full/6928,9248/0/default.avif")
LATER = Stored.parse("full/3000,4004/0/default.png")
SMALL = Stored.parse("full/300,400/0/default.png")


@pytest.fixture
def huge(row: Page) -> Page:
    """A page of 64 MP, in a format that is decoded whole."""
    row.width, row.height, row.document.media_type = 6928, 9248, "image/jpeg"
    row.save()
    return row


def refusal(page: Page, stored: Stored) -> tuple[int, str, int | None]:
    with pytest.raises(Problem) as refused:
        admission.refuse(page, stored)
    return refused.value.status, refused.value.code, refused.value.retry_after


def counted(reason: str, applied: str) -> float:
    return (
        definitions.REGISTRY.get_sample_value("rx_admission_refusals_total", {"reason": reason, "applied": applied})
        or 0.0
    )


def test_what_can_never_fit_is_refused_for_good(huge: Page, settings: Settings) -> None:
    assert refusal(huge, NEVER) == (413, "too-large-to-make", None)

    settings.RX_LARGE_MEMORY_MB = 256
    assert refusal(huge, LATER) == (413, "too-large-to-make", None)


def test_what_may_fit_later_is_told_when_to_come_back(huge: Page, settings: Settings) -> None:
    settings.RX_LARGE_MEGAPIXELS = 128
    admission.refuse(huge, LATER)  # whoever is alone
    claim(huge, "full/3000,4004/0/gray.png")
    claim(huge, "full/3000,4004/90/gray.png")

    assert refusal(huge, LATER) == (429, "too-much-large-work", 6)


def test_presets_and_small_sizes_are_never_refused_for_it(huge: Page, settings: Settings) -> None:
    settings.RX_LARGE_MEGAPIXELS, settings.RX_LARGE_MEMORY_MB = 1, 256
    claim(huge, "full/3000,4004/0/gray.png")

    for name in PRESETS:
        admission.refuse(huge, preset(name, huge.size))
    admission.refuse(huge, Stored.parse("full/6928,9248/0/enhanced.webp"))
    admission.refuse(huge, SMALL)


def test_in_shadow_it_is_counted_and_taken_on(huge: Page, settings: Settings) -> None:
    settings.RX_ADMISSION = "shadow"
    before = counted("too-large-to-make", "no")

    admission.refuse(huge, NEVER)

    assert counted("too-large-to-make", "no") == before + 1


@pytest.mark.parametrize("lane", ["documents", "large"])
def test_other_sizes_leave_room_in_the_queue_for_presets(huge: Page, settings: Settings, lane: str) -> None:
    settings.RX_QUEUE_LIMIT, settings.RX_LARGE_MEGAPIXELS = 5, 1_000_000
    asked = LATER
    if lane == "documents":
        huge.width, huge.height, huge.document.media_type, asked = 1240, 1754, "application/pdf", SMALL
        huge.save()
    invited = preset("print", huge.size)
    assert claims.lane_of(huge, invited, advertised=True) == lane
    for rotation in range(4):
        assert claim(huge, f"full/{asked.size.width},{asked.size.height}/{90 * rotation}/gray.png").lane == lane

    assert refusal(huge, asked) == (503, "queue-full", 5)
    admission.refuse(huge, invited)

    # and the queue as a whole has an end
    claim(huge, f"full/{asked.size.width - 1},{asked.size.height - 1}/0/gray.png")
    assert refusal(huge, invited) == (503, "queue-full", 5)
