"""The command that writes the benchmark report: `bench`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from verify.console import Verbose, say, stoppable
from verify.errors import VerifyError

DEFAULTS = ("results/benchmarks.json", "results/peers.json")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line.

    Args:
        app: the command line.
    """
    app.command("bench", help=_HELP)(_bench)


_HELP = """Report what the benchmarks measured, beside other software and beside what the machine allows.

    JSON is what `tox -e bench` and `tox -e peers` write, or pytest with --benchmark-json; by default
    results/benchmarks.json and results/peers.json, where they are. The report goes to a new folder as
    report.html, report.md and report.json: ratios with intervals, results compared, reasons for what is
    slower, peak memory, growth of cost, the fraction of the machine's measured rates, and the environment.
    Nothing is timed by this command.

    \b
    Examples:
      noise-geometry bench
      noise-geometry bench results/peers.json --out my-benchmarks
      noise-geometry bench monday.json --compare tuesday.json
      noise-geometry bench results/peers.json --json

    Exit status: 0 written; 1 the repeat run contradicts the first; 2 bad usage or input.
    """


@stoppable
def _bench(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="JSON", show_default=False, help="Files of one run.")
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JSON",
            show_default=False,
            help="A file of a repeat run: do the conclusions agree? May be repeated.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", show_default=False, help="New or empty folder; by default results/benchmarks-<time>-<seed>."
        ),
    ] = None,
    seed: Annotated[str, typer.Option(metavar="N", help="What fixes the resampling behind intervals.")] = "0",
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")] = False,
    verbose: Verbose = False,
) -> int:
    from verify.arguments import check_out
    from verify.benchmarks import writing
    from verify.benchmarks.assembling import report
    from verify.benchmarks.comparing import repeat

    number, place = _seed(seed), check_out(out)
    found = report(files or _defaults(), number)
    compared = repeat(found, report(compare, number)) if compare else None
    described = {**found.to_dict(), "repeat": compared.to_dict() if compared else None}
    written = writing.write(found, compared, described, place, number)
    if json:
        say(writing.as_json(described) + "\n")
    elif quiet:
        say(f"{writing.headlines(found, compared)[-1]}; report {written}\n")
    else:
        say(f"{writing.text(found, sys.stdout, compared)}report {written}\n")
    return compared.exit_code if compared else 0


def _defaults() -> list[str]:
    """Find what the benchmarks have written here."""
    found = [name for name in DEFAULTS if Path(name).is_file()]
    if not found:
        raise VerifyError(f"json: expected {' or '.join(DEFAULTS)} here, or the names of files, got neither")
    return found


def _seed(text: str) -> int:
    """Read a seed from the command line."""
    if not text.isascii() or not text.isdigit():
        raise VerifyError(f"seed: expected an integer of at least 0, got {text!r:.60}")
    return int(text)
