"""The law of ensembles: exact second moments of linear dynamics, and one step's exact mean and covariance of any model.

All statements about samples are tests of chi-squared or Hotelling's type at a false-alarm rate of 1e-6 in total, at few
steps: later on second moments are heavy-tailed, and no interval from a sample is honest.
"""

import numpy as np
import pytest
import scipy.stats

import simulate

FALSE_ALARM = 1e-6
N, D = 12, 3
BATCHES = [(1, True), (2, True), (5, True), (1, False), (4, False), (11, False)]
MODELS = {
    "difference": simulate.DiagonalLinear(D),
    "product": simulate.DiagonalLinear(D, form="product"),
    "deep": simulate.DeepLinear(D, (2,)),
    "leaky ReLU": simulate.TwoLayer(D, 3, slope=0.2, train_outer=True),
    "smooth": simulate.TwoLayer(D, 3, slope=0.1, activation="smooth"),
}


def entries(matrices):
    """The entries of symmetric matrices on and above the diagonal."""
    rows, columns = np.triu_indices(matrices.shape[-1])
    return matrices[..., rows, columns]


def hotelling(samples, mean):
    """The p-value of a mean, from independent samples; (almost) constant combinations must match exactly."""
    samples, spread = samples - mean, np.cov(samples.T)
    values, vectors = np.linalg.eigh(np.atleast_2d(spread))
    free = values > 1e-12 * values.max()
    offset = samples.mean(axis=0) @ vectors
    np.testing.assert_allclose(offset[~free], 0, atol=1e-7 * np.abs(samples).max())
    statistic = len(samples) * float(np.sum(offset[free] ** 2 / values[free]))
    return scipy.stats.chi2.sf(statistic, free.sum())


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(5)
    return rng.standard_normal((N, D)), rng.standard_normal(N)


def test_linear_ensembles_have_the_exact_second_moments(samples):
    X, _ = samples
    w0, lr, times = np.array([1.0, -0.5, 2.0]), 0.15, [1, 2, 4]
    record, values = simulate.Record(at=times, loss=False, parameters=True), []
    for batch, replacement in BATCHES:
        exact = simulate.second_moments(X, np.outer(w0, w0), lr, 4, batch, replacement)
        for run in (
            simulate.linearised_sgd(X, w0, lr, 4, batch, replacement, 20_000, 8, record=record),
            simulate.sgd(
                simulate.DeepLinear(D, ()), w0, X, np.zeros(N), lr, 4, batch, replacement, 20_000, 9, record=record
            ),
        ):
            for place, time in enumerate(times):
                w = run.values["parameters"][place]
                values.append(hotelling(entries(w[:, :, None] * w[:, None, :]), entries(exact[time])))
                average = np.linalg.matrix_power(np.eye(D) - lr * X.T @ X / N, time) @ w0
                values.append(hotelling(w, average))
    assert min(values) > FALSE_ALARM / len(values)
    # Were the tests blind, or the intervals too wide, the p-values would not be uniform.
    assert scipy.stats.kstest(values, "uniform").pvalue > FALSE_ALARM


@pytest.mark.parametrize("wrong", ["batch", "replacement", "rate"])
def test_the_comparison_sees_wrong_moments(samples, wrong):
    X, _ = samples
    w0, lr = np.array([1.0, -0.5, 2.0]), 0.15
    run = simulate.linearised_sgd(X, w0, lr, 2, 4, True, 20_000, 8)
    batch, replacement, rate = {"batch": (5, True, lr), "replacement": (4, False, lr), "rate": (4, True, 1.05 * lr)}[
        wrong
    ]
    exact = simulate.second_moments(X, np.outer(w0, w0), rate, 2, batch, replacement)[-1]
    assert hotelling(entries(run.theta[:, :, None] * run.theta[:, None, :]), entries(exact)) < FALSE_ALARM


@pytest.mark.parametrize("batch", [1, 3])
def test_online_ensembles_have_the_exact_second_moments(batch):
    spectrum, w0, lr = np.array([1.5, 1.0, 0.2]), np.array([1.0, -0.5, 2.0]), 0.1
    exact = simulate.online_second_moments(spectrum, np.outer(w0, w0), lr, 2, batch)
    record, values = simulate.Record(at=[1, 2], parameters=True), []
    run = simulate.online_sgd(simulate.Linear(D), w0, spectrum, np.zeros(D), lr, 2, batch, 40_000, 8, record=record)
    for place in (0, 1):
        w = run.values["parameters"][place]
        values.append(hotelling(entries(w[:, :, None] * w[:, None, :]), entries(exact[place + 1])))
        values.append(hotelling(w, (1 - lr * spectrum) ** (place + 1) * w0))
    assert min(values) > FALSE_ALARM / len(values)


@pytest.mark.parametrize("name", MODELS)
def test_one_step_has_the_exact_mean_and_covariance(samples, name):
    X, y = samples
    model, lr, values = MODELS[name], 0.1, []
    theta = model.init(seed=1)
    jacobian, residual = model.jacobian(theta, X), model.predict(theta, X) - y
    gradients = residual[:, None] * jacobian
    mean = theta - lr * gradients.mean(axis=0)
    covariance = np.cov(gradients.T, bias=True)
    for batch, replacement in BATCHES:
        weight = 1 / batch if replacement else (N - batch) / (N - 1) / batch
        run = simulate.sgd(model, theta, X, y, lr, 1, batch, replacement, 20_000, 8)
        values.append(hotelling(run.theta, mean))
        offsets = run.theta - mean
        squares = entries(offsets[:, :, None] * offsets[:, None, :])
        values.append(hotelling(squares, lr**2 * weight * entries(covariance)))
    assert min(values) > FALSE_ALARM / len(values)


def test_log_moments_follow_the_typical_path():
    # In one dimension, E log|1 − η x²| over the samples is the exact rate of the logarithm.
    x, lr = np.array([0.3, 1.0, 1.7, 2.2]), 0.7
    run = simulate.linearised_sgd(x[:, None], [1.0], lr, 50, replicas=4000, seed=2, record=simulate.Record(at=[0, 50]))
    steps = np.log(np.abs(1 - lr * x**2))
    expected = 50 * 2 * steps.mean()
    error = 2 * steps.std() * np.sqrt(50 / 4000)
    change = np.diff(run.log_mean("loss"))[0]
    assert abs(change - expected) < scipy.stats.norm.isf(FALSE_ALARM / 2) * error
