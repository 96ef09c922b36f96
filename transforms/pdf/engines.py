"""The PDF engines by name, in order of trust, and what both say of a damaged file. Loads neither."""

from typing import Final

PDFIUM: Final = "pdfium"
POPPLER: Final = "poppler"
ENGINES: Final = (PDFIUM, POPPLER)
DAMAGED: Final = "The PDF is damaged. Print it to a new PDF, or send a photo."
