"""What a verdict is: a state, the basis it rests on, and what a sceptic needs to check it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np


class State(StrEnum):
    """How a claim came out (section 4 of docs/theory.md)."""

    HOLDS = "holds"
    VIOLATED = "violated"
    NOT_REFUTED = "not refuted"
    INCONCLUSIVE = "inconclusive"
    VACUOUS = "vacuous"
    OBSERVED = "observed"


class Basis(StrEnum):
    """How the worst case over θ was found: only `exact` and `certified` can carry a `holds`."""

    EXACT = "exact"
    CERTIFIED = "certified"
    SEARCHED = "searched"
    SAMPLED = "sampled"


@dataclass(frozen=True)
class Evidence:
    """One test that was made, and what it says.

    Attributes:
        test: what was tested, in a few words, such as "ray: isotropic, all conditions binding; upper bound".
        finding: what came out, in a sentence with its figures.
        state: what this test alone says.
        figures: the numbers behind the sentence, by name: JSON-able values only.
    """

    test: str
    finding: str
    state: State
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plot:
    """A figure of the report, as data: what is drawn is decided here, how by `verify.report.figures`.

    Attributes:
        title: what it shows.
        alt: the same in a sentence for readers who cannot see it.
        x_label: name of the horizontal axis.
        y_label: name of the vertical axis.
        series: curves and points, each a mapping with `label`, `x`, `y`, and optionally `low` and `high` (a band),
            `style` ("line", "points", "bound") .
        x_log: whether the horizontal axis is logarithmic.
        y_log: whether the vertical axis is logarithmic.
    """

    title: str
    alt: str
    x_label: str
    y_label: str
    series: Sequence[Mapping[str, Any]]
    x_log: bool = True
    y_log: bool = True


@dataclass(frozen=True)
class Verdict:
    """The outcome for one claim.

    Attributes:
        claim: the claim's id: a statement's ("3.3", "3.3*" where altered), a control's ("3.3:no-dimension"), "digits".
        title: what the claim is about.
        kind: "theorem", "conjecture" or "observation".
        state: how it came out.
        basis: how the worst case over θ was found.
        summary: the verdict in one sentence.
        constant: the fitted constant with its interval, or None where the claim has none.
        witness: what reproduces a violation, or None.
        evidence: the tests that were made.
        plots: the figures that go with it.
        altered: whether a user changed the statement.
        seconds: time spent on it.
        change_note: what was changed in the statement.
        statement: the statement as plain values, or None for observations.
    """

    claim: str
    title: str
    kind: str
    state: State
    basis: Basis
    summary: str
    constant: Mapping[str, Any] | None = None
    witness: Mapping[str, Any] | None = None
    evidence: Sequence[Evidence] = ()
    plots: Sequence[Plot] = ()
    altered: bool = False
    seconds: float = 0.0
    change_note: str = ""
    statement: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Describe the verdict in values that JSON can hold.

        Returns:
            Every field but the plots; numbers that are not finite become None.
        """
        return {
            "id": self.claim,
            "title": self.title,
            "kind": self.kind,
            "state": str(self.state),
            "basis": str(self.basis),
            "summary": self.summary,
            "constant": plain(self.constant),
            "witness": plain(self.witness),
            "evidence": [
                {"test": e.test, "finding": e.finding, "state": str(e.state), "figures": plain(e.figures)}
                for e in self.evidence
            ],
            "altered": self.altered,
            "change_note": self.change_note,
            "seconds": round(self.seconds, 3),
            "statement": plain(self.statement),
        }


def plain(value: Any) -> Any:
    """Turn a nested value into what JSON can hold.

    Args:
        value: mappings, sequences, NumPy arrays and scalars, strings, numbers, booleans and None.

    Returns:
        Dictionaries, lists, strings, booleans, None, ints and finite floats; other floats become None.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, StrEnum) else value


def combine(states: Sequence[State]) -> State:
    """Join what the separate tests of one claim say into the claim's state.

    One violation refutes; `holds` needs every test to say so. Tests that could only have refuted are `observed` and
    do not count. A claim without tests is inconclusive.

    Args:
        states: what each test says.

    Returns:
        The joint state.
    """
    for state in (State.VIOLATED, State.INCONCLUSIVE, State.VACUOUS, State.NOT_REFUTED):
        if state in states:
            return state
    return State.HOLDS if State.HOLDS in states else State.INCONCLUSIVE
