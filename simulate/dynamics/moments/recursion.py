"""Second moments E w wᵀ of SGD on a linear model, exactly, step by step (oracle 5 of docs/theory.md).

With w = θ − θ*, G = XᵀX/n and κ = 1/B with replacement, (n − B)/(B (n − 1)) without, one step of SGD turns M into

    T(M) = (I − ηG) M (I − ηG) + η²κ [ (1/n) Σ_i (x_iᵀ M x_i) x_i x_iᵀ − G M G ],

and online, on fresh inputs x ~ N(0, S), the bracket is Tr(SM) S + S M S (Isserlis). Moments are carried with an
exponent of their own, because they grow or shrink exponentially: only what is handed out can over- or underflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import array_api_compat
import numpy as np

from ...arrays import Namespace, real_arrays, rescaled
from ...validation import (
    Array,
    InputError,
    check_choice,
    check_flag,
    check_integer,
    check_ndim,
    check_shape,
    row_blocks,
)
from .exponents import rate_factors, times_power
from .inputs import check_second_moment, learning_rates, noise_weight, positive_spectrum, scaled_rate


def second_moments(
    X: object,
    M0: object,
    lr: object,
    steps: int,
    batch: int = 1,
    replacement: bool = True,
    keep: str = "all",
) -> Array:
    """Exact second moments E w_t w_tᵀ of SGD on the squared loss of a linear model, without label noise.

    Oracle 5 of docs/theory.md: the expectation over all minibatches, in d² numbers. A moment that leaves the range of
    float64 becomes infinite, with the sign of its entry; this is how divergence shows. Directions outside the range
    of G do not move.

    O(steps (n d² + d³)) time: X M and Xᵀ diag(q) X by matrix products.

    Args:
        X: Inputs, shape (n, d), finite; rows are gradients of the predictions.
        M0: Second moment of the start, shape (d, d), symmetric positive semi-definite; or a start w, shape (d,), which
            stands for w wᵀ.
        lr: Learning rate, positive; or a sequence of ``steps`` of them.
        steps: Number of steps, at least 0.
        batch: Samples per minibatch B.
        replacement: Whether minibatches are drawn with replacement.
        keep: "all" for every step, "last" for the last one.

    Returns:
        Moments of steps 0..``steps``, shape (steps + 1, d, d), or the last, shape (d, d); float64, on the library and
        device of ``X``.

    Raises:
        InputError: If a shape is wrong, an entry of ``X`` or ``M0`` is not finite, ``M0`` is not symmetric positive
            semi-definite, a learning rate is not positive and finite, or ``steps``, ``batch`` or ``keep`` is out of
            range.
    """
    xp, (inputs, start) = real_arrays(X=X, M0=M0)
    check_ndim("X", inputs, 2, shape="(n, d)")
    steps = check_integer("steps", steps, minimum=0)
    rates = learning_rates(lr, steps)
    weight = noise_weight(inputs.shape[0], batch, check_flag("replacement", replacement))
    keep = check_choice("keep", keep, ("all", "last"))
    inputs, start = (xp.astype(x, xp.float64, copy=False) for x in (inputs, start))
    start, exponent = _start_of(xp, start, inputs.shape[1])
    inputs, scale = rescaled(xp, inputs)
    if array_api_compat.is_numpy_namespace(xp):
        step = _StepInPlace(inputs, weight).advance
    else:
        step = _Step(xp, inputs, weight).advance
    return _run(xp, step, start, exponent, [scaled_rate(rate, scale) for rate in rates], keep)


def online_second_moments(
    spectrum: object, M0: object, lr: object, steps: int, batch: int = 1, keep: str = "all"
) -> Array:
    """Exact second moments E w_t w_tᵀ of online SGD: every sample is fresh, x ~ N(0, diag(spectrum)).

    Diagonal moments stay diagonal and off-diagonal entries move by themselves, so a diagonal start needs only its
    diagonal: O(d) a step, instead of O(d²). Overflow as in ``second_moments``.

    Args:
        spectrum: Eigenvalues of S, shape (d,), positive.
        M0: Diagonal of the second moment of the start, shape (d,), non-negative; or the whole of it, shape (d, d),
            symmetric positive semi-definite.
        lr: Learning rate, positive; or a sequence of ``steps`` of them.
        steps: Number of steps, at least 0.
        batch: Samples per minibatch B, at least 1.
        keep: "all" for every step, "last" for the last one.

    Returns:
        Moments of steps 0..``steps``, shape (steps + 1, d) or (steps + 1, d, d) as ``M0``, or the last, shape (d,) or
        (d, d); float64, on the library and device of ``spectrum``.

    Raises:
        InputError: If a shape is wrong, an eigenvalue is not positive, ``M0`` has a negative entry (as a diagonal) or
            is not symmetric positive semi-definite, a learning rate is not positive and finite, or ``steps``,
            ``batch`` or ``keep`` is out of range.
    """
    xp, (values, start) = positive_spectrum(spectrum, M0=M0)
    steps = check_integer("steps", steps, minimum=0)
    rates = learning_rates(lr, steps)
    batch = check_integer("batch", batch, minimum=1)
    keep = check_choice("keep", keep, ("all", "last"))
    check_ndim("M0", start, 1, 2, shape="(d,) or (d, d)")
    if start.ndim == 1:
        check_shape("M0", start, (values.shape[0],), "to match spectrum")
        if float(xp.min(start)) < 0:
            raise InputError(f"M0: expected non-negative second moments, got {float(xp.min(start))!r}")
    else:
        check_second_moment(xp, start, values.shape[0])
    start, size = _normalised(xp, start)
    values, scale = rescaled(xp, values)
    # A spectrum of eigenvalues is divided by the square of what inputs would be divided by.
    rates = [scaled_rate(rate, math.sqrt(scale)) for rate in rates]
    return _run(xp, _OnlineStep(xp, values, 1 / batch).advance, start, size, rates, keep)


class _Step:
    """One step of the recursion in any array library.

    Attributes:
        xp: The namespace.
        X: Inputs, shape (n, d), entries of moderate size.
        G: XᵀX/n.
        weight: κ, the variance of a minibatch mean.
    """

    def __init__(self, xp: Namespace, X: Array, weight: float) -> None:
        self.xp, self.X, self.weight = xp, X, weight
        self.G = xp.matrix_transpose(X) @ X / X.shape[0]

    def advance(self, M: Array, rate: float) -> tuple[Array, int]:
        """T(M), divided by a power of two.

        With A = G M and B = M − ηA the terms without a sum over samples are B − η [M − η(1 − κ)A] G.

        Args:
            M: Second moment, shape (d, d).
            rate: Learning rate η.

        Returns:
            The moment and the exponent of the power of two.
        """
        xp = self.xp
        shrink, rate, exponent = rate_factors(rate)
        product = self.G @ M
        moved = shrink * (shrink * M - rate * product)
        moved = moved - rate * (shrink * M - (rate * (1 - self.weight)) * product) @ self.G
        moved = moved + (rate * rate * self.weight) * self._fourth(M)
        return 0.5 * (moved + xp.matrix_transpose(moved)), exponent

    def _fourth(self, M: Array) -> Array:
        """(1/n) Σ_i (x_iᵀ M x_i) x_i x_iᵀ."""
        xp, total = self.xp, self.xp.zeros_like(M)
        for rows in row_blocks(*self.X.shape):
            block = self.X[rows, :]
            weights = xp.clip(xp.sum((block @ M) * block, axis=1), 0.0, None)
            total = total + xp.matrix_transpose(block) @ (weights[:, None] * block)
        return total / self.X.shape[0]


class _StepInPlace:
    """The same step in NumPy without fresh memory: large temporaries cost as much as the products.

    Attributes:
        X: Inputs, shape (n, d), entries of moderate size.
        G: XᵀX/n.
        weight: κ, the variance of a minibatch mean.
    """

    def __init__(self, X: np.ndarray, weight: float) -> None:
        n, d = X.shape
        self.X, self.weight = np.ascontiguousarray(X), weight
        self.G = X.T @ X / n
        self._blocks = list(row_blocks(n, d))
        rows = self._blocks[0].stop
        self._rows, self._weights = np.empty((rows, d)), np.empty(rows)
        self._product, self._left, self._total, self._part = (np.empty((d, d)) for _ in range(4))

    def advance(self, M: np.ndarray, rate: float) -> tuple[np.ndarray, int]:
        """T(M), divided by a power of two; ``M`` is overwritten with it.

        Args:
            M: Second moment, shape (d, d).
            rate: Learning rate η.

        Returns:
            The moment and the exponent of the power of two.
        """
        shrink, rate, exponent = rate_factors(rate)
        product, left, total, part = self._product, self._left, self._total, self._part
        if self.weight > 0:
            self._fourth(M, total)
            total *= rate * rate * self.weight / self.X.shape[0]
        else:
            total[:] = 0.0
        np.matmul(self.G, M, out=product)
        # left = r M − η(1 − κ) A, and the total gains r (r M − η A) − η left G.
        np.multiply(M, shrink * shrink, out=left)
        total += left
        np.multiply(product, shrink * rate, out=left)
        total -= left
        np.multiply(M, shrink, out=left)
        product *= rate * (1 - self.weight)
        left -= product
        np.matmul(left, self.G, out=part)
        part *= rate
        total -= part
        np.add(total, total.T, out=M)
        M *= 0.5
        return M, exponent

    def _fourth(self, M: np.ndarray, total: np.ndarray) -> None:
        """Write Σ_i (x_iᵀ M x_i) x_i x_iᵀ into an array."""
        for rows in self._blocks:
            X = self.X[rows]
            images, weights = self._rows[: len(X)], self._weights[: len(X)]
            np.matmul(X, M, out=images)
            np.einsum("ij,ij->i", images, X, out=weights)
            # M is positive semi-definite up to rounding; with the roots NumPy forms a symmetric product, at half cost.
            np.sqrt(np.maximum(weights, 0.0, out=weights), out=weights)
            np.multiply(X, weights[:, None], out=images)
            part = total if rows.start == 0 else self._part
            np.matmul(images.T, images, out=part)
            if part is not total:
                total += part


class _OnlineStep:
    """One step on fresh Gaussian inputs of diagonal covariance.

    Attributes:
        xp: The namespace.
        spectrum: Eigenvalues of S, shape (d,), of moderate size.
        weight: κ = 1/B.
    """

    def __init__(self, xp: Namespace, spectrum: Array, weight: float) -> None:
        self.xp, self.spectrum, self.weight = xp, spectrum, weight

    def advance(self, M: Array, rate: float) -> tuple[Array, int]:
        """T(M), divided by a power of two.

        Args:
            M: Second moment or its diagonal, shape (d, d) or (d,).
            rate: Learning rate η.

        Returns:
            The moment and the exponent of the power of two.
        """
        xp, values = self.xp, self.spectrum
        shrink, rate, exponent = rate_factors(rate)
        kept, noise = shrink - rate * values, rate * values
        if M.ndim == 1:
            shared = rate * rate * self.weight * xp.sum(values * M)
            return (kept * kept + self.weight * noise * noise) * M + shared * values, exponent
        shared = rate * rate * self.weight * xp.sum(values * xp.linalg.diagonal(M))
        factors = kept[:, None] * kept[None, :] + self.weight * noise[:, None] * noise[None, :]
        device = array_api_compat.device(M)
        return factors * M + xp.eye(M.shape[0], dtype=M.dtype, device=device) * (shared * values), exponent


def _start_of(xp: Namespace, M0: Array, dimension: int) -> tuple[Array, int]:
    """Turn a start or its second moment into a matrix of moderate size and an exponent."""
    check_ndim("M0", M0, 1, 2, shape="(d, d) or (d,)")
    if M0.ndim == 1:
        check_shape("M0", M0, (dimension,), "to match X")
        start, exponent = _normalised(xp, M0)
        return start[:, None] * start[None, :], 2 * exponent
    check_second_moment(xp, M0, dimension)
    start, exponent = _normalised(xp, M0)
    return 0.5 * (start + xp.matrix_transpose(start)), exponent


def _normalised(xp: Namespace, M: Array) -> tuple[Array, int]:
    """Divide by a power of two that brings the largest absolute entry to [½, 1)."""
    largest = max(float(xp.max(M)), -float(xp.min(M)))
    exponent = math.frexp(largest)[1]
    return (M if exponent == 0 else times_power(M, -exponent)), exponent


def _run(
    xp: Namespace,
    step: Callable[[Array, float], tuple[Array, int]],
    start: Array,
    exponent: int,
    rates: list[float],
    keep: str,
) -> Array:
    """Run the recursion.

    Args:
        xp: The namespace.
        step: Function of a moment and a rate that returns the next moment and an exponent; may overwrite the moment.
        start: The start, of moderate size.
        exponent: Power of two that belongs to it.
        rates: Learning rates of the steps.
        keep: "all" or "last".

    Returns:
        The moments.
    """
    M = xp.asarray(start, copy=True)
    everything = keep == "all"
    shape = (len(rates) + 1, *start.shape)
    kept = xp.empty(shape if everything else (1, 1), dtype=start.dtype, device=array_api_compat.device(start))
    with np.errstate(over="ignore", under="ignore"):
        if everything:
            kept[0, ...] = times_power(M, exponent)
        for time, rate in enumerate(rates):
            M, gained = step(M, rate)
            M, shift = _normalised(xp, M)
            exponent += gained + shift
            if everything:
                kept[time + 1, ...] = times_power(M, exponent)
        return kept if everything else times_power(M, exponent)
