"""Where uploaded bytes meet a decoder: disposable processes without network, credentials or other people's files.

`default()` is the process's one sandbox. Nothing outside this package may call `transforms.render.render` or
`transforms.probe.probe` on an upload.
"""

import os
import threading
from typing import Final

from transforms.sandbox.client import Sandbox
from transforms.sandbox.confine import Confinement

__all__ = ["Confinement", "Sandbox", "default"]

_lock: Final = threading.Lock()
_default: Sandbox | None = None


def default() -> Sandbox:
    """The sandbox of this process, made on first use; `RX_PDF_ENGINES` names the engines for PDF pages, in order.

    A forked copy of the process may call it as well: it gets processes of its own.
    """
    global _default
    if _default is None:
        with _lock:
            if _default is None:
                engines = os.environ.get("RX_PDF_ENGINES", "pdfium,poppler").split(",")
                _default = Sandbox(pdf_engines=tuple(name.strip() for name in engines))
    return _default
