"""docs/reference/benchmarks.md, written from what is kept in build/bench/ and from nothing else."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from bench.registry import SECTIONS, Section
from bench.rows import HEADINGS, ROOT, Row, cells, kept

PAGE: Final = ROOT / "docs" / "reference" / "benchmarks.md"
REQUIREMENTS: Final = ROOT / "requirements-stack.txt"
# Distribution: what it is for.
ENGINES: Final = {
    "pillow": "decodes, encodes and, where nothing faster is there, scales",
    "cykooz-resizer": "scales",
    "pypdfium2": "draws PDF pages",
    "pillow-heif": "decodes HEIC",
}
# In the last column of a row.
_VERDICT: Final = re.compile(r"\| (met|not met|not measured)\b[^|\n]* \|$", re.MULTILINE)
_QUIET_LOAD: Final = 5 * (os.cpu_count() or 1)
_BUSY: Final = " **The machine was busy with other work: of these, only processor times and their ratios count.**"
_INTRODUCTION: Final = """# Benchmarks

Written by `python -m bench --write`; a figure is never copied by hand. `make bench` runs everything, `python -m bench
--only journey` one benchmark, which then takes its place on this page. Peers are installed by the benchmark itself into
`build/bench/`, and measured in the same run, in turn, so that a busy machine slows all alike: trust ratios, not
milliseconds. Figures are medians, CPU is that of all processes that take part, and a goal with × is one for the ratio.
Why the figures are what they are: [where the time goes](../explanation/performance.md).
"""


def is_busy(measured: dict[str, str]) -> bool:
    """Was the load more than a benchmark makes by itself?"""
    return float(measured["load"]) > _QUIET_LOAD


def shipped() -> dict[str, str]:
    """What makes pixels for whoever runs the stack: distribution and version."""
    lines = REQUIREMENTS.read_text().splitlines()
    pinned = dict(match.groups() for line in lines if (match := re.match(r"([\w.-]+)(?:\[\w+\])?==([\w.]+)", line)))
    return {name: pinned[name] for name in ENGINES if name in pinned}


def page() -> str:
    """What was measured in this checkout; what was not stands as it stood, with its own day, commit and machine."""
    before = PAGE.read_text() if PAGE.exists() else ""
    sections = [_section(section, list(_results(section)), before) for section in SECTIONS]
    verdicts = _VERDICT.findall("\n".join(sections))
    counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("met", "not met", "not measured"))
    return "\n".join([_INTRODUCTION, f"Goals: {counted}.\n", _engines(), *sections])


def write() -> Path:
    PAGE.write_text(page())
    return PAGE


def _engines() -> str:
    names = shipped()
    lines = [f"| {name} {version} | {ENGINES[name]} |" for name, version in names.items()]
    return "\n".join(["| engine | what for |", "|---|---|", *lines, ""])


def _results(section: Section) -> Iterator[tuple[str, dict[str, str], Row]]:
    """Module, where and when, row; then what is missing."""
    names = []
    for module in section.modules:
        measured, rows = kept(module)
        for row in rows:
            names.append(row.name)
            yield module, measured, row
    for wanted in section.rows:
        if not any(name.startswith(wanted) for name in names):
            yield section.modules[0], {}, Row(name=wanted, ours=None, unit="")


def _section(section: Section, results: list[tuple[str, dict[str, str], Row]], before: str) -> str:
    lines = [f"## {section.title}", ""]
    for module in dict.fromkeys(module for module, _, _ in results):
        if not kept(module)[1] and (stands := _block(module, before)):
            lines += [stands, ""]
            continue
        rows = [row for name, _, row in results if name == module]
        lines += [*_table(rows), ""]
        measured = next((measured for name, measured, _ in results if name == module and measured), None)
        if measured:
            where = "{day}, commit {commit}, load {load}, {machine}, Python {python}; {engines}".format(**measured)
            lines.append(f"`python -m bench.{module}`: {where}.{_BUSY if is_busy(measured) else ''}")
            lines.append("")
    if not results:
        lines += ["Not measured yet.", ""]
    return "\n".join(lines)


def _block(module: str, before: str) -> str:
    """The table of one module, and where it was measured, as they stand on the page; empty where they do not."""
    found = re.search(rf"(?:^\|.*\n)+\n^`python -m bench\.{module}`: .*$", before, re.MULTILINE)
    return found[0] if found else ""


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield "| " + " | ".join(HEADINGS) + " |"
    yield "|---|" + "---:|" * 5 + "---|"
    for row in rows:
        yield "| " + " | ".join(text.replace("|", "\\|") for text in cells(row)) + " |"
