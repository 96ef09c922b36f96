"""Where a run keeps what it throws away (databases, objects, profiles): in memory where there is enough, or on disk.

Importing it decides: TMPDIR is read by this process, by pytest's `tmp_path` and by every server that tests start.
"""

import os
import shutil
import tempfile
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - everything in it is made by tempfile
# A whole run needs about a fifth of it; containers often have no more than 64 MiB.
_ENOUGH_BYTES = 2 * 1024**3


def folder() -> Path:
    """The place for temporary files; one that somebody chose (TMPDIR) is kept."""
    usual = Path(tempfile.gettempdir())
    if os.environ.get("TMPDIR") or not (_SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK)):
        return usual
    if os.statvfs(_SHARED_MEMORY).f_flag & os.ST_NOEXEC:  # some tests write programs and run them
        return usual
    return _SHARED_MEMORY if shutil.disk_usage(_SHARED_MEMORY).free >= _ENOUGH_BYTES else usual


FOLDER = folder()
os.environ["TMPDIR"] = tempfile.tempdir = str(FOLDER)
