"""deploy/compose/certificates.py, which is a program and in no package; and what it makes, for servers of the tests."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tests.deploy.composefile import ROOT


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rx_certificates", ROOT / "deploy" / "compose" / "certificates.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


PROGRAM = _load()


def certificates(folder: Path) -> Path:
    """`folder` as the containers have /tls."""
    for name in ("authority", "trust", *PROGRAM.SERVERS):
        (folder / name).mkdir(parents=True)
    assert len(list(PROGRAM.make(folder))) == 1 + len(PROGRAM.SERVERS)
    return folder


def certificate_for(name: str, folder: Path) -> Path:
    """One more, of the same authority, for a server that is called `name`."""
    key, certificate = PROGRAM._signed((name,), *PROGRAM._read(folder / PROGRAM.AUTHORITY))
    PROGRAM._write(folder / f"{name}.pem", certificate, key, mode=0o600)
    return folder / f"{name}.pem"
