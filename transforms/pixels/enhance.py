"""Makes a phone photo of a page read like a scan: even light and white paper, nothing darker than it was.

Deterministic. Geometry never changes, and tiles of one page match because everything is measured once for the whole
page: the light on its small proxy, noise and blur on windows of it at full size. Pillow only.
"""

import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageMath

from transforms.geometry import Box, Size
from transforms.pixels.resize import resize
from transforms.version import PIPELINE

# --- the light, from the proxy ---
_MAP_SIDE: Final = 64  # longest side of the light map, in map pixels; shadows are soft, ink is not
_PAPER_WINDOW: Final = 9  # map pixels: wider than letters and most headings, narrower than shadows
_PAPER_RANK: Final = 0.9  # of a neighbourhood: paper is as bright as its brightest tenth
_BLUR: Final = 1.5  # map pixels
_COLOURFUL: Final = 110  # HSV saturation: a printed band or a stamp, not paper in the warmest lamp light
_GUESS: Final = 8  # of 255: the share of paper around that is enough to go by
_LIFT: Final = 2.5  # a table top or a black-and-white photo must not be pulled up to white
_PAPER: Final = (235, 246)  # bounds of the grey that becomes white, after the light is even

# --- noise and blur, from windows at full size ---
_WINDOWS: Final = (4, 6)  # so many across and down
_WINDOW: Final = 128  # pixels a side
_LEAST_SIDE: Final = 16  # of a page that can have either
_GRAIN: Final = ImageFilter.Kernel((3, 3), (1, -2, 1, -2, 4, -2, 1, -2, 1), 1, 128)  # blind to edges and slopes
_QUIET: Final = 0.6  # of the pixels: ink is what most disagrees with its surroundings
_TO_SIGMA: Final = 2.2 / 6  # of Gaussian noise, from the mean of its quieter part in that filter
_NOISY: Final = 4  # sigma in levels of 255
_SECOND: Final = ImageFilter.Kernel((3, 3), (0, -1, 0, -1, 4, -1, 0, -1, 0), 1, 128)
_STEEP: Final = 0.99  # of the pixels have no steeper second difference than that of blurred letters
_BLURRED: Final = 0.3  # of the contrast
_LEAST_CONTRAST: Final = 8  # levels: an empty page is not a blurred one

# --- what is done about them, in pixels of the page ---
_SMOOTH: Final = 0.8  # sigma
_SHARPEN: Final = (1.5, 80)  # sigma, per cent
_FILTERED: Final = 0.5  # pixels for each of the page's: where the page is shrunk further, so are noise and blur
HALO: Final = 4  # pixels around a tile that these filters look at

_STAMP: Final = f"{PIPELINE}\n".encode()  # a new pipeline may measure differently: what is stored must not count
_HEAD: Final = struct.Struct(">BBHH")  # white, bands, width, height
_MODES: Final = {1: "L", 3: "RGB"}


@dataclass(frozen=True, slots=True)
class Look:
    """What was measured on the proxy: how bright the paper is in each place and channel, and what grey of the evened
    page is white.
    """

    light: Image.Image
    white: int

    def encode(self) -> bytes:
        """A few kilobytes that `decode` reads."""
        head = _HEAD.pack(self.white, len(self.light.getbands()), *self.light.size)
        return _STAMP + head + zlib.compress(self.light.tobytes(), 9)


class Fault(Enum):
    """What is wrong with a picture at full size; the worse of the two where it has both."""

    NOISE = "noise"
    BLUR = "blur"


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a scaled picture lies on its page: `box` (left, top, right, bottom) in pixels of a page of size `page`."""

    page: Size
    box: tuple[float, float, float, float]

    def scale(self, width: int) -> float:
        """Pixels of a picture of this width for each pixel of the page."""
        return width / (self.box[2] - self.box[0])


def decode(data: bytes) -> Look | None:
    """What `Look.encode` wrote; None for anything else, as for what another pipeline has measured."""
    body = data.removeprefix(_STAMP)
    if len(body) == len(data) or len(body) <= _HEAD.size:
        return None
    white, bands, width, height = _HEAD.unpack_from(body)
    if bands not in _MODES or not 0 < width <= _MAP_SIDE or not 0 < height <= _MAP_SIDE or not white:
        return None
    length = width * height * bands
    try:
        pixels = zlib.decompressobj().decompress(body[_HEAD.size :], length + 1)
    except zlib.error:
        return None
    if len(pixels) != length:
        return None
    return Look(Image.frombytes(_MODES[bands], (width, height), pixels), white)


def measure(proxy: Image.Image) -> Look:
    """From the whole page in at most a megapixel (mode L or RGB)."""
    small = proxy.copy()
    small.thumbnail((_MAP_SIDE, _MAP_SIDE), Image.Resampling.BOX, reducing_gap=None)
    small = _without_colourful(small)
    # A closing: the first filter covers ink with paper, the second brings the edges of shadows back to their places.
    ranks = (int(share * (_PAPER_WINDOW**2 - 1)) for share in (_PAPER_RANK, 1 - _PAPER_RANK))
    light = small
    for rank in ranks:
        light = light.filter(ImageFilter.RankFilter(_PAPER_WINDOW, rank))
    light = light.filter(ImageFilter.GaussianBlur(_BLUR))
    floor = max(1, int(_percentile(light.convert("L").histogram(), 0.9) / _LIFT))
    light = light.point([max(level, floor) for level in range(256)] * len(light.getbands()))
    even = _evened(proxy.convert("L"), light.convert("L"), (0, 0, *light.size))
    return Look(light, _white(even.histogram()))


def needs_halo(frame: Frame, width: int) -> bool:
    """True if pixels around a picture of this width can matter to those in it."""
    return frame.scale(width) > _FILTERED


def windows(page: Size) -> Iterator[Box]:
    """Parts of a page of such a size, for `fault`."""
    if min(page.width, page.height) < _LEAST_SIDE:
        return
    across, down = _WINDOWS
    width, height = min(_WINDOW, page.width), min(_WINDOW, page.height)
    for row in range(down):
        for column in range(across):
            x, y = (page.width - width) * (2 * column + 1), (page.height - height) * (2 * row + 1)
            yield Box(x // (2 * across), y // (2 * down), width, height)


def fault(parts: Iterable[tuple[Image.Image, Box]], page: Size, look: Look) -> Fault | None:
    """What has to be mended. `parts` are the pixels (mode L or RGB) of `windows`."""
    levels, grain, steps = [0] * 256, [0] * 256, [0] * 256
    for part, box in parts:
        frame = Frame(page, (box.x, box.y, box.right, box.bottom))
        even = _evened(part.convert("L"), look.light.convert("L"), _on_map(frame, look))
        _count(levels, even.histogram())
        # Pillow leaves the outermost pixels as they were.
        inside = (1, 1, part.width - 1, part.height - 1)
        _count(grain, _around_middle(even.filter(_GRAIN).crop(inside).histogram()))
        _count(steps, _around_middle(even.filter(_SECOND).crop(inside).histogram()))
    if not any(levels):
        return None
    if _noise(grain) >= _NOISY:
        return Fault.NOISE
    contrast = max(_LEAST_CONTRAST, _percentile(levels, 0.9) - _percentile(levels, 0.01))
    return Fault.BLUR if _percentile(steps, _STEEP) < _BLURRED * contrast else None


def apply(image: Image.Image, frame: Frame, look: Look, wrong: Fault | None = None) -> Image.Image:
    """`image` is what lies in `frame`, not yet turned; mode L or RGB. What is `wrong` is mended.

    With `needs_halo`, pixels within `HALO` of a side that is not the page's own have not seen all they depend on.
    """
    even = _evened(image, look.light, _on_map(frame, look), look.white)
    scale = frame.scale(image.width)
    if wrong is Fault.NOISE:
        return _on_lightness(even, _gauss(_SMOOTH * scale))
    if wrong is Fault.BLUR:
        sigma, per_cent = _SHARPEN
        return _on_lightness(even, ImageFilter.UnsharpMask(sigma * scale, per_cent, 0))
    return even


def _on_map(frame: Frame, look: Look) -> tuple[float, float, float, float]:
    across, down = look.light.width / frame.page.width, look.light.height / frame.page.height
    left, top, right, bottom = frame.box
    return left * across, top * down, right * across, bottom * down


def _evened(
    image: Image.Image, light: Image.Image, box: tuple[float, float, float, float], white: int = 255
) -> Image.Image:
    """`image` with the paper's brightness, of the map in `box`, brought to 255 everywhere and then `white` to 255.

    What all pixels are multiplied by is one table, and the rest of it (1 to 3) is added in 8 bits: a third of the time
    of exact arithmetic, and within a level of it.
    """
    bands = light.split()
    darkest, peaks = zip(*(_range(band) for band in bands), strict=True)
    table = [min(255, round(level * 255 * 255 / (peak * white))) for peak in peaks for level in range(256)]
    out = base = image.point(table)
    # How often `base` has to be added: light is at least 1 / _LIFT of most of it, so hardly ever more than twice.
    more = [[255 * peak / max(1, level) - 255 for level in range(256)] for peak in peaks]
    for turn in range(math.ceil(max(channel[least] for channel, least in zip(more, darkest, strict=True)) / 255)):
        part = [min(255, max(0, round(level - 255 * turn))) for channel in more for level in channel]
        weight = resize(light.point(part), image.size, box=box)
        out = ImageChops.add(out, ImageChops.multiply(base, weight))
    return out


def _range(band: Image.Image) -> tuple[int, int]:
    least, most = band.getextrema()
    return int(least), max(1, int(most))  # type: ignore[arg-type]


def _gauss(sigma: float) -> ImageFilter.Kernel:
    """3 x 3: a third of the time of Pillow's own."""
    side, corner = math.exp(-0.5 / sigma**2), math.exp(-1 / sigma**2)
    weights = (corner, side, corner, side, 1.0, side, corner, side, corner)
    return ImageFilter.Kernel((3, 3), weights, sum(weights))


def _on_lightness(image: Image.Image, filtered: ImageFilter.Filter) -> Image.Image:
    """Colour is coarser than lightness in a photo: nobody sees whether it was filtered, and it is two thirds of it."""
    if image.mode == "L":
        return image.filter(filtered)
    lightness, *colour = image.convert("YCbCr").split()
    return Image.merge("YCbCr", (lightness.filter(filtered), *colour)).convert("RGB")


def _without_colourful(small: Image.Image) -> Image.Image:
    """`small` with printed areas and table tops filled from the paper around them.

    Taken for paper, they would be bleached with what is on them; left out, they would darken the paper beside them.
    """
    if small.mode == "L":
        return small
    paper = small.convert("HSV").getchannel("S").point(lambda level: 255 * (level <= _COLOURFUL))
    known = paper.filter(ImageFilter.GaussianBlur(_PAPER_WINDOW))
    around = [
        ImageMath.lambda_eval(
            lambda args: args["convert"](args["sum"] * 255 / args["max"](args["known"], 1), "L"),
            sum=ImageChops.multiply(channel, paper).filter(ImageFilter.GaussianBlur(_PAPER_WINDOW)),
            known=known,
        )
        for channel in small.split()
    ]
    filled = small.copy()
    # Where all the surroundings are colourful there is nothing to go by, and nothing changes.
    filled.paste(Image.merge("RGB", around), (0, 0), ImageChops.darker(ImageChops.invert(paper), _some(known)))
    return filled


def _some(known: Image.Image) -> Image.Image:
    return known.point(lambda level: 255 * (level > _GUESS))


def _white(histogram: list[int]) -> int:
    """The grey that becomes white: below the paper and its own grain."""
    paper = max(range(_PAPER[0], 256), key=lambda level: histogram[level])
    edge = paper
    while edge > _PAPER[0] and 2 * histogram[edge] >= histogram[paper]:
        edge -= 1
    return min(max(paper - 2 * (paper - edge), _PAPER[0]), _PAPER[1])


def _noise(counts: list[int]) -> float:
    """Sigma of what changes from pixel to pixel, in levels: of its quieter part, for letters are not noise."""
    left = wanted = _QUIET * sum(counts)
    total = 0.0
    for distance, count in enumerate(counts):
        taken = min(count, left)
        total, left = total + taken * distance, left - taken
    return total / wanted * _TO_SIGMA


def _count(counts: list[int], more: list[int]) -> None:
    counts[:] = [a + b for a, b in zip(counts, more, strict=True)]


def _around_middle(histogram: list[int]) -> list[int]:
    """How many are so many levels away from 128, which stands for 0."""
    counts = [0] * 256
    for level, count in enumerate(histogram):
        counts[abs(level - 128)] += count
    return counts


def _percentile(histogram: list[int], share: float) -> int:
    """The level that `share` of the pixels are no brighter than."""
    wanted, seen = int(sum(histogram) * share), 0
    for level, count in enumerate(histogram):
        seen += count
        if seen > wanted:
            return level
    return 255
