"""Scaling by the fast resizer and by Pillow: the same picture, whatever the shape, the mode and the processor."""

import os
import subprocess
import sys

import pytest
from PIL import Image, ImageChops, ImageStat

from transforms.pixels import resize as module
from transforms.pixels.resize import resize

fast = module.fast()
needs_fast = pytest.mark.skipif(fast is None, reason="no wheel of the fast resizer for this machine")


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    """Around the middle grey: where colours are at their limit, the order of the two passes shows."""
    bands = [Image.effect_noise(size, 20) for _ in mode]
    return bands[0] if mode == "L" else Image.merge(mode, bands)


def by_pillow(monkeypatch: pytest.MonkeyPatch, *arguments, **options) -> Image.Image:
    with monkeypatch.context() as patch:
        patch.setattr(module, "fast", lambda: None)
        return resize(*arguments, **options)


@needs_fast
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(403, 311), (1, 1), (1, 700), (700, 1), (3, 5)])
@pytest.mark.parametrize("target", [(1, 1), (1, 5), (7, 1), (150, 111), (120, 333)])
def test_both_make_the_same_picture(monkeypatch, mode, size, target):
    image = noise(mode, size)
    for part in ((0, 0, 1, 1), (0.13, 0.21, 0.77, 0.93), (0, 0.5, 0.5, 1)):
        box = tuple(share * side for share, side in zip(part, size * 2, strict=True))
        found = resize(image, target, box=box)
        wanted = by_pillow(monkeypatch, image, target, box=box)
        assert (found.mode, found.size) == (wanted.mode, wanted.size) == (mode, target)
        # Where four times as small is asked, Pillow averages blocks first.
        blocks = any(4 * out <= end - at for out, at, end in zip(target, box[:2], box[2:], strict=True))
        difference = ImageStat.Stat(ImageChops.difference(found, wanted))
        assert max(high for _, high in difference.extrema) <= (25 if blocks else 3)


@pytest.mark.usefixtures("either_resizer")
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_the_colour_of_transparent_pixels_does_not_show(mode):
    image = Image.new(mode, (64, 64), (250, 0) if mode == "LA" else (250, 0, 250, 0))
    image.paste((40, 255) if mode == "LA" else (40, 40, 40, 255), (0, 0, 33, 64))
    small = resize(image, (20, 20))
    seen = {pixel[:-1] for pixel in small.get_flattened_data() if pixel[-1] > 100}
    assert len(small.getchannel("A").getcolors()) > 2, "nothing lies between opaque and transparent"
    assert all(abs(level - 40) <= 2 for pixel in seen for level in pixel)


@pytest.mark.usefixtures("either_resizer")
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_parts_join_to_the_whole(mode):
    image = noise(mode, (300, 240))
    if mode == "RGBA":
        image.putalpha(200)
    whole = resize(image, (200, 160))
    for left, top in ((0, 0), (75, 60), (225, 180)):
        part = resize(image, (50, 40), box=(left, top, left + 75, top + 60))
        at = (left * 2 // 3, top * 2 // 3)
        same = ImageChops.difference(part, whole.crop((*at, at[0] + 50, at[1] + 40)))
        assert max(high for _, high in ImageStat.Stat(same).extrema) <= 1


@pytest.mark.usefixtures("either_resizer")
def test_a_box_that_rounding_puts_a_hair_beyond_the_edge():
    image = Image.new("RGB", (96, 71), (10, 120, 200))
    for step in range(1, 60):
        left, top = 96 * step / 61, 71 * step / 61
        part = resize(image, (9, 7), box=(left, top, 96 * (1 + 2**-50), 71 * (1 + 2**-50)))
        assert part.getcolors() == [(63, (10, 120, 200))]
    assert resize(image, (9, 7), box=(-(2**-50), -(2**-50), 48, 30)).getcolors() == [(63, (10, 120, 200))]


@needs_fast
def test_no_box_makes_the_fast_one_read_what_is_not_there():
    """It is not memory-safe by itself: with other kernels, one box in some thousands ends the process."""
    code = (
        "import random; from PIL import Image; from transforms.pixels.resize import resize\n"
        "source = random.Random(1)\n"
        "for _ in range(4000):\n"
        "    wide, parts = source.randrange(20, 90), source.choice((1, 3, 5, 7, 8, 12, 375, 4000))\n"
        "    start = source.randrange(wide * parts // 2) / parts\n"
        "    end = source.randrange(wide * parts * 2 // 3, wide * parts) / parts\n"
        "    asked = max(1, round((end - start) * source.choice((1 / 5, 1 / 3, 1 / 2, 1, 2, 3, 5))))\n"
        "    resize(Image.new('RGB', (wide, wide)), (asked, asked), box=(start, start, end, end))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


@needs_fast
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
def test_every_processor_makes_the_same_bytes(mode):
    image, made = noise(mode, (401, 307)), set()
    options = fast.ResizeOptions(fast.ResizeAlg.convolution(fast.FilterType.lanczos3))
    best = fast.Resizer().cpu_extensions
    others = [kind for kind in fast.CpuExtensions if kind.value <= best.value and best is not fast.CpuExtensions.neon]
    for kind in (*others, best, fast.CpuExtensions.none):
        resizer, out = fast.Resizer(), Image.new(mode, (150, 99))
        resizer.cpu_extensions = kind
        resizer.resize_pil(image, out, options)
        made.add(out.tobytes())
    assert len(made) == 1


@needs_fast
def test_it_starts_no_threads():
    resize(noise("RGB", (1500, 1200)), (700, 500))
    code = (
        "import os; from PIL import Image; from transforms.pixels.resize import fast, resize; "
        "resize(Image.new('RGBA', (3000, 2000)), (700, 500)); assert fast(); print(len(os.listdir('/proc/self/task')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert run.stdout.strip() == "1"


def test_pillow_does_it_alone_where_its_memory_is_not_known(monkeypatch):
    module.fast.cache_clear()
    monkeypatch.setattr("PIL.__version__", "99.0.0")
    try:
        assert module.fast() is None
    finally:
        module.fast.cache_clear()
