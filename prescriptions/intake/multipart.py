"""Reads multipart bodies so that no file is lost for its name: Django drops one that is called "." or written in
Latin-1 without a word.

For every upload, by form and by API: `FILE_UPLOAD_HANDLERS` names it. The bytes are kept by Django's own handlers.
"""

from collections.abc import Iterator
from typing import Any, Final

from django.core.files.uploadhandler import FileUploadHandler, MemoryFileUploadHandler, TemporaryFileUploadHandler
from django.http.multipartparser import MultiPartParser

NAMELESS: Final = "file"
_PIECE: Final = 64 * 1024
_HEAD: Final = 8 * 1024  # of a part, bytes; the parser refuses less


class AnyName(FileUploadHandler):
    """Takes the parsing over, and changes nothing but names."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],  # noqa: N803 - Django's
        content_length: int,
        boundary: Any,  # bytes
        encoding: str | None = None,
    ) -> tuple[Any, Any]:
        """The form's fields and its files. Raises MultiPartParserError, SuspiciousOperation."""
        handlers = [MemoryFileUploadHandler(self.request), _ToDisk(self.request)]
        body: Any = Readable(input_data, boundary)
        return _Parser(META, body, handlers, encoding).parse()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Never called."""
        raise NotImplementedError

    def file_complete(self, file_size: int) -> None:
        """Never called."""
        raise NotImplementedError


class _Parser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str:
        return super().sanitize_file_name(file_name) or NAMELESS


class _ToDisk(TemporaryFileUploadHandler):
    """Django ends a file's path with whatever follows the last dot of its name, however long."""

    def new_file(self, field_name: str, file_name: str, *rest: Any, **more: Any) -> None:
        super().new_file(field_name, NAMELESS, *rest, **more)
        self.file_name = self.file.name = file_name


class Readable:
    """A multipart body whose parts have their headers in UTF-8; those in another encoding are taken for Windows-1252,
    as browsers do.
    """

    def __init__(self, body: Any, boundary: bytes) -> None:
        self._pieces = _rewritten(body, b"--" + boundary)

    def read(self, _size: int = -1) -> bytes:
        """The next bytes, none at the end."""
        return next(self._pieces, b"")


def _rewritten(body: Any, delimiter: bytes) -> Iterator[bytes]:
    """Never an empty piece, and none that is cut in a delimiter or in the headers behind it."""
    held, ended, in_head = b"", False, False
    while held or not ended:
        mark, limit = (b"\r\n\r\n", _HEAD) if in_head else (delimiter, len(delimiter) - 1)
        at = held.find(mark)
        if at < 0 and not ended and (not in_head or len(held) < limit):
            if not in_head and len(held) > limit:
                yield held[: len(held) - limit]
                held = held[-limit:]
            more = body.read(_PIECE)
            held, ended = held + more, not more
            continue
        end = at + len(mark) if at >= 0 else len(held)
        part, held = held[:end], held[end:]
        yield _in_utf8(part) if in_head and at >= 0 else part
        in_head = at >= 0 and not in_head


def _in_utf8(head: bytes) -> bytes:
    try:
        head.decode()
    except UnicodeDecodeError:
        pass
    else:
        return head
    return head.decode("cp1252", "replace").encode()
