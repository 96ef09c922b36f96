"""What has to be measured: every number that this project wants to reach, and which benchmark measures it.

A row that no run has brought is on the page all the same, as not measured.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of the page, the benchmarks below it, and the rows that they must bring, by the start of the name."""

    title: str
    modules: tuple[str, ...]
    rows: tuple[str, ...]


# In the order of the question they answer: a hit, a miss, many of them, pixels, isolation, size, rest, people.
SECTIONS: Final = (
    Section(
        "A hit",
        ("hit",),
        (
            "7 kB: hits a second, ",
            "140 kB: hits a second, ",
            "7 kB: processor time of nginx a hit",
            "7 kB: hits that reached Python",
            "last hop of a miss",
        ),
    ),
    Section(
        "A miss, the whole journey on a kept connection",
        ("journey",),
        ("12 MP to 550 jpg, ipx", "12 MP to 1080 webp, ipx"),
    ),
    Section(
        "A hundred distinct originals, eight clients",
        ("throughput",),
        ("images a second, ipx", "CPU an image, all processes", "images a second, thumbor"),
    ),
    Section(
        "What a miss adds to fetch, render and put",
        ("miss",),
        ("miss / fetch, render, put alone", "dispatch", "wake-up"),
    ),
    Section(
        "Two hundred clients, one cold address",
        ("stampede",),
        ("celery, 1080 px, webp: renders", "celery, 1080 px, webp: puts", "celery, 1080 px, webp: errors", "two hosts"),
    ),
    Section(
        "Large work beside small",
        ("busy",),
        ("tiles beside large renders, p95", "answers other than 200, 413, 429, 503"),
    ),
    Section(
        "One client beside another",
        ("fairness",),
        ("a first picture beside 600 of another client, p95", "errors of who looks beside the flood"),
    ),
    Section(
        "Transforms",
        ("transforms",),
        (
            "CPU, geometric mean, naive",
            "CPU, geometric mean, vips",
            "CPU, worst case, vips",
            "SSIM, worst case",
            "peak memory, 48 MP to 1080, naive",
            "PDF page to 1080, vector",
            "PDF page to 1080, scanned",
            "PDF, last page / first",
        ),
    ),
    Section("Isolation", ("sandbox",), ("spare adds, 12 MP", "a new prescription's first render adds")),
    Section("An upload", ("upload",), ("decodes of a photo until it stands in the queue",)),
    Section("Growth, a thousand to a million prescriptions", ("growth",), ("near-duplicates", "sweep: erasure")),
    Section("The stack at rest", ("rest",), ("processor", "memory")),
    Section("Lambda's cold start", ("cold_start",), ("2 MP JPEG", "12 MP JPEG", "vector PDF")),
    Section("A decision", ("decision",), ("Submit to the next picture painted",)),
    Section(
        "Sheets in photos",
        ("sheet",),
        (
            "sure, of 100 photos",
            "sure: mean overlap (IoU)",
            "sure: least overlap",
            "sheets that are none",
            "CPU beyond the decode, m",
        ),
    ),
    Section(
        "Legibility of `enhanced`",
        ("legibility",),
        ("shadow and uneven light, back", "all kinds of a flat page, back", "worst kind, lost against default"),
    ),
)
MODULES: Final = tuple(module for section in SECTIONS for module in section.modules)
