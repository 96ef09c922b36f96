"""`manage.py demo_load --output PATH`: load the demo content and write what var/demo.json says."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from rxproject.local.demo.load import load, read


class Command(BaseCommand):
    help = "Loads sample prescriptions, users and a token; what is there already stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", type=Path, required=True, help="a JSON file of what was made")

    def handle(self, *args: Any, output: Path, **options: Any) -> None:
        content = load(before=read(output))
        output.touch(mode=0o600)  # it has passwords
        output.write_text(json.dumps(content, indent=2) + "\n")
