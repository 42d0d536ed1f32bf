"""Statements that claim probability 1 are refuted by one row much longer or shorter than the others."""

from __future__ import annotations

import numpy as np
import pytest

import simulate
import theory
from verify.designs import Design
from verify.vanishing import SIZE, STRETCH, vanishing_test
from verify.verdict import State

NO_DELTA = {"sample_size": ["log(n)/eps**2"], "dimension": ["log(n)/eps**2"]}


def stretched(side: str, seed: int) -> np.ndarray:
    X = Design("isotropic", SIZE, SIZE).draw(seed, 0)
    X[0] *= STRETCH[side]
    return X


@pytest.mark.parametrize(("changes", "side"), [({}, "upper"), ({"upper": None}, "lower")])
def test_conditions_without_delta_are_refuted_by_a_row(changes, side):
    statement = theory.statement("3.3").replace(**NO_DELTA, **changes)
    evidence, witness = vanishing_test(statement, 3)
    assert evidence.state is State.VIOLATED
    assert witness["side"] == side
    X = stretched(side, 3)
    assert witness["draw"] == (
        f"verify.designs.Design('isotropic', {SIZE}, {SIZE}).draw(seed=3, trial=0), row 0 multiplied by {STRETCH[side]}"
    )
    u = simulate.loss_alignment_range(X).witnesses[1 if side == "upper" else 0]
    row_sums = ((X @ X.T) ** 2).sum(axis=1)
    weights = (X @ u) ** 2
    value = SIZE * float(weights @ row_sums) / float(weights.sum() * row_sums.sum())
    assert witness["value"] == pytest.approx(value, rel=1e-9)
    bound = statement.bounds(eps=witness["eps"])[side == "upper"]
    assert witness["bound"] == bound
    assert value > bound if side == "upper" else value < bound


@pytest.mark.parametrize(
    "changes",
    [{}, {"sample_size": ["log(n)/eps**2"]}, {**NO_DELTA, "upper": "1 + eps*log(1/delta)"}],
)
def test_statements_that_know_delta_are_not_refuted_here(changes):
    statement = theory.statement("3.3")
    evidence, witness = vanishing_test(statement.replace(**changes) if changes else statement, 0)
    assert evidence.state is State.OBSERVED
    assert witness is None


def test_bounds_that_no_data_leave_are_not_refuted():
    # 0 ≤ μ ≤ n always.
    evidence, witness = vanishing_test(theory.statement("3.3").replace(**NO_DELTA, lower="0", upper="n"), 0)
    assert evidence.state is not State.VIOLATED
    assert witness is None


def test_a_fixed_probability_of_failure_needs_no_delta():
    evidence, _ = vanishing_test(theory.statement("3.3").replace(**NO_DELTA, probability="1/2"), 0)
    assert evidence.state is not State.VIOLATED
