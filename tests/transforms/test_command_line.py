"""`python -m transforms` on real files, through the real sandbox."""

import io
import subprocess
import sys

import pytest
from PIL import Image

from tests.transforms import fixtures


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "transforms", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "rx.pdf"
    path.write_bytes(fixtures.vector_pdf(3))
    return path


def test_probe_prints_type_and_sizes(document):
    done = run("probe", document)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["application/pdf", *(f"page {n}: 400 x 267" for n in (1, 2, 3))]


@pytest.mark.parametrize(("spec", "size"), [("full/!200,200/0/default.webp", (200, 134)), ("thumb", (200, 134))])
def test_render_writes_the_variant(document, tmp_path, spec, size):
    output = tmp_path / "out.webp"
    done = run("render", document, "--page", 2, spec, "-o", output)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("full/200,134/0/default.webp: 200 x 134, ")
    assert Image.open(io.BytesIO(output.read_bytes())).size == size


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--page", 4, "thumb"), "There is no page 4"),
        (("full/max/45/default.webp",), "rotation"),
    ],
)
def test_a_refusal_says_why_and_writes_nothing(document, tmp_path, arguments, words):
    output = tmp_path / "out.webp"
    done = run("render", document, *arguments, "-o", output)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()


def test_an_unreadable_file_is_told_in_a_sentence(tmp_path):
    path = tmp_path / "rx.txt"
    path.write_text("hello")
    done = run("probe", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "JPEG" in done.stderr
    assert run("probe", tmp_path / "missing").returncode == 1
