"""The command `certificate`: what the theorems promise for one Gaussian design."""

from __future__ import annotations

import contextlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verify import completion
from verify.console import Verbose, say, stoppable
from verify.errors import VerifyError

if TYPE_CHECKING:
    import numpy as np

SPECTRA = ("isotropic", "power-law", "spiked")
LARGEST_FILE = 100_000_000


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line.

    Args:
        app: the command line.
    """
    app.command("certificate", help=_HELP)(_certificate)


_HELP = """Say what the theorems promise for Gaussian inputs of a given size and spectrum.

    Shows which of Theorems 3.3, 3.5, 3.2, 4.2 and 4.3 apply, with the constants that their proofs give, and what they
    guarantee; the sharper explicit bounds of 3.3 and 3.5 at this n and spectrum; and the exact worst case over θ on a
    few draws. With --results the constants that a run has fitted are tried as well: they promise nothing.

    \b
    Examples:
      noise-geometry certificate --n 1000 --d 1000
      noise-geometry certificate --n 400 --spectrum power-law --d 2000 --exponent 0.25 --eps 0.3 --delta 0.1
      noise-geometry certificate --n 5000 --spectrum spiked --d 8 --spikes 2 --strength 4 --results results/my-run
      noise-geometry certificate --n 500 --spectrum eigenvalues.txt --json

    Exit status: 0 whatever the theorems say; 2 bad usage or input; 130 interrupted.
    """


@stoppable
def _certificate(
    n: Annotated[str, typer.Option("--n", metavar="N", show_default=False, help="Number of samples, at least 2.")],
    spectrum: Annotated[
        str,
        typer.Option(
            metavar="isotropic|power-law|spiked|FILE",
            help="Eigenvalues of the covariance; FILE is a text file with one on each line.",
            autocompletion=completion.spectra,
        ),
    ] = "isotropic",
    d: Annotated[
        str | None,
        typer.Option("--d", metavar="D", show_default=False, help="Dimension; for a FILE it is the number of lines."),
    ] = None,
    exponent: Annotated[str, typer.Option(metavar="A", help="power-law: eigenvalue j is j**-A.")] = "0.5",
    spikes: Annotated[str, typer.Option(metavar="K", help="spiked: number of large eigenvalues; others are 1.")] = "1",
    strength: Annotated[str, typer.Option(metavar="S", help="spiked: what they are.")] = "2",
    eps: Annotated[str, typer.Option(metavar="E", help="Accuracy ε, between 0 and 1.")] = "0.5",
    delta: Annotated[str, typer.Option(metavar="DELTA", help="Probability of failure δ, between 0 and 1.")] = "0.05",
    directions: Annotated[str, typer.Option(metavar="K", help="4.3: number of fixed directions.")] = "1",
    slope: Annotated[str, typer.Option(metavar="S", help="3.5: slope of the leaky ReLU, 0 to 1.")] = "0.5",
    draws: Annotated[str, typer.Option(metavar="N", help="Data sets on which the worst case is computed.")] = "3",
    seed: Annotated[str, typer.Option(metavar="N", help="What fixes every random number.")] = "0",
    results: Annotated[
        str | None,
        typer.Option(metavar="DIR", show_default=False, help="A folder of `verify`, for its fitted constants."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")] = False,
    verbose: Verbose = False,
) -> int:
    shape = {"exponent": _real("exponent", exponent), "strength": _real("strength", strength)}
    eigenvalues = _spectrum(spectrum, None if d is None else _integer("d", d), _integer("spikes", spikes), **shape)
    import verify

    made = verify.certificate(
        _integer("n", n),
        eigenvalues,
        _real("eps", eps),
        _real("delta", delta),
        directions=_integer("directions", directions),
        slope=_real("slope", slope),
        draws=_integer("draws", draws),
        seed=_integer("seed", seed),
        results=results,
        progress=False if json or quiet or verbose else None,
    )
    if json:
        say(made.to_json() + "\n")
    elif quiet:
        from verify.certificate_text import headline

        say(headline(made) + "\n")
    else:
        say(made.text(sys.stdout))
    return 0


def _spectrum(name: str, d: int | None, spikes: int, exponent: float, strength: float) -> np.ndarray:
    """Make the eigenvalues that are named, or read them from a file."""
    if name not in SPECTRA:
        read = _read(name)
        if d is not None and d != read.size:
            raise VerifyError(f"d: expected {read.size}, the number of eigenvalues in {name!r:.60}, got {d}")
        return read
    if d is None:
        raise VerifyError(f"d: expected the dimension of the {name} spectrum, got none")
    import simulate

    if name == "power-law":
        return simulate.power_law(d, exponent)
    return simulate.spiked(d, spikes, strength) if name == "spiked" else simulate.isotropic(d)


def _read(name: str) -> np.ndarray:
    """Read eigenvalues from a text file, separated by white space or commas."""
    import numpy as np

    path = Path(name)
    expected = f"spectrum: expected {', '.join(SPECTRA)} or a text file of eigenvalues, got {name!r:.60}"
    words, problem = [], ""
    try:
        if not path.is_file():
            problem = "which is neither"
        elif path.stat().st_size > LARGEST_FILE:
            problem = f"which has more than {LARGEST_FILE:,} bytes"
        else:
            words = path.read_text(encoding="utf-8").replace(",", " ").split()
            problem = "" if words else "which is empty"
    except UnicodeDecodeError:
        problem = "which is no text"
    except (OSError, ValueError) as error:
        problem = f"which cannot be read: {getattr(error, 'strerror', None) or error}"
    if problem:
        raise VerifyError(f"{expected}, {problem}")
    values = []
    for number, word in enumerate(words, start=1):
        value = math.nan
        with contextlib.suppress(ValueError):
            value = float(word)
        if not 0 < value < math.inf:
            raise VerifyError(f"spectrum: expected positive eigenvalues in {name!r:.60}, got {word!r:.40} as {number}.")
        values.append(value)
    return np.array(values)


def _integer(name: str, text: str) -> int:
    """Read an integer from the command line; its range is checked later."""
    with contextlib.suppress(ValueError):
        return int(text)
    raise VerifyError(f"{name}: expected an integer, got {text!r:.60}")


def _real(name: str, text: str) -> float:
    """Read a number from the command line; its range is checked later."""
    with contextlib.suppress(ValueError):
        value = float(text)
        if math.isfinite(value):
            return value
    raise VerifyError(f"{name}: expected a finite number, got {text!r:.60}")
