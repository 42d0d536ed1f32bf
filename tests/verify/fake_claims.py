"""Claims that take no time, in place of the real ones: every state, every kind of evidence, any outcome."""

from __future__ import annotations

import dataclasses
import math
import sys
import types
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import theory
from verify.claims._context import Context
from verify.errors import VerifyError
from verify.verdict import Basis, Evidence, Plot, State, Verdict

IDS = ["C.1", "3.3", "4.3", "digits"]


def verdict(claim: str, state: State = State.HOLDS, **changes: object) -> Verdict:
    """Make a verdict with something in every field."""
    n = np.geomspace(100, 20_000, 8)
    plot = Plot(
        title=f"Worst case of {claim} <along> a ray",
        alt="The observed quantile falls like the bound.",
        x_label="number of samples n",
        y_label="worst |μ − 1|",
        series=[
            {"label": "observed, 90 % quantile", "x": n, "y": 3 / n**0.5, "low": 2.6 / n**0.5, "high": 3.4 / n**0.5},
            {"label": "data sets", "x": n, "y": 2 / n**0.5, "style": "points"},
            {"label": "bound", "x": n, "y": 4 / n**0.5, "style": "bound"},
        ],
    )
    base = Verdict(
        claim=claim,
        title=f"what {claim} says & means",
        kind="observation" if claim == "digits" else "theorem",
        state=state,
        basis=Basis.SAMPLED if claim == "digits" else Basis.EXACT,
        summary=f"{claim} {state} on every ray: the slope of log ρ stays below 0.1.",
        constant={"estimate": 1.93, "low": 1.5, "high": math.inf, "meaning": "smallest C that serves"},
        witness={"seed": 3, "u": np.ones(3)} if state is State.VIOLATED else None,
        evidence=[Evidence("ray: isotropic; upper bound", "slope −0.03 ± 0.04", State.HOLDS, {"slope": -0.03})] * 3,
        plots=[plot, dataclasses.replace(plot, x_log=False, y_log=False)],
    )
    return dataclasses.replace(base, **changes)


Judge = Callable[[object, Context], tuple[Verdict, list[Verdict], pd.DataFrame]]


def judge(claim: str | theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge at once: everything holds, and every control of a statement is violated."""
    identifier = claim if isinstance(claim, str) else claim.id
    context.progress(0.5, "half way")
    numbers = context.mapper(abs, [-1, 2, -context.seed])
    table = pd.DataFrame({"n": [1, 2, 3], "value": numbers})
    if identifier == "digits":
        return verdict("digits", State.OBSERVED, constant=None), [], table
    statement = theory.statement(identifier) if isinstance(claim, str) else claim
    controls = [
        verdict(control.id, State.VIOLATED, change_note=control.reason, plots=()) for control in statement.controls
    ]
    made = verdict(
        identifier, statement=statement.to_dict(), altered=statement.altered, change_note=statement.change_note
    )
    return made, controls, table


def check(claim: str | theory.Statement) -> None:
    """Refuse an id that there is not."""
    if isinstance(claim, str) and claim not in IDS:
        raise VerifyError(f"claim: expected one of {', '.join(IDS)}, got {claim!r}")


def install(monkeypatch: pytest.MonkeyPatch, judging: Judge = judge) -> types.ModuleType:
    """Put the fake claims where `verify.running` looks for the real ones."""
    module = types.ModuleType("verify.claims")
    module.judge, module.check, module.claim_ids = judging, check, lambda: list(IDS)
    module.__path__ = []
    import verify

    monkeypatch.setitem(sys.modules, "verify.claims._context", sys.modules["verify.claims._context"])
    monkeypatch.setitem(sys.modules, "verify.claims", module)
    monkeypatch.setattr(verify, "claims", module, raising=False)
    return module
