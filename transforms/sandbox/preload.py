"""Loads every engine once, before the zygote gives up the right to read most files and to start programs, and with it
everything that a renderer may need later: it opens no file any more.
"""

import codecs
import importlib
import os
import platform
from pathlib import Path
from typing import Final

import pypdfium2

from transforms.fonts import files
from transforms.pixels import heif
from transforms.sandbox import warm_up

# What the rest of `transforms` marks with "Lazy:": here it is needed now, for all children at once; a test compares.
LAZY: Final = (
    "PIL.ImageCms", "cykooz_resizer", "pdf2image", "pdf2image.exceptions", "pikepdf", "transforms.fonts.blanks",
    "transforms.pdf.appearances", "transforms.pdf.copies", "transforms.pdf.pages", "transforms.pdf.whole",
    "transforms.pdf.write", "transforms.pixels.heif", "transforms.pixels.mending",
)  # fmt: skip
_OF_LIBRARIES: Final = ("PIL.MpoImagePlugin",)  # for a JPEG that holds several pictures
# Python looks for a text encoding's code when it is first asked for it.
_ENCODINGS: Final = ("ascii", "latin-1", "cp1252", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32")
_FORMS: Final = (
    "default.jpg", "default.png", "default.webp", "default.avif", "default.pdf", "gray.jpg", "bitonal.png",
    "enhanced.jpg",
)  # fmt: skip

POPPLER_FOLDERS: Final = ("/usr/bin", "/usr/local/bin", "/opt/bin")
_POPPLER: Final = ("pdftoppm", "pdfinfo")
_LOADERS: Final = {
    "x86_64": "/lib64/ld-linux-x86-64.so.2",
    "aarch64": "/lib/ld-linux-aarch64.so.1",
}


def engines() -> None:
    """Imports and exercises the engines, so that their lazy parts are in memory too."""
    for name in (*LAZY, *_OF_LIBRARIES):
        try:
            importlib.import_module(name)
        except (ImportError, RuntimeError, OSError):
            continue  # confine.py reports what follows from it, and the render that needs it fails by itself
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)
    for font in files.installed():
        files.contents(font)
    heif.register()
    warm_up.run(*(warm_up.SMALL + form for form in _FORMS))
    blank = pypdfium2.PdfDocument.new()
    blank.new_page(200, 200).render(scale=0.1)
    blank.close()


def poppler() -> tuple[str, ...]:
    """Paths of poppler's programs and of the loader that starts them; empty where poppler is not installed."""
    for folder in POPPLER_FOLDERS:
        programs = [f"{folder}/{name}" for name in _POPPLER]
        if all(os.access(path, os.X_OK) for path in programs):
            loader = _LOADERS.get(platform.machine(), programs[0])
            return tuple(str(Path(path).resolve()) for path in (*programs, loader))
    return ()
