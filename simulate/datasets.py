"""Real images as regression problems with ±1 labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import streams
from .streams import Seed
from .validation import InputError, MissingDependencyError, check_integer, describe


def digits(
    labels: str | tuple[int, int] = "parity", n: int | None = None, seed: Seed = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The 8 × 8 handwritten digits that come with scikit-learn (1797 images), with two labels.

    Pixels are divided by 16, to [0, 1]; then the mean image of all images of the chosen classes is subtracted, and all
    pixels are divided by one number, so that the mean of ‖x‖² over these images is 64, as for N(0, I). Both are
    independent of ``n``. Pixels that never vary, such as some at the margin, become zero columns: X has rank below 64.

    Args:
        labels: "parity" for all images, even digits +1 and odd digits −1; or two different digits (a, b) for the images
            of these, a as +1 and b as −1.
        n: Number of images, drawn without replacement and kept in the order of the data set; None for all.
        seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from; unused where ``n`` is None.

    Returns:
        ``(X, y)``: images, shape (n, 64), and labels ±1, shape (n,), NumPy float64.

    Raises:
        InputError: If ``labels`` is neither "parity" nor two different digits, ``n`` is below 1 or above the number of
            images, or the seed is invalid.
        MissingDependencyError: If scikit-learn is not installed.
    """
    images, target = _load()
    if isinstance(labels, str):
        if labels != "parity":
            raise InputError(f"labels: expected 'parity' or two different digits, got {describe(labels)}")
        y = np.where(target % 2 == 0, 1.0, -1.0)
    else:
        first, second = _two_digits(labels)
        chosen = (target == first) | (target == second)
        images, y = images[chosen], np.where(target[chosen] == first, 1.0, -1.0)
    X = images / 16.0
    X -= X.mean(axis=0)
    X *= np.sqrt(X.shape[1] / np.mean(np.sum(X * X, axis=1)))
    if n is None:
        return X, y
    n = check_integer("n", n, minimum=1, maximum=X.shape[0])
    kept = np.sort(streams.from_seed(seed, "digits").permutation(X.shape[0])[:n])
    return X[kept], y[kept]


def _load() -> tuple[np.ndarray, np.ndarray]:
    """Read the images and their digits.

    Returns:
        Pixels from 0 to 16, shape (1797, 64), and digits, shape (1797,).

    Raises:
        MissingDependencyError: If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependencyError(f"digits: needs scikit-learn (pip install scikit-learn): {error}") from None
    data = load_digits()
    return np.asarray(data.data, dtype=np.float64), np.asarray(data.target)


def _two_digits(labels: object) -> tuple[int, int]:
    """Check a pair of digits.

    Args:
        labels: What should be two different digits.

    Returns:
        The digits.

    Raises:
        InputError: If they are not.
    """
    if not isinstance(labels, Sequence | np.ndarray) or len(labels) != 2:
        raise InputError(f"labels: expected 'parity' or two different digits, got {describe(labels)}")
    first, second = (check_integer("labels", label, minimum=0, maximum=9) for label in labels)
    if first == second:
        raise InputError(f"labels: expected two different digits, got {first} twice")
    return first, second
