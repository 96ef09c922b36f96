"""The bytes of a file that comes in pieces: what S3 has of it, and how they are read again.

A piece is an object of its own as soon as it has come. When those that lie there are as much as S3 takes as a part of a
multipart upload, they become one and go. So any host can go on, nothing waits in a process or on its disk, and a file
below that size never is a multipart upload at all.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from django.conf import settings

from prescriptions.infra import parts_s3, storage
from prescriptions.infra.parts_s3 import Part
from prescriptions.models import Incoming
from transforms.keys import assembled_key, incoming_prefix, piece_key, pieces_prefix

_MEDIA_TYPE: Final = "application/octet-stream"  # whatever its sender says it is
# Of pieces that are no part yet. With the next one they are put together, so that tiny ones do not become thousands.
LOOSE: Final = 16


def keep(row: Incoming, number: int, data: bytes) -> dict[str, object]:
    """Keep what comes behind the row's offset; what the row has to say when it is kept, for the caller to write.

    What was there stays until `tidy`, for whoever appends at the same moment. Raises storage.StorageUnavailable,
    storage.ObjectMissing where pieces that the row names are gone.
    """
    pieces = _parts(row.tail)
    waiting = sum(piece.size for piece in pieces)
    whole = row.offset + len(data) == row.length
    if waiting + len(data) >= parts_s3.LEAST or (whole and row.parts):
        upload = row.multipart or parts_s3.begin(assembled_key(row.pk), media_type=_MEDIA_TYPE)
        part = parts_s3.add(assembled_key(row.pk), upload, number, _joined(row.pk, pieces) + data)
        return {"multipart": upload, "parts": [*row.parts, _listed(part)], "tail": []}
    if len(pieces) >= LOOSE:
        data, pieces = _joined(row.pk, pieces) + data, []
    piece = Part(number, "", hashlib.sha256(data).hexdigest(), len(data))
    first = pieces[0].number if pieces else number
    storage.put_original(piece_key(row.pk, first, number), data, media_type=_MEDIA_TYPE, sha256=piece.sha256)
    return {"tail": [*row.tail, _listed(piece)] if pieces else [_listed(piece)]}


def undo(row: Incoming, number: int, changed: dict[str, object]) -> None:
    """What `keep` has put and no row will name. A part that others share a multipart with goes with the whole.

    Raises storage.StorageUnavailable.
    """
    if "multipart" not in changed:
        first = _parts(changed["tail"])[0].number  # type: ignore[arg-type]
        storage.delete_everything(settings.RX_ORIGINALS_BUCKET, piece_key(row.pk, first, number))
    elif not row.multipart:
        parts_s3.give_up(assembled_key(row.pk), str(changed["multipart"]))


def tidy(before: Incoming, now: Incoming) -> None:
    """Delete the pieces that were put together. Raises storage.StorageUnavailable."""
    if before.tail and before.tail[0] not in now.tail:
        storage.delete_everything(settings.RX_ORIGINALS_BUCKET, pieces_prefix(before.pk, before.tail[0][0]))


def read(row: Incoming) -> bytes:
    """All of a whole file, proved by the digest of each piece. Raises storage.ObjectMissing, StorageUnavailable."""
    if not row.parts:
        return _joined(row.pk, _parts(row.tail))
    key, parts = assembled_key(row.pk), _parts(row.parts)
    with suppress(storage.ObjectMissing):  # it is complete already, or the next call says that it is not there
        parts_s3.complete(key, row.multipart, parts)
    data = b"".join(storage.open_original(key)[1])
    at = 0
    for part in parts:
        if hashlib.sha256(data[at : at + part.size]).hexdigest() != part.sha256:
            raise storage.StorageUnavailable("get_object: a part's digest differs from its row")
        at += part.size
    return data


def missing(row: Incoming) -> int:
    """How many are not there of those that the row names and are no part yet. Raises storage.StorageUnavailable."""
    listed, lost = _parts(row.tail), 0
    for piece in listed:
        try:
            storage.head_original(piece_key(row.pk, listed[0].number, piece.number))
        except storage.ObjectMissing:
            lost += 1
    return lost


def delete(incoming: str) -> None:
    """Everything that S3 has of it, under way or kept. Raises storage.StorageUnavailable."""
    parts_s3.abort_everything(incoming_prefix(incoming))
    storage.delete_everything(settings.RX_ORIGINALS_BUCKET, incoming_prefix(incoming))


def _joined(incoming: str, pieces: Sequence[Part]) -> bytes:
    keys = (piece_key(incoming, pieces[0].number, piece.number) for piece in pieces)
    return b"".join(storage.get_original(key, sha256=piece.sha256) for key, piece in zip(keys, pieces, strict=True))


def _parts(listed: Sequence[Sequence[object]]) -> list[Part]:
    return [Part(int(str(number)), str(etag), str(sha256), int(str(size))) for number, etag, sha256, size in listed]


def _listed(part: Part) -> list[object]:
    return [part.number, part.etag, part.sha256, part.size]
