"""Figure 3 and the escape rates: tables that follow from dense recursions, and sampled means that know their limits."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from tiny_figures import undrawn

import simulate
from simulate import streams
from verify.escape_designs import EscapeDesign
from verify.figures import drawing, escape, escape_rates, escape_sampling, making

SEED = 3
SETTINGS, RATES = escape.SIZES["tiny"], escape_rates.SIZES["tiny"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("escape")
    with undrawn():
        return {one: making.make(one, SEED, folder / one, workers=1, size="tiny") for one in ("3", "escape-rates")}


@pytest.fixture(scope="module")
def runs(made) -> pd.DataFrame:
    return made["3"].table


@pytest.fixture(scope="module")
def rates(made) -> pd.DataFrame:
    return made["escape-rates"].table


def noise_weight(n: int, batch: int, replacement: bool) -> float:
    """Variance of a minibatch's mean, relative to that of one sample."""
    return 1 / batch if replacement else (n - batch) / (batch * (n - 1))


def step(X: np.ndarray, M: np.ndarray, lr: float, weight: float = 1.0) -> np.ndarray:
    """The second moment after one step, sample by sample."""
    G, d = X.T @ X / len(X), X.shape[1]
    own = (np.eye(d) - lr * G) @ M @ (np.eye(d) - lr * G)
    single = sum(np.outer(x, x) * (x @ M @ x) for x in X) / len(X)
    return own + lr**2 * weight * (single - G @ M @ G)


def spectral(X: np.ndarray, lr: float, weight: float) -> tuple[float, np.ndarray]:
    """Spectral radius of the step as a d² × d² matrix, and its eigenmatrix."""
    G, d = X.T @ X / len(X), X.shape[1]
    own = np.eye(d) - lr * G
    outer = np.stack([np.outer(x, x).ravel() for x in X])
    T = np.kron(own, own) + lr**2 * weight * (outer.T @ outer / len(X) - np.kron(G, G))
    values, vectors = np.linalg.eigh((T + T.T) / 2)
    M = vectors[:, -1].reshape(d, d)
    return float(values[-1]), M / np.trace(M)


def constants(X: np.ndarray) -> tuple[float, float]:
    """A₁ and A₂ by dense eigenproblems along every eigenvector."""
    n = len(X)
    G = X.T @ X / n
    ends = []
    for v in np.linalg.eigh(G)[1].T:
        energy = v @ G @ v
        noise = X.T @ np.diag((X @ v) ** 2) @ X / n - np.outer(G @ v, G @ v)
        ends.append(scipy.linalg.eigh(noise / energy, G, eigvals_only=True)[[0, -1]])
    return min(low for low, _ in ends), max(high for _, high in ends)


def energies(X: np.ndarray, M: np.ndarray) -> np.ndarray:
    """λ_i u_iᵀ M u_i, from the sharpest direction."""
    values, vectors = np.linalg.eigh(X.T @ X / len(X))
    return (values * np.einsum("ji,jk,ki->i", vectors, M, vectors))[::-1]


def chosen(table: pd.DataFrame, optimizer: str, rank: float, which: str) -> pd.DataFrame:
    return table[
        (table["optimizer"] == optimizer) & (table["effective_rank"] == rank) & (table["which"] == which)
    ].reset_index(drop=True)


def theorem_5_2(A1: float, A2: float, eta: float, values: np.ndarray, t: int) -> float:
    """The bound for k = 1, from its statement."""
    sharp, flat = values[0] ** 2, float(np.sum(values[1:] ** 2))
    if t >= 1 and eta**2 * sharp >= 1:
        return A1 / (1 + A2) * flat / sharp
    if t >= 1 and eta * math.sqrt(sharp + flat) > math.sqrt(1 + 2 / A1):
        b, c = eta**2 * A1 * flat, eta**2 * A2 * sharp
        if t >= 1 + max(0.0, math.log(1 / c) / math.log(b / 2)):
            return A1 / (2 * A2) * flat / sharp
    return 0.0


# Figure 3


@pytest.mark.parametrize("rank", SETTINGS.ranks)
@pytest.mark.parametrize("which", [escape.PAPER, escape.LARGER])
def test_sgd_follows_from_the_recursion(runs, rank, which):
    rows = chosen(runs, escape.SGD, rank, which)
    X, w0, _ = escape.data(SEED, SETTINGS, rank)
    values = np.linalg.eigvalsh(X.T @ X / len(X))[::-1]
    A1, A2 = constants(X)
    beta = SETTINGS.beta if which == escape.PAPER else SETTINGS.factor * math.sqrt(1 + 2 / A1)
    lr = beta / np.linalg.norm(values)
    np.testing.assert_allclose(rows[["A1", "A2", "beta", "learning_rate"]], [[A1, A2, beta, lr]] * len(rows))
    assert np.linalg.norm(w0) == pytest.approx(SETTINGS.size)
    G = X.T @ X / len(X)
    flat, start = G - values[0] * np.outer(u := np.linalg.eigh(G)[1][:, -1], u), w0 @ G @ w0
    M, both = np.outer(w0, w0), G
    for t, row in enumerate(rows.to_dict("records")):
        if t > 0:
            M, flat, both = (step(X, one, lr) for one in (M, flat, both))
            # The step is self-adjoint: the energies at time t are quadratic forms in the start.
            shares = scipy.linalg.eigh(flat, both, eigvals_only=True)[[0, -1]]
            assert (row["D_least"], row["D_largest"]) == pytest.approx(tuple(shares / (1 - shares)), rel=1e-6)
        parts = energies(X, M)
        assert row["t"] == t
        assert row["D"] == pytest.approx(parts[1:].sum() / parts[0], rel=1e-9)
        assert row["loss"] == pytest.approx(np.trace(G @ M) / start, rel=1e-9)
        assert row["D_bound"] == pytest.approx(theorem_5_2(A1, A2, lr, values, t))
        assert row["D_bound"] <= row["D_least"] * (1 + 1e-9)
        assert row["loss_bound"] == pytest.approx((beta**2 * A1) ** t)
        assert row["loss_bound"] <= row["loss"] * (1 + 1e-9)
    rate, limit = spectral(X, lr, 1.0)
    parts = energies(X, limit)
    assert rows["escape_rate"].iloc[0] == pytest.approx(rate, rel=1e-9)
    assert rows["D_limit"].iloc[0] == pytest.approx(parts[1:].sum() / parts[0], rel=1e-6)


@pytest.mark.parametrize("rank", SETTINGS.ranks)
def test_gradient_descent_follows_from_its_closed_form(runs, rank):
    rows = chosen(runs, escape.GD, rank, escape.PAPER)
    X, w0, _ = escape.data(SEED, SETTINGS, rank)
    values, vectors = np.linalg.eigh(X.T @ X / len(X))
    values, along = values[::-1], (vectors.T @ w0)[::-1]
    times = np.arange(SETTINGS.steps + 1)[:, None]
    parts = values * ((1 - SETTINGS.descent * values / values[0]) ** times * along) ** 2
    ratios = parts[:, 1:].sum(axis=1) / parts[:, 0]
    np.testing.assert_allclose(rows["D"], ratios, rtol=1e-6)
    np.testing.assert_allclose(rows["loss"], parts.sum(axis=1) / parts[0].sum(), rtol=1e-9)
    q = max((1 - SETTINGS.descent * value / values[0]) ** 2 for value in values[1:])
    np.testing.assert_allclose(rows["D_bound"], ratios[0] * (q / (SETTINGS.descent - 1) ** 2) ** times[:, 0])
    assert (rows["D"] <= rows["D_bound"] * (1 + 1e-9)).all()


def test_both_cases_of_the_theorem_and_its_silence_are_shown(made, runs):
    silent = 0
    for which in (escape.PAPER, escape.LARGER):
        for rank in SETTINGS.ranks:
            bound = chosen(runs, escape.SGD, rank, which)["D_bound"]
            assert bound[0] == 0
            silent += bool((bound == 0).all())
    assert silent == 1
    words = " ".join(re.findall(r"<text[^>]*>([^<]*)", made["3"].svg.read_text(encoding="utf-8")))
    assert words.count("Theorem 5.2 is silent") == silent


def test_sampled_runs_are_those_of_the_definition():
    rank, which = SETTINGS.ranks[0], escape.PAPER
    X, w0, found = escape.data(SEED, SETTINGS, rank)
    sharp, flat = escape.sample(SEED, SETTINGS, (rank, which))
    assert sharp.shape == flat.shape == (SETTINGS.steps + 1, SETTINGS.replicas)
    lr = SETTINGS.beta / np.linalg.norm(found.eigenvalues)
    for replica in (0, 1, SETTINGS.replicas - 1):
        stream = streams.generator(SEED, "figure 3: minibatches", (rank, which))
        drawn = simulate.minibatches(len(X), 1, SETTINGS.steps, stream, replica)[:, 0]
        w, start = w0.copy(), energies(X, np.outer(w0, w0)).sum()
        for t, sample in enumerate(drawn):
            w = w - lr * X[sample] * (X[sample] @ w)
            parts = energies(X, np.outer(w, w)) / start
            got = (sharp[t + 1, replica], flat[t + 1, replica])
            assert got == pytest.approx((parts[0], parts[1:].sum()), rel=1e-6)


def test_sampled_means_agree_with_the_exact_ones_where_they_are_trusted(runs):
    rows = runs[(runs["optimizer"] == escape.SGD) & runs["reliable"] & (runs["t"] > 0)]
    assert len(rows) >= 4
    for name in ("D", "loss"):
        error = np.log(rows[f"{name}_sampled"] / rows[name])
        width = np.log(rows[f"{name}_sampled_high"] / rows[f"{name}_sampled"]) / escape_sampling.NORMAL
        # Far beyond five standard errors for a probability of 1e-6: the means are skewed.
        assert (np.abs(error) < 7 * width).all()
        assert (width < 0.2).all()


def test_trust_ends_for_good_and_for_both_reasons():
    even = np.ones((4, 1000))
    one = even.copy()
    one[1, 0] = 100.0
    found = escape_sampling.summarise(even, one)
    np.testing.assert_allclose(found.effective, [1000, 1099**2 / (999 + 1e4), 1000, 1000])
    np.testing.assert_allclose(found.largest_share, [1e-3, 100 / 1099, 1e-3, 1e-3])
    assert found.reliable.tolist() == [True, False, False, False]
    few = even.copy()
    few[1:, 300:] = 1e-6
    assert escape_sampling.summarise(few, even).largest_share[1] < escape_sampling.LARGEST_SHARE
    assert escape_sampling.summarise(few, even).reliable.tolist() == [True, False, False, False]
    np.testing.assert_allclose(found.typical_ratio, [1, 100**1e-3, 1, 1])


def test_intervals_hold_the_ratio_of_expectations_as_often_as_they_say():
    stream = np.random.default_rng(0)
    trials, size = 2000, 500
    held = []
    for which in ("ratio", "total"):
        x = np.exp(0.5 * stream.standard_normal((trials, size)))
        y = 2 * x**0.5 * np.exp(0.3 * stream.standard_normal((trials, size)))
        found = escape_sampling.summarise(x, y)
        means = math.exp(0.125), 2 * math.exp(0.03125 + 0.045)
        wanted = means[1] / means[0] if which == "ratio" else sum(means)
        low, high = getattr(found, f"{which}_low"), getattr(found, f"{which}_high")
        held.append(np.mean((low <= wanted) & (wanted <= high)))
    # 0.95 ± 5 standard errors of 0.005, and some room for 500 being finite.
    assert all(0.92 <= share <= 0.98 for share in held)


def test_the_finding_says_what_is_in_the_table(made, runs):
    last = runs[runs["t"] == SETTINGS.steps]
    fallen = last[last["optimizer"] == escape.GD]["D"].max()
    text = made["3"].finding
    assert f"after {SETTINGS.steps} steps" in text
    assert f"means over {SETTINGS.replicas} runs can be trusted up to t = " in text
    slow = last[(last["optimizer"] == escape.SGD) & (last["which"] == escape.PAPER)]
    shares = slow["D_limit"] / slow["S_Y/S_X"]
    assert f"({shares.min():.2f} to {shares.max():.2f} of S_Y/S_X)" in text
    assert f"to at most {drawing.number(float(f'{fallen:.1g}'))} after" in text


# Escape rates


def inputs(row: dict[str, object]) -> np.ndarray:
    design = EscapeDesign(str(row["family"]), int(row["n"]), int(row["d"]))
    return escape_rates.data(SEED, design, int(row["trial"]))


def test_rates_and_limits_are_those_of_the_dense_operator(rates):
    rows = rates[rates["kind"] == escape_rates.RATES]
    assert len(rows) == RATES.factors[2] * (len(RATES.swept) + 3)
    assert set(rows["batch"]) == {1, 4}
    for row in rows.to_dict("records"):
        X = inputs(row)
        values = np.linalg.eigvalsh(X.T @ X / len(X))[::-1]
        lr = row["beta"] / np.linalg.norm(values)
        rate, limit = spectral(X, lr, noise_weight(len(X), row["batch"], row["replacement"]))
        assert row["rate"] == pytest.approx(rate, rel=1e-9)
        assert row["rate_lower"] <= rate * (1 + 1e-12)
        assert rate * (1 - 1e-12) <= row["rate_upper"] <= rate * (1 + 1e-6)
        parts, half = energies(X, limit), int(row["half"])
        assert half == len(values) // 2
        for name, k in (("D_1", 1), ("D_half", half)):
            assert row[name] == pytest.approx(parts[k:].sum() / parts[:k].sum(), rel=1e-5)
            assert row[f"{name}_reference"] == pytest.approx((values[k:] ** 2).sum() / (values[:k] ** 2).sum())
        assert row["c1"] == pytest.approx(math.sqrt(1 + 2 / constants(X)[0]))


def test_thresholds_are_where_the_dense_operator_has_radius_one(rates):
    kinds = (escape_rates.THRESHOLDS, escape_rates.BATCHES)
    rows = rates[rates["kind"].isin(kinds) & (rates["n"] > 0)].to_dict("records")
    assert len({tuple(inputs(row)[0]) for row in rows if row["kind"] == kinds[0]}) == len(rows) - 18
    for row in rows:
        X = inputs(row)
        values = np.linalg.eigvalsh(X.T @ X / len(X))[::-1]
        weight = noise_weight(len(X), row["batch"], row["replacement"])
        assert spectral(X, row["eta_star"], weight)[0] == pytest.approx(1, abs=1e-8)
        assert spectral(X, 1.01 * row["eta_star"], weight)[0] > 1
        assert row["beta_star"] == pytest.approx(row["eta_star"] * np.linalg.norm(values))
        assert (row["edge"], row["trace"]) == pytest.approx((2 / values[0], values.sum()))
        if row["batch"] == 1:
            A1, A2 = constants(X)
            assert (row["A1"], row["A2"], row["c1"]) == pytest.approx((A1, A2, math.sqrt(1 + 2 / A1)))
            steps = row["eta_star"] * values
            assert row["h_star"] == pytest.approx(np.sum(steps / (2 - steps)))
            assert row["eta_lower"] <= row["eta_star"] <= row["eta_upper"]
        if row["batch"] == len(X) and not row["replacement"]:
            assert row["eta_star"] == pytest.approx(row["edge"])


@pytest.mark.parametrize("d", RATES.online_dimensions)
def test_online_thresholds_of_isotropic_inputs_are_known(rates, d):
    rows = rates[(rates["kind"] == escape_rates.THRESHOLDS) & (rates["n"] == 0) & (rates["d"] == d)]
    assert len(rows) == 3
    (row,) = rows[rows["family"] == "isotropic"].to_dict("records")
    assert row["eta_star"] == pytest.approx(2 / (d + 2))
    assert row["beta_star"] == pytest.approx(2 * math.sqrt(d) / (d + 2))
    assert row["h_star"] == pytest.approx(d / (d + 1))
    assert row["c1"] == pytest.approx(math.sqrt(3))


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8),
    st.floats(1e-6, 1e6),
)
def test_the_sum_is_inverted(values, level):
    spectrum = np.sort(values)[::-1]
    eta = escape_rates.solve_stability_sum(level, spectrum)
    assert 0 < eta < 2 / spectrum[0]
    assert escape_rates.stability_sum(eta, spectrum) == pytest.approx(level, rel=1e-6)


def test_an_infinite_level_is_the_edge_of_gradient_descent():
    spectrum = np.array([4.0, 1.0])
    assert escape_rates.solve_stability_sum(math.inf, spectrum) == pytest.approx(0.5)
    assert escape_rates.solve_stability_sum(0.0, spectrum) == pytest.approx(0.0, abs=1e-300)


def test_powers_of_d_are_recovered():
    settings = RATES._replace(per_dimension=20)
    rows = [
        {
            "kind": escape_rates.THRESHOLDS,
            "family": family,
            "n": n,
            "d": d,
            "trial": trial,
            "c1": 2.0,
            "beta_star": (1 + trial) * d**-power,
        }
        for family, power in zip(escape_rates.GAUSSIAN, (0.5, 0.2, -0.1), strict=True)
        for d in (2, 8, 16, 64)
        for n in (0, 3 * d, 20 * d)
        for trial in (0, 1)
    ]
    found = escape_rates.fit(settings, pd.DataFrame(rows))
    assert found["online"].tolist() == [False, True] * 3
    np.testing.assert_allclose(found["exponent"], np.repeat([0.5, 0.2, -0.1], 2), atol=1e-9)
    np.testing.assert_allclose(found["exponent_most"], found["exponent_least"], atol=1e-9)
    assert set(found["least_d"]) == {8}


def test_the_finding_of_the_rates_says_what_is_in_the_table(made, rates):
    thresholds = rates[rates["kind"] == escape_rates.THRESHOLDS]
    half = thresholds["eta_star"] * thresholds["trace"] / 2
    text = made["escape-rates"].finding
    assert text.startswith(f"SGD escapes from η* on, {half.min():.2f} to {half.max():.2f} times 2/Tr G")
    loose = thresholds["c1"] / thresholds["beta_star"]
    assert f"up to {loose.max():.0f} times with fewer samples" in text
    assert loose.min() > 1
