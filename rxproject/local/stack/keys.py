"""The secrets of one installation: made once, kept in `secrets.json` (0600), never printed."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rxproject.buckets import Identity
from rxproject.local.stack.errors import StackError
from rxproject.local.stack.state import write_private


def _token() -> str:
    return secrets.token_hex(32)


@dataclass(frozen=True, slots=True)
class Keys:
    """Every value is random hex; `s3` has the secret key of each identity, whose access key is its name."""

    web_secret: str = field(default_factory=_token)
    worker_secret: str = field(default_factory=_token)  # signs nothing that the web role would accept
    link_keys: str = field(default_factory=lambda: f"k1:{_token()}")
    audit_keys: str = field(default_factory=lambda: f"a1:{_token()}")
    redis_password: str = field(default_factory=_token)
    filer_read: str = field(default_factory=_token)
    filer_write: str = field(default_factory=_token)
    volume_write: str = field(default_factory=_token)
    gateway: str = field(default_factory=_token)
    s3: dict[str, str] = field(default_factory=lambda: {identity.value: _token() for identity in Identity})


def load_or_create(path: Path) -> Keys:
    """The keys in `path`; missing ones (all, on the first call) are made and kept.

    The caller holds the lock of the state directory.
    """
    try:
        known = json.loads(path.read_text()) if path.exists() else {}
        keys = Keys(**known)
    except (ValueError, TypeError) as error:
        raise StackError(
            f"{path} cannot be read as secrets ({error}). Restore it from a backup; or delete it to make "
            f"new secrets: every link and session then ends, the stored data stays.",
            exit_code=2,
        ) from error
    if asdict(keys) != known:
        write_private(path, json.dumps(asdict(keys), indent=1))
    return keys
