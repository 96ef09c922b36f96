"""`manage.py rxwhy ADDRESS | ID`: why an address answers as it does, and what to do about it."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM
from prescriptions.ops import why


class Command(BaseCommand):
    help = "Says why an address, an id or a key of S3 is answered as it is, and what to do. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("asked", help="whole, in quotes; - reads it from stdin, so that no shell's history has it")

    def handle(self, *args: Any, asked: str, **options: Any) -> None:
        found = why.explain(sys.stdin.readline() if asked == "-" else asked)
        audit.all_looked(found.rxs, audit.Verb.PRESCRIPTION_VIEWED, actor=SYSTEM, data={"part": "explain"})
        self.stdout.write(str(found.verdict))
        for say, text in (("do", found.verdict.do), ("rule", found.verdict.rule)):
            if text:
                self.stdout.write(f"  {say}: {text}")
        for ending in found.behind:
            self.stdout.write(f"  behind it: {ending}")
        for part, facts in found.parts().items():
            self.stdout.write(f"\n{part}")
            width = max(len(fact.name) for fact in facts)
            for fact in facts:
                self.stdout.write(f"  {fact.name:<{width}}  {fact.value}")
