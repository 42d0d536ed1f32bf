"""What changed between two runs, as text."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from verify.report.terminal import collected, console_for

if TYPE_CHECKING:
    from rich.table import Table

    from verify.comparing import Comparison


def render(comparison: Comparison, stream: IO[str], width: int | None = None) -> str:
    """Write a comparison as text for a stream.

    Args:
        comparison: two runs.
        stream: where it is going to be written; only a terminal gets colours.
        width: columns; None for the terminal's, or 120 where there is none.

    Returns:
        The changes, with ✗ at those for the worse, how the runs were made differently, and the headline last; with a
        final newline.
    """
    console = console_for(stream, width)
    if comparison.changes:
        console.print(_changes(comparison))
        console.print()
    if comparison.settings:
        console.print("made differently:", style="bold")
        for name, before, after in comparison.settings:
            console.print(f"  {name}: {before} → {after}", markup=False)
        console.print()
    console.print(comparison.headline(), style="bold", markup=False, highlight=False, soft_wrap=True)
    return collected(console)


def _changes(comparison: Comparison) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    table.add_column("", no_wrap=True)
    for name in ("claim", "what", "before", "after"):
        table.add_column(name, overflow="fold")
    for change in comparison.changes:
        style = "bold red" if change.regression else ""
        cells = ["✗" if change.regression else "", change.claim, change.what, change.before or "–", change.after or "–"]
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table
