"""Loads every engine once, before the zygote gives up the right to read files: a child can import nothing new from
outside the engines' own folders.
"""

import os
import platform
from pathlib import Path
from typing import Final

import pypdfium2

from transforms import documents, heif
from transforms.sandbox import workout

_POPPLER: Final = ("pdftoppm", "pdfinfo", "pdftocairo")
_FOLDERS: Final = ("/usr/bin", "/usr/local/bin", "/opt/bin", "/opt/homebrew/bin")
_LOADERS: Final = {
    "x86_64": "/lib64/ld-linux-x86-64.so.2",
    "aarch64": "/lib/ld-linux-aarch64.so.1",
}


def engines() -> None:
    """Imports and exercises the engines, so that their lazy parts are in memory too."""
    heif.register()
    workout.run("jpg", "png", "webp", "avif")
    blank = pypdfium2.PdfDocument.new()
    blank.new_page(200, 200)
    blank[0].render(scale=0.1)
    blank.close()
    documents.nominal_size(200, 200)


def poppler() -> tuple[str, ...]:
    """Paths of poppler's programs and of the loader that starts them; empty where pdftoppm is not installed."""
    found = [
        path for folder in _FOLDERS for name in _POPPLER if os.access(path := f"{folder}/{name}", os.X_OK)
    ]
    if not any(Path(path).name == _POPPLER[0] for path in found):
        return ()
    return (*map(os.path.realpath, found), os.path.realpath(_LOADERS.get(platform.machine(), found[0])))
