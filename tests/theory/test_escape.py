"""Section 5 against numbers: statements hold on exact second moments of small data sets, their controls do not."""

from __future__ import annotations

import numpy as np
import pytest
from escape_data import DATA, Data

import theory

scipy_linalg = pytest.importorskip("scipy.linalg")
ROUND_OFF = 1e-9


def controls(id: str) -> dict[str, theory.Statement]:
    return {control.id.split(":")[1]: control.statement for control in theory.statement(id).controls}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_the_constants_bound_the_alignment_and_are_attained(data):
    generator = np.random.default_rng(0)
    w = generator.standard_normal((2000, len(data.eigenvalues)))
    residuals = w @ data.Z.T
    lower, upper = theory.statement("5.1").bounds(**data.constants)
    attained = []
    for i, value in enumerate(data.eigenvalues):
        along = data.Z[:, i]
        gradients = residuals * along
        alignment = gradients.var(axis=1) / ((residuals**2).mean(axis=1) * value)
        assert alignment.min() >= lower * (1 - ROUND_OFF)
        assert alignment.max() <= upper * (1 + ROUND_OFF)
        for vector in scipy_linalg.eigh(data.pencil(i), np.diag(data.eigenvalues))[1].T[[0, -1]]:
            residual = data.Z @ vector
            attained.append((residual * along).var() / ((residual**2).mean() * value))
    assert min(attained) == pytest.approx(lower, abs=1e-9)
    assert max(attained) == pytest.approx(upper, rel=1e-9)
    false = controls("5.1")
    assert min(attained) < false["larger-A1"].bounds(**data.constants)[0]
    assert max(attained) > false["smaller-A2"].bounds(**data.constants)[1]


def test_the_recursion_is_the_mean_over_the_samples():
    data = DATA["few samples"]
    root = np.random.default_rng(1).standard_normal((4, 4))
    M, eta = root @ root.T, 0.3
    shrinks = [np.eye(4) - eta * np.outer(z, z) for z in data.Z]
    np.testing.assert_allclose(data.step(M, eta), np.mean([A @ M @ A for A in shrinks], axis=0), rtol=1e-12)


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("beta", [0.3, 1.2, 1.9, 2.2, 3.0, 8.0])
def test_5_2_holds_for_every_start(data, beta):
    statement = theory.statement("5.2")
    for k in range(1, len(data.eigenvalues)):
        for t, least in enumerate(data.least_ratios(beta, k, 8), start=1):
            assert least >= data.lower(statement, beta, k, t) * (1 - ROUND_OFF)


def test_both_cases_of_5_2_and_their_ends():
    statement = theory.statement("5.2")
    values = {"A1": 0.5, "A2": 2.0, "beta": 3.0, "S_X": 0.125, "S_Y": 3.875}
    # η² = 9/4: η²S_X is 0.28, b is 4.36 and c is 0.5625, so that the waiting time is 1.74.
    at = [statement.bounds(**values, t=t)[0] for t in (0, 1, 1.7, 1.75, 2, 50)]
    assert at == [0, 0, 0, 3.875, 3.875, 3.875]
    assert statement.bounds(**{**values, "beta": np.sqrt(5)}, t=50)[0] == 0
    first = {"A1": 0.5, "A2": 1.0, "beta": 1.0, "S_X": 2.0, "S_Y": 1e-300}
    assert statement.bounds(**{**first, "S_Y": 3.0, "beta": 2.0}, t=1)[0] == 0.375
    assert statement.bounds(**first, t=0)[0] == 0
    for nothing in ({"A1": 0.0}, {"A1": 0.0, "A2": 0.0}):
        assert statement.bounds(**{**values, **nothing}, t=9)[0] == 0
        assert statement.bounds(**{**values, **nothing, "S_X": 9.0}, t=9)[0] == 0
    times = statement.evaluate("lower", **values, t=np.arange(4.0))
    assert times.tolist() == [0, 0, 3.875, 3.875]


def refuted(data: Data, statement: theory.Statement, beta: float, k: int, steps: int) -> list[int]:
    """List the t at which some start falls below the bound."""
    least = data.least_ratios(beta, k, steps)
    return [t for t, ratio in enumerate(least, start=1) if ratio < data.lower(statement, beta, k, t) * (1 - 1e-6)]


def test_the_factor_of_5_2_is_false_in_both_cases():
    factor = controls("5.2")["factor"]
    assert refuted(DATA["isotropic 10"], factor, 2.5, 5, 3) == [1, 2, 3]
    assert refuted(DATA["spiked 10"], factor, 1.2, 1, 3) == [1, 2, 3]
    data, beta, k = DATA["isotropic 20"], 2.5, 1
    assert beta**2 * data.eigenvalues[0] ** 2 / data.norm**2 < 1
    assert beta > np.sqrt(1 + 2 / data.constants["A1"])
    assert len(refuted(data, factor, beta, k, 6)) >= 3


def test_the_waiting_time_of_5_2_is_needed():
    data = Data.gaussian([1.0] * 60, 6000, 7)
    beta = 1.001 * np.sqrt(1 + 2 / data.constants["A1"])
    assert refuted(data, controls("5.2")["no-waiting"], beta, 1, 1) == [1]
    assert refuted(data, theory.statement("5.2"), beta, 1, 1) == []


def test_small_steps_feed_nothing():
    assert refuted(DATA["isotropic 20"], controls("5.2")["any-beta"], 0.5, 1, 2) == [1, 2]


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_growth(data):
    statement, false = theory.statement("5.2-growth"), controls("5.2-growth")
    grown = {beta: data.least_growth(beta) for beta in (0.1, 0.5, 1.0, 1.5, 2.0, 4.0)}
    for beta, growth in grown.items():
        assert growth >= statement.bounds(beta=beta, **data.constants)[0] * (1 - ROUND_OFF)
    for control in false.values():
        assert any(growth < control.bounds(beta=b, **data.constants)[0] - 1e-6 for b, growth in grown.items())


def test_parameters():
    generator = np.random.default_rng(2)
    statement, false = theory.statement("5.2-parameters"), controls("5.2-parameters")["squared"]
    values = np.sort(generator.random((200, 6)))[:, ::-1]
    moments = generator.exponential(size=(200, 6)) ** 4
    for k in range(1, 6):
        losses = values * moments
        D = losses[:, k:].sum(axis=1) / losses[:, :k].sum(axis=1)
        P = moments[:, k:].sum(axis=1) / moments[:, :k].sum(axis=1)
        at = {"lambda_k": values[:, k - 1], "lambda_next": values[:, k], "D": D}
        assert (statement.evaluate("lower", **at) * (1 - ROUND_OFF) <= P).all()
    # Weight on both sides of the cut alone: λ = 4 and 1, moments 2 and 3.
    assert false.bounds(lambda_k=4, lambda_next=1, D=3 / 8)[0] > 3 / 2
    assert statement.bounds(lambda_k=4, lambda_next=1, D=3 / 8)[0] == 3 / 2


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_threshold(data):
    d, eta = len(data.eigenvalues), data.threshold
    basis = np.eye(d * d).reshape(d * d, d, d)
    for factor, side in ((0.99, -1), (1.0, 0), (1.01, 1)):
        if d <= 10:
            operator = np.array([data.step(unit, factor * eta).ravel() for unit in basis])
            radius = np.abs(np.linalg.eigvals(operator)).max()
            assert np.sign(radius - 1) == side or (side == 0 and radius == pytest.approx(1, abs=1e-10))
    beta, steps = eta * data.norm, eta * data.eigenvalues
    total = (steps / (2 - steps)).sum()
    assert steps.max() < 2
    assert beta <= theory.statement("5.2-threshold").bounds(**data.constants)[1]
    assert beta**2 * data.constants["A1"] <= 1
    lower, upper = theory.statement("5.2-threshold-sharp").bounds(**data.constants)
    assert lower <= total <= upper


@pytest.mark.parametrize(
    ("id", "name", "where"),
    [
        ("5.2-threshold", "necessary", ["isotropic 10", "isotropic 20", "spiked 10"]),
        ("5.2-threshold", "smaller", ["isotropic 2", "geometric 8"]),
        ("5.2-threshold-sharp", "one", ["isotropic 2", "isotropic 10", "isotropic 20", "spiked 10"]),
        ("5.2-threshold-sharp", "mean", ["isotropic 10", "isotropic 20", "geometric 8"]),
    ],
)
def test_false_thresholds(id, name, where):
    for data in (DATA[each] for each in where):
        steps = data.threshold * data.eigenvalues
        value = (steps / (2 - steps)).sum() if id.endswith("sharp") else data.threshold * data.norm
        lower, upper = controls(id)[name].bounds(**data.constants)
        assert not lower <= value <= upper


def test_one_dimension_attains_the_sandwich():
    data = Data.gaussian([1.0], 50, 8)
    A = data.constants["A1"]
    assert data.constants["A2"] == pytest.approx(A)
    assert data.threshold * data.norm == pytest.approx(2 / (1 + A))
    steps = data.threshold * data.eigenvalues
    assert (steps / (2 - steps)).sum() == pytest.approx(1 / A)
    assert controls("5.2-threshold")["smaller"].bounds(A1=A, A2=A)[1] < data.threshold * data.norm


@pytest.mark.parametrize("beta", [0.5, 1.5, 2.2, 3.0])
def test_gradient_descent(beta):
    generator = np.random.default_rng(3)
    statement, false = theory.statement("5.3"), controls("5.3")["rate-squared"]
    values = np.array([4.0, 2.0, 1.0, 0.5])
    for k in (1, 2, 3):
        w = generator.standard_normal(4)
        start = values * w**2
        rates = (1 - beta * values / values[0]) ** 2
        at = {"R": start[k:].sum() / start[0], "q": rates[k:].max(), "beta": beta}
        for t in range(8):
            losses = start * rates**t
            assert losses[k:].sum() / losses[:k].sum() <= statement.bounds(**at, t=t)[1] * (1 + ROUND_OFF)
    # One sharp and one flat direction attain it.
    R, q = 0.5, (1 - beta * 0.25) ** 2
    assert statement.bounds(R=R, q=q, beta=beta, t=3)[1] == pytest.approx(R * (q / (beta - 1) ** 2) ** 3)
    if beta > 2:
        assert false.bounds(R=R, q=q, beta=beta, t=3)[1] < R * (q / (beta - 1) ** 2) ** 3
