"""Oracle 4: dense recomputation of the witnesses, exhaustive searches where patterns can be listed, random ones."""

from __future__ import annotations

import itertools

import dense_oracle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate import InputError, TwoLayer, adversarial_alignment, gram_label_free_range, loss_alignment
from simulate.extremes import two_layer_climb, two_layer_patterns, two_layer_search


@pytest.fixture(name="few_kicks", scope="module", autouse=True)
def _few_kicks():
    """Give up early, which no property of what was found depends on; how far a search gets is tested with more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(two_layer_search, "MOST_KICKS_IN_VAIN", 1)
        yield


@pytest.fixture
def all_kicks(monkeypatch, few_kicks):
    monkeypatch.setattr(two_layer_search, "MOST_KICKS_IN_VAIN", 24)


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return simulate.gaussian_inputs(n, np.ones(d), seed)


def derivative(model: TwoLayer, z: float) -> float:
    if model.activation == "leaky_relu":
        return 1.0 if z > 0 else model.slope
    return model.slope + (1 - model.slope) / (1 + np.exp(-min(max(z, -700.0), 700.0)))


def value(model: TwoLayer, z: float) -> float:
    if model.activation == "leaky_relu":
        return z if z > 0 else model.slope * z
    return model.slope * z + (1 - model.slope) * float(np.logaddexp(0.0, z))


def naive_jacobian(model: TwoLayer, witness: simulate.TwoLayerWitness, X: np.ndarray) -> np.ndarray:
    """Gradients of f, one sample and one neuron at a time."""
    inner = witness.theta[: model.width * model.d].reshape(model.width, model.d)
    outer = witness.theta[model.width * model.d :] if model.train_outer else witness.outer
    rows = []
    for x in X:
        parts = [a * derivative(model, float(b @ x)) * x for a, b in zip(outer, inner, strict=True)]
        if model.train_outer:
            parts.append(np.array([value(model, float(b @ x)) for b in inner]))
        rows.append(np.concatenate(parts))
    return np.array(rows)


def range_of_pattern(X: np.ndarray, mixture: np.ndarray) -> tuple[float, float]:
    weights = np.sum(((X @ X.T) * mixture) ** 2, axis=1)
    return weights.min() / weights.mean(), weights.max() / weights.mean()


CASES = [
    (shape, activation, slope, trained, outer)
    for shape in ((8, 11), (14, 3))
    for activation in ("leaky_relu", "smooth")
    for slope, trained, outer in (
        (0.5, False, "given"),
        (0.2, False, "free"),
        (0.0, False, "free"),
        (0.5, True, "given"),
    )
]


@pytest.mark.parametrize(("shape", "activation", "slope", "trained", "outer"), CASES)
def test_the_witnesses_attain_what_was_found_by_the_dense_definition(shape, activation, slope, trained, outer):
    X = normal(*shape)
    model = TwoLayer(shape[1], 3, slope, activation, train_outer=trained)
    found = adversarial_alignment(model, X, seed=1, starts=2, outer=outer)
    for witness, alignment in ((found.inf_witness, found.inf_found), (found.sup_witness, found.sup_found)):
        J = naive_jacobian(model, witness, X)
        assert dense_oracle.loss_alignment(J, witness.residual) == pytest.approx(alignment, rel=1e-9, abs=1e-12)
        fitted = model if trained else TwoLayer(shape[1], 3, slope, activation, outer=witness.outer)
        again = loss_alignment(fitted.gram(witness.theta, X), witness.residual)
        assert again == pytest.approx(alignment, rel=1e-12, abs=1e-15)
        assert np.flatnonzero(witness.residual).tolist() == [witness.sample]
        if outer == "given" and not trained:
            assert np.array_equal(witness.outer, model.outer)
    assert found.inf_found <= 1 <= found.sup_found
    assert found.starts == 2
    assert all(0 <= reached <= 2 for reached in found.reached)


@pytest.mark.parametrize("slope", [0.5, 0.1, 0.0])
def test_one_neuron_where_every_pattern_is_possible_against_all_patterns(slope):
    X = normal(8, 11, seed=2)
    ranges = []
    for pattern in itertools.product((slope, 1.0), repeat=8):
        if any(pattern):
            ranges.append(range_of_pattern(X, np.outer(pattern, pattern)))
    found = adversarial_alignment(TwoLayer(11, 1, slope), X, starts=8)
    assert found.inf_found == pytest.approx(min(low for low, _ in ranges), rel=1e-9, abs=1e-12)
    assert found.sup_found == pytest.approx(max(high for _, high in ranges), rel=1e-9)


def patterns_in_the_plane(X: np.ndarray, slope: float) -> np.ndarray:
    """All patterns that a neuron on inputs of dimension 2 can have, as columns."""
    borders = np.sort(np.concatenate([np.arctan2(X[:, 0], -X[:, 1]), np.arctan2(-X[:, 0], X[:, 1])]))
    angles = 0.5 * (borders + np.append(borders[1:], borders[0] + 2 * np.pi))
    return np.where(X @ np.array([np.cos(angles), np.sin(angles)]) > 0, 1.0, slope)


@pytest.mark.parametrize("slope", [0.5, 0.1])
@pytest.mark.parametrize("seed", [0, 1])
def test_one_neuron_in_the_plane_against_all_patterns(slope, seed):
    X = normal(15, 2, seed)
    patterns = patterns_in_the_plane(X, slope)
    assert len({tuple(column) for column in patterns.T}) == 30
    ranges = [range_of_pattern(X, np.outer(p, p)) for p in patterns.T]
    found = adversarial_alignment(TwoLayer(2, 1, slope), X, starts=8)
    assert found.inf_found == pytest.approx(min(low for low, _ in ranges), rel=1e-9)
    assert found.sup_found == pytest.approx(max(high for _, high in ranges), rel=1e-9)


@pytest.mark.usefixtures("all_kicks")
@pytest.mark.parametrize("slope", [0.5, 0.1])
def test_two_neurons_in_the_plane_against_all_pairs_of_patterns_and_outer_weights(slope):
    X = normal(10, 2, seed=5)
    patterns = patterns_in_the_plane(X, slope)
    best, worst = -np.inf, np.inf
    for p, q in itertools.combinations(patterns.T, 2):
        for share in np.linspace(0, 1, 41):
            low, high = range_of_pattern(X, share * np.outer(p, p) + (1 - share) * np.outer(q, q))
            best, worst = max(best, high), min(worst, low)
    found = adversarial_alignment(TwoLayer(2, 2, slope), X, starts=4, outer="free")
    assert found.sup_found >= best * (1 - 1e-9)
    assert found.inf_found <= worst * (1 + 1e-9)
    # The grid of outer weights is close enough that more would be a mistake.
    assert found.sup_found <= best * 1.01
    assert found.inf_found >= worst * 0.99


@pytest.mark.parametrize("shape", [(10, 14), (12, 4)])
@pytest.mark.parametrize("trained", [False, True])
def test_no_random_weights_and_labels_are_worse(shape, trained):
    X = normal(*shape, seed=3)
    model = TwoLayer(shape[1], 4, 0.3, train_outer=trained)
    found = adversarial_alignment(model, X, starts=2)
    rng = np.random.default_rng(0)
    for _ in range(400):
        theta = rng.standard_normal(model.size) * 10 ** rng.uniform(-1, 1, model.size)
        gram = model.gram(theta, X)
        low, high, _ = gram_label_free_range(gram)
        assert found.inf_found <= low
        assert high <= found.sup_found
        for labels in rng.standard_normal((3, shape[0])) ** 3:
            observed = loss_alignment(gram, model.predict(theta, X) - labels)
            assert low * (1 - 1e-9) <= observed <= high * (1 + 1e-9)


@pytest.mark.parametrize(("n", "d"), [(16, 32), (20, 48), (24, 64)])
@pytest.mark.parametrize("outer", ["given", "free"])
def test_at_slope_one_half_the_search_alone_refutes_the_exponent_one(n, d, outer):
    X = normal(n, d)
    found = adversarial_alignment(TwoLayer(d, 6, 0.5), X, starts=6, outer=outer)
    linear = simulate.label_free_range(X)
    assert found.sup_found > 8
    assert found.sup_found <= 16 * linear.sup
    assert found.inf_found >= linear.inf / 16
    # What it finds is the witness of the control: neurons that matter are active on the sample with the residual alone.
    witness = found.sup_witness
    active = X @ witness.theta.reshape(6, d).T > 0
    for neuron in np.flatnonzero(np.abs(witness.outer) > 1e-3 * np.abs(witness.outer).max()):
        assert np.flatnonzero(active[:, neuron]).tolist() == [witness.sample]


@settings(max_examples=15)
@given(st.integers(2, 10), st.integers(1, 8), st.floats(0.05, 0.95), st.booleans(), st.integers(0, 10**6))
def test_found_values_obey_the_deterministic_core_of_theorem_3_5(n, d, slope, smooth, seed):
    X = normal(n, d, seed)
    model = TwoLayer(d, 2, slope, "smooth" if smooth else "leaky_relu")
    found = adversarial_alignment(model, X, seed=seed, starts=1, outer="free")
    linear = simulate.label_free_range(X)
    assert linear.inf * slope**4 * (1 - 1e-9) <= found.inf_found <= found.sup_found
    assert found.sup_found <= linear.sup / slope**4 * (1 + 1e-9)


@pytest.mark.parametrize("activation", ["leaky_relu", "smooth"])
def test_at_slope_one_nothing_is_left_to_search(activation):
    X = normal(15, 6)
    found = adversarial_alignment(TwoLayer(6, 3, 1.0, activation), X, starts=2, outer="free")
    linear = simulate.label_free_range(X)
    assert (found.inf_found, found.sup_found) == pytest.approx((linear.inf, linear.sup), rel=1e-9)
    assert (found.inf_witness.sample, found.sup_witness.sample) == linear.samples
    assert found.reached == (2, 2)


def test_plain_relu_has_no_bounds_but_the_trivial_ones_where_every_pattern_is_possible():
    found = adversarial_alignment(TwoLayer(15, 4), normal(9, 15), starts=3)
    assert found.inf_found == 0
    assert found.sup_found == pytest.approx(9, rel=1e-12)


@pytest.mark.usefixtures("all_kicks")
def test_the_smooth_network_reaches_what_the_leaky_one_does():
    X = normal(14, 3)
    smooth = adversarial_alignment(TwoLayer(3, 2, 0.4, "smooth"), X, starts=3, outer="free")
    leaky = adversarial_alignment(TwoLayer(3, 2, 0.4), X, starts=3, outer="free")
    assert smooth.sup_found >= 0.98 * leaky.sup_found
    assert smooth.inf_found <= 1.02 * leaky.inf_found


def test_seeds_fix_everything():
    X, model = normal(8, 3), TwoLayer(3, 2, 0.3)
    first, again = (adversarial_alignment(model, X, seed=7, starts=2) for _ in range(2))
    assert (first.inf_found, first.sup_found, first.reached) == (again.inf_found, again.sup_found, again.reached)
    for one, two in ((first.inf_witness, again.inf_witness), (first.sup_witness, again.sup_witness)):
        assert np.array_equal(one.theta, two.theta)
        assert one.sample == two.sample
    drawn = adversarial_alignment(model, X, seed=np.random.default_rng(1), starts=1)
    other = adversarial_alignment(model, X, seed=np.random.default_rng(2), starts=1)
    assert not np.array_equal(drawn.sup_witness.theta, other.sup_witness.theta)


def test_every_array_library(backend):
    X = normal(6, 3)
    host = adversarial_alignment(TwoLayer(3, 2, 0.3), X, starts=1)
    found = adversarial_alignment(TwoLayer(3, 2, 0.3), backend.asarray(X), starts=1)
    assert (found.inf_found, found.sup_found) == (host.inf_found, host.sup_found)
    assert isinstance(found.sup_witness.theta, np.ndarray)


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("activation", ["leaky_relu", "smooth"])
@pytest.mark.parametrize("scale", [2.0**-100, 2.0**100])
def test_scale_does_not_matter(trained, activation, scale):
    X, model = normal(9, 3), TwoLayer(3, 2, 0.3, activation, train_outer=trained)
    found, again = (adversarial_alignment(model, factor * X, starts=2) for factor in (1.0, scale))
    assert (again.inf_found, again.sup_found) == pytest.approx((found.inf_found, found.sup_found), rel=0.05, abs=1e-4)
    witness = again.sup_witness
    assert loss_alignment(model.gram(witness.theta, scale * X), witness.residual) == pytest.approx(again.sup_found)


def degenerate() -> dict[str, np.ndarray]:
    X = normal(8, 4)
    return {
        "one sample": X[:1],
        "one column": X[:, :1],
        "rank": X @ np.diag([1.0, 1.0, 0.0, 0.0]),
        "repeated samples": np.vstack([X, X[:3], -X[:2], np.zeros((1, 4))]),
        "badly conditioned": X @ np.diag([1.0, 1e-3, 1e-6, 1e-9]),
    }


@pytest.mark.parametrize("name", degenerate())
@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_degenerate_inputs(name, slope):
    X = degenerate()[name]
    found = adversarial_alignment(TwoLayer(X.shape[1], 2, slope), X, starts=2, outer="free")
    for witness, alignment in ((found.inf_witness, found.inf_found), (found.sup_witness, found.sup_found)):
        model = TwoLayer(X.shape[1], 2, slope, outer=witness.outer)
        assert loss_alignment(model.gram(witness.theta, X), witness.residual) == pytest.approx(alignment, abs=1e-12)
    assert 0 <= found.inf_found <= 1 <= found.sup_found <= len(X)


def test_networks_without_gradients_have_alignment_one():
    for model, X in ((TwoLayer(3, 2, 0.5), np.zeros((4, 3))), (TwoLayer(3, 2, 0.5, outer=np.zeros(2)), normal(4, 3))):
        found = adversarial_alignment(model, X)
        assert (found.inf_found, found.sup_found) == (1.0, 1.0)


def test_bad_arguments_are_refused():
    model, X = TwoLayer(3, 2, 0.5), normal(5, 3)
    with pytest.raises(InputError, match="model: expected a TwoLayer"):
        adversarial_alignment(simulate.Linear(3), X)
    with pytest.raises(InputError, match="X"):
        adversarial_alignment(model, normal(5, 4))
    with pytest.raises(InputError, match="outer: expected 'given' or 'free'"):
        adversarial_alignment(model, X, outer="any")
    with pytest.raises(InputError, match="seed"):
        adversarial_alignment(model, X, seed=-1)


@given(st.one_of(st.none(), st.integers(max_value=0), st.floats(), st.booleans(), st.text(max_size=3)))
def test_bad_numbers_of_starts_are_refused(starts):
    with pytest.raises(InputError, match="starts: expected an integer >= 1"):
        adversarial_alignment(TwoLayer(3, 2, 0.5), normal(5, 3), starts=starts)


@given(st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, 14))
def test_entries_that_are_not_finite_are_refused(entry, place):
    X = normal(5, 3)
    X.flat[place] = entry
    with pytest.raises(InputError, match="X: expected finite entries"):
        adversarial_alignment(TwoLayer(3, 2, 0.5), X)
    gram = np.eye(15)
    gram[place, place] = entry
    with pytest.raises(InputError, match="gram: expected finite entries"):
        gram_label_free_range(gram)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 10**6))
def test_the_range_for_a_gram_matrix_is_that_over_all_labels(n, p, seed):
    rng = np.random.default_rng(seed)
    J = rng.standard_normal((n, p))
    K = J @ J.T
    found = gram_label_free_range(K)
    for sample, alignment in zip(found.samples, found[:2], strict=True):
        assert dense_oracle.loss_alignment(J, np.eye(n)[sample]) == pytest.approx(alignment, rel=1e-9)
    for residual in rng.standard_normal((20, n)):
        assert found.inf * (1 - 1e-9) <= loss_alignment(K, residual) <= found.sup * (1 + 1e-9)


def test_the_range_for_a_gram_matrix_on_every_library_and_scale(backend):
    X = normal(9, 4)
    linear = simulate.label_free_range(X)
    for scale in (1.0, 1e-140, 1e140):
        found = gram_label_free_range(backend.asarray(scale * (X @ X.T)))
        assert found[:2] == pytest.approx(linear[:2], rel=1e-10)
        assert found.samples == linear.samples
    assert gram_label_free_range(backend.asarray(np.zeros((3, 3)))) == (1.0, 1.0, (0, 0))


@pytest.mark.parametrize("gram", [np.ones(3), np.ones((2, 3)), np.array([[1.0, 2.0], [0.0, 1.0]]), np.ones((0, 0))])
def test_bad_gram_matrices_are_refused(gram):
    with pytest.raises(InputError, match="gram"):
        gram_label_free_range(gram)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("sharpness", [None, 1.7])
@pytest.mark.parametrize(("trained", "free"), [(False, False), (False, True), (True, True)])
def test_the_gradient_of_a_climb_by_differences(monkeypatch, sign, sharpness, trained, free):
    # With the power in use only the extreme sample counts, and a mistake in the others would not show.
    monkeypatch.setattr(two_layer_climb, "EMPHASIS", 5.0)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((7, 3))
    model = TwoLayer(3, 4, 0.3, "smooth", train_outer=trained)
    network = two_layer_climb.Network(X, X @ X.T, model, None if free else np.array([1.0, -2.0, 0.5, 0.3]))
    packed = rng.standard_normal(16 if free else 12)

    def objective(shift: np.ndarray) -> float:
        return two_layer_climb.descent_objective(packed + shift, network, sign, sharpness)[0]

    gradient = two_layer_climb.descent_objective(packed, network, sign, sharpness)[1]
    numeric = [(objective(step) - objective(-step)) / 2e-6 for step in 1e-6 * np.eye(packed.size)]
    assert gradient == pytest.approx(np.array(numeric), abs=1e-8)


@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_fractions_along_a_path_one_pattern_at_a_time(slope, mirrored):
    rng = np.random.default_rng(1)
    X = normal(9, 4, seed=4)
    network = two_layer_climb.Network(X, X @ X.T, TwoLayer(4, 3, slope), None)
    weights = two_layer_climb.Weights(rng.standard_normal((3, 4)), np.array([1.0, 0.5, 2.0]))
    ascent = two_layer_patterns.PatternAscent(network, weights, 1, rng)
    m, strength = ascent.target, 0.7
    others = ascent.mixture - ascent.strengths[1] * np.outer(ascent.patterns[:, 1], ascent.patterns[:, 1])
    linear = ascent.squares * others
    alone = ((X @ X.T) * others) ** 2
    p, order = ascent.patterns[:, 1].copy(), rng.permutation(9)
    found = ascent._along_path(p, order, linear, float(alone[m].sum()), float(alone.sum()), mirrored)
    patterns = [p.copy()]
    for sample in order:
        p[sample] = 1 + slope - p[sample]
        patterns.append(p.copy())
    if mirrored:
        patterns += [1 + slope - p for p in patterns]
    expected = []
    for q in patterns:
        gram = (X @ X.T) * (others + strength * np.outer(q, q))
        expected.append(np.log(np.sum(gram[m] ** 2) / np.sum(gram**2)))
    assert found.merits(np.full(len(patterns), strength), 1) == pytest.approx(np.array(expected), abs=1e-10)
    # The best outer weight of each pattern beats a grid of them.
    highest, _, _ = found.best(strength, free=True, sign=1)
    for other in np.geomspace(1e-4, 1e4, 200):
        assert highest >= found.merits(np.full(len(patterns), other), 1).max() - 1e-12


@settings(max_examples=20)
@given(st.integers(2, 12), st.integers(1, 6), st.floats(0.0, 0.9), st.sampled_from([1, -1]), st.integers(0, 10**6))
def test_an_ascent_over_patterns_never_loses(n, r, slope, sign, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, min(n, r)))
    features = np.sqrt(n) * np.linalg.qr(X)[0]
    for outer in (None, np.array([1.0, -0.5, 2.0])):
        network = two_layer_climb.Network(features, X @ X.T, TwoLayer(features.shape[1], 3, slope), outer)
        start = two_layer_climb.Weights(rng.standard_normal((3, features.shape[1])), np.array([1.0, -0.5, 2.0]))
        reached = two_layer_patterns.PatternAscent(network, start, sign, rng).run()
        before, after = (
            two_layer_climb.merit(two_layer_climb.sample_weights(network, one), sign) for one in (start, reached)
        )
        # A network that is 0 everywhere has alignment 1 by convention, and an ascent leaves it for any other.
        if np.any(two_layer_climb.sample_weights(network, start)):
            assert after >= before - 1e-9
