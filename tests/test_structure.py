"""The shape of the code, read and not run: small files and functions, few modules to a folder, no import inside a
function without a reason, tests that use what is public and lie where the code lies."""

import ast
import functools
import importlib
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("transforms", "prescriptions", "rxproject")
FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES, FOLDER_MODULES = 350, 450, 60, 14
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[Path]:
    """Python files that people write, relative to the project; migrations are written by Django."""
    found = (path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


CODE: Final = sources(*PACKAGES)
TESTS: Final = sources("tests")
EVERYTHING: Final = (*CODE, *TESTS, *sources("bench", "deploy"))


def text(path: Path) -> str:
    return (ROOT / path).read_text()


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path))


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def of_ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] in PACKAGES


def none(found: list[str]) -> None:
    if found:
        pytest.fail("\n".join(found), pytrace=False)


# --- Size -----------------------------------------------------------------------------------------------------------
def test_no_file_is_long() -> None:
    def most(path: Path) -> int:
        return TEST_FILE_LINES if path.parts[0] == "tests" else FILE_LINES

    lines = {path: len(text(path).splitlines()) for path in EVERYTHING}

    none([f"{path}: {count} lines" for path, count in lines.items() if count > most(path)])


def test_no_function_is_long() -> None:
    lines = {
        f"{path}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in EVERYTHING
        for function in functions(path)
    }

    none([f"{name}: {count} lines" for name, count in lines.items() if count > FUNCTION_LINES])


def test_no_folder_is_full() -> None:
    modules = [path.parent for path in CODE if path.stem != "__init__"]

    counted = {folder: modules.count(folder) for folder in modules}
    none([f"{folder}: {count} modules" for folder, count in counted.items() if count > FOLDER_MODULES])


def test_all_that_is_deployed_is_named_to_the_linter() -> None:
    """Of rxproject, all but the stack of one machine: a module that the contract does not name is not held to it."""
    contracts = tomllib.loads(text(Path("pyproject.toml")))["tool"]["importlinter"]["contracts"]
    (named,) = (one["source_modules"] for one in contracts if one.get("forbidden_modules") == ["rxproject.local"])

    there = {f"rxproject.{path.parts[1].removesuffix('.py')}" for path in sources("rxproject") if len(path.parts) > 1}
    assert set(named) == there - {"rxproject.local", "rxproject.__init__"}


# --- Imports --------------------------------------------------------------------------------------------------------
def is_lazy(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or of_ours(node.module)
    return isinstance(node, ast.Import) and any(of_ours(alias.name) for alias in node.names)


def test_an_import_of_ours_inside_a_function_says_why() -> None:
    """`# Lazy: reason`, on the line or above it: a cold start, an optional dependency."""
    silent = []
    for path in CODE:
        lines = ["", *text(path).splitlines()]
        imports = {node.lineno for function in functions(path) for node in ast.walk(function) if is_lazy(node)}
        silent += [
            f"{path}:{at} {lines[at].strip()}"
            for at in sorted(imports)
            if "# Lazy: " not in "".join(lines[at - 1 : at + 1])
        ]

    none(silent)


def test_what_is_imported_late_is_there() -> None:
    """Of ours, inside a function that no test runs: the benchmarks start a server first."""
    missing = []
    for path in sources("bench", "deploy"):
        late = (node for function in functions(path) for node in ast.walk(function))
        for node in late:
            if isinstance(node, ast.ImportFrom) and of_ours(node.module):
                module = importlib.import_module(str(node.module))
                names = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                missing += [f"{path}:{node.lineno} {name}" for name in names if not find_spec(f"{node.module}.{name}")]

    none(missing)


# --- Tests ----------------------------------------------------------------------------------------------------------
def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_meta"  # which Django documents


def root_of(node: ast.expr) -> str:
    """The name that an expression such as `a.b().c` starts with."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""


def reaches_for_a_private(node: ast.AST, ours: set[str]) -> bool:
    """Imported, as an attribute, or by its text. `ours`: what the file imports from our packages."""
    match node:
        case ast.ImportFrom(module=module, names=names):
            return of_ours(module) and any(is_private(alias.name) for alias in names)
        case ast.Attribute(attr=attr):
            return is_private(attr) and root_of(node) in ours
        case ast.Call(args=[target, ast.Constant(value=str(name)), *_]):
            return is_private(name) and root_of(target) in ours
        case ast.Constant(value=str(dotted)):
            return of_ours(dotted) and is_private(dotted.rpartition(".")[2])
    return False


def test_tests_use_what_is_public() -> None:
    reaching = []
    for path in TESTS:
        imports = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom) and of_ours(node.module)]
        ours = {alias.asname or alias.name for node in imports for alias in node.names}
        nodes = [node for node in ast.walk(tree(path)) if reaches_for_a_private(node, ours)]
        reaching += [f"{path}:{node.lineno} {ast.unparse(node)}" for node in nodes]  # type: ignore[attr-defined]

    none(reaching)


def test_no_test_has_a_copy_of_the_code() -> None:
    """Such a copy is there to be edited, and then something else is tested."""
    calls = [(path, node) for path in TESTS for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    copies = [(path, node) for path, node in calls if ast.unparse(node.func).endswith("copytree")]

    none(
        [
            f"{path}:{node.lineno} {ast.unparse(node)}"
            for path, node in copies
            if any(name in ast.unparse(node) for name in PACKAGES)
        ]
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_lie_where_the_code_lies(package: str) -> None:
    folders = {path.parent.relative_to("tests") for path in TESTS if path.parts[1] == package}

    none([str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").exists()])
