"""What sweeps of claims observe, against plain computations of the definitions and of the bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest

import simulate
from verify.errors import VerifyError
from verify.sweeps.grids import Grid
from verify.sweeps.observables import INTEGERS, OBSERVABLES, observable
from verify.sweeps.points import Point, observe_task
from verify.sweeps.requests import make_request


def point_of(name: str, trial: int = 0, seed: int = 3, **axes: object) -> Point:
    axes = observable(name).completed(name, axes)
    grid = Grid(axes, integers=INTEGERS)
    return Point(dict(zip(grid.names, grid.at(0).values, strict=True)), trial, seed)


def observed(name: str, **axes: object) -> tuple[dict[str, float], Point]:
    point = point_of(name, **axes)
    return observable(name).function()(point), point


def loss_alignment(gram: np.ndarray, residual: np.ndarray) -> float:
    """Loss alignment Tr(Σ₁G)/(2L‖G‖²) from K = J Jᵀ, by explicit sums."""
    n = len(residual)
    signal = sum(residual[i] ** 2 * gram[i, j] ** 2 for i in range(n) for j in range(n))
    return float(signal / (np.mean(residual**2) * np.sum(gram**2)))


def directional(X: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """Directional alignment at residual X u and derivative X v."""
    return float(np.mean((X @ u) ** 2 * (X @ v) ** 2) / (np.mean((X @ u) ** 2) * np.mean((X @ v) ** 2)))


def test_the_loss_range_holds_every_parameter_and_its_ends_are_attained():
    found, point = observed("3.3", d=3, n=12, exponent=0.5, eps=0.25, delta=0.05)
    spectrum = np.arange(1, 4) ** -0.5
    X = point.generator("inputs", "d", "n", "exponent").standard_normal((12, 3)) * np.sqrt(spectrum)
    gram = X @ X.T
    draws = np.random.default_rng(0).standard_normal((4000, 3))
    values = [loss_alignment(gram, X @ w) for w in draws[:300]]
    inf, sup = found["inf_loss_alignment"], found["sup_loss_alignment"]
    assert inf - 1e-9 <= min(values) and max(values) <= sup + 1e-9
    # Three dimensions are few enough to come close to both ends at random.
    assert min(values) < inf + 0.1 * (sup - inf) and max(values) > sup - 0.1 * (sup - inf)
    assert (found["lower_bound"], found["upper_bound"]) == (0.75, 1.25)
    d_eff = float(np.sum(spectrum**2))
    assert found["d_eff"] == pytest.approx(d_eff)
    assert found["largest_constant"] == pytest.approx(d_eff / (math.log(12 / 0.05) / 0.25**2))


@pytest.mark.parametrize("name", ["3.2", "4.2"])
def test_the_uniform_range_is_a_sandwich(name):
    found, point = observed(name, d=2, n=15, eps=0.3, delta=0.1)
    X = point.generator("inputs", "d", "n").standard_normal((15, 2))
    # In the plane a grid of angles finds both ends.
    angles = np.linspace(0, np.pi, 181)[:-1]
    circle = np.stack([np.cos(angles), np.sin(angles)])
    squares = (X @ circle) ** 2
    values = (squares.T @ squares / 15) / np.outer(squares.mean(0), squares.mean(0))
    assert found["inf_certified"] <= found["inf_found"] == pytest.approx(values.min(), rel=1e-3)
    assert found["sup_certified"] >= found["sup_found"] == pytest.approx(values.max(), rel=1e-3)
    assert found["lower_bound"] == pytest.approx(0.7 / 1.3**2)
    assert found["upper_bound"] == pytest.approx(3.3 / 0.7**2)
    demands = [
        (4 * math.log(1 / 0.3) ** 2 + math.log(10) ** 2) / 0.3,
        (2 * math.log(1 / 0.3) + math.log(10)) / 0.3**2,
    ]
    assert found["largest_constant"] == pytest.approx(15 / max(demands))


def test_fixed_directions_do_not_depend_on_n_and_their_range_is_exact():
    found, point = observed("4.3", d=2, n=10, K=3, eps=0.5, delta=0.1)
    X = point.generator("inputs", "d", "n").standard_normal((10, 2))
    V = point.generator("directions", "d").standard_normal((3, 2)).T
    angles = np.linspace(0, np.pi, 721)
    values = [directional(X, np.array([np.cos(a), np.sin(a)]), v) for a in angles for v in V.T]
    assert found["inf_directional_alignment"] == pytest.approx(min(values), rel=1e-3)
    assert found["sup_directional_alignment"] == pytest.approx(max(values), rel=1e-3)
    same = point_of("4.3", d=2, n=50, K=5).generator("directions", "d").standard_normal((5, 2)).T
    assert np.array_equal(V, same[:, :3])
    demands = [2 * math.log(2), (2 + math.log(30)) * math.log(30)]
    assert found["largest_constant"] == pytest.approx(10 / max(demands))


def test_two_layer_networks_stay_within_what_is_certified():
    found, point = observed("3.5", d=3, n=4, width=2, slope=0.5, eps=0.5)
    X = np.asarray(point.generator("inputs", "d", "n", "exponent").standard_normal((4, 3)))
    assert found["inf_certified"] <= found["inf_found"] <= found["sup_found"] <= found["sup_certified"]
    assert found["lower_bound"] == pytest.approx(0.5**4 * 0.5)
    assert found["upper_bound"] == pytest.approx(1.5 / 0.5**4)
    generator = np.random.default_rng(1)
    model = simulate.TwoLayer(3, 2, 0.5)
    for _ in range(100):
        gram = np.asarray(model.gram(generator.standard_normal(6), X))
        value = loss_alignment(gram, generator.standard_normal(4))
        assert found["inf_certified"] - 1e-12 <= value <= found["sup_certified"] + 1e-12


def test_without_a_search_networks_without_activity_are_what_is_found():
    found, point = observed("3.5", d=3, n=5, slope=0.5, starts=0)
    X = np.asarray(point.generator("inputs", "d", "n", "exponent").standard_normal((5, 3)))
    gram = X @ X.T
    values = [loss_alignment(gram, row) for row in np.eye(5)]
    assert (found["inf_found"], found["sup_found"]) == pytest.approx((min(values), max(values)))
    assert found["sup_certified"] == pytest.approx(16 * max(values))


def test_no_start_escapes_less_than_the_least_and_the_bound_is_below():
    found, point = observed("5.2", d=3, n=40, beta=2.5, k=1, steps=4)
    X = np.asarray(point.generator("inputs", "d", "n", "exponent").standard_normal((40, 3)))
    G = X.T @ X / 40
    eigenvalues, U = np.linalg.eigh(G)
    rate = 2.5 / np.linalg.norm(G)
    generator = np.random.default_rng(2)
    ratios = []
    for _ in range(200):
        w = generator.standard_normal(3)
        M = np.outer(w, w)
        for _ in range(4):
            # E (I − η x xᵀ) M (I − η x xᵀ) over the samples, one by one.
            M = sum((np.eye(3) - rate * np.outer(x, x)) @ M @ (np.eye(3) - rate * np.outer(x, x)) for x in X) / 40
        energy = eigenvalues * np.diag(U.T @ M @ U)
        ratios.append(energy[:2].sum() / energy[2])
    assert found["inf_flat_to_sharp"] <= min(ratios) * (1 + 1e-9)
    assert found["sup_flat_to_sharp"] >= max(ratios) * (1 - 1e-9)
    assert min(ratios) < 1.2 * found["inf_flat_to_sharp"]
    assert 0 < found["lower_bound"] <= found["inf_flat_to_sharp"]
    assert found["sufficient_beta"] == pytest.approx(math.sqrt(1 + 2 / found["A1"]))
    assert found["threshold_beta"] <= found["sufficient_beta"]


def test_learning_rates_share_the_data_and_trials_do_not():
    first, second = observed("5.2", d=3, n=20, beta=0.5)[0], observed("5.2", d=3, n=20, beta=1.5)[0]
    assert first["A1"] == second["A1"] and first["inf_flat_to_sharp"] != second["inf_flat_to_sharp"]
    assert observed("5.2", trial=1, d=3, n=20, beta=0.5)[0]["A1"] != first["A1"]
    assert observed("5.2", seed=4, d=3, n=20, beta=0.5)[0]["A1"] != first["A1"]


def test_where_the_alignment_vanishes_the_theorem_says_nothing():
    found, _ = observed("5.2", d=6, n=4, beta=1.5)
    assert (found["A1"], found["lower_bound"], found["sufficient_beta"]) == (0, 0, math.inf)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_claims_know_their_axes(name):
    entry = OBSERVABLES[name]
    required = dict.fromkeys(entry.required, 2)
    assert list(entry.completed(name, required)) == [*entry.required, *entry.defaults]
    with pytest.raises(VerifyError, match=rf"^d: expected values for it in a sweep of {name}, got none"):
        entry.completed(name, {key: 2 for key in required if key != "d"})
    with pytest.raises(VerifyError, match=r"^widht: expected an axis of "):
        entry.completed(name, {**required, "widht": 3})
    assert (name == "3.5") == ("did you mean 'width'" in _complaint(entry, {**required, "widht": 3}))


def _complaint(entry, axes):
    with pytest.raises(VerifyError) as refused:
        entry.completed("x", axes)
    return str(refused.value)


def test_claims_that_cannot_be_swept_are_refused():
    with pytest.raises(VerifyError, match=r"^claim: expected one that can be swept \(3\.2, .*, got '4\.22' \(did you"):
        observable("4.22")


def test_points_are_mappings_with_streams_of_their_own():
    point = Point({"d": 3, "lr": 0.5}, 1, 7)
    assert dict(point) == {"d": 3, "lr": 0.5} and len(point) == 2 and "d" in point
    drawn = point.generator("x").random()
    assert drawn == simulate.generator(7, "x", (("d", 3), ("lr", 0.5)), 1).random()
    assert drawn == Point({"lr": 0.5, "d": 3.0}, 1, 7).generator("x").random()
    assert drawn != Point({"d": 3, "lr": 0.5}, 2, 7).generator("x").random()
    assert point.generator("x", "d").random() == Point({"d": 3, "lr": 9}, 1, 7).generator("x", "d").random()
    with pytest.raises(KeyError):
        point.generator("x", "width")


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (None, TypeError, "got NoneType"),
        ("text", TypeError, "got str"),
        ({"seed": 1}, ValueError, "got 'seed'"),
        ({"d": 1}, ValueError, "got 'd'"),
    ],
)
def test_what_is_no_observation_is_refused(returned, error, message):
    task = next(make_request(lambda point: returned, {"d": 3}).tasks())
    with pytest.raises(error, match=message):
        observe_task(lambda point: returned, task)


def test_a_number_is_an_observation():
    task = next(make_request(len, {"d": 3}).tasks())
    assert observe_task(lambda point: np.float64(point["d"]), task) == {"value": 3.0}
