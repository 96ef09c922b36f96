"""The PDF engines by name, in order of trust, and what both hold of files. Loads neither."""

from typing import Final

PDFIUM: Final = "pdfium"
POPPLER: Final = "poppler"
ENGINES: Final = (PDFIUM, POPPLER)
LEAST: Final = 1.0  # point; a page that is narrower shows nothing
