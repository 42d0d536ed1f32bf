"""Worst cases over starts: dense generalised eigenproblems, random starts, witnesses run through the recursion."""

import math

import moment_oracle
import numpy as np
import pytest
import scipy.linalg

import simulate
from simulate.dynamics.moments.worst_starts import check_ks

normal = np.random.default_rng(8).standard_normal
DESIGNS = {
    "tall": normal((30, 5)) * np.array([2.0, 1.0, 1.0, 0.5, 0.2]),
    "near-square": normal((6, 5)),
    "wide": normal((4, 7)),
    "low-rank": normal((12, 3)) @ normal((3, 5)),
    "many-samples": normal((400, 6)),
    # Above rank 19 and with few samples, where the sum over samples is not held as a matrix.
    "direct": normal((25, 22)),
}
each = pytest.mark.parametrize("X", DESIGNS.values(), ids=DESIGNS.keys())
STEPS = 4


def _coordinates(X):
    """The design in the eigenbasis of G, eigenvalues descending, and the basis."""
    values, U = np.linalg.eigh(X.T @ X / len(X))
    kept = values[::-1] > 1e-12 * values[-1]
    U = U[:, ::-1][:, kept]
    return X @ U, values[::-1][kept], U


def _energies(X, lr, steps, diagonal, weight):
    """T^t of a diagonal matrix, sample by sample, for t = 0..steps."""
    M = np.diag(diagonal)
    found = [M]
    for _ in range(steps):
        found.append(moment_oracle.step(X, found[-1], lr, weight))
    return found


@each
@pytest.mark.parametrize("lr", [0.1, 1.5])
def test_flat_to_sharp_is_a_generalised_eigenvalue(X, lr):
    found = simulate.worst_flat_to_sharp(X, lr, STEPS, batch=2)
    Z, values, _ = _coordinates(X)
    assert np.array_equal(found.ks, np.arange(1, len(values)))
    for column, k in enumerate(found.ks):
        S = values**2
        assert found.reference[column] == pytest.approx(S[k:].sum() / S[:k].sum(), rel=1e-9)
        index = np.arange(len(values))
        flat = _energies(Z, lr, STEPS, values * (index >= k), 0.5)
        sharp = _energies(Z, lr, STEPS, values * (index < k), 0.5)
        assert found.inf[0, column] == 0.0
        assert found.sup[0, column] == np.inf
        for t in range(1, STEPS + 1):
            shares = scipy.linalg.eigh(flat[t], flat[t] + sharp[t], eigvals_only=True)
            low, high = (share / (1 - share) for share in (shares[0], shares[-1]))
            assert found.inf[t, column] == pytest.approx(low, rel=1e-6, abs=1e-12)
            assert found.sup[t, column] == pytest.approx(high, rel=1e-6)


@each
def test_witnesses_attain_the_extremes_through_the_recursion(X):
    found = simulate.worst_flat_to_sharp(X, 0.9, STEPS, batch=3)
    assert np.linalg.norm(found.inf_witnesses, axis=-1) == pytest.approx(np.ones(found.inf.shape))
    for values, starts in ((found.inf, found.inf_witnesses), (found.sup, found.sup_witnesses)):
        for t in range(1, STEPS + 1):
            for column in range(0, len(found.ks), 4):
                moments = simulate.second_moments(X, starts[t, column], 0.9, t, batch=3)
                ratio = simulate.energy_ratios(X, moments[-1:]).flat_to_sharp[0, found.ks[column] - 1]
                assert ratio == pytest.approx(values[t, column], rel=1e-7)


@each
def test_no_start_beats_the_extremes(X):
    found = simulate.worst_flat_to_sharp(X, 0.9, STEPS)
    growth = simulate.worst_growth(X, 0.9, STEPS)
    G = X.T @ X / len(X)
    rng = np.random.default_rng(1)
    starts = [*rng.standard_normal((20, X.shape[1])), *_coordinates(X)[2].T, *X]
    for start in starts:
        moments = simulate.second_moments(X, start, 0.9, STEPS)
        ratios = simulate.energy_ratios(X, moments).flat_to_sharp[1:]
        assert np.all(ratios >= found.inf[1:] * (1 - 1e-9))
        assert np.all(ratios <= found.sup[1:] * (1 + 1e-9))
        losses = np.einsum("tij,ij->t", moments, G)
        steps, totals = losses[1:] / losses[:-1], losses / losses[0]
        assert np.all(steps >= growth.step_inf * (1 - 1e-9))
        assert np.all(steps <= growth.step_sup * (1 + 1e-9))
        assert np.all(totals >= growth.total_inf * (1 - 1e-9))
        assert np.all(totals <= growth.total_sup * (1 + 1e-9))


@each
def test_growth_is_attained(X):
    found = simulate.worst_growth(X, 0.7, STEPS, batch=2, replacement=False)
    G = X.T @ X / len(X)

    def losses(start):
        moments = simulate.second_moments(X, start, 0.7, STEPS, batch=2, replacement=False)
        return np.einsum("tij,ij->t", moments, G)

    assert found.step_witnesses.shape == (STEPS, 2, X.shape[1])
    assert found.total_witnesses.shape == (STEPS + 1, 2, X.shape[1])
    for t in range(STEPS):
        for value, start in zip((found.step_inf[t], found.step_sup[t]), found.step_witnesses[t], strict=True):
            loss = losses(start)
            assert loss[t + 1] / loss[t] == pytest.approx(value, rel=1e-7)
    for t in range(STEPS + 1):
        for value, start in zip((found.total_inf[t], found.total_sup[t]), found.total_witnesses[t], strict=True):
            loss = losses(start)
            assert loss[t] / loss[0] == pytest.approx(value, rel=1e-7)


def test_growth_tends_to_the_escape_rate():
    X = DESIGNS["tall"]
    found = simulate.worst_growth(X, 1.2, 400)
    rate = simulate.escape_rate(X, 1.2).rate
    assert found.step_inf[-1] == pytest.approx(rate, rel=1e-9)
    assert found.step_sup[-1] == pytest.approx(rate, rel=1e-9)
    assert simulate.worst_growth(X, 1e3, 400).total_inf[-1] == np.inf


def test_the_worst_start_is_forgotten_in_the_limit():
    X = DESIGNS["tall"]
    found = simulate.worst_flat_to_sharp(X, 1.2, 300, ks=[2])
    limit = simulate.escape_rate(X, 1.2).flat_to_sharp[1]
    assert found.inf[-1] == pytest.approx([limit], rel=1e-9)
    assert found.sup[-1] == pytest.approx([limit], rel=1e-9)


def test_gradient_descent_can_stay_sharp_or_flat():
    X = DESIGNS["tall"]
    found = simulate.worst_flat_to_sharp(X, 0.3, STEPS, batch=30, replacement=False)
    assert np.array_equal(found.inf, np.zeros((STEPS + 1, 4)))
    assert np.array_equal(found.sup, np.full((STEPS + 1, 4), np.inf))
    growth = simulate.worst_growth(X, 0.3, 2, batch=30, replacement=False)
    factors = (1 - 0.3 * _coordinates(X)[1]) ** 2
    assert growth.step_inf == pytest.approx([factors.min()] * 2)
    assert growth.total_sup == pytest.approx([1.0, factors.max(), factors.max() ** 2])


def test_a_chosen_k_and_other_scales_change_nothing():
    X = DESIGNS["tall"]
    every = simulate.worst_flat_to_sharp(X, 0.9, STEPS)
    some = simulate.worst_flat_to_sharp(X * 2.0**100, 0.9 * 4.0**-100, STEPS, ks=np.array([4, 2]))
    assert some.inf == pytest.approx(every.inf[:, [3, 1]], rel=1e-9)
    assert some.reference == pytest.approx(every.reference[[3, 1]], rel=1e-9)
    assert simulate.worst_flat_to_sharp(np.ones((3, 1)), 0.1, 2).inf.shape == (3, 0)
    assert simulate.worst_flat_to_sharp(X, 0.1, 0).inf.shape == (1, 4)
    assert simulate.worst_growth(X, 0.1, 0).step_inf.shape == (0,)


def test_designs_of_any_library_are_computed_on_the_host(backend):
    X, spectrum = DESIGNS["tall"], np.array([2.0, 1.0, 0.5])
    there, there_spectrum = backend.asarray(X), backend.asarray(spectrum)
    moments = simulate.second_moments(there, backend.asarray(np.eye(5)), 0.9, 3)
    pairs = [
        (simulate.worst_flat_to_sharp(there, 0.9, 2).inf, simulate.worst_flat_to_sharp(X, 0.9, 2).inf),
        (simulate.escape_rate(there, 0.9).energies, simulate.escape_rate(X, 0.9).energies),
        (simulate.alignment_constants(there).sup, simulate.alignment_constants(X).sup),
        (
            simulate.alignment_constants_along(there, moments).values,
            simulate.alignment_constants_along(X, simulate.to_host(moments)).values,
        ),
        (
            simulate.online_worst_growth(there_spectrum, 0.9, 2).step_inf,
            simulate.online_worst_growth(spectrum, 0.9, 2).step_inf,
        ),
    ]
    for found, expected in pairs:
        assert isinstance(found, np.ndarray)
        assert np.array_equal(found, expected)
    assert simulate.stability_threshold(there) == simulate.stability_threshold(X)
    assert simulate.online_stability_threshold(there_spectrum) == simulate.online_stability_threshold(spectrum)


SPECTRA = [[1.0, 0.3], [0.1, 3.0, 1.0, 0.5], [1.0, 1.0, 1.0]]


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize(("lr", "batch"), [(0.2, 1), (1.4, 2), (30.0, 1)])
def test_online_worst_starts(spectrum, lr, batch):
    s = np.array(spectrum)
    order = np.argsort(-s, kind="stable")
    found = simulate.online_worst_flat_to_sharp(s, lr, STEPS, batch=batch)
    growth = simulate.online_worst_growth(s, lr, STEPS, batch=batch)
    rng = np.random.default_rng(2)
    seen = []
    for start in [*rng.standard_normal((50, len(s))), *np.eye(len(s))]:
        moments = simulate.online_second_moments(s, np.outer(start, start), lr, STEPS, batch)
        energies = np.diagonal(moments, axis1=1, axis2=2)[:, order] * s[order]
        with np.errstate(divide="ignore"):
            ratios = np.array([[e[k:].sum() / e[:k].sum() for k in range(1, len(s))] for e in energies])
        losses = energies.sum(axis=1)
        assert np.all(ratios >= found.inf * (1 - 1e-12))
        assert np.all(ratios <= found.sup * (1 + 1e-12))
        assert np.all(losses[1:] / losses[:-1] >= growth.step_inf * (1 - 1e-12))
        assert np.all(losses[1:] / losses[:-1] <= growth.step_sup * (1 + 1e-12))
        assert np.all(losses / losses[0] >= growth.total_inf * (1 - 1e-12))
        assert np.all(losses / losses[0] <= growth.total_sup * (1 + 1e-12))
        seen.append((ratios, losses))
    at = seen[-len(s) :]
    for t in range(STEPS + 1):
        for column in range(len(s) - 1):
            assert at[found.inf_witnesses[t, column]][0][t, column] == pytest.approx(found.inf[t, column], rel=1e-12)
            assert at[found.sup_witnesses[t, column]][0][t, column] == pytest.approx(found.sup[t, column], rel=1e-12)
        for value, place in zip((growth.total_inf[t], growth.total_sup[t]), growth.total_witnesses[t], strict=True):
            assert at[place][1][t] / at[place][1][0] == pytest.approx(value, rel=1e-12)
    for t in range(STEPS):
        for value, place in zip((growth.step_inf[t], growth.step_sup[t]), growth.step_witnesses[t], strict=True):
            assert at[place][1][t + 1] / at[place][1][t] == pytest.approx(value, rel=1e-12)


def test_known_online_growth():
    found = simulate.online_worst_growth([1.0], 2.0, 3)
    assert found.total_inf == pytest.approx([1.0, 9.0, 81.0, 729.0])


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"X": np.zeros((3, 3))}, "X"),
        ({"lr": 0.0}, "lr"),
        ({"lr": [0.1, 0.1]}, "lr"),
        ({"lr": math.inf}, "lr"),
        ({"steps": -1}, "steps"),
        ({"batch": 6, "replacement": False}, "batch"),
        ({"replacement": "no"}, "replacement"),
    ],
)
def test_bad_input(change, name):
    for function in (simulate.worst_flat_to_sharp, simulate.worst_growth):
        with pytest.raises(simulate.InputError, match=rf"^{name}: [^\n]*$"):
            function(**{"X": np.vstack([np.eye(3), np.eye(3)[:2]]), "lr": 0.1, "steps": 2, **change})


@pytest.mark.parametrize("ks", [[0], [3], [1.5], 1, "1", [True], [[1]]])
def test_bad_ks(ks):
    with pytest.raises(simulate.InputError, match=r"^ks: [^\n]*$"):
        check_ks(ks, 3)
    with pytest.raises(simulate.InputError, match=r"^ks: [^\n]*$"):
        simulate.online_worst_flat_to_sharp([3.0, 2.0, 1.0], 0.1, 2, ks=ks)


@pytest.mark.parametrize(
    ("change", "name"),
    [({"spectrum": [0.0]}, "spectrum"), ({"lr": 0}, "lr"), ({"steps": -1}, "steps"), ({"batch": 0}, "batch")],
)
def test_bad_online_input(change, name):
    for function in (simulate.online_worst_flat_to_sharp, simulate.online_worst_growth):
        with pytest.raises(simulate.InputError, match=rf"^{name}: [^\n]*$"):
            function(**{"spectrum": [2.0, 1.0], "lr": 0.1, "steps": 2, **change})


def test_starts_whose_loss_one_step_takes_to_zero():
    # One sample, or descent on equal curvatures: no start has a growth from the second step on.
    for X, lr, batch, replacement in (([[1.0]], 1.0, 1, True), (np.eye(2), 2.0, 2, False)):
        growth = simulate.worst_growth(X, lr, 3, batch, replacement)
        assert growth.step_inf[0] == growth.step_sup[0] == 0
        assert np.all(np.isnan([growth.step_inf[1:], growth.step_sup[1:]]))
        np.testing.assert_array_equal(growth.total_sup, [1, 0, 0, 0])
    # Descent removes the sharp direction: what is left lies in the flat one.
    found = simulate.worst_flat_to_sharp(np.diag([2.0, 1.0]), 0.5, 3, None, 2, False)
    assert np.all(np.isinf([found.inf[1:], found.sup[1:]]))
    np.testing.assert_array_equal(np.abs(found.inf_witnesses[1:, 0]), [[0, 1]] * 3)
    assert np.all(np.isnan(simulate.worst_flat_to_sharp(np.eye(2), 2.0, 1, None, 2, False).inf[1]))
