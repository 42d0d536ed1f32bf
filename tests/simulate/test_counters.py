"""Counter-based random numbers: Philox4x32-10 and what is made of its words, in NumPy and in the kernels."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate.dynamics import draws as plain
from simulate.kernels import counters

FALSE_ALARM = 1e-6

KNOWN_ANSWERS = [  # Random123, kat_vectors, philox4x32 with 10 rounds: counter, key, words.
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def _words(text):
    return np.array([int(word, 16) for word in text.split()], dtype=np.uint32)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_words_are_those_of_random123(counter, key, expected):
    counter, key, expected = _words(counter), _words(key), _words(expected)
    np.testing.assert_array_equal(plain.philox4x32(counter, key), expected)
    assert counters.philox4x32(*counter, *key) == tuple(expected)


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4 * 2**32 - 6, 2**34 + 5])
@pytest.mark.parametrize("count", [1, 2, 5, 16])
@pytest.mark.parametrize("replica", [0, 7, 2**32 - 1])
def test_kernels_and_numpy_draw_the_same(first, count, replica):
    key = np.array([5, 6], dtype=np.uint32)
    words, values = np.empty(count + 8, np.uint32), np.empty(count + 8)
    for purpose in (counters.MINIBATCHES, counters.LABELS, counters.INPUTS):
        start = counters.fill_words(words, first, count, replica, purpose, key)
        expected = plain.random_words(key, first, count, replica, int(purpose))
        np.testing.assert_array_equal(words[start : start + count], expected)
        start = counters.fill_normals(values, words, first, count, replica, purpose, key)
        expected = plain.random_normals(key, first, count, replica, int(purpose))
        np.testing.assert_allclose(values[start : start + count], expected, rtol=1e-12, atol=1e-14)


def test_purposes_replicas_and_keys_have_words_of_their_own():
    drawn = [
        plain.random_words(np.array(key, np.uint32), 0, 64, replica, purpose)
        for key in ([0, 0], [1, 0], [0, 1])
        for replica in (0, 1)
        for purpose in (0, 1, 2)
    ]
    assert len({words.tobytes() for words in drawn}) == len(drawn)
    assert len(np.unique(np.concatenate(drawn))) > 0.99 * 64 * len(drawn)


def test_normal_draws_have_a_normal_law():
    values = plain.random_normals(np.array([1, 2], np.uint32), 0, 200_000, 0, plain.INPUTS)
    assert scipy.stats.kstest(values, "norm").pvalue > FALSE_ALARM
    # The pair from one radius is independent.
    correlation = np.corrcoef(values[::2] ** 2, values[1::2] ** 2)[0, 1]
    assert abs(correlation) * np.sqrt(100_000) < scipy.stats.norm.isf(FALSE_ALARM)


@pytest.mark.parametrize(("n", "batch", "replacement"), [(7, 1, True), (7, 3, True), (7, 3, False), (7, 7, False)])
def test_minibatches_are_uniform(n, batch, replacement):
    chosen = simulate.minibatches(n, batch, 20_000, seed=3, replacement=replacement)
    counts = np.stack([np.bincount(column, minlength=n) for column in chosen.T])
    statistic = float(((counts - len(chosen) / n) ** 2 / (len(chosen) / n)).sum())
    # Columns without replacement are dependent, but each alone has the law of chi-squared.
    assert statistic < batch * scipy.stats.chi2.isf(FALSE_ALARM / batch, n - 1)
    if not replacement:
        assert all(len(set(row)) == batch for row in chosen.tolist())


def test_every_subset_is_as_likely():
    chosen = np.sort(simulate.minibatches(5, 2, 30_000, seed=1, replacement=False), axis=1)
    counts = np.unique(chosen @ [5, 1], return_counts=True)[1]
    assert len(counts) == 10
    assert scipy.stats.chisquare(counts).pvalue > FALSE_ALARM


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(1, 60),
    batch=st.integers(1, 20),
    cut=st.integers(0, 12),
    replica=st.integers(0, 2**32 - 1),
    replacement=st.booleans(),
)
def test_minibatches_do_not_depend_on_where_a_run_is_cut(n, batch, cut, replica, replacement):
    batch = batch if replacement else min(batch, n)
    whole = simulate.minibatches(n, batch, 12, 9, replica, replacement)
    assert whole.shape == (12, batch)
    assert whole.min() >= 0
    assert whole.max() < n
    parts = [
        simulate.minibatches(n, batch, cut, 9, replica, replacement),
        simulate.minibatches(n, batch, 12 - cut, 9, replica, replacement, first_step=cut),
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, r"n: expected an integer >= 1 and <= 2147483648, got int 0"),
        ({"batch": 6, "replacement": False}, r"batch: expected at most n = 5 without replacement, got 6"),
        ({"batch": 0}, r"batch: expected an integer >= 1"),
        ({"steps": -1}, r"steps: expected an integer >= 0"),
        ({"replica": -1}, r"replica: expected an integer >= 0"),
        ({"seed": -1}, r"seed: expected an integer >= 0"),
        ({"replacement": 1}, r"replacement: expected True or False"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(simulate.InputError, match=message):
        simulate.minibatches(**{"n": 5, "batch": 2, "steps": 3, **arguments})
