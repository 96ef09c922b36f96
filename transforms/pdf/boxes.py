"""The boxes of a page, in points: corners may be swapped, and what lies outside the media box is no part of it."""

from typing import Any

import pikepdf

from transforms.pdf.engines import LEAST


def upright(box: Any) -> pikepdf.Rectangle:
    """`box`, an array or a rectangle, with its lower left corner first."""
    found = pikepdf.Rectangle(box)
    return pikepdf.Rectangle(
        min(found.llx, found.urx), min(found.lly, found.ury), max(found.llx, found.urx), max(found.lly, found.ury)
    )


def visible(page: pikepdf.Page) -> pikepdf.Rectangle:
    """What is shown of `page`: its crop box within its media box; all of that where nothing would be left."""
    media, crop = upright(page.mediabox), upright(page.cropbox)
    shown = pikepdf.Rectangle(
        max(media.llx, crop.llx), max(media.lly, crop.lly), min(media.urx, crop.urx), min(media.ury, crop.ury)
    )
    return shown if shown.urx - shown.llx >= LEAST and shown.ury - shown.lly >= LEAST else media
