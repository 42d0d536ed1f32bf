"""Checks that the functions on second moments share: designs, spectra, learning rates, starts, minibatches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import array_api_compat
import numpy as np

from ...arrays import Namespace, real_arrays, rescaled, to_host
from ...validation import (
    Array,
    InputError,
    check_integer,
    check_ndim,
    check_real,
    check_shape,
    check_symmetric,
    describe,
)

PSD_TOLERANCE = 1e-10
"""Asymmetry and negative eigenvalues of a second moment that count as rounding, relative to its largest entry."""


def noise_weight(samples: int, batch: object, replacement: bool) -> float:
    """Variance of a minibatch mean over the variance of one sample's gradient.

    Args:
        samples: Number of samples n.
        batch: Samples per minibatch B, at least 1; at most n without replacement.
        replacement: Whether a minibatch is drawn with replacement.

    Returns:
        1/B with replacement, (n − B)/(B (n − 1)) without.

    Raises:
        InputError: If ``batch`` is out of range.
    """
    size = check_integer("batch", batch, minimum=1, maximum=None if replacement else samples)
    if replacement:
        return 1 / size
    return 0.0 if size == samples else (samples - size) / (size * (samples - 1))


def learning_rates(lr: object, steps: int) -> list[float]:
    """Learning rate of every step.

    Args:
        lr: One positive number, or a sequence of ``steps`` of them.
        steps: Number of steps.

    Returns:
        List of length ``steps``.

    Raises:
        InputError: If a learning rate is not a positive finite number, or the sequence has another length.
    """
    if not isinstance(lr, np.ndarray | Sequence) or isinstance(lr, str) or (isinstance(lr, np.ndarray) and not lr.ndim):
        value = lr.item() if isinstance(lr, np.ndarray) else lr
        return [check_real("lr", value, minimum=0.0, exclusive=True)] * steps
    if np.ndim(lr) != 1 or len(lr) != steps:
        raise InputError(f"lr: expected one number or {steps} of them, one for each step, got {_shape_of(lr)}")
    return [check_real("lr", value, minimum=0.0, exclusive=True) for value in lr]


def _shape_of(value: Any) -> str:
    """Shape of an array or length of a sequence, for a message."""
    return f"shape {value.shape}" if isinstance(value, np.ndarray) else f"{len(value)} entries"


def scaled_rate(lr: float, scale: float) -> float:
    """Learning rate for inputs that were divided by a scale: lr · scale².

    Args:
        lr: Learning rate.
        scale: The scale, a power of two.

    Returns:
        The rate.

    Raises:
        InputError: If it is beyond the range of float64.
    """
    rate = lr * scale * scale
    if not 0 < rate < math.inf:
        raise InputError(f"lr: expected lr times the squared size of the inputs within float64, got lr = {lr!r}")
    return rate


def host_design(X: object) -> tuple[np.ndarray, float]:
    """Design on the host in float64, divided by a power of two near its largest entry.

    Args:
        X: Inputs, shape (n, d), finite, of any library.

    Returns:
        The scaled design and the power of two.

    Raises:
        InputError: If ``X`` is not a non-empty finite real matrix.
    """
    xp, (inputs,) = real_arrays(X=X)
    check_ndim("X", inputs, 2, shape="(n, d)")
    scaled, scale = rescaled(xp, xp.astype(inputs, xp.float64, copy=False))
    return to_host(scaled), scale


def positive_spectrum(spectrum: object, **others: object) -> tuple[Namespace, list[Array]]:
    """Spectrum of an online model in float64, and other arrays of its library.

    Args:
        spectrum: Positive finite eigenvalues of S, shape (d,).
        **others: Further arguments by name, finite arrays of the same library.

    Returns:
        The namespace, and the spectrum followed by the other arrays, float64.

    Raises:
        InputError: If the spectrum is not a non-empty 1-D array of positive finite numbers.
    """
    xp, arrays = real_arrays(spectrum=spectrum, **others)
    arrays = [xp.astype(x, xp.float64, copy=False) for x in arrays]
    check_ndim("spectrum", arrays[0], 1, shape="(d,)")
    smallest = float(xp.min(arrays[0]))
    if smallest <= 0:
        where = int(xp.argmin(arrays[0]))
        raise InputError(f"spectrum: expected positive eigenvalues, got {smallest!r} at index {where}")
    return xp, arrays


def host_spectrum(spectrum: object) -> np.ndarray:
    """Spectrum of an online model on the host in float64.

    Args:
        spectrum: Positive finite eigenvalues of S, shape (d,), of any library.

    Returns:
        NumPy array, shape (d,).

    Raises:
        InputError: If it is not a non-empty 1-D array of positive finite numbers.
    """
    return to_host(positive_spectrum(spectrum)[1][0])


def check_second_moment(xp: Namespace, M0: Array, dimension: int) -> None:
    """Check that a matrix is a second moment: symmetric and positive semi-definite.

    Args:
        xp: The namespace.
        M0: Finite array.
        dimension: Rows it must have.

    Raises:
        InputError: If the shape differs, or the matrix is not symmetric or has a clearly negative eigenvalue.
    """
    check_shape("M0", M0, (dimension, dimension), "to match the dimension")
    check_symmetric("M0", M0, xp, PSD_TOLERANCE)
    values = xp.linalg.eigvalsh(rescaled(xp, M0)[0])
    smallest, largest = float(values[0]), float(values[-1])
    if smallest < -PSD_TOLERANCE * max(largest, -smallest):
        raise InputError(
            f"M0: expected a positive semi-definite matrix, got eigenvalues from {smallest:.3g} to {largest:.3g} "
            "(relative to its scale)"
        )


def host_moments(moments: object, *shapes: tuple[int, ...]) -> np.ndarray:
    """Second moments of consecutive times on the host in float64; entries may be infinite or NaN.

    Args:
        moments: Array of any library, or nested sequences of numbers.
        *shapes: Shapes allowed for the moment of one time.

    Returns:
        NumPy array, (T, ...) with T at least 1.

    Raises:
        InputError: If the array is not real or has another shape.
    """
    try:
        host = to_host(moments) if array_api_compat.is_array_api_obj(moments) else np.asarray(moments)
        values = host.astype(np.float64, casting="safe" if host.dtype.kind in "iuf" else "no", copy=False)
    except (ValueError, TypeError):
        raise InputError(f"moments: expected an array of real numbers, got {describe(moments)}") from None
    if values.ndim < 2 or values.shape[1:] not in shapes or values.shape[0] == 0:
        expected = " or ".join("(T, " + ", ".join(map(str, shape)) + ")" for shape in shapes)
        raise InputError(f"moments: expected shape {expected}, got shape {values.shape}")
    return values
