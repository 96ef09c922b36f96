"""Every limit of the service in one place: sizes, and what one renderer may use up. Nothing else may invent one.

`LIMITS` is what is shipped. Others are handed in by whoever needs them, which in production is nobody.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final, Self

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Pixels, bytes, seconds. Inputs beyond these are refused, outputs clamped or refused (see `request/size.py`)."""

    # What may be uploaded.
    image_bytes: int = 15 * MIB
    pdf_bytes: int = 20 * MIB
    source_pixels: int = 65_000_000  # "64 MP" phones write 9248 x 6936 = 64.1 million
    source_side: int = 16_383  # the WebP format holds no more
    pdf_pages: int = 50

    # What one prescription may have.
    files: int = 10  # at a time; more is a parcel of papers, not a prescription
    order_files: int = 20  # of an order's draft, where they come one by one: pages that a phone has taken
    order_lines: int = 50
    redactions: int = 50  # boxes on one page

    # What makes a page hard to read. Nothing is refused for it: the reviewer is told, and the customer, who can still
    # take another photo, somewhat sooner. Pixels of the long side; mean luminance, 0 to 255.
    small_side: int = 800
    small_side_advice: int = 1_200
    dark_luminance: int = 60
    dark_luminance_advice: int = 70
    # The part of its contrast that a page has in single pixels: sharp print 0.2 and more, letters that run together
    # less than 0.01.
    blurred_advice: float = 0.012

    # A PDF page counts as an image of its crop box: so many dots per inch, fewer where the page is larger
    # than this.
    pdf_dpi: int = 300
    pdf_pixels: int = 25_000_000

    # What may be asked for. A page or region at its own scale is always allowed: nothing smaller prints as
    # well.
    output_side: int = 4_096
    output_pixels: int = 12_000_000
    tile_side: int = 2_048  # an A4 page is five tiles, one request for the first view
    variant_bytes: int = 64 * MIB  # lossless noise gets there; no page at a useful size does
    document_bytes: int = 200 * MIB  # all pages in one PDF; more than an upload of ten files can hold
    stored_variants: int = 200  # a page; presets and advertised tiles are not counted

    # `enhanced` and `bitonal` take their parameters from a small proxy of the whole page, so that tiles
    # match.
    proxy_pixels: int = 1_000_000
    # Pages are measured at intake until so much has been computed, the first one always. One photo takes 0.15 s; of 50
    # pages, most are left to the sweep, whose single jobs get more.
    intake_seconds: float = 0.4
    sweep_seconds: float = 2

    # A renderer child. What a job may compute is the file's limit; what it may take is the machine's, and twice as
    # long, so that a file which needs less than it may gets through on a busy machine. prescriptions/ops/budgets.py
    # tells what these times nest in.
    child_memory_bytes: int = 1024 * MIB
    child_threads: int = 16  # at once; decoders use one or two besides the main one
    child_programs: int = 2  # at once, of the renderer that runs poppler: itself and one
    child_cpu_seconds: float = 10  # of one job
    child_ready_seconds: float = 5  # until a child takes the job
    child_wall_seconds: float = 20  # of one job, from then on
    child_leisure_seconds: float = 0.1  # without a job, until it makes itself warm
    child_idle_seconds: float = 3  # that it waits for its owner's next page
    child_quiet_seconds: float = 15  # that a spare, which nobody has asked yet, keeps memory ready
    child_exit_seconds: float = 2  # until its end is reported; the zygote takes a millisecond, or has ended as well
    zygote_start_seconds: float = 15  # it takes half a second

    @property
    def call_seconds(self) -> float:
        """The longest that one call of a running sandbox takes."""
        return self.child_ready_seconds + self.child_wall_seconds

    def to_json(self) -> str:
        """How the limits reach a process that is started."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        return cls(**json.loads(text))


LIMITS: Final = Limits()
