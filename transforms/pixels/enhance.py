"""Makes a phone photo of a page read like a scan: even light, white paper, dark ink in its own colour.

Pure, deterministic and pointwise: geometry never changes, and tiles of one page match because everything is measured
once on a small proxy of the whole page. Pillow only.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageMath

from transforms.pixels.plan import Plan
from transforms.pixels.resize import resize
from transforms.version import PIPELINE

_MAP_SIDE: Final = 96  # longest side of the light map, in map pixels; shadows are soft, ink is not
_PAPER_WINDOW: Final = 13  # map pixels: wider than letters and most headings, narrower than shadows
_PAPER_RANK: Final = 0.9  # of a neighbourhood: paper is as bright as its brightest tenth
_BLUR: Final = 2  # map pixels
_COLOURFUL: Final = 110  # HSV saturation: a printed band or a stamp, not paper in the warmest lamp light
_GUESS: Final = 8  # of 255: the share of paper around that is enough to go by
_LIFT: Final = 2.5  # a table top or a black-and-white photo must not be pulled up to white
_BAND_PIXELS: Final = 1_000_000  # arithmetic needs 32-bit copies: one band at a time keeps them small
_PAPER: Final = (225, 246)  # bounds of the grey that becomes white, after the light is even
_SAG: Final = 5  # of 10, where 10 is a straight line
_INK: Final = (0, 56)  # bounds of the grey that becomes black: higher, and blue ink would lose its colour
_TINT: Final = 4  # colour this weak is the paper's, or noise
_STAMP: Final = f"{PIPELINE}\n".encode()  # a new pipeline may measure differently: what is stored must not count
_HEAD: Final = struct.Struct(">BBBHH")  # white, black, bands, width, height
_MODES: Final = {1: "L", 3: "RGB"}
_VIVID: Final = (5, 4)  # what is left is ink or a stamp: a quarter stronger, as darkening alone would dull it


@dataclass(frozen=True, slots=True)
class Look:
    """What was measured on the proxy: how bright the paper is in each place and channel, and where ink starts."""

    light: Image.Image
    white: int
    black: int

    def encode(self) -> bytes:
        """A few kilobytes that `decode` reads."""
        head = _HEAD.pack(self.white, self.black, len(self.light.getbands()), *self.light.size)
        return _STAMP + head + zlib.compress(self.light.tobytes(), 9)


def decode(data: bytes) -> Look | None:
    """What `Look.encode` wrote; None for anything else, as for what another pipeline has measured."""
    body = data.removeprefix(_STAMP)
    if len(body) == len(data) or len(body) <= _HEAD.size:
        return None
    white, black, bands, width, height = _HEAD.unpack_from(body)
    if bands not in _MODES or not 0 < width <= _MAP_SIDE or not 0 < height <= _MAP_SIDE or white <= black:
        return None
    length = width * height * bands
    try:
        pixels = zlib.decompressobj().decompress(body[_HEAD.size :], length + 1)
    except zlib.error:
        return None
    if len(pixels) != length:
        return None
    return Look(Image.frombytes(_MODES[bands], (width, height), pixels), white, black)


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
    floor = max(1, int(_brightest_paper(light) / _LIFT))
    light = light.point(lambda level: max(level, floor))
    gray, paper = proxy.convert("L"), resize(light.convert("L"), proxy.size, kernel=Image.Resampling.BICUBIC)
    white, black = _levels(_even(gray, paper).histogram())
    return Look(light, white, black)


def apply(image: Image.Image, look: Look, plan: Plan) -> Image.Image:
    """`image` is the scaled crop of `plan`, not yet turned; mode L or RGB."""
    across, down = look.light.width / plan.source.width, look.light.height / plan.source.height
    crop = plan.crop
    box = (crop.x * across, crop.y * down, crop.right * across, crop.bottom * down)
    light = resize(look.light, image.size, box=box, kernel=Image.Resampling.BICUBIC)
    out = Image.new(image.mode, image.size)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = (0, top, image.width, min(image.height, top + rows))
        out.paste(_even(image.crop(band), light.crop(band)), band)
    if out.mode == "L":
        return out.point(_curve(look.white, look.black))
    colour = _chroma()
    return out.convert("YCbCr").point(_curve(look.white, look.black) + colour + colour).convert("RGB")


def _even(image: Image.Image, light: Image.Image) -> Image.Image:
    """Each channel divided by the paper's brightness there: paper comes out near 255, whatever lit it."""
    channels = [
        ImageMath.lambda_eval(
            lambda args: args["convert"]((args["a"] * 510 + args["b"]) / (args["b"] * 2), "L"), a=channel, b=paper
        )
        for channel, paper in zip(image.split(), light.split(), strict=True)
    ]
    return channels[0] if len(channels) == 1 else Image.merge(image.mode, channels)


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


def _brightest_paper(light: Image.Image) -> int:
    """The grey that a tenth of the page is brighter than."""
    histogram = light.convert("L").histogram()
    return _percentile(histogram, 0.9)


def _levels(histogram: list[int]) -> tuple[int, int]:
    """(white, black): the paper's own grain goes to white, the darkest ink to black. Faint strokes stay between."""
    paper = max(range(_PAPER[0], 256), key=lambda level: histogram[level])
    edge = paper
    while edge > _PAPER[0] and 2 * histogram[edge] >= histogram[paper]:
        edge -= 1
    white = min(max(paper - 2 * (paper - edge), _PAPER[0]), _PAPER[1])
    black = min(max(_percentile(histogram, 0.01), _INK[0]), _INK[1])
    return white, black


def _curve(white: int, black: int) -> list[int]:
    """From black to white, sagging a little in between so that pencil gets darker. In exact arithmetic."""
    span = white - black
    steps = [min(span, max(0, level - black)) for level in range(256)]
    return [255 * step * (_SAG * span + (10 - _SAG) * step) // (10 * span * span) for step in steps]


def _chroma() -> list[int]:
    """Cb or Cr, whose middle is 128: weak colours to none, others stronger."""
    gain, per = _VIVID
    out = []
    for level in range(256):
        strength = max(0, abs(level - 128) - _TINT) * gain // per
        out.append(min(255, max(0, 128 + (strength if level > 128 else -strength))))
    return out


def _percentile(histogram: list[int], share: float) -> int:
    """The level that `share` of the pixels are no brighter than."""
    wanted, seen = int(sum(histogram) * share), 0
    for level, count in enumerate(histogram):
        seen += count
        if seen > wanted:
            return level
    return 255
