"""Receipts: what an upload was, sealed, beside its originals, so that its rows can be written again without a database.

Put before the transaction that writes the rows, and announced like an original (`loose`): whoever was told "received"
has one, and an upload that died leaves none for long. It lies under the prescription's prefix, so an erasure takes it.
A receipt and not metadata of each original: files of a draft are stored before anybody knows which of them will be
sent, in which order and for whom, and 2 kB do not hold a hundred pages.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prescriptions.infra import storage
from prescriptions.infra.keys import sealing
from prescriptions.intake import loose
from prescriptions.intake.checked import Checked
from prescriptions.models import new_identifier
from transforms.geometry import Size
from transforms.keys import parse_receipt_key, receipt_key

_FORMAT: Final = "rx-receipt-v1"
_MEDIA_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One upload. `consent`: version and language; `key`: the Idempotency-Key and its fingerprint; both may be empty.

    What was measured of pages and thumbnails are left out: they are made again.
    """

    rx: str
    client: str
    order_ref: str
    patient_ref: str
    received: datetime
    files: tuple[Checked, ...]
    consent: tuple[str, ...] = ()
    key: tuple[str, ...] = ()


def put(receipt: Receipt) -> list[str]:
    """Store it; the ids to settle in the transaction that writes the rows, none where nothing can be sealed.

    Raises storage.StorageUnavailable; then nothing is left that the sweep would not find.
    """
    if not sealing.can_seal():
        return []
    receipt_id = new_identifier()
    key = receipt_key(receipt.rx, receipt_id)
    loose.announce(receipt.rx, [receipt_id])
    box = sealing.seal(json.dumps(_to_json(receipt), separators=(",", ":")).encode(), place=key)
    try:
        storage.put_original(key, box, media_type=_MEDIA_TYPE, sha256=hashlib.sha256(box).hexdigest())
    except BaseException:
        loose.discard(receipt.rx, [receipt_id])
        raise
    return [receipt_id]


def read(key: str) -> Receipt:
    """Raises sealing.NotOurs, storage.ObjectMissing, storage.StorageUnavailable."""
    _about, chunks = storage.open_original(key)
    content = json.loads(sealing.unseal(b"".join(chunks), place=key))
    found = parse_receipt_key(key)
    if found is None or content.get("format") != _FORMAT:
        raise sealing.NotOurs
    return _from_json(found.rx, content)


def _to_json(receipt: Receipt) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "client": receipt.client,
        "order": receipt.order_ref,
        "patient": receipt.patient_ref,
        "received": receipt.received.isoformat(),
        "consent": receipt.consent,
        "key": receipt.key,
        "files": [
            {
                "id": file.document_id,
                "type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "name": file.name,
                "pages": [[page.width, page.height] for page in file.pages],
                "notices": file.notices,
            }
            for file in receipt.files
        ],
    }


def _from_json(rx: str, content: dict[str, Any]) -> Receipt:
    return Receipt(
        rx=rx,
        client=content["client"],
        order_ref=content["order"],
        patient_ref=content["patient"],
        received=datetime.fromisoformat(content["received"]),
        consent=tuple(content["consent"]),
        key=tuple(content["key"]),
        files=tuple(_file(entry) for entry in content["files"]),
    )


def _file(entry: dict[str, Any]) -> Checked:
    pages = tuple(Size(*page) for page in entry["pages"])
    return Checked(
        document_id=entry["id"],
        media_type=entry["type"],
        size=entry["size"],
        sha256=entry["sha256"],
        name=entry["name"],
        pages=pages,
        notices=tuple(map(tuple, entry["notices"])),
        measures=(None,) * len(pages),
    )
