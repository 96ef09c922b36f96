"""Was a PDF cut off? Engines repair what they can and show empty pages for what is lost: nobody would notice."""

import io
from typing import Any, Final

import pikepdf

_END: Final = b"%%EOF"
_TAIL: Final = 1024  # bytes from the end, where readers look for it


def ends(data: bytes) -> bool:
    """True if it ends as a PDF does; what fills up the last block of a disk does not count."""
    return _END in data[-_TAIL:] or _END in data.rstrip(b"\0\t\n\f\r ")[-_TAIL:]


def has_pages(data: bytes, count: int) -> bool:
    """True if there are so many pages and of each everything that it draws with can be read."""
    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            if len(document.pages) != count:
                return False
            for page in document.pages:
                _read(page.obj)
    except (pikepdf.PdfError, AttributeError, LookupError, TypeError, ValueError):
        return False
    return True


def _read(page: Any) -> None:
    contents = page.Contents
    for part in contents if isinstance(contents, pikepdf.Array) else [contents]:
        part.read_bytes()
    resources: Any = page.get("/Resources", {})
    for form in resources.get("/XObject", {}).values():
        form.read_raw_bytes()
