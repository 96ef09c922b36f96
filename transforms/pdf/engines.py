"""The PDF engines by name, in order of trust. Loads neither: pictures need none of them."""

from typing import Final

PDFIUM: Final = "pdfium"
POPPLER: Final = "poppler"
ENGINES: Final = (PDFIUM, POPPLER)
