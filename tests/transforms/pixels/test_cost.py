"""What is large is told from the row alone: by what has to be decoded, and by what has to be written."""

import pytest

from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.limits import LIMITS, MIB
from transforms.pixels.cost import estimate
from transforms.request.spec import Stored

PHONE, HUGE = Size(3000, 4000), Size(6928, 9248)


@pytest.mark.parametrize(
    ("source", "page", "stored", "large"),
    [
        # A JPEG is shrunk while it is decoded; other formats cannot be.
        (SourceType.JPEG, HUGE, "full/809,1080/0/default.webp", False),
        (SourceType.PNG, HUGE, "full/809,1080/0/default.webp", True),
        (SourceType.JPEG, HUGE, "full/809,1080/0/enhanced.webp", True),
        (SourceType.JPEG, HUGE, "0,0,2048,2048/2048,2048/0/default.webp", True),
        (SourceType.JPEG, PHONE, "full/3000,4000/0/default.avif", False),
        (SourceType.PNG, PHONE, "full/3000,4000/0/default.webp", False),
        # A PDF is drawn at the size that is asked for, however large its page.
        (SourceType.PDF, Size(5000, 5000), "full/200,200/0/default.webp", False),
        (SourceType.PDF, Size(5000, 5000), "full/5000,5000/0/default.webp", True),
    ],
)
def test_large_work_is_told_from_small(source: SourceType, page: Size, stored: str, large: bool) -> None:
    assert estimate(source, page, Stored.parse(stored)).is_large is large


@pytest.mark.parametrize(
    ("stored", "peak"),
    [
        ("full/6928,9248/0/default.jpg", 694),
        ("full/6928,9248/90/default.webp", 607),
        ("full/3000,4004/0/default.avif", 377),
    ],
)
def test_the_guess_is_near_what_was_measured_and_not_below(stored: str, peak: int) -> None:
    guessed = estimate(SourceType.JPEG, HUGE, Stored.parse(stored)).bytes

    assert peak * MIB <= guessed <= 1.5 * peak * MIB


@pytest.mark.parametrize("stored", ["full/6928,9248/0/default.avif", "full/6928,9248/0/enhanced.png"])
def test_what_ran_out_of_memory_is_guessed_to(stored: str) -> None:
    assert estimate(SourceType.JPEG, HUGE, Stored.parse(stored)).bytes > LIMITS.child_memory_bytes
