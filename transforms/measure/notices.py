"""What a page may not show of the file it came from: said to people, never a reason to refuse."""

from enum import StrEnum


class Notice(StrEnum):
    """Codes of what was noticed about a page at intake; stable, for rows and clients."""

    MISSING_GLYPHS = "missing-glyphs"  # text whose letters could not be drawn
    XFA = "xfa"  # the page only asks for another program: the form is in an XFA part that is not drawn
    PORTFOLIO = "portfolio"  # the page is the cover of other files inside the document
    CROP_BOX = "crop-box"  # its crop box lies outside the page; the whole page is shown
    CUT_OFF = "cut-off"  # a corner of the paper lies outside the photo
