"""Catalogues as gettext reads them (`django.mo`), compiled from what people edit (`django.po`) where they are missing
or older. In the image they are compiled when it is built: `python -m prescriptions.languages.catalogues`."""

import os
import tempfile
from pathlib import Path
from typing import Final

import polib

FOLDER: Final = Path(__file__).parent
PATHS: Final = (FOLDER / "customers", FOLDER / "staff")


def sources() -> list[Path]:
    """Every catalogue that people edit."""
    return sorted(source for path in PATHS for source in path.glob("*/LC_MESSAGES/django.po"))


def compile_stale() -> list[Path]:
    """Those that were compiled. Processes that start together may do it side by side: each replaces the file whole.

    Raises OSError where the folder cannot be written.
    """
    stale = [source for source in sources() if _is_stale(source, source.with_suffix(".mo"))]
    for source in stale:
        _compile(source, source.with_suffix(".mo"))
    return stale


def _is_stale(source: Path, target: Path) -> bool:
    return not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns


def _compile(source: Path, target: Path) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    os.close(handle)
    try:
        polib.pofile(str(source), encoding="utf-8").save_as_mofile(name)
        Path(name).chmod(0o644)  # the image's user reads what root compiled
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


if __name__ == "__main__":
    compile_stale()
