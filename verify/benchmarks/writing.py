"""The benchmark report as Markdown, as one HTML file, and as text for a terminal."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from verify.benchmarks.assembling import Report
from verify.benchmarks.comparing import Repeat
from verify.benchmarks.sections import Section, sections
from verify.store import RunFolder

TITLE = "noise-geometry: benchmark report"
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~$&#!])")


def markdown(report: Report, compared: Repeat | None = None) -> str:
    """Write the report as Markdown, with tables of pipes.

    Args:
        report: the run.
        compared: the run and its repeat, where there is one.

    Returns:
        The whole text, with a final newline.
    """
    lines = [f"# {TITLE}", "", *(_escaped(line) for line in headlines(report, compared))]
    for section in sections(report, compared):
        lines += ["", f"## {_escaped(section.title)}"]
        for paragraph in section.words:
            lines += ["", _escaped(paragraph)]
        if section.rows:
            lines += ["", *_table(section)]
    return "\n".join(lines) + "\n"


def html(report: Report, compared: Repeat | None = None) -> str:
    """Write the report as one HTML file that loads nothing, in light and dark.

    Args:
        report: the run.
        compared: the run and its repeat, where there is one.

    Returns:
        The whole document; its style, its script and its policy are those of the verification report.
    """
    from verify.report.html import page

    return page(
        "benchmarks.html", title=TITLE, headlines=headlines(report, compared), sections=sections(report, compared)
    )


def text(report: Report, stream: IO[str], compared: Repeat | None = None, width: int | None = None) -> str:
    """Write the races as text for a stream.

    Args:
        report: the run.
        stream: where it is going to be written; only a terminal gets colours.
        compared: the run and its repeat, where there is one.
        width: columns; None for the terminal's, or 120 where there is none.

    Returns:
        The races, what is slower and why, the repeat, and the headlines last; with a final newline.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from verify.report.terminal import collected, console_for

    console = console_for(stream, width)
    shown = {"races": (0, 1, 2, 3, 4, 5), "reasons": (0, 1, 2, 3, 4), "repeat": (0, 1, 2, 3, 4)}
    for section in sections(report, compared):
        if section.anchor not in shown or not section.rows:
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=section.title, title_justify="left")
        for column in shown[section.anchor]:
            table.add_column(section.header[column], overflow="fold")
        for row in section.rows:
            styles = {"good": "green", "bad": "bold red", "": ""}
            cells = [row[column] for column in shown[section.anchor]]
            table.add_row(*(Text(cell.text, style=styles[cell.state]) for cell in cells))
        console.print(table)
    for line in headlines(report, compared):
        console.print(line, style="bold", markup=False, highlight=False, soft_wrap=True)
    return collected(console)


def write(
    report: Report,
    compared: Repeat | None,
    described: Mapping[str, Any],
    out: str | os.PathLike[str] | None,
    seed: int,
) -> Path:
    """Write the report to a new folder.

    Args:
        report: the run.
        compared: the run and its repeat, where there is one.
        described: both as data.
        out: the folder, new or empty; None for results/benchmarks-<time>-<seed>.
        seed: what fixed the resampling.

    Returns:
        The HTML file; beside it are report.md, report.json and a manifest with checksums.

    Raises:
        VerifyError: if the folder holds something already or cannot be written.
    """
    pages = {
        "report.json": as_json(described) + "\n",
        "report.md": markdown(report, compared),
        "report.html": html(report, compared),
    }
    folder = RunFolder.create(out, {"kind": "benchmarks", "seed": seed}, prefix="benchmarks-", flat=True)
    for name, content in pages.items():
        folder.write_text(name, content)
    folder.finish("complete")
    return folder.path / "report.html"


def as_json(described: Mapping[str, Any]) -> str:
    """Write the report's data as JSON.

    Args:
        described: what `Report.to_dict` returns.

    Returns:
        The text.
    """
    return json.dumps(described, indent=1, ensure_ascii=False, allow_nan=False)


def headlines(report: Report, compared: Repeat | None = None) -> Sequence[str]:
    """Say on a line or two how it came out.

    Args:
        report: the run.
        compared: the run and its repeat, where there is one.

    Returns:
        The report's headline and, where there is a repeat, its own.
    """
    return [report.headline()] + ([compared.headline()] if compared else [])


def _table(section: Section) -> list[str]:
    """Write a table with pipes, numbers to the right."""
    numbers = [any(row[column].key is not None for row in section.rows) for column in range(len(section.header))]
    return [
        f"| {' | '.join(section.header)} |",
        f"| {' | '.join('---:' if number else ':---' for number in numbers)} |",
        *(f"| {' | '.join(_escaped(cell.text) for cell in row)} |" for row in section.rows),
    ]


def _escaped(words: str) -> str:
    """Escape what Markdown would take for markup."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(words.split()))
