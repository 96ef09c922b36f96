#!/usr/bin/env python
"""The management commands. While a stack runs in this checkout, they use its settings (var/stack.env)."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line


def use_running_stack() -> None:
    """Take what the environment does not say from the stack that `runstack` started in this checkout."""
    if len(sys.argv) > 1 and sys.argv[1] == "runstack":
        return  # it writes that file; an old one must not steer it
    state = Path(os.environ.get("RX_STATE_DIR") or Path(__file__).resolve().parent / "var")
    try:
        lines = (state / "stack.env").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        name, separator, value = line.partition("=")
        if separator:
            os.environ.setdefault(name, value)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rxproject.settings")
    use_running_stack()
    if sys.argv[1:2] == ["restore-check"]:  # a module's name has no hyphen
        sys.argv[1] = "restore_check"
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
