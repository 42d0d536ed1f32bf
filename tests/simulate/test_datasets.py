"""The digits data set."""

import sys

import numpy as np
import pytest

import simulate


def test_parity():
    X, y = simulate.digits()
    assert X.shape == (1797, 64)
    assert X.dtype == y.dtype == np.float64
    assert set(y) == {-1.0, 1.0}
    assert np.sum(y == 1) == 891
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
    assert np.mean(np.sum(X * X, axis=1)) == pytest.approx(64)
    assert np.linalg.matrix_rank(X) == 61


def test_two_digits():
    X, y = simulate.digits((3, 8))
    assert X.shape == (183 + 174, 64)
    assert np.sum(y == 1) == 183
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
    swapped = simulate.digits((8, 3))
    np.testing.assert_array_equal(swapped[0], X)
    np.testing.assert_array_equal(swapped[1], -y)


def test_subsets():
    X, y = simulate.digits((3, 8))
    part, labels = simulate.digits((3, 8), n=50, seed=1)
    assert part.shape == (50, 64)
    rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in part]
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(labels, y[rows])
    np.testing.assert_array_equal(part, simulate.digits((3, 8), n=50, seed=1)[0])
    assert not np.array_equal(part, simulate.digits((3, 8), n=50, seed=2)[0])
    np.testing.assert_array_equal(simulate.digits((3, 8), n=len(y))[0], X)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(simulate.MissingDependencyError, match=r"^digits: needs scikit-learn [^\n]*$"):
        simulate.digits()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"labels": "even"}, "labels"),
        ({"labels": (1, 1)}, "labels"),
        ({"labels": (1, 10)}, "labels"),
        ({"labels": (1, 2, 3)}, "labels"),
        ({"labels": 3}, "labels"),
        ({"labels": (True, 2)}, "labels"),
        ({"n": 0}, "n"),
        ({"n": 1798}, "n"),
        ({"n": 2.5}, "n"),
        ({"n": 5, "seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_refused(arguments, name):
    with pytest.raises(simulate.InputError, match=f"^{name}: expected [^\n]*, got [^\n]*$"):
        simulate.digits(**arguments)
