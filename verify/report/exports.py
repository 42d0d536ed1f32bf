"""The verdict table for papers and other programs: Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv as comma_separated
import difflib
import io
import os
import re
from typing import TYPE_CHECKING, Any

from verify.errors import VerifyError
from verify.report import FORMATS, wording
from verify.report.latex_text import escaped
from verify.store import REPORT
from verify.verdict import State, plain

if TYPE_CHECKING:
    from verify.running import Outcome, RunResult

_HEADER = ("Claim", "What it says", "State", "Basis", "Constant", "Controls refuted", "Time")
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~$&#!])")


def export(run: RunResult | str | os.PathLike[str], format: str = "markdown") -> str:
    r"""Write the verdicts of a run in another format.

    Args:
        run: the run, or its folder.
        format: "text" (as on the terminal), "markdown", "latex" (needs the package booktabs), "csv" or "html" (the
            report that the run wrote).

    Returns:
        The whole text, with a final newline.

    Raises:
        VerifyError: if there is no such run or no such format, or if the run has no report.

    Example:
        >>> print(export("my-run", "latex"))  # doctest: +SKIP
        \begin{table}
        ...
    """
    from verify.running import RunResult

    wanted = check_format(format)
    if not isinstance(run, RunResult):
        from verify.reading import load

        run = load(run)
    return {"text": _text, "markdown": markdown, "latex": latex, "csv": csv, "html": _html}[wanted](run)


def check_format(format: Any) -> str:
    """Check the name of a format.

    Args:
        format: what was given.

    Returns:
        The name.

    Raises:
        VerifyError: if there is no such format.
    """
    if isinstance(format, str) and format in FORMATS:
        return format
    near = difflib.get_close_matches(str(format), FORMATS, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise VerifyError(f"format: expected one of {', '.join(FORMATS)}, got {format!r:.60}{hint}")


def markdown(run: RunResult) -> str:
    """Write the verdict table as Markdown, with pipes.

    Args:
        run: the run.

    Returns:
        The headline, the table and the command that repeats the run.
    """
    rows = [[_markdown_cell(cell) for cell in _row(outcome)] for outcome in run.outcomes]
    lines = [
        _markdown_cell(_headline(run)),
        "",
        f"| {' | '.join(_HEADER)} |",
        "| :--- | :--- | :--- | :--- | :--- | ---: | ---: |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        _markdown_cell(f"{_made(run)}. Repeat with:"),
        "",
        *_fenced(run.command),
    ]
    return "\n".join(lines) + "\n"


def latex(run: RunResult) -> str:
    r"""Write the verdict table as LaTeX.

    Args:
        run: the run.

    Returns:
        A `table` environment whose preamble needs `\usepackage{booktabs}` only; every engine can read it, as
        everything that is set is ASCII.
    """
    rows = [" & ".join(escaped(cell) for cell in _row(outcome)) for outcome in run.outcomes]
    lines = [
        r"% \usepackage{booktabs}",
        *(f"% {line}" for line in run.command.splitlines()),
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(_headline(run))}. {escaped(_made(run))}.}}",
        r"\label{tab:noise-geometry}",
        r"\small",
        r"\begin{tabular}{@{}lp{0.32\linewidth}llp{0.2\linewidth}rr@{}}",
        r"\toprule",
        rf"{' & '.join(_HEADER)} \\",
        r"\midrule",
        *(rf"{row} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def csv(run: RunResult) -> str:
    """Write the verdicts as comma-separated values, with every digit.

    Args:
        run: the run.

    Returns:
        A header and a line for each claim; a field that a claim does not have is empty.
    """
    buffer = io.StringIO()
    rows = [_record(outcome) for outcome in run.outcomes]
    writer = comma_separated.DictWriter(buffer, _RECORD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


_RECORD = (
    *("claim", "title", "kind", "state", "basis", "constant", "constant_low", "constant_high", "constant_eps"),
    *("controls", "controls_refuted", "tests", "seconds", "altered", "change_note", "summary", "command"),
)


def _record(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    constant = plain(verdict.constant) or {}
    return {
        "claim": verdict.claim,
        "title": verdict.title,
        "kind": verdict.kind,
        "state": str(verdict.state),
        "basis": str(verdict.basis),
        "constant": constant.get("estimate"),
        "constant_low": constant.get("low"),
        "constant_high": constant.get("high"),
        "constant_eps": constant.get("eps"),
        "controls": len(outcome.controls),
        "controls_refuted": sum(control.state is State.VIOLATED for control in outcome.controls),
        "tests": len(verdict.evidence),
        "seconds": round(verdict.seconds, 3),
        "altered": str(verdict.altered).lower(),
        "change_note": verdict.change_note,
        "summary": verdict.summary,
        "command": outcome.command,
    }


def _row(outcome: Outcome) -> list[str]:
    verdict = outcome.verdict
    return [
        verdict.claim,
        verdict.title,
        str(verdict.state),
        str(verdict.basis),
        wording.constant_text(verdict.constant),
        wording.controls_refuted(outcome.controls),
        wording.seconds_text(verdict.seconds),
    ]


def _headline(run: RunResult) -> str:
    return wording.headline(run).partition("; report ")[0].removeprefix("verify: ")


def _made(run: RunResult) -> str:
    program = run.environment.get("program")
    return f"Profile {run.profile}, seed {run.seed}" + (f", noise-geometry {program}" if program else "")


def _markdown_cell(text: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _fenced(text: str) -> list[str]:
    """Put a text into a code block whose fence is longer than any in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return [f"{fence}sh", *text.splitlines(), fence]


def _text(run: RunResult) -> str:
    from verify.report.terminal import render

    return render(run, io.StringIO())


def _html(run: RunResult) -> str:
    """Read the report: its figures are stored nowhere else."""
    path = run.folder / REPORT
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise VerifyError(f"run: expected a report in {str(path)!r}, got something else") from None
    except OSError as error:
        raise VerifyError(f"run: expected a report in {str(path)!r}, got: {os.strerror(error.errno or 0)}") from None
