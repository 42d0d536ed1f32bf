"""The run as text: a table, what each verdict says, and one last line."""

from __future__ import annotations

import io
import json
import shutil
from typing import IO, TYPE_CHECKING

from verify.report import wording
from verify.verdict import State, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from verify.running import Outcome, RunResult

_STYLES = {
    State.HOLDS: "green",
    State.VIOLATED: "bold red",
    State.NOT_REFUTED: "cyan",
    State.INCONCLUSIVE: "yellow",
    State.VACUOUS: "yellow",
    State.OBSERVED: "cyan",
}
_PLAIN_WIDTH = 120
_WITNESS_CHARACTERS = 400


def render(result: RunResult, stream: IO[str], width: int | None = None) -> str:
    """Write a run as text for a stream.

    Args:
        result: the run.
        stream: where it is going to be written; only a terminal gets colours.
        width: columns; None for the terminal's, or 120 where there is none.

    Returns:
        The text, with a final newline.
    """
    console = console_for(stream, width)
    if result.outcomes:
        console.print(_table(result, console.width))
        console.print()
    for outcome in result.outcomes:
        _print_sentences(console, outcome)
    console.print()
    console.print(wording.headline(result), style="bold", markup=False, highlight=False, soft_wrap=True)
    return collected(console)


def console_for(stream: IO[str], width: int | None) -> Console:
    """Make a console that collects what fits a stream.

    Args:
        stream: where the text is going to be written; only a terminal gets colours.
        width: columns; None for the terminal's, or 120 where there is none.

    Returns:
        The console; `collected` returns what was printed.
    """
    from rich.console import Console

    on_terminal = stream.isatty()
    columns = width or (shutil.get_terminal_size().columns if on_terminal else _PLAIN_WIDTH)
    # None lets the environment decide (TERM, NO_COLOR); a pipe never gets colours.
    buffer = io.StringIO()
    return Console(
        file=buffer,
        width=columns,
        force_terminal=on_terminal,
        color_system="auto" if on_terminal else None,
        highlight=False,
    )


def collected(console: Console) -> str:
    """Return what a console of `console_for` has collected.

    Args:
        console: the console.

    Returns:
        The text, with a final newline.
    """
    output = console.file
    assert isinstance(output, io.StringIO)
    # Rich fills lines and frames with spaces.
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()).strip("\n") + "\n"


def _table(result: RunResult, width: int) -> Table:
    """Make the table; a narrow terminal gets the columns that matter most."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    wide, medium = width >= 100, width >= 60
    table.add_column("claim", no_wrap=True)
    if wide:
        table.add_column("what it says", ratio=1)
    table.add_column("state", no_wrap=True)
    if medium:
        table.add_column("basis", no_wrap=True)
        table.add_column("constant", overflow="fold")
    table.add_column("controls", no_wrap=medium)
    if medium:
        table.add_column("time", justify="right", no_wrap=True)
    for outcome in result.outcomes:
        verdict = outcome.verdict
        state = f"{wording.SYMBOLS[verdict.state]} {verdict.state}"
        refuted = wording.controls_refuted(outcome.controls)
        survived = any(control.state is not State.VIOLATED for control in outcome.controls)
        cells = [Text(verdict.claim, style="bold")]
        cells += [Text(verdict.title)] if wide else []
        cells += [Text(state, style=_STYLES[verdict.state])]
        cells += [Text(str(verdict.basis)), Text(wording.constant_text(verdict.constant))] if medium else []
        cells += [Text(f"{refuted} refuted" if refuted else "", style="bold red" if survived else "")]
        cells += [Text(wording.seconds_text(verdict.seconds))] if medium else []
        table.add_row(*cells)
    return table


def _print_sentences(console: Console, outcome: Outcome) -> None:
    """Print what one verdict says, and what a reader must act on."""
    from rich.padding import Padding

    for indent, line in _sentences(outcome):
        console.print(Padding(line, (0, 0, 0, indent)))


def _sentences(outcome: Outcome) -> list[tuple[int, Text]]:
    """Write what one verdict says: lines with their indents."""
    from rich.text import Text

    verdict = outcome.verdict
    lines = [(0, Text.assemble((f"{verdict.claim}: ", "bold"), verdict.summary))]
    if verdict.altered:
        lines.append((2, Text(f"altered: {verdict.change_note}")))
    if verdict.state is State.VIOLATED and verdict.witness:
        witness = json.dumps(plain(verdict.witness), ensure_ascii=False)
        cut = "… (whole in verdicts.json)" if len(witness) > _WITNESS_CHARACTERS else ""
        lines.append((2, Text(f"witness: {witness[:_WITNESS_CHARACTERS]}{cut}", style="red")))
    for control in outcome.controls:
        if control.state is not State.VIOLATED:
            text = f"control {control.claim} survived ({control.state}): {control.summary}"
            lines.append((2, Text(text, style="bold red")))
    return lines
