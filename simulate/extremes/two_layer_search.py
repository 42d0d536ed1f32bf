"""Worst cases of a two-layer network over its weights and the labels at once: oracle 4 of docs/theory.md.

A search: what it finds is attained, by a witness that comes with it, but larger values may exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import streams
from ..alignment import loss_alignment
from ..arrays import real_arrays, rescaled, to_host
from ..models import TwoLayer
from ..streams import Seed
from ..validation import InputError, check_choice, check_integer, check_ndim, check_shape, describe
from .label_free import gram_label_free_range
from .two_layer_climb import Network, Weights, ascended, climb, merit, sample_weights
from .two_layer_patterns import PatternAscent

RANK_TOLERANCE = 1e-10
"""Singular values of X below this fraction of the largest count as zero."""
SAME = 1e-6
"""Relative distance within which two starts count as having reached the same value."""
MOST_KICKS_IN_VAIN = 24
KICK_SHARPNESS = ((8.0, 32.0, 128.0), (8.0, 32.0, 128.0), (32.0, 128.0))
PROMISING = 0.03
"""How far below the best merit a kick may end and still be worth an ascent over patterns."""
STEEP = 40.0
"""Smallest |<b, x>| at which the smooth activation's derivative is that of the leaky ReLU, up to e^(−40)."""


class TwoLayerWitness(NamedTuple):
    """Weights and labels at which a two-layer network attains an alignment.

    Attributes:
        theta: Parameters θ, shape (p,), NumPy float64.
        outer: Fixed outer weights, shape (width,), to build the model with; None where they are part of θ.
        residual: Residuals, shape (n,): 1 on one sample, 0 on all others. The labels are f(x_i; θ) − r_i.
        sample: The sample with a residual.
    """

    theta: np.ndarray
    outer: np.ndarray | None
    residual: np.ndarray
    sample: int


@dataclass(frozen=True)
class AdversarialAlignment:
    """Extremes of the loss alignment over weights and labels that a search found.

    Attributes:
        inf_found: Smallest value found; ``inf_witness`` attains it.
        sup_found: Largest value found; ``sup_witness`` attains it.
        inf_witness: Weights, residuals and their sample.
        sup_witness: The same for ``sup_found``.
        starts: Number of starts of each of the two searches.
        reached: How many of these arrived at the best value, for inf and sup; 0 where a kick was needed.
    """

    inf_found: float
    sup_found: float
    inf_witness: TwoLayerWitness
    sup_witness: TwoLayerWitness
    starts: int
    reached: tuple[int, int]


def adversarial_alignment(
    model: TwoLayer, X: object, seed: Seed = 0, starts: int = 32, outer: str = "given"
) -> AdversarialAlignment:
    """Search for the extremes of the loss alignment μ over weights θ and labels (oracle 4 of docs/theory.md).

    Given θ the range over all labels is known (``gram_label_free_range``): residuals on one sample attain its ends. So
    the search is over θ, from random weights:

    1. ascent by L-BFGS with the activation's corner rounded and sharpened in stages (``climb``);
    2. where the outer layer is fixed, ascent of the best eighth (at least four) over activation patterns, neuron by
       neuron, until none can be improved (``PatternAscent``): for the leaky ReLU μ depends on θ through the signs of
       <b_k, x_i> only, and the smooth activation with long weights comes as close to it as one likes;
    3. kicks of the best: one neuron is drawn anew, or all are moved at random, followed by 1 and 2, as often as there
       are starts (at least eight times) but no more than 24 times in vain.

    Where rank X = n every pattern is possible: all starts take step 2, which is quick there, and none step 3.

    It works with whitened inputs, so the starts are as likely for X as for X A, A non-singular. Values are recomputed
    from the witnesses by ``model.gram`` and ``loss_alignment``. Theorem 3.5 holds for every fixed outer layer, so
    ``outer="free"`` searches over that as well.

    On the host: inputs of other libraries are copied there. Each start takes some hundred to thousand steps of
    O(n² width); with width 8 and 32 starts about 5 seconds for n = 64 and half a minute for n = 256, and a tenth
    of that where rank X = n. Where it is not, expect values some per cent short of the extremes.

    Args:
        model: The network. If its outer layer is trained it is part of θ, and searched whatever ``outer`` says.
        X: Inputs, shape (n, d), finite.
        seed: Non-negative integer, or a ``numpy.random.Generator``, for the starts.
        starts: Number of starts of each search, at least 1.
        outer: "given" for the model's fixed outer weights, "free" to search over these too.

    Returns:
        What was found. Both values are 1 where K = 0 for all weights.

    Raises:
        InputError: If ``model`` is not a ``TwoLayer``, ``X`` is not a finite real matrix of d columns, or another
            argument is out of range.
    """
    if not isinstance(model, TwoLayer):
        raise InputError(f"model: expected a TwoLayer, got {describe(model)}")
    _, (inputs,) = real_arrays(X=X)
    check_ndim("X", inputs, 2, shape=f"(n, {model.d})")
    check_shape("X", inputs, (inputs.shape[0], model.d), "to match the model's d")
    starts = check_integer("starts", starts, minimum=1)
    free = check_choice("outer", outer, ("given", "free")) == "free" or model.train_outer
    stream = streams.from_seed(seed, "adversarial alignment")
    host, scale = rescaled(np, np.array(to_host(inputs), dtype=np.float64))
    keys = stream.integers(2**63, size=(2, starts + 1, 2), dtype=np.uint64)
    features, back = _whitened(host)
    network = Network(features, host @ host.T, model, None if free else model.outer)
    ends = []
    for sign, own_keys in zip((-1, 1), keys, strict=True):
        met: list[Weights] = []
        if back.size and (free or np.any(model.outer)):
            met = _searched(network, sign, [np.random.Generator(np.random.Philox(key=key)) for key in own_keys])
        ends.append(_certified(network, host, scale, back, met, sign, starts))
    (inf, inf_witness, inf_reached), (sup, sup_witness, sup_reached) = ends
    return AdversarialAlignment(inf, sup, inf_witness, sup_witness, starts, (inf_reached, sup_reached))


def _whitened(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whiten inputs: features that span the same columns, orthogonal and of mean square 1.

    Args:
        X: Inputs, shape (n, d).

    Returns:
        Features, shape (n, r), and the matrix B, shape (r, d), that turns weights w on them into weights w B on X.
    """
    left, values, right = np.linalg.svd(X, full_matrices=False)
    rank = int(np.sum(values > RANK_TOLERANCE * values[0])) if values[0] > 0 else 0
    size = np.sqrt(X.shape[0])
    return size * left[:, :rank], size * right[:rank] / values[:rank, None]


def _searched(network: Network, sign: int, draws: list[np.random.Generator]) -> list[Weights]:
    """Search from all starts.

    Args:
        network: The network.
        sign: 1 for the supremum, −1 for the infimum.
        draws: Source of random numbers of each start, and of the kicks.

    Returns:
        The weights that each start reached, then, if kicks found better ones, these.
    """
    climbs = [climb(network, sign, stream, trial) for trial, stream in enumerate(draws[:-1])]
    model = network.model
    if model.train_outer:
        return climbs
    leaky = network._replace(model=TwoLayer(model.d, model.width, model.slope))
    every_pattern = network.features.shape[1] == network.features.shape[0]
    merits = np.array([merit(sample_weights(leaky, one), sign) for one in climbs])
    chosen = np.argsort(-merits, kind="stable")[: None if every_pattern else max(4, len(climbs) // 8)]
    ascents = list(climbs)
    for trial in chosen:
        ascents[trial] = PatternAscent(leaky, climbs[trial], sign, draws[trial]).run()
    if model.width > 1 and not every_pattern:
        ascents += _kicked(leaky, sign, _best(leaky, ascents, sign), draws[-1], max(8, len(climbs)))
    if network.corner:
        return ascents
    steep = [_steepened(network, one) for one in ascents]
    return [_best(network, pair, sign) for pair in zip(steep, climbs, strict=False)] + steep[len(climbs) :]


def _kicked(network: Network, sign: int, best: Weights, stream: np.random.Generator, kicks: int) -> list[Weights]:
    """Disturb the best weights and ascend again, time after time.

    Args:
        network: The network, a leaky ReLU.
        sign: 1 for the supremum, −1 for the infimum.
        best: Best weights so far.
        stream: Source of random numbers.
        kicks: Largest number of kicks.

    Returns:
        Better weights, if any were found.
    """
    found, highest, in_vain = [], merit(sample_weights(network, best), sign), 0
    for _ in range(kicks):
        kicked, sharpening = _disturbed(network, best, stream)
        for sharpness in sharpening:
            kicked = ascended(network, sign, kicked, sharpness)
        if merit(sample_weights(network, kicked), sign) > highest - PROMISING:
            kicked = PatternAscent(network, kicked, sign, stream).run()
        value = merit(sample_weights(network, kicked), sign)
        in_vain = 0 if value > highest + SAME else in_vain + 1
        if value > highest:
            best, highest, found = kicked, value, [kicked]
        if in_vain >= MOST_KICKS_IN_VAIN:
            break
    return found


def _disturbed(network: Network, weights: Weights, stream: np.random.Generator) -> tuple[Weights, tuple[float, ...]]:
    """Disturb weights: one neuron is drawn anew, or all are moved at random.

    Args:
        network: The network, a leaky ReLU.
        weights: The weights.
        stream: Source of random numbers.

    Returns:
        Other weights, and the stages of sharpening at which to ascend from them.
    """
    inner = weights.inner / np.maximum(np.linalg.norm(weights.inner, axis=1, keepdims=True), 1e-300)
    outer, size = weights.outer, float(np.linalg.norm(weights.outer))
    width, rank = inner.shape
    kind = int(stream.integers(3))
    # Outer weights of 0 would stay 0 in an ascent, where their gradient vanishes.
    if kind == 0:
        inner += stream.uniform(0.1, 1.0) * stream.standard_normal((width, rank)) / np.sqrt(rank)
        outer = outer + 0.1 * size * stream.random(width)
    else:
        neuron = int(stream.integers(width))
        inner[neuron] = stream.standard_normal(rank) / np.sqrt(rank)
        outer = outer + 0.02 * size
        outer[neuron] = 0.3 * size
    return Weights(inner, outer if network.outer is None else network.outer), KICK_SHARPNESS[kind]


def _steepened(network: Network, weights: Weights) -> Weights:
    """Lengthen inner weights until the derivative of the smooth activation is that of the leaky ReLU.

    Args:
        network: The network.
        weights: Its weights.

    Returns:
        Weights with inner weights up to 1e6 times as long.
    """
    nearest = np.min(np.abs(network.features @ weights.inner.T), axis=0)
    return Weights(weights.inner * np.minimum(STEEP / np.maximum(nearest, 1e-300), 1e6)[:, None], weights.outer)


def _best(network: Network, met: Sequence[Weights], sign: int) -> Weights:
    """The best of several weights.

    Args:
        network: The network.
        met: The weights.
        sign: 1 for the supremum, −1 for the infimum.

    Returns:
        One of them.
    """
    return max(met, key=lambda one: merit(sample_weights(network, one), sign))


def _certified(
    network: Network, X: np.ndarray, scale: float, back: np.ndarray, met: list[Weights], sign: int, starts: int
) -> tuple[float, TwoLayerWitness, int]:
    """Recompute the best value from its witness, by the model's Gram matrix on the inputs.

    Args:
        network: The network.
        X: Inputs divided by ``scale``, shape (n, d).
        scale: A power of two.
        back: What turns weights on the features into weights on X, shape (r, d).
        met: Weights that the starts reached, then those that kicks found.
        sign: 1 for the supremum, −1 for the infimum.
        starts: Number of starts.

    Returns:
        The alignment, its witness, and how many starts reached it.
    """
    model = network.model
    outer = np.ones(model.width) if model.outer is None else model.outer
    inner, reached = np.zeros((model.width, model.d)), 0
    if met:
        merits = np.array([merit(sample_weights(network, one), sign) for one in met])
        reached = int(np.sum(merits[:starts] > merits.max() - SAME))
        best = met[int(np.argmax(merits))]
        inner, outer = best.inner @ back, best.outer
    fitted = model if model.train_outer else _with_outer(model, outer)
    theta = np.concatenate([inner.ravel(), outer]) if model.train_outer else inner.ravel()
    gram = fitted.gram(theta, X)
    sample = gram_label_free_range(gram).samples[0 if sign < 0 else 1]
    residual = np.zeros(X.shape[0])
    residual[sample] = 1.0
    # On X itself <b, x> is larger by the scale.
    theta = np.concatenate([inner.ravel() / scale, outer / scale]) if model.train_outer else inner.ravel() / scale
    witness = TwoLayerWitness(theta, None if model.train_outer else outer, residual, sample)
    return loss_alignment(gram, residual), witness, reached


def _with_outer(model: TwoLayer, outer: np.ndarray) -> TwoLayer:
    """The same network with other fixed outer weights.

    Args:
        model: The network.
        outer: Outer weights, shape (width,).

    Returns:
        A new network.
    """
    return TwoLayer(model.d, model.width, model.slope, model.activation, outer=outer)
