"""Which arrays are accepted, where they live, and what the messages say."""

import array_api_strict
import numpy as np
import pytest
from scipy import sparse

import simulate
from simulate import validation
from simulate.arrays import power_of_two, real_arrays, rescaled, to_device_of, to_host

DEVICE = array_api_strict.Device("device1")


def _message(call):
    with pytest.raises(simulate.InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_lists_and_integers_become_float64():
    xp, (x, y, z) = real_arrays(x=[1, 2], y=np.arange(3), z=2)
    assert xp.__name__ == "array_api_compat.numpy"
    assert x.dtype == y.dtype == z.dtype == np.float64


def test_right_arrays_are_not_copied():
    x = np.ones((3, 2))
    assert real_arrays(x=x)[1][0] is x
    single = np.ones(3, dtype=np.float32)
    assert real_arrays(x=single)[1][0] is single


def test_mixed_precision_takes_the_wider():
    _, (x, y) = real_arrays(x=np.ones(2, dtype=np.float32), y=np.ones(2))
    assert x.dtype == y.dtype == np.float64


def test_other_precisions_become_float64():
    assert real_arrays(x=np.ones(2, dtype=np.float16))[1][0].dtype == np.float64
    assert real_arrays(x=np.ones(2, dtype=np.longdouble))[1][0].dtype == np.float64


def test_lists_join_the_arrays_they_come_with():
    xp, (x, y) = real_arrays(x=[1.0, 2.0], y=array_api_strict.ones(2, device=DEVICE))
    assert xp is array_api_strict
    assert x.device == y.device == DEVICE
    _, (integers,) = real_arrays(x=array_api_strict.arange(3, device=DEVICE))
    assert integers.dtype == array_api_strict.float64
    assert integers.device == DEVICE


@pytest.mark.parametrize("other", [array_api_strict.ones(2), np.ones(2)], ids=["device", "library"])
def test_mixed_libraries_and_devices_are_refused(other):
    message = _message(lambda: real_arrays(x=array_api_strict.ones(2, device=DEVICE), y=other))
    assert message.startswith("y: expected an array of the library and device of x")


@pytest.mark.parametrize(
    "value",
    [
        np.array([1j]),
        [1 + 2j],
        [True, False],
        np.array([True]),
        np.array(["1"]),
        "12",
        None,
        [[1.0], [1.0, 2.0]],
        np.array([None]),
        np.array([10**30], dtype=object),
        np.ma.masked_array([1.0], [True]),
        sparse.eye_array(2),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        {"a": 1},
        array_api_strict.asarray([True]),
        array_api_strict.asarray([1j]),
    ],
    ids=repr,
)
def test_what_is_not_real_is_refused(value):
    assert _message(lambda: real_arrays(x=value)).startswith("x: expected an array")


def test_the_message_counts_bad_entries_and_places_the_first():
    X = np.ones((4, 3))
    X[1, 2] = np.nan
    X[2, 0] = np.inf
    X[3, 1] = -np.inf
    assert _message(lambda: real_arrays(X=X)) == (
        "X: expected finite entries, got 3 NaN or infinite entries (first at row 1, column 2)"
    )
    assert _message(lambda: real_arrays(v=[1.0, np.nan])).endswith("got 1 NaN or infinite entry (first at index 1)")
    assert _message(lambda: real_arrays(T=np.full((1, 2, 2), np.inf))).endswith("(first at index (0, 0, 0))")


def test_bad_entries_are_found_in_later_blocks(monkeypatch, backend):
    monkeypatch.setattr(validation, "BLOCK_ENTRIES", 4)
    X = np.ones((5, 3))
    X[3, 1], X[4, 2] = np.inf, np.nan
    assert _message(lambda: real_arrays(X=backend.asarray(X))).endswith(
        "got 2 NaN or infinite entries (first at row 3, column 1)"
    )


def test_moving_to_the_host_and_back(backend):
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = backend.asarray(values)
    host = to_host(x)
    assert isinstance(host, np.ndarray)
    np.testing.assert_array_equal(host, values)
    assert backend.owns(to_device_of(host, x))
    with pytest.raises(simulate.InputError, match="x: expected an array"):
        to_host([1.0])


def test_powers_of_two(backend):
    magnitudes = backend.asarray([0.0, 1.0, 3.9, 1e-150, 1e150, 0.75, 5e-324])
    powers = to_host(power_of_two(backend.xp, magnitudes))
    np.testing.assert_array_equal(powers[:3], [1.0, 1.0, 2.0])
    mantissas, _ = np.frexp(powers)
    np.testing.assert_array_equal(mantissas, 0.5)
    ratios = to_host(magnitudes)[1:] / powers[1:]
    assert np.all((ratios >= 1) & (ratios < 2))


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150, 1e300])
def test_rescaling_is_exact(backend, scale):
    x = scale * np.array([1.0, -2.7, 0.1])
    small, power = rescaled(backend.xp, backend.asarray(x))
    np.testing.assert_array_equal(to_host(small) * power, x)
    assert 1e-7 < np.max(np.abs(to_host(small))) < 1e7
    assert rescaled(backend.xp, backend.asarray([0.0]))[1] == 1.0


@pytest.mark.parametrize("value", [True, np.True_, 1.5, "1", None, np.float64(2), [1], float("nan")])
def test_integers(value):
    assert _message(lambda: validation.check_integer("n", value, minimum=1)).startswith("n: expected an integer >= 1, ")


def test_integers_within_bounds():
    assert validation.check_integer("n", np.int64(3), minimum=1, maximum=3) == 3
    assert _message(lambda: validation.check_integer("n", 4, minimum=1, maximum=3)) == (
        "n: expected an integer >= 1 and <= 3, got int 4"
    )


@pytest.mark.parametrize("value", [True, np.False_, "1", None, 1j, float("nan"), float("inf"), 10**400, [1.0]])
def test_real_numbers(value):
    assert _message(lambda: validation.check_real("x", value)).startswith("x: expected a finite real number, got ")


def test_real_numbers_within_bounds():
    assert validation.check_real("x", np.float32(0.5), 0.0, 1.0) == 0.5
    assert _message(lambda: validation.check_real("x", 0, 0.0, 1.0, exclusive=True)) == (
        "x: expected a finite real number > 0 and <= 1, got 0.0"
    )
    assert _message(lambda: validation.check_real("x", -1, 0.0)) == "x: expected a finite real number >= 0, got -1.0"


class _Subclass(np.ndarray):
    """Stands for numpy.matrix, which warns."""


def test_subclasses_become_arrays():
    _, (x,) = real_arrays(x=np.ones((2, 2)).view(_Subclass))
    assert type(x) is np.ndarray


def test_huge_integers_do_not_break_the_message():
    assert _message(lambda: validation.check_integer("n", 10**5000, maximum=3)).endswith("got int")


def test_long_values_are_not_printed():
    assert (
        _message(lambda: validation.check_flag("flag", list(range(1000)))) == "flag: expected True or False, got list"
    )


def test_symmetry_is_checked_across_blocks(monkeypatch, backend):
    monkeypatch.setattr(validation, "BLOCK_ENTRIES", 16)
    A = np.random.default_rng(0).standard_normal((37, 37))
    A = A + A.T
    validation.check_symmetric("K", backend.asarray(A), backend.xp, 1e-10)
    for i, j in [(0, 1), (36, 0), (20, 19), (3, 30)]:
        B = A.copy()
        B[i, j] += 1e-8 * np.abs(A).max()
        message = _message(lambda B=B: validation.check_symmetric("K", backend.asarray(B), backend.xp, 1e-10))
        assert message.startswith(
            "K: expected a symmetric matrix, got entries that differ from their transpose by 1.0e-08"
        )
    assert _message(lambda: validation.check_symmetric("K", backend.asarray(A[:3]), backend.xp, 1e-10)) == (
        "K: expected a square matrix, got shape (3, 37)"
    )
