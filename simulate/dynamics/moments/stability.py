"""The learning rate up to which SGD is stable in mean square, exactly.

With P = G⊗I + I⊗G and Q = (1 − κ) G⊗G + κF, F(M) = (1/n) Σ_i (x_iᵀ M x_i) x_i x_iᵀ, the step is T = I − ηP + η²Q. Its
spectral radius is an eigenvalue, so it is below 1 if and only if T ≺ I on symmetric matrices over the range of G, that
is ηQ ≺ P, that is η < 1/λ_max(Q, P). In the eigenbasis of G, P is diagonal.
"""

from __future__ import annotations

import math

import numpy as np

from ...arrays import rescaled
from ...validation import check_flag, check_integer
from .davidson import largest_eigenpair
from .inputs import host_spectrum, noise_weight
from .range_operator import FourthMoments, range_design

EXPECTED_APPLICATIONS = 60
"""Matrices that the sum over samples is applied to, about."""


def stability_threshold(X: object, batch: int = 1, replacement: bool = True) -> float:
    """Largest learning rate η* below which SGD on a linear model is stable in mean square.

    Below η* the second moment tends to 0 on the range of G, above it SGD escapes. For gradient descent (all samples in
    every minibatch, without replacement) it is 2/λ₁. Accurate to rounding errors. O(n d min(n, d)) for the eigenbasis,
    then some tens of products of O(n r²).

    Args:
        X: Inputs, shape (n, d), finite, of any library; the computation is on the host.
        batch: Samples per minibatch B.
        replacement: Whether minibatches are drawn with replacement.

    Returns:
        η*, where ``escape_rate`` is 1.

    Raises:
        InputError: If ``X`` is not a finite non-zero matrix, or ``batch`` is out of range.
    """
    design = range_design(X)
    weight = noise_weight(len(design.Z), batch, check_flag("replacement", replacement))
    if weight == 0:
        return 2 / float(design.values[0]) / design.scale / design.scale
    fourth = FourthMoments(design.Z, EXPECTED_APPLICATIONS)
    values = design.values
    roots = 1 / np.sqrt(values[:, None] + values[None, :])
    own = (1 - weight) * np.outer(values, values) * roots**2

    def product(rows: np.ndarray) -> np.ndarray:
        stack = fourth.unpack(rows)
        return fourth.pack(own * stack + weight * roots * fourth.apply(roots * stack))

    diagonal = fourth.pairwise(own) + weight * fourth.pairwise(roots**2) * fourth.diagonal()
    start = fourth.pack(np.diag(values * np.diagonal(roots)))
    return 1 / largest_eigenpair(product, diagonal, start)[0] / design.scale / design.scale


def online_stability_threshold(spectrum: object, batch: int = 1) -> float:
    """Largest learning rate η* below which online SGD, x ~ N(0, diag(spectrum)), is stable in mean square.

    The diagonal of the second moment decides (the off-diagonal factors are smaller). It is stable if and only if
    diag(2s_i − ηs_i²(1 + 1/B)) ≻ (η/B) s sᵀ, that is (η/B) Σ_i s_i/(2 − ηs_i(1 + 1/B)) < 1 with positive
    denominators; η* is the root, by bisection. O(d).

    Args:
        spectrum: Eigenvalues of S, shape (d,), positive, of any library; the computation is on the host.
        batch: Samples per minibatch B, at least 1.

    Returns:
        η*, where ``online_escape_rate`` is 1: 2/(3s) for d = 1 and B = 1.

    Raises:
        InputError: If an eigenvalue is not positive and finite, or ``batch`` is below 1.
    """
    values, scale = rescaled(np, host_spectrum(spectrum))
    weight = 1 / check_integer("batch", batch, minimum=1)
    low, high = 0.0, 2 / (float(np.max(values)) * (1 + weight))
    while True:
        middle = low + 0.5 * (high - low)
        if not low < middle < high:
            return middle / scale
        room = 2 - middle * values * (1 + weight)
        if float(np.min(room)) > 0 and middle * weight * math.fsum(values / room) < 1:
            low = middle
        else:
            high = middle
