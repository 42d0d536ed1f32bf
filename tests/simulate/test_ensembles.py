"""Ensembles of SGD and GD: path by path against a plain loop, the same for any threads and cuts."""

import signal

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate.dynamics import compiled, runs
from simulate.kernels import loading

N, D, STEPS, LR = 30, 7, 40, 0.02

MODELS = {
    "linear": simulate.Linear(D),
    "difference": simulate.DiagonalLinear(D),
    "product": simulate.DiagonalLinear(D, form="product"),
    "deep": simulate.DeepLinear(D, (9, 5)),
    "one layer": simulate.DeepLinear(D, ()),
    "leaky ReLU": simulate.TwoLayer(D, 11, slope=0.2),
    "both layers": simulate.TwoLayer(D, 11, slope=0.1, train_outer=True),
    "smooth": simulate.TwoLayer(D, 9, slope=0.1, activation="smooth", train_outer=True),
}
BATCHES = [(1, True), (3, True), (8, True), (19, True), (1, False), (5, False), (17, False), (30, False)]


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(1)
    return rng.standard_normal((N, D)), rng.standard_normal(N)


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def model(request):
    return request.param


def walk(model, theta, X, y, lr, minibatches, noise=None):
    """The plain loop that defines SGD."""
    for s, chosen in enumerate(minibatches):
        targets = y[chosen] if noise is None else y[chosen] + noise[s]
        residual = model.predict(theta, X[chosen]) - targets
        theta = theta - lr / len(chosen) * model.vjp(theta, X[chosen], residual)
    return theta


@pytest.mark.parametrize(("batch", "replacement"), BATCHES)
def test_paths_are_those_of_a_plain_loop(model, samples, batch, replacement):
    X, y = samples
    theta0 = model.init(seed=2)
    run = simulate.sgd(model, theta0, X, y, LR, STEPS, batch, replacement, replicas=6, seed=3)
    for replica in range(6):
        chosen = simulate.minibatches(N, batch, STEPS, 3, replica, replacement)
        expected = walk(model, theta0, X, y, LR, chosen)
        np.testing.assert_allclose(run.theta[replica], expected, rtol=1e-11, atol=1e-13)
    assert not np.array_equal(run.theta[0], run.theta[1]) or batch == N
    assert run.steps == STEPS
    assert run.finished
    assert (run.diverged_at == -1).all()


@pytest.mark.parametrize(("batch", "replacement"), [(1, True), (3, True), (5, False)])
def test_paths_depend_on_seed_and_replica_alone(model, samples, batch, replacement):
    X, y = samples
    theta0 = model.init(seed=2)
    record = simulate.Record(at=[0, 11, STEPS], parameters=True)

    def run(steps=STEPS, replicas=7, **more):
        more["record"] = record if steps == STEPS else None
        return simulate.sgd(model, theta0, X, y, LR, steps, batch, replacement, replicas, 3, **more)

    whole = run()
    np.testing.assert_array_equal(run(threads=1).theta, whole.theta)
    for first, replicas in ((0, 1), (2, 3), (5, 2), (6, 1)):
        part = run(replicas=replicas, first_replica=first)
        np.testing.assert_array_equal(part.theta, whole.theta[first : first + replicas])
        for name, values in part.values.items():
            np.testing.assert_array_equal(values, whole.values[name][:, first : first + replicas])
    middle = run(steps=11)
    np.testing.assert_array_equal(middle.theta, whole.values["parameters"][1])
    rest = simulate.sgd(model, middle.theta, X, y, LR, STEPS - 11, batch, replacement, 7, 3, first_step=11)
    np.testing.assert_array_equal(rest.theta, whole.theta)


def test_pieces_of_any_length_give_the_same(samples, monkeypatch):
    X, y = samples
    model = MODELS["leaky ReLU"]
    found = []
    for seconds in (0.0, 1e-5, 10.0):
        monkeypatch.setattr(runs, "_SECONDS_PER_PIECE", seconds)
        found.append(simulate.sgd(model, model.init(1), X, y, LR, 150, 4, replicas=3, seed=1))
    for run in found[1:]:
        np.testing.assert_array_equal(run.theta, found[0].theta)
        np.testing.assert_array_equal(run.values["loss"], found[0].values["loss"])


def test_the_plain_engine_walks_the_same_paths(model, samples, monkeypatch):
    X, y = samples
    theta0, spectrum, teacher = model.init(seed=2), np.linspace(0.5, 2, D), np.linspace(-1, 1, D)

    def both():
        return (
            simulate.sgd(model, theta0, X, y, LR, 25, 3, False, 2, 5, label_noise=0.3),
            simulate.online_sgd(model, theta0, spectrum, teacher, LR, 25, 3, 2, 5, label_noise=0.3),
        )

    fast = both()
    monkeypatch.setattr(loading, "available", lambda: False)
    with pytest.warns(RuntimeWarning, match="numba is not installed"):
        plain = both()
    for one, other in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one.theta, other.theta, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(one.values["loss"], other.values["loss"], rtol=1e-10)


def test_a_model_of_ones_own_runs_in_plain_python(samples):
    class Halved(simulate.Linear):
        """A linear model that the kernels do not know."""

    X, y = samples
    run = simulate.sgd(Halved(D), np.zeros(D), X, y, LR, 20, 2, replicas=2, seed=4)
    known = simulate.sgd(simulate.Linear(D), np.zeros(D), X, y, LR, 20, 2, replicas=2, seed=4)
    np.testing.assert_allclose(run.theta, known.theta, rtol=1e-12)


def test_other_array_libraries_stay_where_they_are(samples):
    X, y = samples
    model = MODELS["both layers"]
    device = array_api_strict.Device("device1")
    theta0, there, targets = (array_api_strict.asarray(a, device=device) for a in (model.init(2), X, y))
    run = simulate.sgd(model, theta0, there, targets, LR, 15, 3, replicas=2, seed=4)
    assert run.theta.device == device
    expected = simulate.sgd(model, model.init(2), X, y, LR, 15, 3, replicas=2, seed=4)
    np.testing.assert_allclose(simulate.to_host(run.theta), expected.theta, rtol=1e-11)
    np.testing.assert_allclose(run.values["loss"], expected.values["loss"], rtol=1e-11)


def test_label_noise_is_fresh_and_has_its_size(samples):
    X, y = samples
    model = MODELS["linear"]
    quiet, noisy = (
        simulate.sgd(model, np.zeros(D), X, y, LR, 1, 1, replicas=20_000, seed=2, label_noise=s) for s in (0.0, 0.5)
    )
    chosen = np.array([simulate.minibatches(N, 1, 1, 2, replica)[0, 0] for replica in range(300)])
    shift = (noisy.theta - quiet.theta)[:300]
    noise = np.sum(shift * X[chosen], axis=1) / (LR * np.sum(X[chosen] ** 2, axis=1))
    np.testing.assert_allclose(shift, LR * noise[:, None] * X[chosen], atol=1e-14)
    # 300 squares of N(0, 1/4): the chi-squared law puts 1e-7 outside this range on either side.
    assert 300 * 0.25 * 0.63 < np.sum(noise**2) < 300 * 0.25 * 1.47


def test_recorded_numbers_are_those_of_the_definitions(model, samples):
    X, y = samples
    theta0 = model.init(seed=2)
    directions = simulate.eigen_directions(model, theta0, X, k=5)
    record = simulate.Record(
        at=[0, 7, 20], loss_alignment=True, directional_alignment=3, centred=True, directions=directions, sharp=(1, 3),
        parameters=True,
    )  # fmt: skip
    run = simulate.sgd(model, theta0, X, y, LR, 20, 2, replicas=3, seed=1, record=record)
    assert run.times.tolist() == [0, 7, 20]
    for time in range(3):
        for replica in range(3):
            theta = run.values["parameters"][time, replica]
            gram, residual = model.gram(theta, X), model.predict(theta, X) - y
            assert run.values["loss"][time, replica] == pytest.approx(0.5 * np.mean(residual**2), rel=1e-11)
            mu = simulate.loss_alignment(gram, residual, centred=True)
            assert run.values["loss_alignment"][time, replica] == pytest.approx(mu, rel=1e-9)
            _, along = simulate.directional_alignment(gram, residual, centred=True, k=3)
            np.testing.assert_allclose(run.values["directional_alignment"][time, replica], along, rtol=1e-6)
            energies = directions.eigenvalues * (directions.vectors @ (theta - theta0)) ** 2
            expected = [energies[:1].sum(), energies[:3].sum()], [energies[1:].sum(), energies[3:].sum()]
            np.testing.assert_allclose(run.values["sharp"][time, replica], expected[0], rtol=1e-8, atol=1e-18)
            np.testing.assert_allclose(run.values["flat"][time, replica], expected[1], rtol=1e-8, atol=1e-18)
    np.testing.assert_allclose(run.mean("loss"), run.values["loss"].mean(axis=1))
    np.testing.assert_allclose(run.log_mean("loss"), np.log(run.values["loss"]).mean(axis=1))
    np.testing.assert_allclose(run.standard_error("loss"), run.values["loss"].std(axis=1, ddof=1) / np.sqrt(3))


def test_alignments_along_more_directions_than_there_are_samples(samples):
    X, y = samples
    record = simulate.Record(at=[0, 5], directional_alignment=5)
    run = simulate.sgd(MODELS["linear"], np.ones(D), X[:2], y[:2], LR, 5, record=record)
    recorded = run.values["directional_alignment"]
    assert recorded.shape == (2, 1, 5)
    assert np.all(np.isfinite(recorded[..., :2]))
    assert np.all(np.isnan(recorded[..., 2:]))


def test_memory_does_not_grow_with_the_steps(samples):
    X, y = samples
    run = simulate.sgd(MODELS["linear"], np.zeros(D), X, y, LR, 100_000, replicas=2)
    assert run.times[0] == 0
    assert run.times[-1] == 100_000
    assert len(run.times) <= 66
    assert {name: values.shape for name, values in run.values.items()} == {"loss": (len(run.times), 2)}


@pytest.mark.parametrize("batch", [1, 4])
def test_a_path_that_diverges_stops_and_leaves_the_others_alone(samples, batch):
    X, y = samples
    model = MODELS["linear"]
    starts = np.zeros((9, D))
    starts[[2, 5]] = 1e149
    record = simulate.Record(
        at=[0, 20, 60], loss_alignment=True, directions=simulate.eigen_directions(model, np.zeros(D), X)
    )
    run = simulate.sgd(model, starts, X, y, 1.0, 60, batch, replicas=9, seed=1, record=record)
    alone = simulate.sgd(model, np.zeros(D), X, y, 1.0, 60, batch, replicas=9, seed=1)
    calm = [0, 1, 3, 4, 6, 7, 8]
    np.testing.assert_array_equal(run.theta[calm], alone.theta[calm])
    assert (run.diverged_at[calm] == -1).all()
    assert ((run.diverged_at[[2, 5]] >= 0) & (run.diverged_at[[2, 5]] < 20)).all()
    assert np.isfinite(run.theta).all()
    for name in ("loss", "sharp", "flat"):
        assert np.isinf(run.values[name][1:, [2, 5]]).all()
        assert np.isfinite(run.values[name][:, calm]).all()
    assert np.isnan(run.values["loss_alignment"][1:, [2, 5]]).all()
    assert np.isfinite(run.values["loss_alignment"][:, calm]).all()


@pytest.mark.parametrize("name", ["difference", "product", "deep", "leaky ReLU", "both layers", "smooth"])
def test_networks_that_explode_are_reported(samples, name):
    X, y = samples
    model = MODELS[name]
    run = simulate.sgd(model, model.init(0), X, 10 * y, 50.0, 3000, 2, replicas=4, seed=1)
    assert (run.diverged_at >= 0).all()
    assert np.isinf(run.values["loss"][-1]).all()


def test_gradient_descent_is_the_plain_iteration(model, samples):
    X, y = samples
    starts = np.stack([model.init(seed=2), model.init(seed=3)])
    run = simulate.gd(model, starts, X, y, LR, 12)
    for start, found in zip(starts, run.theta, strict=True):
        np.testing.assert_allclose(found, walk(model, start, X, y, LR, [np.arange(N)] * 12), rtol=1e-12)


def test_online_losses_are_those_of_the_population():
    spectrum, teacher = np.array([2.0, 0.5, 0.0]), np.array([1.0, -1.0, 3.0])
    model = simulate.DiagonalLinear(3)
    theta0 = model.init(0)
    run = simulate.online_sgd(model, theta0, spectrum, teacher, 0.1, 5, replicas=2, record=simulate.Record(at=[0]))
    u = model.effective_weights(theta0) - teacher
    np.testing.assert_allclose(run.values["loss"], 0.5 * np.sum(spectrum * u**2))


def test_schedules_reach_their_learning_rates(samples):
    X, y = samples
    model, theta0 = MODELS["linear"], np.zeros(D)
    schedule = simulate.piecewise({3: 0.5, 10: 0.0})
    run = simulate.sgd(model, theta0, X, y, LR, 20, 2, seed=1, schedule=schedule)
    chosen = simulate.minibatches(N, 2, 10, 1)
    expected = walk(model, walk(model, theta0, X, y, LR, chosen[:3]), X, y, LR / 2, chosen[3:])
    np.testing.assert_allclose(run.theta[0], expected, rtol=1e-12)
    factors = [1.0] * 3 + [0.5] * 7 + [0.0] * 10
    np.testing.assert_array_equal(
        simulate.sgd(model, theta0, X, y, LR, 20, 2, seed=1, schedule=factors).theta, run.theta
    )
    rest = simulate.sgd(model, run.theta, X, y, LR, 5, 2, seed=1, schedule=[*factors, *[1.0] * 5], first_step=20)
    np.testing.assert_allclose(
        rest.theta[0], walk(model, expected, X, y, LR, simulate.minibatches(N, 2, 5, 1, first_step=20))
    )


def test_cyclical_schedules():
    steps = np.arange(40)
    triangle = simulate.triangular(10, low=0.2)(steps)
    assert triangle.min() == pytest.approx(0.2)
    assert triangle.max() == pytest.approx(1.0)
    np.testing.assert_allclose(triangle[:6], 0.2 + 0.8 * np.arange(6) / 5)
    np.testing.assert_allclose(triangle[:30], triangle[10:])
    wave = simulate.cosine(8, low=0.1)(steps)
    np.testing.assert_allclose(wave[[0, 4, 8]], [1.0, 0.1, 1.0])
    restarts = simulate.sgdr(4, growth=2)(steps)
    np.testing.assert_allclose(restarts[[0, 4, 12, 28]], 1.0)
    assert (np.diff(restarts[4:12]) < 0).all()
    assert (np.diff(restarts[12:28]) < 0).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), batch=st.integers(1, 9), scale=st.floats(0.2, 5.0))
def test_linear_paths_turn_with_the_inputs_and_scale_with_the_targets(seed, batch, scale):
    rng = np.random.default_rng(seed)
    X, y, theta0 = rng.standard_normal((10, 4)), rng.standard_normal(10), rng.standard_normal(4)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    model = simulate.Linear(4)
    run = simulate.sgd(model, theta0, X, y, 0.05, 9, batch, seed=seed)
    turned = simulate.sgd(model, turn.T @ theta0, X @ turn, y, 0.05, 9, batch, seed=seed)
    np.testing.assert_allclose(turned.theta[0] @ turn.T, run.theta[0], rtol=1e-9, atol=1e-11)
    scaled = simulate.sgd(model, scale * theta0, X, scale * y, 0.05, 9, batch, seed=seed)
    np.testing.assert_allclose(scaled.theta, scale * run.theta, rtol=1e-9, atol=1e-11)


def test_a_signal_in_the_middle_of_a_piece_leaves_a_state_of_the_run(samples, monkeypatch):
    X, y = samples
    advance, calls = compiled.Compiled.advance, []

    def advance_and_press(self, rates, first_step):
        advance(self, rates, first_step)
        calls.append(first_step + len(rates))
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(compiled.Compiled, "advance", advance_and_press)
    with pytest.raises(simulate.Interrupted, match="interrupted after") as caught:
        simulate.sgd(MODELS["linear"], np.zeros(D), X, y, LR, 500, replicas=2, seed=1)
    monkeypatch.undo()
    left = caught.value.ensemble
    assert left.steps == calls[-1] < 500
    expected = simulate.sgd(MODELS["linear"], np.zeros(D), X, y, LR, left.steps, replicas=2, seed=1)
    np.testing.assert_array_equal(left.theta, expected.theta)
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_an_interrupted_run_leaves_what_it_has(samples):
    X, y = samples

    def interrupt(fraction):
        if fraction > 0.3:
            raise KeyboardInterrupt

    record = simulate.Record(at=range(0, 101, 10))
    with pytest.raises(simulate.Interrupted) as caught:
        simulate.sgd(
            MODELS["linear"], np.zeros(D), X, y, LR, 100, replicas=2, seed=1, record=record, progress=interrupt
        )
    left = caught.value.ensemble
    whole = simulate.sgd(MODELS["linear"], np.zeros(D), X, y, LR, 100, replicas=2, seed=1, record=record)
    assert not left.finished
    assert 30 < left.steps < 100
    assert len(left.times) == len(left.values["loss"]) == 4
    np.testing.assert_array_equal(left.values["loss"], whole.values["loss"][:4])
    rest = simulate.sgd(
        MODELS["linear"], left.theta, X, y, LR, 100 - left.steps, replicas=2, seed=1, first_step=left.steps
    )
    np.testing.assert_array_equal(rest.theta, whole.theta)
