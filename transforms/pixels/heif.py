"""HEIC and HEIF through libheif. Imported only when such a file comes."""

from functools import cache

import pillow_heif


@cache
def register() -> None:
    """Makes Pillow open HEIF. One thread (a renderer may not start more), and the main picture only."""
    pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
