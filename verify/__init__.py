"""Does it agree: judges the claims of `theory` against what `simulate` computes, and reports.

Public names load on first use, so that the command line starts without NumPy or SymPy.

Example:
    >>> import verify
    >>> result = verify.run(claims=["C.1"], out="my-run")  # doctest: +SKIP
    >>> result.verdicts[0].state, result.exit_code  # doctest: +SKIP
    (<State.HOLDS: 'holds'>, 0)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verify.certificates import Certificate, certificate
    from verify.comparing import Comparison, compare
    from verify.errors import VerifyError
    from verify.figures.making import FigureResult, figure
    from verify.reading import load
    from verify.report.exports import export
    from verify.running import Interrupted, RunResult, run
    from verify.sweeps.points import Point
    from verify.sweeps.sweeping import SweepInterrupted, sweep
    from verify.verdict import Basis, State, Verdict

__all__ = [
    "Basis",
    "Certificate",
    "Comparison",
    "FigureResult",
    "Interrupted",
    "Point",
    "RunResult",
    "State",
    "SweepInterrupted",
    "Verdict",
    "VerifyError",
    "certificate",
    "compare",
    "export",
    "figure",
    "load",
    "run",
    "sweep",
]

_HOMES = {
    "Basis": "verdict",
    "Certificate": "certificates",
    "Comparison": "comparing",
    "FigureResult": "figures.making",
    "Interrupted": "running",
    "Point": "sweeps.points",
    "RunResult": "running",
    "State": "verdict",
    "SweepInterrupted": "sweeps.sweeping",
    "Verdict": "verdict",
    "VerifyError": "errors",
    "certificate": "certificates",
    "compare": "comparing",
    "export": "report.exports",
    "figure": "figures.making",
    "load": "reading",
    "run": "running",
    "sweep": "sweeps.sweeping",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module the first time it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'verify' has no attribute {name!r}")
    value = getattr(import_module(f"verify.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
