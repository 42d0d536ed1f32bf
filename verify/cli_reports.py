"""The commands that read finished runs: `report` and `compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from verify import completion
from verify.console import Verbose, say, stoppable
from verify.errors import VerifyError


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line.

    Args:
        app: the command line.
    """
    app.command("report", help=_REPORT_HELP)(_report)
    app.command("compare", help=_COMPARE_HELP)(_compare)


_REPORT_HELP = """Write the verdicts of a finished run again.

    RUN is the run's folder. Text is for terminals, Markdown and LaTeX (with the package booktabs) are for papers, CSV
    with every digit is for programs, html is the report that the run wrote.

    \b
    Examples:
      noise-geometry report my-run
      noise-geometry report my-run --format markdown
      noise-geometry report my-run --format latex --out verdicts.tex
    """


@stoppable
def _report(
    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False, help="The folder of a run.")],
    format: Annotated[
        str,
        typer.Option(metavar="text|markdown|latex|csv|html", help="As what.", autocompletion=completion.formats),
    ] = "text",
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", show_default=False, help="Write to this file, whole or not at all."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, as verify does.")] = False,
    verbose: Verbose = False,
) -> int:
    from verify.reading import load
    from verify.report import exports

    if json and format != "text":
        raise VerifyError("--json: expected one of --format and --json, got both")
    target = None if out is None else _check_file(out)
    wanted = exports.check_format(format)
    result = load(run)
    if json:
        written = result.to_json() + "\n"
    elif wanted == "text" and target is None:
        from verify.report.terminal import render

        written = render(result, sys.stdout)
    else:
        written = exports.export(result, wanted)
    if target is None:
        say(written)
    else:
        from verify.store import write_whole

        write_whole(target, lambda file: file.write(written.encode()))
    return 0


_COMPARE_HELP = """Say what changed between two runs.

    BEFORE and AFTER are the folders of two runs, or files with what verify --json printed. States, bases, controls
    and statements are compared as they are; fitted constants differ where their intervals do not overlap.

    \b
    Examples:
      noise-geometry compare results/monday results/tuesday
      noise-geometry compare results/reference my-run --json

    Exit status: 0 nothing got worse; 1 a claim's state got worse, a control is no longer refuted or a claim is
    missing; 2 bad usage or input.
    """


@stoppable
def _compare(
    before: Annotated[str, typer.Argument(metavar="BEFORE", show_default=False, help="The first run.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", show_default=False, help="The second run.")],
    json: Annotated[bool, typer.Option("--json", help="Print the changes as JSON and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")] = False,
    verbose: Verbose = False,
) -> int:
    from verify.comparing import compare

    compared = compare(before, after)
    if json:
        say(compared.to_json() + "\n")
    elif quiet:
        say(compared.headline() + "\n")
    else:
        from verify.report.changes import render

        say(render(compared, sys.stdout))
    return compared.exit_code


def _check_file(out: str) -> Path:
    """Check where to write; what is no file, such as a folder or a device, is not replaced."""
    path = Path(out)
    if not out or path.is_dir() or (path.exists() and not path.is_file()):
        raise VerifyError(f"out: expected the name of a file, got {out!r:.100}")
    return path
