"""This machine: what its renderers are confined by, what they draw with, and where there is room."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.checks import Error, run_checks

from prescriptions.ops.doctor.finding import Finding, Findings
from transforms import sandbox
from transforms.fonts import files
from transforms.limits import LIMITS

_SETTINGS: Final = Findings("settings")
_SAYS: Final = Findings("machine")
_PROTECTIONS: Final = {
    "seccomp": "The container must allow seccomp(2): see docs/explanation/sandbox.md. Without it nothing is rendered.",
    "landlock": "A kernel from 5.13 on with landlock in its list of security modules.",
    "capabilities_dropped": "Let the container drop its capabilities (cap_drop: ALL).",
    "no_new_privileges": "security_opt: no-new-privileges.",
}


def look_at_settings() -> Iterator[Finding]:
    """What the checks of the app say of the settings together, one line each."""
    said = [message for message in run_checks(include_deployment_checks=False) if not message.is_silenced()]
    for message in said:
        say = _SETTINGS.bad if isinstance(message, Error) else _SETTINGS.warn
        yield say(str(message.id), message.msg, message.hint or "See docs/reference/settings.md.")
    if not said:
        yield _SETTINGS.good("together", f"role {settings.RX_ROLE}, {settings.BASE_URL}")


def look() -> Iterator[Finding]:
    if settings.RX_ROLE in ("web", "generate", "worker", "manage"):
        yield from _renderers()
        yield _fonts()
    yield from _room()


def _renderers() -> Iterator[Finding]:
    held = sandbox.default().capabilities()
    lacking = held.missing
    for name in lacking:
        say = _SAYS.bad if name == "seccomp" else _SAYS.warn
        yield say(
            f"renderers: {name}", "not confined by it", _PROTECTIONS.get(name, "See docs/explanation/sandbox.md.")
        )
    if not lacking:
        yield _SAYS.good("renderers", f"confined: seccomp, landlock {held.landlock}, no capabilities")
    if "poppler" in settings.RX_PDF_ENGINES and not held.poppler:
        yield _SAYS.warn("second PDF engine", "pdftoppm cannot be run", "Install poppler-utils and poppler-data.")


def _fonts() -> Finding:
    missing = len(files.missing())
    if missing:
        seen = f"{missing} of {len(files.FILES)} missing"
        return _SAYS.warn(
            "fonts", seen, "npm ci --omit=dev --ignore-scripts; until then much text of PDFs is not drawn."
        )
    return _SAYS.good("fonts", f"{len(files.FILES)} files")


def _room() -> Iterator[Finding]:
    """Where uploads wait while they are checked, and where processes count."""
    uploads = Path(settings.RX_UPLOAD_DIR or "/tmp")  # noqa: S108 - where Python puts them then
    yield _folder("uploads", uploads, least=2 * LIMITS.pdf_bytes, setting="RX_UPLOAD_DIR")
    if settings.RX_METRICS_DIR:
        yield _folder("metrics", Path(settings.RX_METRICS_DIR), least=16 * 2**20, setting="RX_METRICS_DIR")


def _folder(name: str, folder: Path, *, least: int, setting: str) -> Finding:
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return _SAYS.bad(name, f"{folder} cannot be written", f"Make it, for this user alone, or change {setting}.")
    free = shutil.disk_usage(folder).free
    seen = f"{free / 2**20:,.0f} MiB free in {folder}"
    if free < least:
        return _SAYS.bad(name, seen, f"Make room: {least / 2**20:,.0f} MiB are needed, or change {setting}.")
    return _SAYS.good(name, seen)
