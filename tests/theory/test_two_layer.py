"""Theorem 3.5 and the conjecture on 3.3 against numbers: dense networks, their worst cases, masked designs."""

from __future__ import annotations

import numpy as np
import pytest

import theory

SMOOTH = 0.3


def activation(x: np.ndarray) -> np.ndarray:
    """Return a smooth function with slopes between SMOOTH and 1."""
    return SMOOTH * x + (1 - SMOOTH) * np.log(1 + np.exp(x))


def loss_alignment(J: np.ndarray, r: np.ndarray) -> float:
    """Return μ from p×p matrices."""
    fisher, noise = J.T @ J / len(r), J.T @ np.diag(r**2) @ J / len(r)
    return float(np.trace(noise @ fisher) / (np.mean(r**2) * np.sum(fisher**2)))


def row_sums(K: np.ndarray) -> np.ndarray:
    return (K**2).sum(axis=1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "d", "width"), [(6, 4, 3), (15, 20, 2), (30, 3, 7)])
def test_the_sandwich_on_dense_networks(seed, n, d, width):
    rng = np.random.default_rng(seed)
    X, outer, r = rng.standard_normal((n, d)), rng.standard_normal(width), rng.standard_normal(n) ** 3
    theta = 2 * rng.standard_normal(width * d)

    def outputs(parameters: np.ndarray) -> np.ndarray:
        return activation(X @ parameters.reshape(width, d).T) @ outer

    J = np.stack([outputs(theta + 1e-30j * unit).imag / 1e-30 for unit in np.eye(width * d)], axis=1)
    K, linear = J @ J.T, row_sums(X @ X.T)
    slopes = SMOOTH + (1 - SMOOTH) / (1 + np.exp(-X @ theta.reshape(width, d).T))
    assert ((X @ X.T) * (slopes @ np.diag(outer**2) @ slopes.T)) == pytest.approx(K)
    scale = np.sum(outer**2) ** 2
    assert np.all(SMOOTH**4 * scale * (X @ X.T) ** 2 <= K**2 * (1 + 1e-12))
    assert np.all(scale * (X @ X.T) ** 2 * (1 + 1e-12) >= K**2)
    assert np.all(SMOOTH**4 * scale * linear <= row_sums(K))
    assert np.all(row_sums(K) <= scale * linear)
    mu = loss_alignment(J, r)
    assert mu == pytest.approx(n * (r**2 @ row_sums(K)) / (r @ r * row_sums(K).sum()))
    assert SMOOTH**4 * linear.min() / linear.mean() <= mu <= linear.max() / linear.mean() / SMOOTH**4


def one_apart(n: int, d: int, one: float, others: float) -> tuple[float, float, float]:
    """Return μ and the extremes of a/ā for one leaky neuron that bends at one sample, the residual on that sample."""
    X = np.random.default_rng(n + d).standard_normal((n, d))
    slopes = np.full(n, others)
    slopes[0] = one
    b = np.linalg.lstsq(X, np.where(slopes == 1.0, 1.0, -1.0), rcond=None)[0]
    assert np.array_equal(X @ b > 0, slopes == 1.0)
    J, linear = slopes[:, None] * X, row_sums(X @ X.T)
    return loss_alignment(J, np.eye(n)[0]), float(linear.min() / linear.mean()), float(linear.max() / linear.mean())


@pytest.mark.parametrize("d", [60, 1000])
def test_exponent_one_is_false_up_to_as_many_samples_as_dimensions(d):
    """One neuron, slope 1/2, 60 samples: μ beyond what the controls allow, on both sides, and within the sandwich."""
    controls = {control.id: control.statement for control in theory.statement("3.5").controls}
    high, _, largest = one_apart(60, d, 1.0, 0.5)
    assert controls["3.5:exponent-1"].bounds(eps=0.5, alpha=0.5, beta=1)[1] < high <= largest * 16
    low, least, _ = one_apart(60, d, 0.5, 1.0)
    assert controls["3.5:lower-exponent-1"].bounds(eps=0.5, alpha=0.5, beta=1)[0] > low >= least / 16


def test_the_fourth_power_is_nearly_attained_in_many_dimensions():
    high, least, largest = one_apart(60, 1000, 1.0, 0.5)
    low, _, _ = one_apart(60, 1000, 0.5, 1.0)
    assert max(largest - 1, 1 - least) < 0.5
    lower, upper = theory.statement("3.5").bounds(eps=0.5, alpha=0.5, beta=1)
    assert lower <= low < 1.6 / 16
    assert upper >= high > 0.7 * 16


def test_orthogonal_inputs_attain_the_fourth_power():
    n = 4000
    for one, others, limit in ((1.0, 0.5, 16), (0.5, 1.0, 1 / 16)):
        a = np.full(n, others**4)
        a[0] = one**4
        assert a[0] / a.mean() == pytest.approx(limit, rel=0.01)


def test_a_fixed_dimension_leaves_the_longest_row():
    """`3.5:no-dimension`, `3.3:no-dimension`: at d = 5 the largest row sum over their mean grows with n."""

    def largest(n: int) -> float:
        X = np.random.default_rng(n).standard_normal((n, 5))
        a = np.einsum("ij,jk,ik->i", X, X.T @ X, X)
        return float(a.max() / a.mean())

    assert largest(10**5) > 1.5 * largest(10**2) > 1.5 * 1.5


def test_masked_designs_need_the_second_condition_of_3_3_star():
    """With m unit eigenvalues and a tiny tail the spread of the row sums is far above 1/m, at n beyond m²."""
    conjecture = theory.statement("3.3-star")
    only = conjecture.controls[0].statement

    def spread(m: int) -> tuple[int, float]:
        n = int(m**2 * np.log(m**2 / 0.05))
        X = np.random.default_rng(m).standard_normal((n, m))
        a = np.einsum("ij,jk,ik->i", X, X.T @ X, X)
        return n, float(a.max() / a.mean() - 1)

    ratios = []
    for m in (8, 24, 72):
        n, eps = spread(m)
        assert max(only.evaluate("dimension", eps=1 / m)) == pytest.approx(m)
        assert only.evaluate("sample_size", eps=1 / m, delta=0.05, n=n)[0] <= 1.5 * n
        # With a tail of n columns the second condition of the conjecture is that of 3.3, and d_eff = m misses it.
        assert max(conjecture.evaluate("dimension", eps=1 / m, delta=0.05, n=n, d=m + n)) > m**1.5
        ratios.append(eps * m)
    assert ratios[2] > 1.4 * ratios[1] > 1.4**2 * ratios[0]


def test_labels_would_undo_3_3_star():
    """At n ≫ d any residual gives the spread of the row sums, a residual X u a much narrower range."""
    X = np.random.default_rng(8).standard_normal((20_000, 40))
    a = np.einsum("ij,jk,ik->i", X, X.T @ X, X)
    a /= a.mean()
    root = np.linalg.cholesky(np.linalg.inv(X.T @ X))
    exact = np.linalg.eigvalsh(root.T @ (X.T @ (a[:, None] * X)) @ root)
    assert a.max() > 2
    assert a.min() < 0.5
    assert 0.9 < exact[0] <= exact[-1] < 1.2
