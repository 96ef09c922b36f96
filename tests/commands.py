"""Management commands beside a running stack. One process imports Django; each command then costs a fork of it."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[1]
# A line in: arguments. A line out: exit status, stdout, stderr.
_LOOP: Final = """
import json, os, sys, tempfile
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rxproject.settings")
import django
from django.core.management import execute_from_command_line
django.setup()
for line in sys.stdin:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            execute_from_command_line(["manage.py", *json.loads(line)])
            sys.exit()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = [os.pread(file.fileno(), 1 << 20, 0).decode() for file in (out, err)]
    print(json.dumps([status, *said]), flush=True)
"""


class Commands:
    """Ends with `close`, or with the process that made it."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOOP], cwd=_ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, arguments: Sequence[str]) -> str:
        """What the command says. Raises AssertionError with its errors if it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        status, said, complained = json.loads(self._process.stdout.readline())
        assert status == 0, complained
        return str(said).strip()

    def close(self) -> None:
        self._process.communicate()
