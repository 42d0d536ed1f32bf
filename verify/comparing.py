"""What changed between two runs, and whether anything got worse."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verify.errors import VerifyError
from verify.report import wording
from verify.running import Outcome, RunResult
from verify.verdict import State, Verdict

SCHEMA = 1
# A claim gets worse when its state moves to a lower rank.
_RANKS = {
    State.HOLDS: 3,
    State.OBSERVED: 3,
    State.NOT_REFUTED: 2,
    State.INCONCLUSIVE: 1,
    State.VACUOUS: 1,
    State.VIOLATED: 0,
}
_SAME = 1e-6
"""Relative difference below which constants without intervals are the same."""


@dataclass(frozen=True)
class Change:
    """One difference between two runs.

    Attributes:
        claim: the claim, or the control, that differs.
        what: "claim" (judged in one run only), "state", "basis", "constant", "statement" or "control".
        before: what the first run says; empty where it says nothing.
        after: what the second run says; empty where it says nothing.
        regression: whether that is worse: a state of lower rank, a control that is no longer refuted, or a missing
            claim.
    """

    claim: str
    what: str
    before: str
    after: str
    regression: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Describe the change in values that JSON can hold.

        Returns:
            Every field.
        """
        return {
            "claim": self.claim,
            "what": self.what,
            "before": self.before,
            "after": self.after,
            "regression": self.regression,
        }


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other.

    Attributes:
        before: the first run.
        after: the second run.
        changes: what differs in the verdicts, in the order of the first run.
        settings: what differs in how the runs were made, as name, before and after; it explains, and judges nothing.
    """

    before: RunResult
    after: RunResult
    changes: tuple[Change, ...]
    settings: tuple[tuple[str, str, str], ...]

    @property
    def regressions(self) -> list[Change]:
        """The changes for the worse."""
        return [change for change in self.changes if change.regression]

    @property
    def exit_code(self) -> int:
        """1 if anything got worse, 0 otherwise."""
        return int(bool(self.regressions))

    def headline(self) -> str:
        """Say on one line how the comparison came out.

        Returns:
            Such as "compare: 18 claims — 1 regression, 2 other changes; results/a → results/b", without its end.
        """
        number, worse = len(self.before.outcomes), len(self.regressions)
        other = len(self.changes) - worse
        parts = [f"{worse} {'regression' if worse == 1 else 'regressions'}"] if worse else []
        parts += [f"{other} {'other ' if worse else ''}{'change' if other == 1 else 'changes'}"] if other else []
        claims = f"{number} {'claim' if number == 1 else 'claims'}"
        return f"compare: {claims} — {', '.join(parts) or 'no change'}; {self.before.folder} → {self.after.folder}"

    def to_dict(self) -> dict[str, Any]:
        """Describe the comparison in values that JSON can hold.

        Returns:
            Both runs (folder, profile, seed and command), `regression`, `exit_code`, `settings` and `changes`.
        """
        before, after = (
            {"folder": str(run.folder), "profile": run.profile, "seed": run.seed, "command": run.command}
            for run in (self.before, self.after)
        )
        return {
            "schema": SCHEMA,
            "before": before,
            "after": after,
            "claims": len(self.before.outcomes),
            "regression": bool(self.regressions),
            "exit_code": self.exit_code,
            "settings": [{"name": name, "before": old, "after": new} for name, old, new in self.settings],
            "changes": [change.to_dict() for change in self.changes],
        }

    def to_json(self) -> str:
        """Write the comparison as JSON.

        Returns:
            What `to_dict` returns, as text.
        """
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)


def compare(before: RunResult | str | os.PathLike[str], after: RunResult | str | os.PathLike[str]) -> Comparison:
    """Say what changed between two runs.

    States, bases, controls and statements are compared as they are; fitted constants differ where their intervals do
    not overlap, so that another seed alone rarely counts. Linear in the number of claims.

    Args:
        before: the first run, or its folder.
        after: the second run, or its folder.

    Returns:
        The differences; `regressions` are those for the worse.

    Raises:
        VerifyError: if one of them is not a run, of another schema version, or has files that changed since it ended.

    Example:
        >>> compare("results/monday", "results/tuesday").exit_code  # doctest: +SKIP
        0
    """
    old, new = _loaded(before, "before"), _loaded(after, "after")
    return Comparison(old, new, tuple(_changes(_by_key(old), _by_key(new))), tuple(_settings(old, new)))


def _loaded(run: Any, name: str) -> RunResult:
    from verify.reading import load

    return run if isinstance(run, RunResult) else load(run, name)


def _by_key(run: RunResult) -> dict[str, Outcome]:
    """Name the outcomes so that those of the same statement meet."""
    outcomes: dict[str, Outcome] = {}
    for outcome in run.outcomes:
        verdict = outcome.verdict
        # Runs number their alterations of one statement ("3.3*-2"): what was altered tells them apart.
        key = f"{re.sub(r'-[0-9]+$', '', verdict.claim)}: {verdict.change_note}" if verdict.altered else verdict.claim
        if key in outcomes:
            raise VerifyError(f"run: expected each claim once, got {key!r:.60} twice in {str(run.folder)!r}")
        outcomes[key] = outcome
    return outcomes


def _changes(old: Mapping[str, Outcome], new: Mapping[str, Outcome]) -> Iterator[Change]:
    for key, outcome in old.items():
        if key in new:
            yield from _verdict_changes(key, outcome.verdict, new[key].verdict)
            yield from _control_changes(outcome, new[key])
        else:
            yield Change(key, "claim", str(outcome.verdict.state), "", regression=True)
    for key, outcome in new.items():
        if key not in old:
            yield Change(key, "claim", "", str(outcome.verdict.state))


def _verdict_changes(key: str, old: Verdict, new: Verdict) -> Iterator[Change]:
    if old.state is not new.state:
        yield Change(key, "state", str(old.state), str(new.state), _RANKS[new.state] < _RANKS[old.state])
    if old.basis is not new.basis:
        yield Change(key, "basis", str(old.basis), str(new.basis))
    if (judged := _statement(old)) != (judged_now := _statement(new)):
        yield Change(key, "statement", *_first_difference(judged, judged_now))
    yield from _constant_changes(key, old.constant, new.constant)


def _control_changes(old: Outcome, new: Outcome) -> Iterator[Change]:
    states = {control.claim: control.state for control in new.controls}
    for control in old.controls:
        state = states.pop(control.claim, None)
        if state is not control.state:
            lost = control.state is State.VIOLATED
            yield Change(control.claim, "control", _control(control.state), _control(state), regression=lost)
    for claim, state in states.items():
        yield Change(claim, "control", "", _control(state))


def _control(state: State | None) -> str:
    if state is None:
        return ""
    return "refuted" if state is State.VIOLATED else f"survived: {state}"


def _statement(verdict: Verdict) -> dict[str, Any]:
    """Return what a verdict depends on: the statement, without its words."""
    described = verdict.statement or {}
    names = ("kind", "lower", "upper", "probability", "sample_size", "dimension", "constants")
    return {name: described.get(name) for name in names}


def _first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str]:
    name = next(name for name in old if old[name] != new[name])
    return f"{name}: {_text(old[name])}", f"{name}: {_text(new[name])}"


def _text(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else "none" if value is None else str(value)


def _constant_changes(key: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Change]:
    """Compare fitted constants, those of the same ε with each other."""
    before, after = _constants(old), _constants(new)
    for eps in [*before, *(eps for eps in after if eps not in before)]:
        first, second = before.get(eps), after.get(eps)
        if first is None or second is None or _differ(first, second):
            yield Change(key, "constant", wording.constant_text(first), wording.constant_text(second))


def _constants(constant: Mapping[str, Any] | None) -> dict[Any, Mapping[str, Any]]:
    every = (constant.get("by_eps") or [constant]) if constant else []
    return {each.get("eps"): each for each in every if each.get("estimate") is not None}


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two constants cannot be the same: their intervals are apart."""
    if "high" not in one or "high" not in other:
        return not math.isclose(one["estimate"], other["estimate"], rel_tol=_SAME)
    return max(_end(one, "low"), _end(other, "low")) > min(_end(one, "high"), _end(other, "high"))


def _end(constant: Mapping[str, Any], name: str) -> float:
    """Return an end of an interval; one that is missing is open."""
    value = constant.get(name)
    return (-math.inf if name == "low" else math.inf) if value is None or math.isnan(value) else float(value)


def _settings(old: RunResult, new: RunResult) -> Iterator[tuple[str, str, str]]:
    """Find what differs in how the runs were made."""
    before, after = _made(old), _made(new)
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            yield name, before.get(name, "–"), after.get(name, "–")


def _made(run: RunResult) -> dict[str, str]:
    environment = run.environment
    parts = {name: environment.get(name) for name in ("program", "python", "platform", "processor")}
    packages = environment.get("packages")
    if isinstance(packages, Mapping):
        parts |= packages
    made = {"profile": run.profile, "seed": run.seed, "interrupted": "yes" if run.interrupted else "no", **parts}
    return {name: str(value) for name, value in made.items() if value is not None}
