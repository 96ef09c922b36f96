"""A file that has come in pieces, as intake reads files."""

from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import UploadedFile

from prescriptions.infra import storage
from prescriptions.infra.guards import bulkheads
from prescriptions.intake import accepting, multipart
from prescriptions.intake.tus import pieces, uploads
from prescriptions.models import Incoming

if TYPE_CHECKING:
    _File = UploadedFile[Any]  # generic for the type checker only
else:
    _File = UploadedFile


class Arrived(_File):
    """Fetched when it is read, and let go when it was read to its end: of ten files one is in memory."""

    def __init__(self, row: Incoming) -> None:
        name = accepting.display_name(uploads.name_of(row))
        super().__init__(None, multipart.NAMELESS if name in ("", ".", "..") else name, size=row.length)
        self.row, self._data, self._at = row, b"", 0

    def seek(self, at: int, _whence: int = 0) -> int:
        """From the beginning."""
        self._at = at
        return at

    def read(self, size: int = -1) -> bytes:
        """Raises Problem 409 where it was used meanwhile, 410 where it ended or is lost; storage.StorageUnavailable."""
        if not self._data:
            bulkheads.give_back_connection()
            try:
                self._data = pieces.read(self.row)
            except storage.ObjectMissing:
                raise uploads.overtaken(self.row) from None
        end = len(self._data) if size < 0 else self._at + size
        found, self._at = self._data[self._at : end], min(end, len(self._data))
        if size < 0:
            self._data = b""
        return found

    def close(self) -> None:
        """Let go of what was read of it; it can be read again."""
        self._data = b""
