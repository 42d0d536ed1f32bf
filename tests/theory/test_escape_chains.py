"""The facts of Section 5 and of Theorem 3.5 against numbers, and wrong ones that their own steps reject."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import sympy
from escape_data import DATA, Data
from proof_mutation import judged
from sympy.core.relational import Relational

import theory
from theory._symbols import symbol
from theory.catalogue import _escape_map as escape
from theory.catalogue import _second_moments as second
from theory.catalogue import threshold_5_2 as threshold

A1, A2, alpha, beta, q, D = (symbol(name) for name in ("A1", "A2", "alpha", "beta", "q", "D"))
sharp, flat, last_sharp, first_flat = (symbol(name) for name in ("S_X", "S_Y", "lambda_k", "lambda_next"))
eta, curvature, loss, g = second.eta, second.CURVATURE, second.LOSS, second.ALIGNMENT
b, c, now = escape.FLAT_GAIN, escape.SHARP_GAIN, escape.NOW
s, t = sympy.Symbol("s", nonnegative=True), sympy.Symbol("t", positive=True)
log, Max, two = sympy.log, sympy.Max, sympy.Integer(2)
ROUND_OFF = 1e-9

# What is wrong → statement, fact, formula, side, and the wrong side made from the right one.
WRONG: dict[str, tuple[str, str, int, str, Callable[[sympy.Expr], sympy.Expr]]] = {
    "Gram matrix twice": ("3.5", "Gram matrix", 0, "right", lambda side: 2 * side),
    "entries by the third power": ("3.5", "entries", 1, "left", lambda side: side / alpha),
    "row sums by the fifth power": ("3.5", "network row sums", 1, "right", lambda side: side * beta),
    "no spread above": ("3.5", "network spread", 1, "right", lambda side: side / (1 + t)),
    "better than the corner": ("3.5", "quotient", 0, "left", lambda side: side * (1 + t)),
    "the third power attained": ("3.5", "powers attained", 0, "right", lambda side: side * alpha / beta),
    "half of ε": ("3.5", "bounds", 1, "right", lambda side: side - (beta / alpha) ** 4 * symbol("eps") / 2),
    "no noise in a step": ("5.2", "one step", 2, "right", lambda side: side.args[0]),
    "the noise not centred": ("5.2", "one step", 1, "right", lambda side: side.args[0]),
    "noise twice": ("5.2", "moments", 0, "right", lambda side: side + eta**2 * g * curvature * loss),
    "noise below half of A2": ("5.2", "noise", 2, "right", lambda side: side / 2),
    "no centring": ("5.1", "quadratic forms", 0, "right", lambda side: side.args[0]),
    "eigenvalues squared": ("5.1", "coordinates", 0, "right", lambda side: side**2),
    "the largest is the smallest": ("5.1", "attained", 0, "right", lambda side: A2),
    "the middle": ("5.1", "bounds", 0, "left", lambda side: (A1 + A2) / 2),
    "flat directions fed with A2": ("5.2", "flat part", 2, "right", lambda side: side * A2 / A1),
    "sharp directions fed with A1": ("5.2", "sharp part", 2, "right", lambda side: side.subs(A2, A1)),
    "drift at most one": ("5.2", "drift", 0, "right", lambda side: sympy.S.One),
    "drift below half of it": ("5.2", "drift", 0, "right", lambda side: Max(1, eta**2 * sharp / 2)),
    "a map without drift": ("5.2", "map", 2, "right", lambda side: b / c),
    "a map twice as fast": ("5.2", "map", 2, "right", lambda side: 2 * side),
    "first case without A2": ("5.2", "large step", 1, "left", lambda side: A1 * flat / sharp),
    "first case from one half": ("5.2", "large step", 0, "right", lambda side: side / 2),
    "b above three": ("5.2", "doubling", 2, "left", lambda side: sympy.Integer(3)),
    "b above two for smaller steps": ("5.2", "doubling", 1, "left", lambda side: sympy.sqrt(1 + 1 / A1)),
    "second case without its half": ("5.2", "carried", 1, "left", lambda side: 2 * side),
    "carried to a higher level": ("5.2", "carried", 3, "right", lambda side: two),
    "amplified by b": ("5.2", "amplified", 1, "right", lambda side: 2 * side),
    "a start above one": ("5.2", "start", 0, "right", lambda side: sympy.S.One),
    "grown before the start": ("5.2", "growing", 0, "right", lambda side: b / 2 * side),
    "growth by b": ("5.2", "growing", 0, "right", lambda side: b**s),
    "one step early": ("5.2", "waiting", 0, "right", lambda side: side - 1),
    "waiting with b for its half": ("5.2", "waiting", 0, "right", lambda side: 1 + Max(0, log(1 / c) / log(b))),
    "reached twice over": ("5.2", "reached", 1, "right", lambda side: two),
    "steps of twice the size": ("5.2-growth", "step size", 2, "right", lambda side: 4 * side),
    "growth with A2": ("5.2-growth", "loss", 2, "right", lambda side: side * A2 / A1),
    "growth plus one": ("5.2-growth", "bound", 0, "left", lambda side: 1 + side),
    "half of the sharp distance": ("5.2-parameters", "sharp part", 1, "right", lambda side: side / 2),
    "twice the flat distance": ("5.2-parameters", "flat part", 1, "right", lambda side: 2 * side),
    "the other way round": ("5.2-parameters", "at the cut", 0, "right", lambda side: first_flat / last_sharp * D),
    "squared distances": ("5.2-parameters", "bound", 0, "left", lambda side: side * last_sharp / first_flat),
    "a gradient twice": ("5.3", "gradient step", 0, "right", lambda side: 2 * side - second.PART),
    "a step uphill": ("5.3", "factor", 0, "right", lambda side: (1 + eta * curvature) * second.PART),
    "one step ahead": ("5.3", "powers", 0, "right", lambda side: side * (1 - eta * curvature) ** 2),
    "the sharpest rate less one": ("5.3", "sharpest rate", 0, "right", lambda side: side - 1),
    "the flat part by q²": ("5.3", "flat part", 0, "right", lambda side: side.subs(q, q**2)),
    "the sharp part twice": ("5.3", "sharp part", 0, "right", lambda side: 2 * side),
    "slower from one on": ("5.3", "flat is slower", 0, "left", lambda side: sympy.S.One),
    "twice the rate": ("5.3", "bound", 0, "right", lambda side: side.subs(symbol("t"), 2 * symbol("t"))),
    "no noise in T": ("5.2-threshold", "operator", 0, "right", lambda side: side.subs(eta**2, 0)),
    "absolute value loses": ("5.2-threshold", "absolute value", 0, "left", lambda side: 2 * side),
    "half the slope": ("5.2-threshold", "parabola", 0, "right", lambda side: (side + 1) / 2),
    "below one half": ("5.2-threshold", "crossing", 1, "right", lambda side: side / 2),
    "no fixed point": ("5.2-threshold", "fixed point", 0, "right", lambda side: 2 * side),
    "a loss that doubles": ("5.2-threshold", "no growth", 0, "right", lambda side: two),
    "1/√(2A₁)": ("5.2-threshold", "bound", 0, "right", lambda side: 1 / sympy.sqrt(2 * A1)),
    "steps below one": ("5.2-threshold-sharp", "step below two", 0, "right", lambda side: sympy.S.One),
    "balance without the alignment": ("5.2-threshold-sharp", "balance", 0, "right", lambda side: side / g),
    "a total of two": ("5.2-threshold-sharp", "total", 1, "right", lambda side: two),
    "falling": ("5.2-threshold-sharp", "rising", 1, "left", lambda side: 1 / side),
    "a sandwich from one": ("5.2-threshold-sharp", "bounds", 0, "left", lambda side: sympy.S.One),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_formula_is_rejected_by_its_own_step(name):
    id, fact, number, where, change = WRONG[name]
    statement = theory.statement(id)
    (step,) = [step for step in statement.proof.steps if step.gives.name == fact]
    left, right = step.gives.formulas[number].args
    sides = (change(left), right) if where == "left" else (left, change(right))
    wrong = step.gives.formulas[number].func(*sides, evaluate=False)
    assert wrong != step.gives.formulas[number]
    formulas = tuple(wrong if k == number else f for k, f in enumerate(step.gives.formulas))
    assert judged(statement, step, formulas, statement.proof.facts()) == "by its step"


def test_every_step_but_those_of_c_4_has_a_wrong_formula():
    """Steps that several proofs share are tried in one of them."""
    tried = {fact for _, fact, *_ in WRONG.values()}
    ids = {id for id, *_ in WRONG.values()}
    shared = {"traces", "form", "means", "one sample", "spread", "constant", "row sums"}
    steps = {step.gives.name for id in ids for step in theory.statement(id).proof.steps}
    assert steps - tried == shared


@cache
def compiled(relation: Relational) -> tuple[list[sympy.Symbol], Callable[..., list[float]]]:
    names = sorted(relation.free_symbols, key=str)
    return names, sympy.lambdify(names, list(relation.args), "numpy")


def evaluated(relation: Relational, values: dict[sympy.Symbol, float]) -> tuple[float, float]:
    """Evaluate both sides."""
    names, function = compiled(relation)
    sides = function(*[values[name] for name in names])
    return float(sides[0]), float(sides[1])


def holds(relation: Relational, values: dict[sympy.Symbol, float]) -> bool:
    """Say whether an inequality holds up to round-off."""
    left, right = evaluated(relation, values)
    large, small = (left, right) if isinstance(relation, sympy.GreaterThan) else (right, left)
    return large >= small - ROUND_OFF * (abs(large) + abs(small))


def positive(rng: np.random.Generator, d: int, rank: int) -> np.ndarray:
    root = rng.standard_normal((d, rank)) * rng.exponential(size=rank) ** 2
    return root @ root.T


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_the_moments_after_a_step_are_those_of_the_fact(data):
    facts = theory.statement("5.2").proof.facts()
    rng, values = np.random.default_rng(11), data.eigenvalues
    for rank in (1, 2, len(values)):
        M, step = positive(rng, len(values), rank), 1.3 / data.norm
        after, total = np.diag(data.step(M, step)), float(values @ np.diag(M))
        for i, value in enumerate(values):
            noise = after[i] - (1 - step * value) ** 2 * M[i, i]
            at = {curvature: value, second.MOMENT: M[i, i], loss: total, eta: step}
            at |= {g: noise / (step**2 * value * total), A1: data.constants["A1"], A2: data.constants["A2"]}
            assert evaluated(facts["moments"][0], {**at, second.NEXT_MOMENT: after[i]})[1] == pytest.approx(after[i])
            assert all(holds(bound, at) for bound in facts["moments"][1:])


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("size", [0.5, 1.6, 4.0])
def test_the_parts_and_the_map_of_5_2_on_exact_moments(data, size):
    facts = theory.statement("5.2").proof.facts()
    rng, values, step = np.random.default_rng(12), data.eigenvalues, size / data.norm
    names = {str(name): name for formulas in facts.values() for f in formulas for name in f.free_symbols}
    for k in {1, len(values) // 2, len(values) - 1}:
        for rank in (1, 3):
            M = positive(rng, len(values), rank)
            before, after = (values * np.diag(matrix) for matrix in (M, data.step(M, step)))
            at = {eta: step, A1: data.constants["A1"], A2: data.constants["A2"]}
            at |= {sharp: (values[:k] ** 2).sum(), flat: (values[k:] ** 2).sum()}
            at |= {names["X"]: before[:k].sum(), names["Y"]: before[k:].sum()}
            at |= {names["next_X"]: after[:k].sum(), names["next_Y"]: after[k:].sum()}
            at[names["largest_drift"]] = ((1 - step * values[:k]) ** 2).max()
            at[now], at[escape.NEXT] = at[names["Y"]] / at[names["X"]], at[names["next_Y"]] / at[names["next_X"]]
            at |= {b: step**2 * at[A1] * at[flat], c: step**2 * at[A2] * at[sharp]}
            relations = [facts["flat part"][2], facts["sharp part"][2], facts["drift"][0], facts["map"][2]]
            if step**2 * at[sharp] >= 1:
                relations.append(facts["large step"][1])
            elif at[b] > 2:
                high = at[c] * (1 + at[now]) >= 1
                relations += facts["carried"][1:2] + facts["carried"][3:] if high else facts["amplified"][1:]
            assert all(holds(relation, at) for relation in relations)


@pytest.mark.parametrize(("gain_flat", "gain_sharp"), [(2.1, 0.01), (5.0, 1e-6), (3.0, 0.9), (2.5, 4.0)])
def test_iterates_of_the_map_arrive_in_time(gain_flat, gain_sharp):
    facts = theory.statement("5.2").proof.facts()
    case, bound = facts["waiting"]
    waiting = evaluated(case, {symbol("t"): 0.0, b: gain_flat, c: gain_sharp})[1]
    ratio, steps = 0.0, 0
    while steps < 60:
        at = {b: gain_flat, c: gain_sharp, symbol("t"): steps + 1.0, s: float(steps), now: ratio}
        if steps + 1 >= waiting:
            assert holds(bound, at)
            assert gain_sharp * (1 + ratio) >= 1 - ROUND_OFF
        if gain_sharp * (1 + ratio) <= 1:
            assert holds(facts["growing"][0], at)
        ratio = gain_flat * (1 + ratio) / (1 + gain_sharp * (1 + ratio))
        steps += 1
        assert steps < waiting or ratio >= gain_flat / (2 * gain_sharp) * (1 - ROUND_OFF)


def operator(data: Data, step: float) -> np.ndarray:
    d = len(data.eigenvalues)
    return np.array([data.step(unit, step).ravel() for unit in np.eye(d * d).reshape(d * d, d, d)])


@pytest.mark.parametrize("name", ["isotropic 2", "geometric 8", "few samples"])
def test_the_spectrum_at_the_threshold(name):
    """One matrix stays as it is, it is positive, and the total of its balance is one."""
    data = DATA[name]
    T, values, step = operator(data, data.threshold), data.eigenvalues, data.threshold
    np.testing.assert_allclose(T, T.T, atol=1e-12)
    spectrum, matrices = np.linalg.eigh(T)
    assert np.abs(spectrum).max() == pytest.approx(spectrum[-1]) == pytest.approx(1)
    M = matrices[:, -1].reshape(len(values), -1)
    M *= np.sign(np.trace(M))
    assert np.linalg.eigvalsh((M + M.T) / 2)[0] > -1e-10
    terms, total = step * values / (2 - step * values), float(values @ np.diag(M))
    alignments = values * np.diag(M) / (total * terms)
    assert (alignments * terms).sum() == pytest.approx(1)
    assert data.constants["A1"] - ROUND_OFF <= alignments.min() <= alignments.max() <= data.constants["A2"] + ROUND_OFF
    below_it = [np.abs(np.linalg.eigvalsh(operator(data, part * step))).max() for part in (0.2, 0.6, 0.95)]
    assert max(below_it) < 1 < np.abs(np.linalg.eigvalsh(operator(data, 1.05 * step))).max()


def test_absolute_values_have_larger_images():
    data, rng = DATA["geometric 8"], np.random.default_rng(13)
    for step in (0.3, 1.1, 4.0):
        for _ in range(20):
            V = rng.standard_normal((8, 8))
            V = V + V.T
            spectrum, vectors = np.linalg.eigh(V)
            size = (vectors * np.abs(spectrum)) @ vectors.T
            images = [float(np.sum(matrix * data.step(matrix, step))) for matrix in (V, size)]
            assert abs(images[0]) <= images[1] * (1 + ROUND_OFF)


def test_the_quotient_is_a_parabola_in_the_step():
    (fact,) = theory.statement("5.2-threshold").proof.facts()["parabola"]
    data, rng = DATA["few samples"], np.random.default_rng(14)
    (total,) = fact.rhs.atoms(sympy.Sum)
    (slope,) = [name for name in fact.rhs.free_symbols if str(name) == "curved_length"]
    V = positive(rng, 4, 3)
    V /= np.linalg.norm(V)
    forms = ((data.Z @ V) * data.Z).sum(axis=1)
    at = {total: sympy.Float((forms**2).sum()), symbol("n"): data.n}
    at[slope] = float(np.trace(V @ (data.eigenvalues[:, None] * V)))
    for step in (0.1, 0.7, 2.0):
        expected = fact.rhs.xreplace({key: sympy.sympify(value) for key, value in {**at, eta: step}.items()})
        assert float(np.sum(V * data.step(V, step))) == pytest.approx(float(expected))


def test_terms_of_the_threshold_rise():
    case, rising = theory.statement("5.2-threshold-sharp").proof.facts()["rising"]
    for small, large in ((0.1, 0.2), (0.5, 1.9), (1.0, 1.01)):
        at = {eta: small, threshold._LARGER: large, curvature: 1.0}
        assert all(left < right for left, right in (evaluated(f, at) for f in (case, rising)))
