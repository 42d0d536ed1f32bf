"""The catalogue against numbers: the lemmas by quadrature, the theorems by examples that decide their form."""

from __future__ import annotations

import numpy as np
import pytest

import theory
from theory import StatementError


def test_order_and_identity():
    ids = [*(f"E.{k}" for k in range(1, 7)), "C.1", "C.2", "C.2-centred", *(f"C.{k}" for k in range(3, 7))]
    ids += ["3.2", "3.3", "3.3-star", "3.5", "4.2", "4.2-lower", "4.3"]
    ids += ["5.1", "5.2", "5.2-growth", "5.2-parameters", "5.2-threshold", "5.2-threshold-sharp", "5.3"]
    assert [statement.id for statement in theory.statements()] == ids
    assert theory.statement("3.3") is theory.statement("3.3") is theory.statements()[14]


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("3.33", "did you mean '3.3'"),
        ("c.1", "did you mean 'C.1'"),
        ("4,3", "did you mean '4.3'"),
        (
            "theorem",
            "C.1, C.2, C.2-centred, C.3, C.4, C.5, C.6, 3.2, 3.3, 3.3-star, 3.5, 4.2, 4.2-lower, 4.3, 5.1, 5.2",
        ),
        ("", "known: E.1"),
        (3.3, "no statement 3.3"),
        (None, "no statement None"),
        (["3.3"], "known"),
    ],
)
def test_unknown_statements(id, words):
    with pytest.raises(StatementError) as caught:
        theory.statement(id)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_statement_is_complete():
    for statement in theory.statements():
        assert "arXiv 2310.00692" in statement.source
        assert statement.title
        assert statement.summary
        assert statement.hypotheses
        assert statement.provenance
        assert statement.provenance_note
        assert statement.controls
        assert statement.proof or statement.id == "3.3-star"
        assert not statement.altered
        assert statement.base == statement.id


def test_the_correction_of_4_3_is_declared():
    statement = theory.statement("4.3")
    assert statement.provenance["sample_size"] == "R"
    assert statement.provenance_note.startswith("[R], corrected")


def test_what_is_not_the_papers_is_declared():
    for statement in theory.statements():
        ours = "this project" in statement.source
        assert ours is (statement.kind == "conjecture")
        assert not ours or set(statement.provenance.values()) == {"R"}
    assert "unknown" in theory.statement("4.2").provenance_note
    assert "Vacuous for the ReLU" in theory.statement("3.5").provenance_note
    for id in ("3.2", "4.2"):
        assert any("at most 1/2" in hypothesis for hypothesis in theory.statement(id).hypotheses)


def gaussian_moment(covariance: np.ndarray, centred: bool = False) -> float:
    """Integrate (a²b²) over a plane Gaussian, exactly for polynomials of this degree."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    factor = np.linalg.cholesky(covariance)
    a = factor[0, 0] * nodes[:, None] + 0 * nodes[None, :]
    b = factor[1, 0] * nodes[:, None] + factor[1, 1] * nodes[None, :]
    both = weights[:, None] * weights[None, :] / (2 * np.pi)
    return float((both * a**2 * b**2).sum() - (centred and (both * a * b).sum() ** 2))


@pytest.mark.parametrize("rho", [-0.95, -0.3, 0.0, 0.5, 0.9])
def test_lemmas_by_quadrature(rho):
    var_u, var_v = 2.0, 0.7
    cov = rho * np.sqrt(var_u * var_v)
    S = np.array([[var_u, cov], [cov, var_v]])
    assert theory.statement("C.1").bounds(uSu=var_u, vSv=var_v, uSv=cov)[0] == pytest.approx(gaussian_moment(S))
    for id, centred in (("C.2", False), ("C.2-centred", True)):
        lower, upper = theory.statement(id).bounds()
        assert lower - 1e-12 <= gaussian_moment(S, centred) / (var_u * var_v) <= upper + 1e-12


def alignment(X: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """Return g(θ; v) for the residual X u."""
    a, b = (X @ u) ** 2, (X @ v) ** 2
    return float(np.mean(a * b) / (np.mean(a) * np.mean(b)))


def worst_direction(d: int, n: int, log_K: float, seed: int) -> float:
    """Return g at the direction, among K = exp(log_K) random ones, that is nearest to the first row, and at u along it.

    Five of K directions are expected to be nearer than the one built here, so that one as near exists with probability
    above 0.99: it stands for the maximum over directions too many to draw.
    """
    special = pytest.importorskip("scipy.special")
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    row = X[0] / np.linalg.norm(X[0])
    rest = rng.standard_normal(d)
    rest -= rest @ row * row
    rest /= np.linalg.norm(rest)
    squared_cosine = special.betainccinv(0.5, (d - 1) / 2, 5 * np.exp(-log_K))
    return alignment(X, row, np.sqrt(squared_cosine) * row + np.sqrt(1 - squared_cosine) * rest)


def test_the_second_condition_of_4_3_needs_the_product_of_d_and_log_k():
    """With log(K/δ)² as second condition g grows along K = exp(√(d log d)), with the corrected one it does not."""

    def median(d: int, corrected: bool) -> float:
        log_K = np.sqrt(d * np.log(d))
        squared, product = max(d * np.log(d), log_K**2), (d + log_K) * log_K
        n = int(2 * (product if corrected else squared))
        return float(np.median([worst_direction(d, n, log_K, seed) for seed in range(3)]))

    small, large = median(60, corrected=False), median(480, corrected=False)
    assert large > 1.8 * small > 0
    assert large > 3.5
    assert median(60, corrected=True) < 3
    assert median(240, corrected=True) < 3


def test_3_3_sandwich_on_data():
    rng = np.random.default_rng(1)
    X, r = rng.standard_normal((40, 15)), rng.standard_normal(40)
    a = ((X @ X.T) ** 2).sum(axis=1)
    fisher, noise = X.T @ X / 40, X.T @ np.diag(r**2) @ X / 40
    mu = np.trace(noise @ fisher) / (np.mean(r**2) * np.sum(fisher**2))
    assert mu == pytest.approx(40 * (r**2 @ a) / (r @ r * a.sum()))
    assert a.min() / a.mean() <= mu <= a.max() / a.mean()
