"""The Lambda package: reproducible, small enough, and complete without anything installed beside it."""

import importlib.util
import io
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from tests.transforms import unembedded
from tests.transforms.fonts.test_pdfium import KOREAN
from transforms.fonts import files
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.render import RenderJob, render
from transforms.request.spec import Stored

ROOT = Path(__file__).parents[2]
HERE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
# Every kind of input and output that the handler can meet, with nothing but the package on the path.
RENDER_ALL = """
import io, sys
sys.path.insert(0, sys.argv[1])
import transforms.function.handler
from PIL import Image
from transforms.pixels import heif
from transforms.formats import OutputFormat, SourceType
from transforms.geometry import Size
from transforms.render import RenderJob, render
from transforms.request.spec import Stored
heif.register()
image = Image.new("RGB", (60, 40), "#cde")
sources = {}
for name in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "PDF"):
    out = io.BytesIO()
    image.save(out, name)
    sources[SourceType[name]] = out.getvalue()
for source, data in sources.items():
    page = Size(250, 167) if source is SourceType.PDF else Size(60, 40)
    for form in OutputFormat:
        stored = Stored.parse(f"full/{page}/0/default.{form}")
        rendered = render(data, RenderJob(media_type=source, page=1, stored=stored, page_size=page))
        print(source.name, form.name, len(rendered.data) > 0)
korean = open(sys.argv[2], "rb").read()
stored = Stored.parse("full/400,267/0/gray.png")
sys.stdout.flush()
job = RenderJob(media_type=SourceType.PDF, page=1, stored=stored, page_size=Size(400, 267))
sys.stdout.buffer.write(render(korean, job).data)
"""


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_zip", ROOT / "deploy/lambda/build_zip.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def index_needed() -> Iterator[None]:
    try:
        yield
    except subprocess.CalledProcessError:
        pytest.skip("the package index cannot be reached, or has no wheels for this Python")


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_package_for_arm_is_the_same_twice_and_small(builder: ModuleType, tmp_path: Path) -> None:
    with index_needed():
        first = builder.build("arm64", tmp_path / "first.zip")
        second = builder.build("arm64", tmp_path / "second.zip")

    assert first == second
    assert (tmp_path / "first.zip").stat().st_size < 50 * 1024 * 1024
    with zipfile.ZipFile(tmp_path / "first.zip") as package:
        names = package.namelist()
        assert names == sorted(names)
        assert {info.date_time for info in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        libraries = [name for name in names if ".so" in name]
        assert libraries
        assert all("x86_64" not in name for name in names)
        core = next(name for name in libraries if name.startswith("PIL/_imaging."))
        assert int.from_bytes(package.read(core)[18:20], "little") == 183  # ELF e_machine: AArch64
    tag = sys.implementation.cache_tag
    assert f"transforms/function/__pycache__/handler.{tag}.pyc" in names
    fonts = {name for name in names if name.endswith(".ttf")}
    assert fonts == {file.relative_to(ROOT).as_posix() for file in files.FILES}
    assert {f"{name.rsplit('/', 2)[0]}/LICENSE_FONT" for name in fonts} <= set(names)
    assert not [name for name in names if name.startswith(("django", "boto", "transforms/sandbox", "prescriptions"))]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_package_renders_everything_by_itself(builder: ModuleType, tmp_path: Path) -> None:
    with index_needed():
        builder.assemble(HERE, tmp_path / "task")

    korean = tmp_path / "korean.pdf"
    korean.write_bytes(unembedded.document(*KOREAN))

    # -S and -I: no site-packages, no PYTHONPATH
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RENDER_ALL, tmp_path / "task", korean], capture_output=True, check=False
    )

    assert run.stderr == b""
    *lines, picture = run.stdout.split(b"\n", 30)
    assert len(lines) == 30
    assert all(line.endswith(b"True") for line in lines)
    # The same picture as here, whose letters are drawn with the fonts in the package.
    here = render(
        korean.read_bytes(), RenderJob(SourceType.PDF, 1, Stored.parse("full/400,267/0/gray.png"), Size(400, 267))
    )
    assert Image.open(io.BytesIO(picture)).tobytes() == Image.open(io.BytesIO(here.data)).tobytes()


def test_without_the_fonts_there_is_no_package(
    builder: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(builder, "FONTS", (tmp_path / "Arimo.ttf", tmp_path / "Tinos.ttf"))

    with pytest.raises(SystemExit, match=r"2 fonts are not installed, such as Arimo\.ttf\. Run: npm ci"):
        builder.fonts()


def test_a_library_without_a_pin_is_named(builder: ModuleType) -> None:
    with pytest.raises(SystemExit, match="does not pin pillow"):
        builder.pinned("django==5.2 \\\n    --hash=sha256:00\n", ["pillow"])


def test_pins_keep_their_hashes(builder: ModuleType) -> None:
    text = (
        "a==1 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n    # via b\nPillow_Heif==2 \\\n    --hash=sha256:33\n"
    )

    assert builder.pinned(text, ["pillow-heif", "a"]) == (
        "Pillow_Heif==2 \\\n    --hash=sha256:33\na==1 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"
    )


def test_nothing_is_unpacked_outside_the_package(builder: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="outside the package"):
        builder.place(tmp_path / "task", "../evil.py", b"")

    assert list(tmp_path.iterdir()) == []
