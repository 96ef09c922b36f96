"""`python -m rxproject.local.samples OUTDIR` writes one of each kind of sample."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rxproject.local import samples


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes one file of each kind and says which."""
    parser = argparse.ArgumentParser(prog="python -m rxproject.local.samples", description=__doc__)
    parser.add_argument("outdir", type=Path, help="folder to write to; made when missing")
    parser.add_argument("--seed", type=int, default=1, help="which prescription (default 1)")
    options = parser.parse_args(arguments)
    seed: int = options.seed
    outdir: Path = options.outdir
    files = {
        f"photo-{seed}.jpg": samples.phone_photo(seed),
        f"photo-{seed}.heic": samples.photo_heic(seed),
        f"scan-{seed}.jpg": samples.a4_scan(seed),
        f"three-pages-{seed}.pdf": samples.three_page_pdf(seed),
        f"page-{seed}.png": samples.as_png(seed),
        f"page-{seed}.webp": samples.as_webp(seed),
    }
    outdir.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (outdir / name).write_bytes(data)
        sys.stdout.write(f"{outdir / name}  {len(data):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
