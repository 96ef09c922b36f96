"""Puts single-page PDFs together to one document, each page at its own size or on a sheet of A4.

Reads and writes files: while it works, the library holds the pages' streams once (at most `Limits.document_bytes`) and
never the result. The pages were made by a renderer, which has to be assumed hostile: this runs in the sandbox as well.
"""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO, Final

import pikepdf

A4: Final = (595.276, 841.890)  # points, upright


def assemble(pages: Sequence[BinaryIO], out: BinaryIO, *, a4: bool = False) -> None:
    """Writes the pages of `pages` (seekable PDFs) to `out`, in this order.

    `a4` centres each page on a sheet of A4, upright or lying as the page is seen; larger ones are made to fit, smaller
    ones keep their size. Raises pikepdf.PdfError.
    """
    with ExitStack() as opened, pikepdf.new() as target:
        for file in pages:
            source = opened.enter_context(pikepdf.open(file, access_mode=pikepdf.AccessMode.stream))
            for page in source.pages:
                if a4:
                    _on_sheet(target, page)
                else:
                    target.pages.append(page)
        target.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def _on_sheet(target: pikepdf.Pdf, page: pikepdf.Page) -> None:
    box, unit = pikepdf.Rectangle(page.trimbox), float(page.obj.get("/UserUnit", 1))
    size = (float(box.width) * unit, float(box.height) * unit)
    lying = (size[0] > size[1]) != (int(page.obj.get("/Rotate", 0)) % 180 != 0)
    sheet = (A4[1], A4[0]) if lying else A4
    shown = target.add_blank_page(page_size=sheet)
    # Not add_overlay(): it makes up a name, and the same pages shall give the same bytes.
    form = target.copy_foreign(page.as_form_xobject())
    name = shown.add_resource(form, pikepdf.Name.XObject, pikepdf.Name.Page)
    area = pikepdf.Rectangle(0, 0, *sheet)
    shown.contents_add(
        shown.calc_form_xobject_placement(
            form, name, area, allow_shrink=True, allow_expand=False, invert_transformations=True
        )
    )


class Part(io.RawIOBase):
    """A part of an open file, as a read-only file of its own. Parts of one file do not disturb each other."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        super().__init__()
        self._descriptor, self._start, self._size, self._at = descriptor, start, size, 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new position, in bytes from the start of the part."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """How many bytes were read; never more than are left of the part."""
        wanted = max(0, min(len(buffer), self._size - self._at))
        read = os.pread(self._descriptor, wanted, self._start + self._at)
        buffer[: len(read)] = read
        self._at += len(read)
        return len(read)


def parts(descriptor: int, sizes: Sequence[int]) -> Iterator[BinaryIO]:
    """The files of `sizes` bytes that lie back to back, from its start, in the open file `descriptor`."""
    start = 0
    for size in sizes:
        yield io.BufferedReader(Part(descriptor, start, size))
        start += size
