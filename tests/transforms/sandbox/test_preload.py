"""What a renderer may need is in its memory before it gives up opening files."""

import ast
import importlib

import pytest
from PIL import Image

from tests.transforms import fixtures
from tests.transforms.sandbox.processes import PAGE, ROOT
from transforms.formats import OutputFormat
from transforms.render import RenderJob
from transforms.request.spec import Spec
from transforms.sandbox import Sandbox, preload


def lazy_imports() -> set[str]:
    """Modules that code of a renderer imports when it first needs them."""
    found = set()
    for path in (ROOT / "transforms").rglob("*.py"):
        if path.relative_to(ROOT / "transforms").parts[0] in ("sandbox", "function", "__main__.py"):
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found |= {module_of(node.module or "", alias.name) for alias in node.names}
    return found


def module_of(package: str, name: str) -> str:
    try:
        return importlib.import_module(f"{package}.{name}").__name__
    except ModuleNotFoundError:
        return package


def upload(kind: str) -> bytes:
    if kind in ("PDF", "HEIF"):
        return fixtures.vector_pdf() if kind == "PDF" else fixtures.heic()
    picture = Image.linear_gradient("L").resize((PAGE.width, PAGE.height)).convert("RGB")
    options = {"save_all": True, "append_images": [picture]} if kind == "MPO" else {}
    return fixtures.save(picture, kind, **options)


def test_every_lazy_import_is_made_before() -> None:
    assert lazy_imports() == set(preload.LAZY)


@pytest.mark.parametrize("source", ["JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF", "PDF"])
def test_every_source_becomes_every_format_in_every_quality(shared_box: Sandbox, source: str) -> None:
    data = upload(source)
    found = shared_box.probe(data, owner=source)

    for form in OutputFormat:
        for quality in ("default", "gray", "bitonal", "enhanced"):
            spec = Spec.parse(f"full/!160,160/90/{quality}.{form}").resolve(found.pages[0])
            made = shared_box.render(data, RenderJob(found.media_type, 1, spec, found.pages[0]), owner=source)
            assert made.media_type == form.media_type
