"""Where uploaded bytes meet a decoder: disposable processes without network, credentials or others' files.

`default()` is the process's one sandbox. Nothing outside this package may call `transforms.render.render` or
`transforms.measure.probe.probe` on an upload.
"""

import os
from typing import Final

from transforms.sandbox.client import Sandbox
from transforms.sandbox.confine import Confinement

__all__ = ["Confinement", "Sandbox", "default"]

_ENGINES: Final = os.environ.get("RX_PDF_ENGINES", "pdfium,poppler")
_DEFAULT: Final = Sandbox(pdf_engines=tuple(name.strip() for name in _ENGINES.split(",")))


def default() -> Sandbox:
    """The sandbox of this process, with the shipped limits. `RX_PDF_ENGINES` names the engines for PDF pages.

    A forked copy of the process may call it as well: it gets processes of its own.
    """
    return _DEFAULT
