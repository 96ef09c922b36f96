"""`--patient REF`, `--order REF` and `--client NAME`, as several commands take them."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from prescriptions.upkeep.together import Whose


def add_arguments(parser: ArgumentParser, *, required: bool) -> None:
    which = parser.add_mutually_exclusive_group(required=required)
    which.add_argument("--patient", metavar="REF", help="all of this patient")
    which.add_argument("--order", metavar="REF", help="all of this order")
    parser.add_argument("--client", default="", help="whose, where several clients use the same reference")


def whose(options: Mapping[str, Any]) -> Whose:
    if options.get("patient"):
        return Whose("patient_ref", options["patient"], options["client"])
    return Whose("order_ref", options.get("order") or "", options["client"])
