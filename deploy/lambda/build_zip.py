"""Builds the Lambda package from wheels: transforms and the few libraries it needs, the same bytes each time.

Run: python deploy/lambda/build_zip.py [--arch arm64|x86_64]. It is for the Python that runs it, whose byte code it
holds: Lambda cannot write any, and compiling takes longer than all the rest of a cold start.
"""

import argparse
import fnmatch
import hashlib
import os
import re
import runpy
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
# What transforms.function.handler can reach. poppler has no wheel: the second PDF engine is for servers.
LIBRARIES: Final = ("pillow", "pillow-heif", "pypdfium2", "img2pdf", "pikepdf", "lxml", "packaging")
FOR_ONE_ARCH: Final = {"arm64": (), "x86_64": ("cykooz-resizer",)}  # no wheel for Linux on arm64: Pillow scales there
MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
GLIBCS: Final = ("2014", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34")  # Amazon Linux 2023 has 2.34
LIMIT: Final = 50 * 1024 * 1024  # Lambda, package uploaded directly
# For compilers and type checkers; and what pip itself does not install as a library.
LEFT_OUT: Final = (
    "*.pyi", "*.pyx", "*.pxd", "*.pxi", "*.h", "*/py.typed", "*/tests/*", "lxml/includes/*", "lxml/isoschematron/*",
    "*.dist-info/RECORD", "*.data/scripts/*", "*/__pycache__/*", "transforms/sandbox/*",
)  # fmt: skip
FONTS: Final[tuple[Path, ...]] = runpy.run_path(str(ROOT / "transforms/fonts/files.py"))["FILES"]
EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold
_COMPILE: Final = """
import pathlib, py_compile, sys
for name in sys.stdin.read().split():
    target = pathlib.PurePosixPath("/var/task", name)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH  # the sources never change there
    py_compile.compile(name, dfile=str(target), doraise=True, invalidation_mode=mode)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=MACHINES, default="arm64")
    parser.add_argument("--out", type=Path, help="default: dist/lambda-<arch>.zip")
    options = parser.parse_args()
    out: Path = options.out or ROOT / "dist" / f"lambda-{options.arch}.zip"
    digest = build(options.arch, out)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.stdout.write(f"{out}\n{out.stat().st_size / 2**20:.1f} MiB  sha256 {digest}\n")
    sys.stdout.write(f"deploy it with PythonRuntime={python}\n")


def build(arch: str, out: Path) -> str:
    """Write the package for `arch` to `out`; returns its SHA-256. Exits with a message if it is too large."""
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder, "task")
        assemble(arch, task)
        pack(task, out)
    size = out.stat().st_size
    if size > LIMIT:
        sys.exit(f"{out} has {size} bytes, Lambda takes {LIMIT}. Leave something out, or deploy it through S3.")
    return hashlib.sha256(out.read_bytes()).hexdigest()


def assemble(arch: str, task: Path) -> None:
    """Put everything that belongs into the package for `arch` into the folder `task`."""
    with tempfile.TemporaryDirectory() as wheels:
        download(arch, Path(wheels))
        for wheel in sorted(Path(wheels).glob("*.whl")):
            unpack(wheel, task)
    for source in sorted((ROOT / "transforms").rglob("*.py")):
        place(task, source.relative_to(ROOT).as_posix(), source.read_bytes())
    for font in fonts():
        place(task, font.relative_to(ROOT).as_posix(), font.read_bytes())
    compile_all(task)


def fonts() -> list[Path]:
    """The fonts and their licences. Exits if they are not installed: text would be missing, and only there."""
    if lost := [font.name for font in FONTS if not font.is_file()]:
        sys.exit(f"{len(lost)} fonts are not installed, such as {lost[0]}. Run: npm ci --omit=dev --ignore-scripts")
    return sorted({*FONTS, *(font.parents[1] / "LICENSE_FONT" for font in FONTS)})


def pinned(requirements: str, names: Iterable[str]) -> str:
    """The entries of those names, hashes and all, in the text of a requirements file."""
    entries = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", requirements):
        found = re.match(r"([A-Za-z0-9_.-]+)==", entry)
        if found:
            # Markers speak of the machine that installs, which need not be the one it is for.
            plain = re.sub(r"(?m)^\s*#.*$", "", re.sub(r" ;[^\\\n]*", " ", entry, count=1))
            entries[found[1].lower().replace("_", "-")] = plain.rstrip(" \\\n")
    missing = [name for name in names if name not in entries]
    if missing:
        sys.exit(f"requirements.txt does not pin {', '.join(missing)}: compile it again.")
    return "\n".join(entries[name] for name in names) + "\n"


def download(arch: str, wheels: Path) -> None:
    """Get the pinned wheels for `arch`, whatever machine this is. Raises CalledProcessError."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write(pinned((ROOT / "requirements.txt").read_text(), LIBRARIES + FOR_ONE_ARCH[arch]))
        listed.flush()
        platforms = [f"--platform=manylinux{glibc}_{MACHINES[arch]}" for glibc in GLIBCS]
        version = f"--python-version={sys.version_info.major}.{sys.version_info.minor}"
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--require-hashes"]
        command += ["--disable-pip-version-check", "--only-binary=:all:", *platforms, version]
        subprocess.run([*command, f"--dest={wheels}", f"--requirement={listed.name}"], check=True)


def unpack(wheel: Path, task: Path) -> None:
    """Put a wheel's files where an installation would."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                # `name.data/purelib/...` is where some wheels keep what belongs to the top.
                name = re.sub(r"^[^/]+\.data/(?:purelib|platlib)/", "", info.filename)
                place(task, name, archive.read(info))


def place(task: Path, name: str, data: bytes) -> None:
    """Write one file of the package unless it is to be left out. Exits if `name` leads out of it."""
    if any(fnmatch.fnmatch(name, pattern) for pattern in LEFT_OUT):
        return
    path = task / PurePosixPath(name)
    if not path.resolve().is_relative_to(task.resolve()):
        sys.exit(f"{name} would be written outside the package.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def compile_all(task: Path) -> None:
    """Byte code for all modules, by a process with a fixed hash seed: the order of set constants is part of it."""
    names = sorted(path.relative_to(task).as_posix() for path in task.rglob("*.py"))
    env = {"PATH": os.defpath, "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "-c", _COMPILE], cwd=task, env=env, input="\n".join(names), text=True, check=True)


def pack(task: Path, out: Path) -> None:
    """Zip the folder: names in order, times and rights the same on every machine."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(task.rglob("*"), key=lambda found: found.relative_to(task).as_posix()):
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(task).as_posix(), EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3  # Unix, wherever it is built
                info.external_attr = 0o100644 << 16
                archive.writestr(info, path.read_bytes())


if __name__ == "__main__":
    main()
