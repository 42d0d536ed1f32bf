"""Gram matrices a few rows at a time: μ where K does not fit into memory, and what rounding does to K where it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .. import streams
from ..arrays import Namespace, real_arrays, rescaled, to_host
from ..streams import Seed
from ..validation import Array, InputError, check_flag, check_integer, check_shape
from .network import Network
from .spectra import random_subset, sample_rows, taken


@dataclass(frozen=True)
class GramRounding:
    """How far rows of a Gram matrix are from the same rows in float64.

    By Weyl's inequality no eigenvalue of K is off by more than ‖δK‖_F, of which ``relative`` estimates the share of
    ‖K‖_F: eigenvalues below that share of ‖K‖_F, and g along their directions, are noise.

    Attributes:
        relative: ‖δK‖_F / ‖K‖_F over the rows compared.
        largest: Largest entry of |δK| over the largest of |K|, over the rows compared.
        samples: Number of samples whose rows were compared.
    """

    relative: float
    largest: float
    samples: int


def blocked_loss_alignment(
    network: Network, theta: Array, X: Array, y: Array, centred: bool = False, memory: int = 2**30
) -> float:
    """Loss alignment μ from rows of K that are forgotten again: for samples whose Gram matrix would not fit.

    The sums are those of ``simulate.loss_alignment``, in float64. Each block of rows takes a pass through the network
    and O(mC · nC p) operations for its m samples, in all twice what the whole of a symmetric matrix takes.

    Args:
        network: The network.
        theta: Parameters, shape (p,).
        X: Inputs, shape (n, channels, height, width) or (n, d).
        y: Targets, shape (n,) or (n, C).
        centred: Whether the mean gradient is subtracted: Σ in place of Σ₁.
        memory: Bytes for a block of rows, and as many for what is kept of the layers.

    Returns:
        μ, 1 where the residual or K is 0. For C outputs 1/C is the value that 1 is for scalar outputs.

    Raises:
        InputError: If a shape is wrong, an entry is not finite, libraries or devices differ, or a number is out of
            range.
    """
    xp, (theta, X, y) = real_arrays(theta=theta, X=X, y=y)
    memory = check_integer("memory", memory, minimum=1)
    centred = check_flag("centred", centred)
    predicted = network.predict(theta, X)
    check_shape("y", y, tuple(predicted.shape), "to match X and the outputs")
    n, C = X.shape[0], network.outputs
    r = rescaled(xp, xp.astype(xp.reshape(predicted - y, (n, C)), xp.float64))[0]
    noise = norm = drift = scale = 0.0
    for part, rows in _blocks(network, xp, theta, X, memory):
        largest = float(xp.max(xp.abs(rows)))
        if largest > scale:
            noise, norm, drift = (total * (scale / largest) ** 2 for total in (noise, norm, drift))
            scale = largest
        rows = rows / (scale or 1.0)
        norm += float(xp.sum(rows * rows))
        mine = xp.reshape(rows, (-1, C, n * C))
        noise += float(xp.sum(xp.sum(r[part, :, None] * mine, axis=1) ** 2))
        drift += float(xp.sum(xp.matmul(rows, xp.reshape(r, (-1,))) ** 2))
    energy = float(xp.sum(r * r))
    if energy == 0 or norm == 0:
        return 1.0
    return max(0.0, n * noise - (drift if centred else 0.0)) / (energy * norm)


def gram_rounding(
    network: Network, theta: Array, X: Array, gram: Array, samples: int = 16, seed: Seed = 0
) -> GramRounding:
    """Compare random rows of a Gram matrix with the same rows computed in float64.

    Args:
        network: The network.
        theta: The parameters it was computed at, shape (p,).
        X: The inputs, shape (n, channels, height, width) or (n, d).
        gram: K, shape (nC, nC), such as ``network.gram(theta, X)`` in float32.
        samples: Number of samples whose rows are compared; at most n are.
        seed: Non-negative integer, or a generator, from which they are drawn.

    Returns:
        The error. One pass through the network in float64, and O(samples · n p C²) operations.

    Raises:
        InputError: If a shape is wrong, an entry is not finite, libraries or devices differ, or a number is out of
            range.
    """
    xp, (theta, X, gram) = real_arrays(theta=theta, X=X, gram=gram)
    n, C = X.shape[0], network.outputs
    check_shape("gram", gram, (n * C, n * C), "to match X and the outputs")
    samples = min(check_integer("samples", samples, minimum=1), n)
    chosen = random_subset(n, samples, streams.from_seed(seed, "rows of the Gram matrix"))
    theta, X = (xp.astype(array, xp.float64) for array in (theta, X))
    exact = to_host(network.gram(theta, X, rows=chosen))
    found = np.asarray(to_host(taken(xp, gram, sample_rows(chosen, C))), dtype=np.float64)
    size, largest = float(np.linalg.norm(exact)), float(np.max(np.abs(exact)))
    if size == 0:
        raise InputError("gram: expected rows other than 0 to compare, got rows that are 0 in float64")
    difference = found - exact
    return GramRounding(float(np.linalg.norm(difference)) / size, float(np.max(np.abs(difference))) / largest, samples)


def _blocks(network: Network, xp: Namespace, theta: Array, X: Array, memory: int) -> Iterator[tuple[slice, Array]]:
    """Yield samples and their rows of K in float64, as many at a time as fit."""
    n, C = X.shape[0], network.outputs
    # A block in float64, the one it is converted from, and squares of it.
    step = max(1, memory // (3 * 8 * n * C * C))
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        rows = network.gram(theta, X, memory, rows=np.arange(part.start, part.stop))
        yield part, xp.astype(rows, xp.float64)
