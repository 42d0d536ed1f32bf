"""Climbs by gradients over the weights of a two-layer network, towards extreme loss alignment (oracle 4).

On the host, in NumPy float64: a search, whose results other modules recompute.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..models import TwoLayer

EMPHASIS = 1000.0
"""Power in the smooth stand-in for the largest (smallest) sample weight: it is right to a factor n^(1/EMPHASIS)."""
SHARPNESS = (
    (2.0, 8.0, 32.0, 128.0),
    (8.0, 32.0, 128.0),
    (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0),
    (8.0, 32.0, 128.0),
)
"""How sharp the rounded corner is at the stages of a climb. Starts take the four lists in turn: slow sharpening leads
to good optima, but often to the same ones, and quick sharpening to others, some of them better."""
TIED = 1
"""The starts that take this list climb with all neurons alike."""
TARGETED = 3
"""Those that take this one climb towards a given sample: one of ``TARGETS`` that are extreme for the linear model."""
TARGETS = 8
FLOOR = 1e-14
"""Fraction of the sum of weights below which a smaller weight is no longer better: there the infimum is 0."""
ITERATIONS = 200


class Network(NamedTuple):
    """A two-layer network on a design: what a climb keeps fixed.

    Attributes:
        features: Whitened inputs, shape (n, r): orthogonal columns with sums of squares n that span those of X.
        products: Inner products x_i·x_j, shape (n, n).
        model: The model, for its width, slope, activation and whether its outer layer is trained.
        outer: Fixed outer weights, shape (width,); None where the climb chooses them.
        target: The sample whose weight a climb makes extreme; None for whichever is.
    """

    features: np.ndarray
    products: np.ndarray
    model: TwoLayer
    outer: np.ndarray | None
    target: int | None = None

    @property
    def corner(self) -> bool:
        """Whether the derivative of the activation takes the values slope and 1 only.

        Returns:
            True for the leaky ReLU.
        """
        return self.model.activation == "leaky_relu"


class Weights(NamedTuple):
    """Weights of a two-layer network.

    Attributes:
        inner: Inner weights on the whitened inputs, shape (width, r).
        outer: Outer weights, shape (width,).
    """

    inner: np.ndarray
    outer: np.ndarray


def sample_weights(network: Network, weights: Weights) -> np.ndarray:
    """Weights ã = (K∘K) 1, whose ratios to their mean are the loss alignments of residuals on one sample.

    O(n² width) time.

    Args:
        network: The network.
        weights: Its weights.

    Returns:
        ã, shape (n,).
    """
    slope = network.model.slope
    hidden = network.features @ weights.inner.T
    if network.corner:
        derivative = np.where(hidden > 0, 1.0, slope)
        active = hidden * derivative
    else:
        derivative, _, active = _rounded(hidden, slope)
    gram = network.products * ((derivative * weights.outer**2) @ derivative.T)
    if network.model.train_outer:
        gram += active @ active.T
    return np.einsum("ij,ij->i", gram, gram)


def merit(squares: np.ndarray, sign: int) -> float:
    """Merit of a network: sign times the logarithm of the extreme loss alignment over all residuals.

    Args:
        squares: Sample weights ã, shape (n,).
        sign: 1 for the supremum, −1 for the infimum.

    Returns:
        The merit, larger is better; that of alignment 1 where all weights are 0.
    """
    total = float(squares.sum())
    if not total > 0:
        return 0.0
    extreme = float(squares.max() if sign > 0 else squares.min()) * squares.size / total
    return sign * float(np.log(max(extreme, FLOOR * squares.size)))


def climb(network: Network, sign: int, stream: np.random.Generator, trial: int) -> Weights:
    """Climb from random weights to a local optimum of the loss alignment over weights and labels.

    The alignment of a leaky ReLU with fixed outer layer is piecewise constant in the inner weights. So the corner of
    the activation is rounded, σ'(z) = s + (1 − s)/(1 + e^(−κ z/‖b‖)), and sharpened in stages, each an ascent by
    L-BFGS with the analytic gradient. For the smooth activation these stages are networks with weights κ b/‖b‖, and
    the last ascent leaves the lengths free. O(n² width) a step.

    Args:
        network: The network.
        sign: 1 for the supremum, −1 for the infimum.
        stream: Source of the start.
        trial: Number of the start; it decides how the corner is sharpened, whether there is a target, and whether all
            neurons are alike.

    Returns:
        The best weights met, by the activation itself.
    """
    model, rank = network.model, network.features.shape[1]
    turn, way = divmod(trial, len(SHARPNESS))
    if way == TARGETED:
        linear = np.argsort(-sign * np.vecdot(network.products, network.products), kind="stable")
        network = network._replace(target=int(linear[turn % min(TARGETS, linear.size)]))
    scale = float(np.sqrt(np.mean(network.products.diagonal())))
    inner = stream.standard_normal((model.width, rank))
    inner /= np.linalg.norm(inner, axis=1, keepdims=True)
    if way == TIED and not model.train_outer:
        # Gradients of neurons that are alike point the same way, so they stay alike.
        inner[1:] = inner[0]
    outer = np.full(model.width, 1 / np.sqrt(model.width)) if network.outer is None else network.outer
    length = 10.0 ** stream.uniform(-1, 1.5)
    if not network.corner and model.train_outer:
        return ascended(network, sign, Weights(inner * length, outer / scale), None)
    # Only where the outer layer is trained does the length of the inner weights matter.
    current = Weights(inner * (scale * length), outer)
    met = []
    for sharpness in SHARPNESS[way]:
        current = ascended(network, sign, current, sharpness)
        if network.corner:
            met.append(current)
        else:
            size = np.maximum(np.linalg.norm(current.inner, axis=1, keepdims=True), np.finfo(float).tiny)
            met.append(Weights(current.inner * (sharpness / size), current.outer))
    best = max(met, key=lambda one: merit(sample_weights(network, one), sign))
    if network.corner:
        return best
    refined = ascended(network, sign, best, None)
    return max((best, refined), key=lambda one: merit(sample_weights(network, one), sign))


def ascended(network: Network, sign: int, start: Weights, sharpness: float | None) -> Weights:
    """Ascend by L-BFGS.

    Args:
        network: The network.
        sign: 1 for the supremum, −1 for the infimum.
        start: Weights to start from.
        sharpness: Sharpness κ of the rounded corner; None for the smooth activation as it is.

    Returns:
        The weights reached, with inner weights of the same lengths where only their directions matter.
    """
    # Imported here because importing simulate must cost nothing beside NumPy, array-api-compat and scipy.linalg.
    from scipy.optimize import minimize

    packed = start.inner.ravel() if network.outer is not None else np.concatenate([start.inner.ravel(), start.outer])
    found = minimize(
        descent_objective,
        packed,
        args=(network, sign, sharpness),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": ITERATIONS, "maxcor": 20},
    )
    reached = _unpacked(network, found.x)
    if sharpness is None or network.model.train_outer:
        return reached
    return Weights(
        reached.inner / np.maximum(np.linalg.norm(reached.inner, axis=1, keepdims=True), 1e-300), reached.outer
    )


def _unpacked(network: Network, packed: np.ndarray) -> Weights:
    """Unpack the variables of an ascent.

    Args:
        network: The network.
        packed: Inner weights row by row, then outer weights where the climb chooses them.

    Returns:
        The weights.
    """
    width, rank = network.model.width, network.features.shape[1]
    outer = packed[width * rank :] if network.outer is None else network.outer
    return Weights(packed[: width * rank].reshape(width, rank), outer)


def descent_objective(
    packed: np.ndarray, network: Network, sign: int, sharpness: float | None
) -> tuple[float, np.ndarray]:
    """Minus the merit of a network with rounded activation, and its gradient.

    With K_ij = (x_i·x_j) Σ_k a_k² p_ik p_jk (plus Σ_k h_ik h_jk where the outer layer is trained) and w the fractions
    of ã in its sum, the merit is log (Σ_i w_i^q)^(1/q), q = ± EMPHASIS: the logarithm of the largest or smallest
    fraction, made differentiable.

    Args:
        packed: Inner weights row by row, then outer weights where the climb chooses them.
        network: The network.
        sign: 1 for the supremum, −1 for the infimum.
        sharpness: Sharpness κ of the rounded corner, for weights of unit length; None for the smooth activation as it
            is.

    Returns:
        The objective and its gradient, shape of ``packed``.
    """
    inner, outer = _unpacked(network, packed)
    hidden = network.features @ inner.T
    lengths = np.linalg.norm(inner, axis=1)
    lengths = np.where(lengths > 0, lengths, 1.0)
    factor = np.ones_like(lengths) if sharpness is None else sharpness / lengths
    p, p_slope, h = _rounded(hidden * factor, network.model.slope)
    gram = network.products * ((p * outer**2) @ p.T)
    if network.model.train_outer:
        h /= factor if sharpness is not None else 1.0
        gram += h @ h.T
    value, by_gram = _extreme_fraction(gram, sign, network.target)
    by_products = by_gram * network.products
    image = by_products @ p
    by_hidden = 2 * image * outer**2 * p_slope * factor
    if network.model.train_outer:
        by_values = 2 * by_gram @ h
        by_hidden += by_values * p
    by_inner = by_hidden.T @ network.features
    if sharpness is not None:
        # What the direction of b has to do with it through the length: κ z/‖b‖, and in h = ‖b‖/κ σ(κ z/‖b‖) both.
        radial = 2 * np.einsum("ik,ik->k", image * p_slope, hidden) * outer**2 * factor
        if network.model.train_outer:
            radial += np.einsum("ik,ik->k", by_values, hidden * p - h)
        by_inner -= (radial / lengths**2)[:, None] * inner
    gradient = by_inner.ravel()
    if network.outer is None:
        gradient = np.concatenate([gradient, 2 * outer * np.einsum("ik,ik->k", p, image)])
    return -sign * value, -sign * gradient


def _rounded(z: np.ndarray, slope: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The smooth activation σ(z) = s z + (1 − s) log(1 + e^z) with two derivatives.

    Args:
        z: Pre-activations.
        slope: The slope s.

    Returns:
        σ', σ'' and σ, entry by entry.
    """
    half = np.tanh(0.5 * z)
    first = slope + (1 - slope) * 0.5 * (1 + half)
    return first, (1 - slope) * 0.25 * (1 - half * half), slope * z + (1 - slope) * np.logaddexp(0.0, z)


def _extreme_fraction(gram: np.ndarray, sign: int, target: int | None) -> tuple[float, np.ndarray]:
    """Logarithm of the largest or smallest fraction of ã in its sum, made differentiable, and its derivative by K.

    Args:
        gram: Gram matrix K, shape (n, n).
        sign: 1 for the largest, −1 for the smallest.
        target: A sample whose fraction counts alone, or None.

    Returns:
        The value v and the symmetric matrix D with dv = <D, dK>.
    """
    squares = np.einsum("ij,ij->i", gram, gram)
    total = float(squares.sum())
    if not total > 0:
        return -float(np.log(squares.size)), np.zeros_like(gram)
    fractions = squares / total
    scores = EMPHASIS * sign * np.log(fractions + FLOOR)
    if target is not None:
        scores = np.where(np.arange(scores.size) == target, scores, -np.inf)
    highest = float(scores.max())
    shares = np.exp(scores - highest)
    value = sign * (highest + float(np.log(shares.sum()))) / EMPHASIS
    shares /= shares.sum() * (fractions + FLOOR) * total
    return value, gram * (shares[:, None] + shares - 2 * float(shares @ fractions))
