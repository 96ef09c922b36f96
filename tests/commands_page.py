"""docs/reference/commands.md, as the commands themselves tell it.

python -m tests.commands_page > docs/reference/commands.md
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import django
from django.core.management import load_command_class

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs/reference/commands.md"
HEAD: Final = """# Commands

What operators run; `python manage.py COMMAND --help` says the same. In Compose `docker compose exec web python
manage.py COMMAND`, and those that list or delete objects, or seal the audit log, in `beat`. Exit codes: 0, all is well;
1, something is not. This page is written by `python -m tests.commands_page`.
"""


def names(package: str) -> list[str]:
    """Of our commands, as they are typed."""
    found = (ROOT / package.replace(".", "/") / "management/commands").glob("*.py")
    return sorted(path.stem for path in found if path.stem != "__init__")


def ours(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What Django does not give every command."""
    django_own = {"help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color",
                  "skip_checks"}  # fmt: skip
    return [action for action in parser._actions if action.dest not in django_own]


def told(action: argparse.Action) -> str:
    """One row: what is typed, and what it means."""
    words = " ".join(filter(None, [", ".join(action.option_strings), _value(action)]))
    return f"| `{words}` | {' '.join((action.help or '').split())} |"


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    value = str(action.metavar or "").strip() or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    return f"{value} …" if action.nargs in ("*", "+") else value


def section(title: str, level: int, parser: argparse.ArgumentParser, about: str) -> Iterator[str]:
    yield f"\n{'#' * level} {title}"
    if about:
        yield "\n" + " ".join(about.split())
    rows = [action for action in ours(parser) if not isinstance(action, argparse._SubParsersAction)]
    if rows:
        yield "\n| | |\n|---|---|"
        yield from map(told, rows)
    for action in ours(parser):
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, child in action.choices.items():
                yield from section(f"{title} {name}", level + 1, child, helps.get(name, ""))


def page() -> str:
    parts = [HEAD.rstrip()]
    for app in ("prescriptions", "rxproject.local"):
        for name in names(app):
            command = load_command_class(app, name)
            typed = name.replace("_", "-") if name == "restore_check" else name
            parser = command.create_parser("manage.py", name)
            parts.extend(section(typed, 2, parser, command.help))
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    sys.stdout.write(page())
