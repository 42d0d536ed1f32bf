"""Loops over replicas and steps: SGD on minibatches of given samples or on fresh Gaussian inputs."""

from __future__ import annotations

import numpy as np
from numba import prange

from .compiling import allocating, inner, loop
from .counters import INPUTS, LABELS, MINIBATCHES, choose, fill_normals, fill_words
from .linear import linear_step
from .overparametrised import (
    deep_lefts,
    deep_step,
    diagonal_step,
    diagonal_weights,
    padded_size,
    valley_step,
    valley_weight,
)
from .rows import LINE, aligned, dot, dots
from .two_layer import forward, two_layer_step

LINEAR, DIAGONAL, DEEP_LINEAR, VALLEY, TWO_LAYER = 0, 1, 2, 3, 4
"""Families of models. Their ``shape``: nothing; 1 for products; sizes of the layers' inputs and 1; nothing; width,
whether smooth, whether the outer layer is trained. Their ``constants``: of two-layer networks the slope and the padded
fixed outer weights."""

_DRAWS = 512


@inner
def _step(family, theta, rows, chosen, batch, targets, rate, shape, constants, scratch):
    """Update a model of any family by one minibatch."""
    if family == LINEAR:
        return linear_step(theta, rows, chosen, batch, targets, rate, scratch)
    if family == DIAGONAL:
        return diagonal_step(theta, rows, chosen, batch, targets, rate, shape[0] == 1, scratch)
    if family == DEEP_LINEAR:
        return deep_step(theta, rows, chosen, batch, targets, rate, shape, scratch)
    if family == VALLEY:
        return valley_step(theta, rows, chosen, batch, targets, rate, scratch)
    return two_layer_step(
        theta, rows, chosen, batch, targets, rate, shape[0], shape[1] == 1, shape[2] == 1, constants, scratch
    )


@loop
def advance(
    family, shape, constants, scratch_size, theta, rates, X, y, batch, replacement, label_noise, key, first_replica,
    first_step, diverged,
):  # fmt: skip
    """Advance models by SGD on minibatches of given samples.

    Args:
        family: one of the families above.
        shape: the model's integers, int64.
        constants: the model's numbers, float64.
        scratch_size: entries of scratch that a step of the model needs.
        theta: packed parameters, shape (replicas, size), overwritten.
        rates: learning rate of each step, shape (steps,).
        X: padded inputs, shape (n, d).
        y: targets, shape (n,).
        batch: samples in a minibatch.
        replacement: whether they are drawn with replacement.
        label_noise: standard deviation of the noise on the targets, drawn anew at each step.
        key: two words from the seed, uint32.
        first_replica: number of the first row of theta.
        first_step: number of the first step.
        diverged: step at which a path ended, −1 where it goes on, shape (replicas,), int64, overwritten.
    """
    steps = rates.shape[0]
    block = max(1, _DRAWS // batch)
    for r in prange(theta.shape[0]):
        if diverged[r] >= 0:
            continue
        words = np.empty(block * batch + LINE, np.uint32)
        noise = np.zeros(block * batch + LINE)
        chosen = np.empty(batch, np.int64)
        order = np.arange(0 if replacement else X.shape[0])
        path, targets, scratch = theta[r], aligned(batch), aligned(scratch_size)
        start = noise_start = 0
        for s in range(steps):
            place = s % block
            if place == 0:
                first, count = (first_step + s) * batch, min(block, steps - s) * batch
                if label_noise > 0:
                    noise_start = fill_normals(noise, words, first, count, first_replica + r, LABELS, key)
                start = fill_words(words, first, count, first_replica + r, MINIBATCHES, key)
            choose(chosen, words, start + place * batch, batch, X.shape[0], replacement, order)
            for b in range(batch):
                targets[b] = y[chosen[b]] + label_noise * noise[noise_start + place * batch + b]
            if not _step(family, path, X, chosen, batch, targets, rates[s], shape, constants, scratch):
                diverged[r] = first_step + s
                break


@loop
def advance_online(
    family, shape, constants, scratch_size, theta, rates, scales, teacher, batch, label_noise, key, first_replica,
    first_step, diverged,
):  # fmt: skip
    """Advance models by SGD on fresh inputs x ~ N(0, diag(scales²)) with targets <teacher, x> plus noise.

    Args:
        family: one of the families above.
        shape: the model's integers, int64.
        constants: the model's numbers, float64.
        scratch_size: entries of scratch that a step of the model needs.
        theta: packed parameters, shape (replicas, size), overwritten.
        rates: learning rate of each step, shape (steps,).
        scales: standard deviations of the inputs, padded, shape (d,).
        teacher: weights of the targets, padded, shape (d,).
        batch: samples in a minibatch.
        label_noise: standard deviation of the noise on the targets.
        key: two words from the seed, uint32.
        first_replica: number of the first row of theta.
        first_step: number of the first step.
        diverged: step at which a path ended, −1 where it goes on, shape (replicas,), int64, overwritten.
    """
    d = scales.shape[0]
    for r in prange(theta.shape[0]):
        if diverged[r] >= 0:
            continue
        words = np.empty(d + LINE + batch, np.uint32)
        noise = np.zeros(batch + LINE)
        rows = aligned(batch * d).reshape((batch, d))
        chosen = np.arange(batch)
        path, targets, scratch = theta[r], aligned(batch), aligned(scratch_size)
        for s in range(rates.shape[0]):
            sample = (first_step + s) * batch
            start = 0
            if label_noise > 0:
                start = fill_normals(noise, words, sample, batch, first_replica + r, LABELS, key)
            for b in range(batch):
                x = rows[b]
                # Padded rows hold whole blocks of four draws, so that the first is where the row starts.
                fill_normals(x, words, (sample + b) * d, d, first_replica + r, INPUTS, key)
                for j in range(d):
                    x[j] *= scales[j]
                targets[b] = dot(x, teacher) + label_noise * noise[start + b]
            if not _step(family, path, rows, chosen, batch, targets, rates[s], shape, constants, scratch):
                diverged[r] = first_step + s
                break


@loop
def outputs(family, shape, constants, theta, X, out):
    """Write the outputs of models on all samples.

    Args:
        family: one of the families above.
        shape: the model's integers, int64.
        constants: the model's numbers, float64.
        theta: packed parameters, shape (replicas, size).
        X: padded inputs, shape (n, d).
        out: outputs, shape (replicas, n), overwritten.
    """
    n, d = X.shape
    for r in prange(theta.shape[0]):
        everything = np.arange(n)
        if family == TWO_LAYER:
            width, trained = shape[0], shape[2] == 1
            inner = theta[r, : width * d].reshape((width, d))
            outer = theta[r, width * d :] if trained else constants[1:]
            scratch = np.empty((2, 1, LINE))
            out[r] = 0.0
            for first in range(0, n, LINE):
                here = min(LINE, n - first)
                _outputs_of_block(
                    inner, outer, X, everything[first : first + here], constants[0], shape[1] == 1, scratch,
                    out[r, first : first + here],
                )  # fmt: skip
        else:
            weights = aligned(_weights_scratch(family, shape, d))
            start = _write_weights(family, theta[r], shape, d, weights)
            dots(X, everything, n, weights[start : start + d], out[r])


@allocating
def _outputs_of_block(inner, outer, X, samples, slope, smooth, scratch, out):
    """Add the neurons' outputs on at most eight samples."""
    partial = np.empty(LINE)
    for k in range(inner.shape[0]):
        neuron, weight = inner[k : k + 1], outer[k : k + 1]
        forward(neuron, weight, X, samples, samples.shape[0], slope, smooth, scratch[0], scratch[1], partial)
        for b in range(samples.shape[0]):
            out[b] += partial[b]


@inner
def _weights_scratch(family, shape, d):
    """Count the entries that the effective weights and what leads to them take."""
    if family != DEEP_LINEAR:
        return d
    total = 0
    for size in shape:
        total += padded_size(size)
    return total


@inner
def _write_weights(family, theta, shape, d, weights):
    """Write the effective weights F(θ) of a model; return where they start."""
    if family == DEEP_LINEAR:
        return deep_lefts(theta, shape, weights)
    if family == DIAGONAL:
        diagonal_weights(theta, shape[0] == 1, weights)
    elif family == VALLEY:
        weights[0] = valley_weight(theta)
    else:
        for j in range(d):
            weights[j] = theta[j]
    return 0


@loop
def project(vectors, directions, out):
    """Write inner products of vectors with directions; each row depends on nothing but its own vector.

    Args:
        vectors: padded vectors, shape (replicas, size).
        directions: directions padded alike, shape (K, size).
        out: inner products, shape (replicas, K), overwritten.
    """
    for r in prange(vectors.shape[0]):
        dots(directions, np.arange(directions.shape[0]), directions.shape[0], vectors[r], out[r])
