"""What the theorems promise for one Gaussian design, with which constants, and what is seen on a few draws of it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from verify.errors import VerifyError

if TYPE_CHECKING:
    import numpy as np

    import theory
    from verify.certificate_observing import Observation

THEOREMS = ("3.3", "3.5", "3.2", "4.2", "4.3")
"""The theorems on Gaussian designs."""
EXPLICIT = ("3.3", "3.5")
"""Those with an explicit interval at a given n and spectrum."""
SCHEMA = 1


@dataclass(frozen=True)
class Condition:
    """One condition of a theorem at this design.

    Attributes:
        quantity: "n" or "d_eff".
        constant: C.
        asks: C f.
        has: the design's n or d_eff.
    """

    quantity: str
    constant: float
    asks: float
    has: float

    @property
    def met(self) -> bool:
        """Whether the design has what is asked."""
        return self.has >= self.asks


@dataclass(frozen=True)
class Assessment:
    """The conditions of a theorem with one choice of constants.

    Attributes:
        source: where the constants come from.
        conditions: the conditions.
        fewest: the smallest n that meets those on n, None where there is none up to 10¹⁵.
    """

    source: str
    conditions: tuple[Condition, ...]
    fewest: int | None

    @property
    def met(self) -> bool:
        """Whether every condition is met."""
        return all(condition.met for condition in self.conditions)


@dataclass(frozen=True)
class Entry:
    """What one theorem says of the design.

    Attributes:
        id: the theorem's id.
        title: what it is about.
        interval: its bounds at ε, infinite or zero where they say nothing.
        proved: its conditions with the constants of its proof; None where the proof leaves them open.
        fitted: the same with constants fitted to data; None where no results were given or they have none.
        explicit: the explicit interval at this n, spectrum and δ, whatever ε is; None for theorems without one.
        explicit_n: the smallest n at which that interval lies within the bounds at ε, None where there is none.
        observed: the worst cases that were seen.
        note: why the theorem does not apply at all, empty if it does.
    """

    id: str
    title: str
    interval: tuple[float, float]
    proved: Assessment | None
    fitted: Assessment | None
    explicit: theory.ExplicitBounds | None
    explicit_n: int | None
    observed: Observation
    note: str = ""

    @property
    def applies(self) -> bool | None:
        """Whether the proof's conditions are met; None where its constants are not known."""
        if self.note:
            return False
        return None if self.proved is None else self.proved.met

    @property
    def guaranteed_by(self) -> str:
        """Why the bounds at ε hold with probability 1 − δ: "conditions", "explicit bounds", or nothing."""
        if self.applies:
            return "conditions"
        within = self.explicit and self.interval[0] <= self.explicit.lower and self.explicit.upper <= self.interval[1]
        return "explicit bounds" if within and not self.note else ""


@dataclass(frozen=True)
class Certificate:
    """What the theorems promise for one Gaussian design.

    Attributes:
        n: number of samples.
        d: dimension of the inputs.
        d_eff: effective dimension.
        eps: ε.
        delta: δ.
        directions: K, the number of fixed directions of Theorem 4.3.
        slope: slope of the leaky ReLU of Theorem 3.5.
        draws: data sets that were drawn.
        seed: their seed.
        results: the folder whose fitted constants were used, or None.
        entries: one for each theorem.
    """

    n: int
    d: int
    d_eff: float
    eps: float
    delta: float
    directions: int
    slope: float
    draws: int
    seed: int
    results: str | None
    entries: tuple[Entry, ...]

    def to_dict(self) -> dict[str, Any]:
        """Describe the certificate in values that JSON can hold.

        Returns:
            Every field; numbers that are not finite become None.
        """
        from verify.certificate_text import described
        from verify.verdict import plain

        return {"schema": SCHEMA, **plain(described(self))}

    def to_json(self) -> str:
        """Write the certificate as JSON.

        Returns:
            One JSON object.
        """
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False)

    def text(self, stream: IO[str] | None = None, width: int | None = None) -> str:
        """Write the certificate as a table and sentences.

        Args:
            stream: where it is going to be written, the standard output stream if None; only a terminal gets colours.
            width: columns; None for the terminal's, or 120 where there is none.

        Returns:
            The text, with a final newline.
        """
        from verify.certificate_text import render

        return render(self, stream, width)


def certificate(
    n: int,
    spectrum: Any,
    eps: float,
    delta: float,
    *,
    directions: int = 1,
    slope: float = 0.5,
    draws: int = 3,
    seed: int = 0,
    results: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[str, float, str], None] | None = False,
) -> Certificate:
    """Find out what the theorems promise for one Gaussian design, and what is seen on a few draws of it.

    Conditions are evaluated with the constants of the executed proofs, and with those fitted by a run where its folder
    is given: these promise nothing, they say where failures were seen. Theorems 3.3 and 3.5 have explicit intervals as
    well, sharper than their conditions. Worst cases over θ are exact or certified, and left out where they cost much.

    Args:
        n: number of samples, at least 2.
        spectrum: eigenvalues of the covariance of the inputs, shape (d,), positive.
        eps: ε, in (0, 1).
        delta: δ, in (0, 1).
        directions: K of Theorem 4.3; the first K eigenvectors of the covariance are observed, K ≤ d.
        slope: slope of the leaky ReLU of Theorem 3.5, from 0 to 1.
        draws: data sets to draw, 0 for none.
        seed: what fixes them.
        results: the folder of a run of `verify.run` whose fitted constants to use as well.
        progress: True for a bar, None for one after two seconds on a terminal, or a function of name, fraction, text.

    Returns:
        The certificate. O(d log d) time and some hundred passes over the distinct eigenvalues; the draws cost up to a
        few seconds each.

    Raises:
        VerifyError: for a wrong argument, or a folder that holds no run.
        StatementError: for ε, δ or eigenvalues outside their domains.

    Example:
        >>> import verify
        >>> made = verify.certificate(n=1000, spectrum=[1.0] * 1000, eps=0.5, delta=0.05, draws=0)
        >>> [round(end, 2) for end in made.entries[0].explicit[:2]]
        [0.65, 1.5]
    """
    import numpy as np

    import simulate
    from verify.arguments import check_seed
    from verify.certificate_observing import Plan, observe
    from verify.progress import sink_for

    size, count = _integer("n", n, 2), _integer("draws", draws, 0)
    angle, fixed = _slope(slope), _integer("directions", directions, 1)
    constants = _fitted(results)
    seed = check_seed(seed)
    import theory

    # Checks n, the spectrum and δ before anything is drawn.
    theory.explicit_bounds("3.3", n=size, spectrum=spectrum, delta=delta)
    values = np.asarray(spectrum, dtype=np.float64)
    if fixed > values.size:
        raise VerifyError(f"directions: expected at most d = {values.size}, got {fixed}")
    known = {
        "eps": eps,
        "delta": delta,
        "n": float(size),
        "d": float(values.size),
        "d_eff": simulate.effective_dimension(values),
        "K": float(fixed),
        "alpha": angle,
        "beta": 1.0,
    }
    theory.statement("3.3").bounds(eps=eps, delta=delta)
    with sink_for(progress, noun="") as sink:
        sink.begin("certificate", 0, 1)
        seen = observe(Plan(size, values, fixed, angle, count, seed), sink.update)
    enough = _explicit_n(values, eps, delta)
    entries = [_entry(id, known, values, enough, constants.get(id), seen[id]) for id in THEOREMS]
    place = None if results is None else str(results)
    return Certificate(
        size, values.size, known["d_eff"], float(eps), float(delta), fixed, angle, count, seed, place, tuple(entries)
    )


def _entry(
    id: str,
    known: Mapping[str, float],
    spectrum: np.ndarray,
    enough: int | None,
    fitted: Mapping[str, Any] | None,
    observed: Observation,
) -> Entry:
    """Assess one theorem."""
    import theory

    statement = theory.statement(id)
    values = {name: value for name, value in known.items() if name in statement.symbols}
    beyond = known["eps"] > statement.largest_eps
    note = f"stated for ε up to {statement.largest_eps:g}" if beyond else ""
    proof, data = _proved_constants(statement, known), _fitted_constants(statement, fitted, known["eps"])
    return Entry(
        id,
        statement.title,
        statement.bounds(**values),
        None if proof is None else _assess(statement, values, proof, "proof"),
        None if data is None else _assess(statement, values, data, "fitted to data"),
        _explicit(statement, known, spectrum) if id in EXPLICIT else None,
        enough if id in EXPLICIT else None,
        observed,
        note,
    )


def _explicit(statement: theory.Statement, known: Mapping[str, float], spectrum: np.ndarray) -> theory.ExplicitBounds:
    """Compute the explicit interval."""
    import theory

    slopes = {name: known[name] for name in ("alpha", "beta") if name in statement.symbols}
    size, delta, method = int(known["n"]), known["delta"], "chi-square"
    return theory.explicit_bounds(
        statement, n=size, spectrum=spectrum, delta=delta, method=method, union=True, **slopes
    )


def _explicit_n(spectrum: np.ndarray, eps: float, delta: float) -> int | None:
    """Find the n at which the explicit intervals first lie within the bounds at ε, the same one for 3.3 and 3.5."""
    import theory

    try:
        return theory.statement("3.3").required_n(spectrum=spectrum, eps=eps, delta=delta)
    except theory.StatementError:
        return None


def _assess(
    statement: theory.Statement, values: Mapping[str, float], constants: list[float], source: str
) -> Assessment:
    """Evaluate every condition with these constants."""
    import theory

    conditions: list[Condition] = []
    for field, quantity in (("sample_size", "n"), ("dimension", "d_eff")):
        for f in statement.evaluate(field, **values):
            constant = constants[len(conditions)]
            conditions.append(Condition(quantity, constant, constant * float(f), values[quantity]))
    others = {name: value for name, value in values.items() if name != "n"}
    try:
        fewest = statement.required_n(constants[: len(statement.sample_size)], **others)
    except theory.StatementError:
        fewest = None
    return Assessment(source, tuple(conditions), fewest)


def _proved_constants(statement: theory.Statement, known: Mapping[str, float]) -> list[float] | None:
    """Evaluate the constants of the proof; None where it has none."""
    given = statement.explicit_constants
    if given is None:
        return None
    return [float(c.subs({s: known[s.name] for s in c.free_symbols})) for c in given]


def _fitted_constants(statement: theory.Statement, fitted: Mapping[str, Any] | None, eps: float) -> list[float] | None:
    """Take the upper end of a fitted constant, at the largest ε up to the one that is asked for."""
    if not fitted:
        return None
    rows = [row for row in fitted.get("by_eps") or [fitted] if row.get("eps", eps) <= eps * (1 + 1e-9)]
    if not rows:
        return None
    row = max(rows, key=lambda one: one.get("eps", eps))
    ends = [row.get(name) for name in ("high", "estimate")]
    value = next((end for end in ends if end is not None and math.isfinite(end)), None)
    if not value:
        return None
    return [float(value)] * (len(statement.sample_size) + len(statement.dimension))


def _fitted(results: Any) -> dict[str, Mapping[str, Any]]:
    """Read the fitted constants of a run, of statements that it left unaltered and did not refute."""
    if results is None:
        return {}
    from verify.reading import load
    from verify.verdict import State

    found = [outcome.verdict for outcome in load(results, "results").outcomes]
    return {
        verdict.claim: verdict.constant
        for verdict in found
        if verdict.constant and not verdict.altered and verdict.state is not State.VIOLATED
    }


def _integer(name: str, value: Any, least: int) -> int:
    """Check an integer."""
    import numpy as np

    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise VerifyError(f"{name}: expected an integer of at least {least}, got {value!r:.60}")
    return int(value)


def _slope(value: Any) -> float:
    """Check the slope of a leaky ReLU."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise VerifyError(f"slope: expected a number from 0 to 1, got {value!r:.60}")
    return float(value)
