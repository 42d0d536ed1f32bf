"""The population limit: which bounds exclude part of the range, and witnesses that are attained."""

from __future__ import annotations

import numpy as np
import pytest

import theory
from verify.designs import Design
from verify.population import population_range, population_test, symbol_limits
from verify.verdict import State

DELTA = 0.1


def drawn(witness: dict) -> np.ndarray:
    """Draw a witness's inputs from its recipe, without running the text."""
    arguments, _, call = witness["draw"].removeprefix("verify.designs.Design(").removesuffix(")").partition(").draw(")
    family, n, rank = (part.strip() for part in arguments.split(","))
    named = dict(part.split("=") for part in call.split(", "))
    X = Design(family.strip("'"), int(n), int(rank)).draw(int(named["seed"]), int(named["trial"]))
    assert X.shape == (witness["n"], witness["d"])
    return X


def value(witness: dict, X: np.ndarray) -> float:
    """Compute the alignment at the witness again, by sums over the rows."""
    u = np.array(witness["u"])
    weights = (X @ u) ** 2
    if witness["quantity"] == "mu":
        row_sums = np.einsum("ij,jk,ik->i", X, X.T @ X, X)
        return float(len(X) * (weights @ row_sums) / (weights.sum() * row_sums.sum()))
    along = (X @ np.array(witness["v"])) ** 2
    return float(len(X) * (weights @ along) / (weights.sum() * along.sum()))


@pytest.mark.parametrize(
    ("base", "changes", "side"),
    [
        ("4.3", {"upper": "(2 + eps)/(1 - eps)**2"}, "upper"),
        ("4.3", {"upper": "2.99 + eps"}, "upper"),
        ("4.3", {"upper": "3 - eps"}, "upper"),
        ("4.3", {"lower": "(1.2 - eps)/(1 + eps)**2"}, "lower"),
        ("4.3", {"lower": "1.01 - eps"}, "lower"),
        ("4.3", {"lower": "2", "upper": "1"}, "upper"),
        ("4.3", {"lower": "9", "upper": "1"}, "lower"),
        ("3.3", {"lower": "(1 - eps)*5/4"}, "lower"),
        ("3.3", {"upper": "1 - eps"}, "upper"),
        ("3.3", {"upper": "0.999 + eps"}, "upper"),
        ("3.3", {"dimension": []}, "upper"),
        ("3.3", {"dimension": [], "upper": "1.9 + eps"}, "upper"),
    ],
)
def test_a_bound_that_excludes_part_of_the_range_is_violated(base, changes, side):
    statement = theory.statement(base).replace(**changes)
    evidence, witness = population_test(statement, 0, DELTA)
    assert evidence.state is State.VIOLATED
    assert witness["side"] == side
    attained = value(witness, drawn(witness))
    assert attained == pytest.approx(witness["value"], rel=1e-9)
    assert attained > witness["bound"] if side == "upper" else attained < witness["bound"]
    known = {"eps": witness["eps"], "delta": DELTA, "n": witness["n"], "d": witness["d"], "d_eff": witness["d"], "K": 1}
    bounds = statement.bounds(**{name: number for name, number in known.items() if name in statement.symbols})
    assert bounds[side == "upper"] == pytest.approx(witness["bound"], rel=1e-9)


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("4.3", {}),
        ("3.3", {}),
        ("4.3", {"upper": "3 + eps", "lower": "1 - eps"}),
        ("4.3", {"upper": None}),
        ("4.3", {"lower": None}),
        ("4.3", {"lower": "-1", "upper": "1e9"}),
        ("3.3", {"upper": "1 + eps**3"}),
        ("3.3", {"dimension": [], "upper": "2 + eps"}),
        ("3.3", {"sample_size": []}),
    ],
)
def test_bounds_that_contain_the_range_pass(base, changes):
    statement = theory.statement(base)
    statement = statement.replace(**changes) if changes else statement
    evidence, witness = population_test(statement, 0, DELTA)
    assert evidence.state is State.HOLDS
    assert witness is None


def test_the_range_is_that_of_lemma_c2_and_of_the_linear_model():
    assert population_range(theory.statement("4.3"))[:2] == (1, 3)
    assert population_range(theory.statement("3.3"))[:2] == (1, 1)
    assert population_range(theory.statement("3.3").replace(dimension=[]))[:2] == (1, 2)


@pytest.mark.parametrize(("base", "size"), [("4.3", 4), ("3.3", 50)])
def test_limits_are_given_to_the_statements_own_symbols(base, size):
    statement = theory.statement(base)
    values = symbol_limits(statement, np.array([0.1, 0.2]), size, DELTA)
    assert set(values) == set(statement.symbols)
    assert np.isfinite(statement.evaluate("upper", **values)).all()


def test_the_evidence_names_the_worst_eps():
    evidence, witness = population_test(theory.statement("4.3").replace(upper="3 + eps*(eps - 0.5)"), 0, DELTA)
    # 3 − ε/2 + ε² excludes most of [1, 3] at ε = 1/4.
    assert witness["eps"] == pytest.approx(0.25, rel=0.05)
    assert witness["bound"] == pytest.approx(3 - 1 / 16, rel=1e-3)
    assert f"{witness['eps']:.3g}" in evidence.finding
