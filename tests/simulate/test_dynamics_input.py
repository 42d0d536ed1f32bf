"""What the simulators refuse, in one line each."""

import dataclasses

import numpy as np
import pytest

import simulate

X, Y, THETA = np.eye(5)[:, :3] + 0.1, np.arange(5.0), np.zeros(3)
MODEL = simulate.Linear(3)


def sgd(**changes):
    arguments = {"model": MODEL, "theta0": THETA, "X": X, "y": Y, "lr": 0.1, "steps": 4}
    return simulate.sgd(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.0}, r"lr: expected a finite real number > 0, got 0\.0"),
        ({"lr": -1}, r"lr: expected a finite real number > 0, got -1\.0"),
        ({"lr": float("nan")}, r"lr: expected a finite real number > 0, got nan"),
        ({"lr": True}, r"lr: expected a finite real number > 0, got bool True"),
        ({"steps": -1}, r"steps: expected an integer >= 0 and <= 1099511627776, got int -1"),
        ({"steps": 1.5}, r"steps: expected an integer >= 0 and <= 1099511627776, got float 1\.5"),
        ({"batch": 6, "replacement": False}, r"batch: expected at most n = 5 without replacement, got 6"),
        ({"batch": 0}, r"batch: expected an integer >= 1, got int 0"),
        ({"replicas": 0}, r"replicas: expected an integer >= 1 and <= 4294967296, got int 0"),
        ({"theta0": np.zeros(4)}, r"theta0: expected shape \(3,\) to match the model's size, got shape \(4,\)"),
        ({"theta0": np.zeros((2, 3)), "replicas": 3}, r"theta0: expected shape \(3, 3\) to match replicas"),
        ({"y": np.zeros(4)}, r"y: expected shape \(5,\) to match X, got shape \(4,\)"),
        ({"X": np.zeros((5, 2))}, r"X: expected shape \(5, 3\) to match the model's d"),
        ({"X": np.full((5, 3), np.inf)}, r"X: expected finite entries"),
        ({"model": "linear"}, r"model: expected a simulate\.Model, got str 'linear'"),
        ({"label_noise": -0.1}, r"label_noise: expected a finite real number >= 0, got -0\.1"),
        ({"seed": -1}, r"seed: expected an integer >= 0"),
        ({"threads": 0}, r"threads: expected an integer >= 1, got int 0"),
        ({"schedule": [1.0, 1.0]}, r"schedule: expected 4 factors, one for each step, got shape \(2,\)"),
        ({"schedule": [1.0, -1.0, 1.0, 1.0]}, r"schedule: expected factors >= 0, got -1\.0"),
        ({"schedule": lambda steps: steps * np.nan}, r"schedule: expected finite entries"),
        ({"record": "loss"}, r"record: expected a simulate\.Record or None, got str 'loss'"),
        ({"record": simulate.Record(at=[5])}, r"at: expected an integer >= 0 and <= 4, got int 5"),
        ({"record": simulate.Record(directional_alignment=-1)}, r"directional_alignment: expected an integer >= 0"),
        ({"record": simulate.Record(loss=1)}, r"loss: expected True or False"),
        ({"record": simulate.Record(at=3)}, r"at: expected a sequence of integers or None, got int 3"),
        ({"replicas": 2**32 + 1}, r"replicas: expected an integer >= 1 and <= 4294967296, got int 4294967297"),
        ({"first_replica": 2**32}, r"first_replica: expected an integer >= 0 and <= 4294967295, got int 4294967296"),
        (
            {"first_step": 2**63},
            r"first_step: expected an integer >= 0 and <= 1099511627772, got int 9223372036854775808",
        ),
        ({"steps": 2**70}, r"steps: expected an integer >= 0 and <= 1099511627776, got int 1180591620717411303424"),
        ({"schedule": lambda steps: "fast"}, r"schedule: expected an array of real numbers, got dtype <U4"),
        ({"progress": 3}, r"progress: expected a function of one number, got int 3"),
        ({"record": simulate.Record(directions=3)}, r"directions: expected simulate\.Directions or None, got int 3"),
    ],
)
def test_sgd_refuses(changes, message):
    with pytest.raises(simulate.InputError, match=message) as caught:
        sgd(**changes)
    assert "\n" not in str(caught.value)


def test_directions_must_fit():
    directions = simulate.eigen_directions(MODEL, THETA, X)
    with pytest.raises(simulate.InputError, match=r"sharp: expected an integer >= 1 and <= 3, got int 4"):
        sgd(record=simulate.Record(directions=directions, sharp=(4,)))
    for sharp in ((), 3, "1"):
        with pytest.raises(simulate.InputError, match=r"sharp: expected one or more integers, got "):
            sgd(record=simulate.Record(directions=directions, sharp=sharp))
    short = dataclasses.replace(directions, reference=np.zeros(2))
    with pytest.raises(simulate.InputError, match=r"reference: expected shape \(3,\) to match the model's size"):
        sgd(record=simulate.Record(directions=short))
    few = dataclasses.replace(directions, eigenvalues=[1.0])
    with pytest.raises(simulate.InputError, match=r"eigenvalues: expected shape \(3,\) to match directions"):
        sgd(record=simulate.Record(directions=few))
    other = simulate.eigen_directions(simulate.Linear(2), np.zeros(2), X[:, :2])
    with pytest.raises(simulate.InputError, match=r"directions: expected shape \(2, 3\) to match the model's size"):
        sgd(record=simulate.Record(directions=other))
    with pytest.raises(simulate.InputError, match=r"X: expected a Jacobian other than 0 at theta, got 0"):
        simulate.eigen_directions(MODEL, THETA, np.zeros((4, 3)))


def test_online_sgd_refuses():
    def online(**changes):
        return simulate.online_sgd(**{
            "model": MODEL, "theta0": THETA, "spectrum": np.ones(3), "teacher": THETA, "lr": 0.1, "steps": 4, **changes
        })  # fmt: skip

    for changes, message in (
        ({"spectrum": [1.0, 1.0]}, r"spectrum: expected shape \(3,\) to match the model's d, got shape \(2,\)"),
        ({"spectrum": [1.0, -1.0, 1.0]}, r"spectrum: expected variances >= 0, got -1\.0"),
        ({"teacher": [0.0]}, r"teacher: expected shape \(3,\)"),
        ({"record": simulate.Record(loss_alignment=True)}, r"record: expected no alignments for online SGD"),
        ({"batch": 0}, r"batch: expected an integer >= 1"),
    ):
        with pytest.raises(simulate.InputError, match=message):
            online(**changes)


def test_gradient_descent_refuses():
    with pytest.raises(simulate.InputError, match=r"lr: expected a finite real number > 0, got -0\.1"):
        simulate.gd(MODEL, THETA, X, Y, -0.1, 3)


def test_a_minimum_that_is_none_is_refused_with_its_gradient():
    gradient = np.linalg.norm(X.T @ (X @ THETA - Y)) / 5
    with pytest.raises(simulate.InputError, match=r"theta: expected a minimum") as caught:
        simulate.linearise(MODEL, THETA, X, Y)
    assert f"got {gradient:.3g}" in str(caught.value)
    with pytest.raises(simulate.InputError, match=r"w0: expected shape \(3,\) to match X_or_J, got shape \(2,\)"):
        simulate.linearised_sgd(X, THETA[:2], 0.1, 3)
    with pytest.raises(simulate.InputError, match=r"residual: expected a minimum.* at most 1e-06, got"):
        simulate.linearised_sgd(X, THETA, 0.1, 3, residual=Y)
    minimum = np.linalg.lstsq(X, Y, rcond=None)[0]
    found = simulate.linearise(MODEL, minimum, X, Y)
    assert found.gradient_norm < 1e-12
    np.testing.assert_allclose(found.residual, X @ minimum - Y)


def test_the_linearised_model_is_the_linear_model_around_its_minimum():
    minimum = np.linalg.lstsq(X, Y, rcond=None)[0]
    around = simulate.linearise(MODEL, minimum, X, Y)
    w0 = np.array([0.1, -0.2, 0.3])
    moved = simulate.linearised_sgd(around.jacobian, w0, 0.2, 30, 2, seed=4, residual=around.residual, replicas=3)
    run = simulate.sgd(MODEL, minimum + w0, X, Y, 0.2, 30, 2, seed=4, replicas=3)
    np.testing.assert_allclose(moved.theta + minimum, run.theta, rtol=1e-10)
    np.testing.assert_allclose(moved.values["loss"], run.values["loss"], rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate.triangular(1), "period: expected an integer >= 2"),
        (lambda: simulate.cosine(0), "period: expected an integer >= 2"),
        (lambda: simulate.sgdr(3, growth=0), "growth: expected an integer >= 1"),
        (lambda: simulate.triangular(4, low=1.5), "low: expected a finite real number >= 0 and <= 1, got 1.5"),
        (lambda: simulate.piecewise({}), "changes: expected a mapping of steps to factors"),
        (lambda: simulate.piecewise({-1: 0.5}), "changes: expected an integer >= 0"),
        (lambda: simulate.piecewise({3: -0.5}), "changes: expected a finite real number >= 0, got -0.5"),
    ],
)
def test_schedules_refuse(call, message):
    with pytest.raises(simulate.InputError, match=message):
        call()
