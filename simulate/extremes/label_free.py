"""Worst cases of the loss alignment over residuals of any kind: labels need not come from a teacher."""

from __future__ import annotations

from typing import NamedTuple

from ..arrays import Namespace, real_arrays, rescaled
from ..validation import Array, check_ndim, check_symmetric, row_blocks


class LabelFreeRange(NamedTuple):
    """Extremes of the loss alignment over all residuals, for the linear model or for a given Gram matrix.

    Attributes:
        inf: Smallest value, attained where only sample ``samples[0]`` has a residual.
        sup: Largest value, attained where only sample ``samples[1]`` has a residual.
        samples: Indices of these two samples.
    """

    inf: float
    sup: float
    samples: tuple[int, int]


def label_free_range(X: object) -> LabelFreeRange:
    """Range of the loss alignment μ of the linear model over all residuals (end of oracle 1 of docs/theory.md).

    μ is the average of a_i/mean(a) with weights r_i²/‖r‖², a_i = (1/n) Σ_j (x_i·x_j)², so the range is that of
    a_i/mean(a). It contains that over all θ, and equals it where rank X = n. In particular it is the limit, as τ → 0,
    of the range over all θ of the design [X, τ W] with W of full row rank: a vanishing tail of the spectrum makes every
    residual possible and leaves a alone. O(nd min(n, d)) time; for n > d, O(d²) memory beyond X and a block of rows.

    Args:
        X: Inputs, shape (n, d), finite.

    Returns:
        The range with the samples that attain it; (1, 1) where X = 0.

    Raises:
        InputError: If ``X`` is not a non-empty finite real matrix.
    """
    xp, (inputs,) = real_arrays(X=X)
    check_ndim("X", inputs, 2, shape="(n, d)")
    scaled, _ = rescaled(xp, inputs)
    n, d = scaled.shape
    if n <= d:
        gram = scaled @ xp.matrix_transpose(scaled)
        weights = xp.linalg.vecdot(gram, gram)
    else:
        second_moment = xp.matrix_transpose(scaled) @ scaled
        parts = [xp.linalg.vecdot(scaled[rows, :] @ second_moment, scaled[rows, :]) for rows in row_blocks(n, d)]
        weights = xp.concat(parts)
    return _range_of_weights(xp, weights)


def gram_label_free_range(gram: object) -> LabelFreeRange:
    """Range of the loss alignment μ over all residuals for a given Gram matrix K (oracle 4 of docs/theory.md).

    μ = n r²ᵀã/(‖r‖² Σ_i ã_i) with ã = (K∘K) 1 is the average of ã_i/mean(ã) with weights r_i²/‖r‖², so the range is
    that of ã_i/mean(ã): at the parameters that K belongs to no labels of any kind take μ out of it, and the labels that
    leave a residual on a single sample attain its ends. Scalar outputs. O(n²) time; O(n) memory beyond K.

    Args:
        gram: Gram matrix K = J Jᵀ, shape (n, n).

    Returns:
        The range with the samples that attain it; (1, 1) where K = 0.

    Raises:
        InputError: If ``gram`` is not symmetric (1e-10 relative to its largest entry) or an entry is not finite.
    """
    xp, (K,) = real_arrays(gram=gram)
    check_symmetric("gram", K, xp, max(1e-10, 64 * float(xp.finfo(K.dtype).eps)))
    K, _ = rescaled(xp, K)
    return _range_of_weights(xp, xp.linalg.vecdot(K, K))


def _range_of_weights(xp: Namespace, weights: Array) -> LabelFreeRange:
    """Range of the averages of weights, relative to their mean.

    Args:
        xp: The namespace.
        weights: Weights a_i, non-negative up to rounding, shape (n,).

    Returns:
        The range; (1, 1) where all weights are 0.
    """
    mean = float(xp.mean(weights))
    if mean == 0:
        return LabelFreeRange(1.0, 1.0, (0, 0))
    low, high = int(xp.argmin(weights)), int(xp.argmax(weights))
    return LabelFreeRange(max(float(weights[low]), 0.0) / mean, float(weights[high]) / mean, (low, high))
