"""A renderer that was taken over: an upload that begins with HOSTILE is executed in it (`hostile_boot.py`). Everything
else is the real thing: zygote, limits, filters and channels.
"""

import textwrap
from pathlib import Path
from typing import Final

import pytest

from tests.transforms.sandbox.processes import JOB
from transforms.errors import TransformError
from transforms.render import RenderJob
from transforms.sandbox import Sandbox

BOOT: Final = Path(__file__).with_name("hostile_boot.py")
RENDERED: Final = "from transforms.render import Rendered\nrendered = Rendered(%s, %s, %s, %s, {'open': 1.0})"
REFUSED: Final = ("Operation not permitted", "Permission denied", "Function not implemented")
CHANNEL, SOURCE, RESULT = 3, 4, 5  # its descriptors, besides standard input, output and errors
_MARK: Final = b"\xff\xd8\xff"
_SAYING: Final = f"rendered = Rendered({_MARK!r} + str(said).encode(), 'image/jpeg', 160, 120, {{}})"


def hostile(program: str) -> bytes:
    """An upload that executes `program`."""
    return b"HOSTILE" + textwrap.dedent(program).encode()


def attack(box: Sandbox, program: str, job: RenderJob = JOB, *, owner: str = "villain") -> str:
    """What the program leaves in `said`, or the error that the kernel answers it with.

    It takes the only way out of a renderer that there is: a picture of its own prescription, which nobody opens.
    """
    code = (
        "try:\n"
        + textwrap.indent(textwrap.dedent(program), "    ")
        + "\nexcept OSError as error:\n    said = error.strerror"
        + f"\nimport os\nos.lseek({RESULT}, 0, 0)\nfrom transforms.render import Rendered\n{_SAYING}"
    )
    return box.render(b"HOSTILE" + code.encode(), job, owner=owner).data.removeprefix(_MARK).decode()


def explode(box: Sandbox, program: str, *, owner: str = "bomber") -> TransformError:
    """The error of a render by an owner whose child is not used again."""
    with pytest.raises(TransformError) as raised:
        box.render(hostile(program), JOB, owner=owner)
    return raised.value
