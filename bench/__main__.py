"""All benchmarks, one after the other, each in a process of its own: `python -m bench [--only NAME] [--write]`.

Never two at once: on a small machine they would measure each other. Results stay in build/bench/; `--write` makes
docs/reference/benchmarks.md of all that are there, `--no-run --write` without measuring anything first.
"""

import argparse
import subprocess
import sys

from bench import page
from bench.registry import MODULES
from bench.rows import RESULTS, ROOT, here


def main() -> int:
    """Returns the number of benchmarks that ended badly. What they measured before that is kept."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=MODULES, action="append", help="this one; may be given more than once")
    parser.add_argument("--write", action="store_true", help=f"write {page.PAGE.relative_to(ROOT)}")
    parser.add_argument("--no-run", action="store_true", help="measure nothing")
    options = parser.parse_args()
    failed = []
    for name in () if options.no_run else options.only or MODULES:
        print(f"\n== {name} ==  {here()}", flush=True)
        (RESULTS / f"{name}.json").unlink(missing_ok=True)  # an older result must not stand for one that failed
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT, check=False).returncode:
            failed.append(name)
    if options.write:
        print(f"\nwritten: {page.write()}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
