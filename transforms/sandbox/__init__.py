"""Where uploaded bytes meet a decoder: disposable processes without network, credentials or others' files.

`default()` is the process's one sandbox. Nothing outside this package may call `transforms.render.render` or
`transforms.measure.probe.probe` on an upload.
"""

from transforms.sandbox.client import Sandbox
from transforms.sandbox.confine import Confinement

__all__ = ["Confinement", "Sandbox", "default", "use"]

_DEFAULT = Sandbox()


def default() -> Sandbox:
    """The sandbox of this process.

    A forked copy of the process may call it as well: it gets processes of its own.
    """
    return _DEFAULT


def use(sandbox: Sandbox) -> None:
    """Make it the sandbox of this process: whoever has settings calls this once, before anything is rendered."""
    global _DEFAULT
    _DEFAULT = sandbox
