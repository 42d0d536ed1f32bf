"""Words and numbers that every kind of report shares."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verify.store import REPORT
from verify.verdict import Evidence, State, Verdict

if TYPE_CHECKING:
    from verify.running import RunResult

SYMBOLS = {
    State.HOLDS: "✓",
    State.VIOLATED: "✗",
    State.NOT_REFUTED: "≈",
    State.INCONCLUSIVE: "?",
    State.VACUOUS: "∅",
    State.OBSERVED: "●",
}
STATES = {
    State.HOLDS: "every test agrees with the claim, on a basis that covers all parameters",
    State.VIOLATED: "a test refutes the claim; the witness reproduces it",
    State.NOT_REFUTED: "nothing found against it, but the search could not cover all parameters",
    State.INCONCLUSIVE: "the data decide neither way; the evidence says how much more would",
    State.VACUOUS: "the claim says nothing here",
    State.OBSERVED: "a measurement: nothing is claimed",
}
URGENCY = (State.VIOLATED, State.HOLDS, State.NOT_REFUTED, State.INCONCLUSIVE, State.VACUOUS, State.OBSERVED)
"""The states in the order of headlines and of sorted tables."""
BASES = {
    "exact": "the worst case over all parameters was computed",
    "certified": "the worst case over all parameters was bounded by a certificate",
    "searched": "the worst case is the worst that a search found",
    "sampled": "the worst case is the worst of a sample",
}
PROVENANCE = {
    "S": "the surviving text of the paper forces it",
    "D": "derived again and checked numerically",
    "R": "reconstructed: it had to be chosen",
}
_PLURALS = {State.HOLDS: "hold", State.VACUOUS: "are vacuous"}


def headline(result: RunResult) -> str:
    """Say on one line how a run came out.

    Args:
        result: the run.

    Returns:
        Such as "verify: 5 claims — 4 hold, 1 observed; 9 of 9 controls refuted; report results/…/report.html".
    """
    number = len(result.verdicts)
    parts = [f"{number} {'claim' if number == 1 else 'claims'} — {_tally(result.verdicts)}"]
    if result.controls:
        parts.append(f"{controls_refuted(result.controls, ' of ')} controls refuted")
    if result.interrupted:
        parts.append("interrupted")
    parts.append(f"report {result.folder / REPORT}")
    return f"verify: {'; '.join(parts)}"


def _tally(verdicts: Sequence[Verdict]) -> str:
    """Count the states, those that need attention first."""
    counted = Counter(verdict.state for verdict in verdicts)
    words = [f"{counted[state]} {_state_word(state, counted[state])}" for state in URGENCY if counted[state]]
    return ", ".join(words) or "none judged"


def _state_word(state: State, count: int) -> str:
    if state is State.VACUOUS and count == 1:
        return "is vacuous"
    return str(state) if count == 1 else _PLURALS.get(state, str(state))


def controls_refuted(controls: Sequence[Verdict], joint: str = "/") -> str:
    """Count the refuted controls.

    Args:
        controls: their verdicts.
        joint: what stands between the two numbers.

    Returns:
        Such as "3/3"; empty if there are no controls.
    """
    refuted = sum(control.state is State.VIOLATED for control in controls)
    return f"{refuted}{joint}{len(controls)}" if controls else ""


def constant_text(constant: Mapping[str, Any] | None) -> str:
    """Write a fitted constant with its interval.

    Args:
        constant: a mapping with `estimate` and perhaps `low`, `high` and the `eps` it belongs to; None where a claim
            has none.

    Returns:
        Such as "C = 1.93 [1.5, 2.4] at ε = 0.5"; empty if there is none.
    """
    if not constant or constant.get("estimate") is None:
        return ""
    interval = f" {_interval_text(constant.get('low'), constant.get('high'))}" if "high" in constant else ""
    place = f" at ε = {number_text(constant['eps'])}" if constant.get("eps") is not None else ""
    return f"C = {number_text(constant['estimate'])}{interval}{place}"


def constant_lines(constant: Mapping[str, Any] | None) -> list[str]:
    """Write everything there is to say about a fitted constant.

    Args:
        constant: as for `constant_text`; it may hold several under `by_eps`, and its `meaning` in words.

    Returns:
        A line for each constant.
    """
    if not constant:
        return []
    meaning = f": {constant['meaning']}" if constant.get("meaning") else ""
    lines = [constant_text(each) for each in constant.get("by_eps") or [constant]]
    return [f"{line}{meaning}" for line in lines if line]


def exponents(evidence: Sequence[Evidence]) -> list[tuple[str, str, float]]:
    """List the exponents that were fitted along rays: p in ρ ~ scale^p, the slope of log ρ.

    Args:
        evidence: a claim's tests.

    Returns:
        For each test that fitted one its name, the exponent with its interval such as "−0.05 [−0.09, −0.02]", and the
        interval's upper end.
    """
    found = []
    for item in evidence:
        slope = item.figures.get("slope")
        if isinstance(slope, list | tuple) and len(slope) == 3 and None not in slope:
            estimate, low, high = (f"{value:+.3f}".replace("-", "−") for value in slope)
            found.append((item.test, f"{estimate} [{low}, {high}]", float(slope[2])))
    return found


def _interval_text(low: Any, high: Any) -> str:
    """Write an interval; an end that is missing or infinite is open."""
    left, right = (None if end is None or math.isinf(end) else end for end in (low, high))
    start = "(−∞" if left is None else f"[{number_text(left)}"
    return f"{start}, ∞)" if right is None else f"{start}, {number_text(right)}]"


def number_text(value: Any, missing: str = "–") -> str:
    """Write a number with three significant digits.

    Args:
        value: a number, or anything else, which is written as it is.
        missing: what stands for None and NaN.

    Returns:
        The text.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return missing
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if isinstance(value, int):
        return str(value)
    return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def seconds_text(seconds: float) -> str:
    """Write a duration.

    Args:
        seconds: how long.

    Returns:
        Such as "0.4 s", "12 s" or "3 min 20 s".
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
