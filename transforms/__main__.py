"""The library by hand: `python -m transforms probe FILE`, `python -m transforms render FILE 'full/max/0/default.png'`.

Runs in the sandbox like the service. For looking at one file; nothing here is used by the service.
"""

# ruff: noqa: T201  # printing is what a command does

import argparse
import sys
from pathlib import Path

from transforms.errors import TransformError
from transforms.render import RenderJob
from transforms.request.presets import PRESETS
from transforms.request.spec import Spec
from transforms.sandbox import default

_OWNER = "command-line"


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m transforms", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    probing = commands.add_parser("probe", help="what a file is: media type and upright page sizes")
    probing.add_argument("file", type=Path)
    rendering = commands.add_parser("render", help="one variant of one page")
    rendering.add_argument("file", type=Path)
    rendering.add_argument(
        "spec", help=f"region/size/rotation/quality.format, or one of {', '.join(PRESETS)}; see IIIF Image API 3.0"
    )
    rendering.add_argument("-o", "--output", type=Path, required=True)
    rendering.add_argument("--page", type=int, default=1, help="from 1 (default)")
    options = parser.parse_args(arguments)
    try:
        return _probe(options.file) if options.command == "probe" else _render(options)
    except (TransformError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        default().close()


def _probe(file: Path) -> int:
    found = default().probe(file.read_bytes(), owner=_OWNER)
    print(found.media_type)
    for number, (size, notices) in enumerate(zip(found.pages, found.notices, strict=True), start=1):
        print(f"page {number}: {size.width} x {size.height}", *notices)
    return 0


def _render(options: argparse.Namespace) -> int:
    data = options.file.read_bytes()
    spec = Spec.parse(PRESETS.get(options.spec, options.spec))
    found = default().probe(data, owner=_OWNER)
    if not 1 <= options.page <= len(found.pages):
        print(f"There is no page {options.page}: the file has {len(found.pages)}.", file=sys.stderr)
        return 1
    size = found.pages[options.page - 1]
    stored = spec.resolve(size)
    rendered = default().render(data, RenderJob(found.media_type, options.page, stored, size), owner=_OWNER)
    options.output.write_bytes(rendered.data)
    phases = ", ".join(f"{phase} {spent:.1f}" for phase, spent in rendered.timings.items())
    print(f"{stored}: {rendered.width} x {rendered.height}, {len(rendered.data)} bytes; ms: {phases}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
