"""Covariance spectra, effective ranks, Gaussian designs, and targets: of a linear teacher, or random."""

from __future__ import annotations

import array_api_compat
import numpy as np

from . import streams
from .arrays import Namespace, real_arrays, to_device_of
from .streams import Seed
from .validation import Array, InputError, check_choice, check_integer, check_ndim, check_real, check_shape


def isotropic(d: int) -> np.ndarray:
    """Spectrum of the identity covariance: d eigenvalues equal to 1.

    Args:
        d: Dimension, at least 1.

    Returns:
        Eigenvalues, shape (d,), float64.

    Raises:
        InputError: If ``d`` is not a positive integer.
    """
    return np.ones(check_integer("d", d, minimum=1))


def power_law(d: int, exponent: float) -> np.ndarray:
    """Power-law spectrum: eigenvalue j is j^(-exponent), j = 1..d.

    Args:
        d: Dimension, at least 1.
        exponent: Finite real number; positive for decaying eigenvalues, 0 for the isotropic spectrum.

    Returns:
        Eigenvalues, shape (d,), float64.

    Raises:
        InputError: If an argument is out of range, or an eigenvalue would leave the range of float64.
    """
    d = check_integer("d", d, minimum=1)
    exponent = check_real("exponent", exponent)
    with np.errstate(over="ignore", under="ignore"):
        spectrum = np.arange(1, d + 1, dtype=np.float64) ** -exponent
    if not (np.isfinite(spectrum[-1]) and spectrum[-1] >= np.finfo(np.float64).tiny):
        raise InputError(f"exponent: expected eigenvalues d**-exponent within float64 for d = {d}, got {exponent!r}")
    return spectrum


def spiked(d: int, spikes: int, strength: float) -> np.ndarray:
    """Spiked spectrum: the first ``spikes`` eigenvalues are ``strength``, the other d - spikes are 1.

    Args:
        d: Dimension, at least 1.
        spikes: Number of spikes, from 0 to d.
        strength: Value of the spikes, positive (values below 1 make the spikes the small eigenvalues).

    Returns:
        Eigenvalues, shape (d,), float64.

    Raises:
        InputError: If an argument is out of range.
    """
    d = check_integer("d", d, minimum=1)
    spikes = check_integer("spikes", spikes, minimum=0, maximum=d)
    spectrum = np.ones(d)
    spectrum[:spikes] = check_real("strength", strength, minimum=0.0, exclusive=True)
    return spectrum


def _check_spectrum(spectrum: object) -> tuple[Namespace, Array]:
    """Check that an argument is a covariance spectrum.

    Args:
        spectrum: Positive finite eigenvalues, shape (d,).

    Returns:
        Namespace and the spectrum as a floating array.

    Raises:
        InputError: If it is not a non-empty 1-D array of positive finite numbers.
    """
    xp, (values,) = real_arrays(spectrum=spectrum)
    check_ndim("spectrum", values, 1, shape="(d,)")
    smallest = float(xp.min(values))
    if smallest <= 0:
        where = int(xp.argmin(values))
        raise InputError(f"spectrum: expected positive eigenvalues, got {smallest!r} at index {where}")
    return xp, values


def effective_rank(spectrum: object) -> float:
    """Effective (stable) rank of a covariance, srk(S) = Tr S / ||S||_2 (section 1 of docs/theory.md).

    Args:
        spectrum: Eigenvalues of S, shape (d,), positive. O(d).

    Returns:
        A number from 1 to d.

    Raises:
        InputError: If the spectrum is not a non-empty 1-D array of positive finite numbers.
    """
    xp, values = _check_spectrum(spectrum)
    return float(xp.sum(values / xp.max(values)))


def effective_dimension(spectrum: object) -> float:
    """Effective dimension d_eff = min{srk(S), srk(S^2)} of Gaussian inputs (Assumption 2.1 of the paper).

    Since srk(S^2) <= srk(S) always, the minimum is srk(S^2).

    Args:
        spectrum: Eigenvalues of S, shape (d,), positive. O(d).

    Returns:
        A number from 1 to d.

    Raises:
        InputError: If the spectrum is not a non-empty 1-D array of positive finite numbers.
    """
    xp, values = _check_spectrum(spectrum)
    relative = values / xp.max(values)
    return min(float(xp.sum(relative)), float(xp.sum(relative * relative)))


def gaussian_inputs(n: int, spectrum: object, seed: Seed = 0) -> Array:
    """Draw n inputs x ~ N(0, diag(spectrum)).

    Rows are filled in order from one stream: for the same spectrum and integer seed, the first m rows of n > m inputs
    are the m inputs drawn with n = m. Drawn on the host by NumPy's Philox, so every library and device gets the same
    numbers. O(nd) time and memory.

    Args:
        n: Number of inputs, at least 1.
        spectrum: Eigenvalues of the covariance S, shape (d,), positive; its library and device are the result's.
        seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.

    Returns:
        The design X, shape (n, d), float64 (float32 where the spectrum is a float32 array).

    Raises:
        InputError: If ``n`` < 1, the spectrum is not positive and finite, or the seed is invalid.
    """
    n = check_integer("n", n, minimum=1)
    xp, values = _check_spectrum(spectrum)
    stream = streams.from_seed(seed, "gaussian inputs")
    standard = stream.standard_normal((n, values.shape[0]))
    if array_api_compat.is_numpy_namespace(xp):
        standard *= np.sqrt(values)
        return standard.astype(values.dtype, copy=False)
    X = xp.astype(to_device_of(standard, values), values.dtype, copy=False)
    return X * xp.sqrt(values)


def teacher_targets(X: object, teacher: object, noise: float = 0.0, seed: Seed = 0) -> Array:
    """Targets of a linear teacher, y_i = <w*, x_i> + noise * N(0, 1).

    Args:
        X: Inputs, shape (n, d), finite.
        teacher: The teacher w*, shape (d,), finite, of the library and device of ``X``.
        noise: Standard deviation of the label noise, at least 0.
        seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from; unused where ``noise`` is 0.

    Returns:
        Targets, shape (n,), in the dtype of the arguments. O(nd).

    Raises:
        InputError: If a shape is wrong, an entry is not finite, or ``noise`` or ``seed`` is invalid.
    """
    xp, (inputs, weights) = real_arrays(X=X, teacher=teacher)
    check_ndim("X", inputs, 2, shape="(n, d)")
    check_shape("teacher", weights, (inputs.shape[1],), "to match X")
    noise = check_real("noise", noise, minimum=0.0)
    stream = streams.from_seed(seed, "label noise")
    targets = inputs @ weights
    if noise > 0:
        drawn = to_device_of(noise * stream.standard_normal(inputs.shape[0]), targets)
        targets = targets + xp.astype(drawn, targets.dtype, copy=False)
    return targets


def random_targets(n: int, seed: Seed = 0, kind: str = "gaussian", like: object = None) -> Array:
    """Draw targets that have nothing to do with the inputs.

    For the same integer seed, the first m of n > m targets are the m targets drawn with n = m, and the signs are those
    of the Gaussian targets. Drawn on the host, so every library and device gets the same numbers. O(n).

    Args:
        n: Number of targets, at least 1.
        seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.
        kind: "gaussian" for independent N(0, 1) targets, "sign" for independent +1 and −1, each with probability ½.
        like: Array, such as the inputs, whose library, device and floating dtype the targets take; None for NumPy's
            float64.

    Returns:
        Targets, shape (n,).

    Raises:
        InputError: If ``n`` < 1, the kind is unknown, ``like`` is not a real array, or the seed is invalid.
    """
    n = check_integer("n", n, minimum=1)
    kind = check_choice("kind", kind, ("gaussian", "sign"))
    drawn = streams.from_seed(seed, "random targets").standard_normal(n)
    if kind == "sign":
        drawn = np.copysign(1.0, drawn)
    if like is None:
        return drawn
    xp, (pattern,) = real_arrays(like=like)
    return xp.astype(to_device_of(drawn, pattern), pattern.dtype, copy=False)
