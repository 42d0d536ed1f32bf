"""The command `sweep`: runs a sweep from a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from verify.console import Verbose, printable, prints_aside, say, stoppable

if TYPE_CHECKING:
    import pandas as pd

    from verify.sweeps.estimates import Estimate
    from verify.sweeps.files import SweepFile
    from verify.sweeps.sweeping import Place


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line.

    Args:
        app: the command line.
    """
    app.command("sweep", help=_HELP)(_sweep)


_HELP = """Observe a claim, or a function of yours, at every point of a grid that a TOML file describes.

    Points that are finished in the store are skipped: run the same command again after an interruption, or after
    extending the grid.

    \b
    Examples:
      noise-geometry sweep uniform.toml --dry-run
      noise-geometry sweep uniform.toml --store results/uniform
      noise-geometry sweep uniform.toml --scheduler tcp://login1:8786

    \b
    A file:
      claim = "4.2"                  # or function = "module:name"
      trials = 5
      [axes]
      d = [10, 20]
      n = { from = 1000, to = 100000, count = 5, spacing = "log" }

    Exit status: 0 every point was observed; 1 a point failed, whose error is in the table; 2 bad usage or input;
    130 interrupted.
    """


@stoppable
def _sweep(
    file: Annotated[str, typer.Argument(metavar="FILE", show_default=False, help="The TOML file.")],
    store: Annotated[
        str | None,
        typer.Option(metavar="DIR", show_default=False, help="Where points are kept; by default results/sweep-<FILE>."),
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N", show_default=False, help="Processes; by default one on each CPU.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", show_default=False, help="A Dask scheduler to run points on.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and about how long.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run points again that failed.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")] = False,
    verbose: Verbose = False,
) -> int:
    from verify.progress import sink_for
    from verify.sweeps.files import read_sweep
    from verify.sweeps.sweeping import estimated, swept

    with prints_aside():
        described = read_sweep(file)
        place = _place(described, store, workers, scheduler, retry_failed)
        if not dry_run:
            silent = json or quiet or verbose or sys.stderr is None or not sys.stderr.isatty()
            table = swept(described.request, place, sink_for(not silent, noun=""))
        else:
            found = estimated(described.request, place)
    if dry_run:
        return _say_estimate(described, place, found, json, quiet)
    return _say_outcome(described, place, table, json, quiet)


def _place(
    described: SweepFile, store: str | None, workers: str | None, scheduler: str | None, retry_failed: bool
) -> Place:
    """Decide where points are kept and run: what the command line says goes before the file."""
    from verify.sweeps.requests import check_scheduler, check_store
    from verify.sweeps.sweeping import Place, runner_for

    folder = check_store(store) or described.store or Path("results") / f"sweep-{described.path.stem}"
    count: int | str | None = described.workers
    address = described.scheduler
    if workers is not None or scheduler is not None:
        count, address = None if workers is None else _count(workers), scheduler
    return Place(folder, runner_for(count, check_scheduler(address, count)), retry_failed)


def _count(text: str) -> int | str:
    """Read a number of workers; what is none is left to the check that all of them go through."""
    try:
        return int(text)
    except ValueError:
        return text


def _say_estimate(described: SweepFile, place: Place, found: Estimate, json: bool, quiet: bool) -> int:
    """Print what would run."""
    if json:
        _say_json({"name": described.request.name, "store": str(place.store), **found.to_dict()})
        return 0
    line = (
        f"{described.request.name}: {found.points:,} points, {found.finished:,} of them finished in {place.store}, "
        f"{found.to_run:,} to run"
    )
    if quiet:
        line += f"; {_total(found)}" if found.to_run else ""
        line += f"; {len(found.damaged):,} damaged in the store" if found.damaged else ""
        say(line + "\n")
        return 0
    lines = [line, *(f"  {name}: {_axis(values)}" for name, values in described.request.grid.axes.items())]
    if described.request.grid.trials > 1:
        lines.append(f"  trials: {described.request.grid.trials:,}")
    if found.damaged:
        lines.append(f"damaged in the store, {len(found.damaged):,}, to be set aside when the sweep runs:")
        lines += [f"  {name}" for name in found.damaged]
    if found.seconds_a_point is not None:
        whence = f"{found.timed:,} that were {'tried just now' if found.tried else 'finished before'}"
        lines.append(f"about {duration(found.seconds_a_point)} a point, from {whence}: {_total(found)}")
    say("\n".join(lines) + "\n")
    return 0


def _total(found: Estimate) -> str:
    """Write the time of all points."""
    if found.seconds is None:
        return f"about {duration(found.work)} of work, shared by the cluster"
    return f"about {duration(found.seconds)} with {found.workers} worker{'' if found.workers == 1 else 's'}"


def _axis(values: Sequence[object]) -> str:
    """Write the values of an axis in a line."""
    shown = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in values]
    if len(shown) > 8:
        shown = [*shown[:4], "…", shown[-1]]
    return f"{', '.join(shown)} ({len(values):,})" if len(values) > 8 else ", ".join(shown)


def _say_outcome(described: SweepFile, place: Place, table: pd.DataFrame, json: bool, quiet: bool) -> int:
    """Print what came out."""
    failed = table[table["error"].notna()]
    axes = list(described.request.grid.names)
    line = f"{described.request.name}: {len(table) - len(failed):,} of {len(table):,} points observed"
    line += f", {len(failed):,} failed" if len(failed) else ""
    line += f"; {place.store}"
    if json:
        first = failed.head(100)
        _say_json({
            "name": described.request.name,
            "store": str(place.store),
            "points": len(table),
            "failed": len(failed),
            "seconds": float(table["seconds"].sum()),
            "failures": first[[*axes, "trial", "error"]].to_dict(orient="records"),
        })
    elif quiet:
        say(line + "\n")
    else:
        named = failed.head(5).to_dict(orient="records")
        shown = [f"  {_named(row, axes)}: {printable(row['error'])}" for row in named]
        shown += [f"  … and {len(failed) - 5:,} more"] if len(failed) > 5 else []
        say("\n".join([_summary(table, axes), *shown, line]) + "\n")
    return int(len(failed) > 0)


def _named(row: Mapping[Any, Any], axes: list[str]) -> str:
    """Name a point."""
    return printable(", ".join(f"{name}={row[name]}" for name in [*axes, "trial"]))


def _summary(table: pd.DataFrame, axes: list[str]) -> str:
    """Write the range of every number that was observed."""
    observed = table.drop(columns=[*axes, "trial", "error", "seconds"]).select_dtypes("number")
    if observed.empty:
        return ""
    return str(observed.agg(["min", "median", "max"]).T.to_string(float_format=lambda value: f"{value:.6g}"))


def _say_json(content: dict[str, object]) -> None:
    """Print JSON."""
    import json

    say(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def duration(seconds: float) -> str:
    """Write a time that somebody waits.

    Args:
        seconds: how long.

    Returns:
        Text such as "3 ms", "40 s", "12 min" or "3.5 h".
    """
    for limit, unit, size in ((1.0, "ms", 1e-3), (120.0, "s", 1.0), (7200.0, "min", 60.0), (172_800.0, "h", 3600.0)):
        if seconds < limit:
            return f"{seconds / size:.2g} {unit}" if seconds / size < 10 else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
