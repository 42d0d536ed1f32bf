"""One step of SGD for over-parametrised linear models <F(θ), x>: the gradient by F, pulled back to θ.

Vectors of θ are padded with zeros to whole cache lines, as `packing` lays them out.
"""

from __future__ import annotations

import math

from .compiling import inner
from .linear import turn_into_coefficients
from .rows import LINE, add_rows, dots


@inner
def padded_size(count):
    """Round up to whole cache lines."""
    return (count + LINE - 1) // LINE * LINE


@inner
def diagonal_weights(theta, product, weights):
    """Write F(θ) = α² − β² or α ∘ β."""
    d = weights.shape[0]
    for j in range(d):
        alpha, beta = theta[j], theta[d + j]
        weights[j] = alpha * beta if product else (alpha + beta) * (alpha - beta)


@inner
def diagonal_step(theta, rows, chosen, batch, targets, rate, product, scratch):
    """Update a diagonal linear network by one minibatch; False where a residual is beyond the limit."""
    d = rows.shape[1]
    outputs, gradient, weights = scratch[: padded_size(batch)], scratch[-2 * d : -d], scratch[-d:]
    diagonal_weights(theta, product, weights)
    dots(rows, chosen, batch, weights, outputs)
    if not turn_into_coefficients(outputs, targets, batch, rate):
        return False
    gradient[:] = 0.0
    add_rows(rows, chosen, batch, outputs, gradient)
    for j in range(d):
        alpha, beta = theta[j], theta[d + j]
        if product:
            theta[j] = alpha + beta * gradient[j]
            theta[d + j] = beta + alpha * gradient[j]
        else:
            theta[j] = alpha + 2.0 * alpha * gradient[j]
            theta[d + j] = beta - 2.0 * beta * gradient[j]
    return True


@inner
def deep_lefts(theta, sizes, lefts):
    """Write the left vectors W_L ⋯ W_{l+1} for l = L, …, 0, one after the other; return where the last, F(θ), is."""
    # ``sizes`` are the numbers of inputs of the layers, and the number of outputs, 1.
    layers = sizes.shape[0] - 1
    start = theta.shape[0]
    lefts[:LINE] = 0.0
    lefts[0] = 1.0
    here = 0
    for layer in range(layers - 1, -1, -1):
        out, into = sizes[layer + 1], padded_size(sizes[layer])
        start -= out * into
        after = here + padded_size(out)
        product = lefts[after : after + into]
        product[:] = 0.0
        for k in range(out):
            row = theta[start + k * into : start + (k + 1) * into]
            factor = lefts[here + k]
            for j in range(into):
                product[j] += factor * row[j]
        here = after
    return here


@inner
def deep_step(theta, rows, chosen, batch, targets, rate, sizes, scratch):
    """Update a deep linear network by one minibatch; False where a residual is beyond the limit."""
    d = rows.shape[1]
    outputs = scratch[: padded_size(batch)]
    widest = 0
    for size in sizes:
        widest = max(widest, padded_size(size))
    right, next_right = scratch[-widest:], scratch[-2 * widest : -widest]
    lefts = scratch[padded_size(batch) : -2 * widest]
    here = deep_lefts(theta, sizes, lefts)
    dots(rows, chosen, batch, lefts[here : here + d], outputs)
    if not turn_into_coefficients(outputs, targets, batch, rate):
        return False
    right[:] = 0.0
    add_rows(rows, chosen, batch, outputs, right[:d])
    start = 0
    for layer in range(sizes.shape[0] - 1):
        out, into = sizes[layer + 1], padded_size(sizes[layer])
        here -= padded_size(out)
        next_right[:] = 0.0
        for k in range(out):
            row = theta[start + k * into : start + (k + 1) * into]
            total, factor = 0.0, lefts[here + k]
            for j in range(into):
                total += row[j] * right[j]
                row[j] += factor * right[j]
            next_right[k] = total
        right, next_right = next_right, right
        start += out * into
    return True


@inner
def valley_weight(theta):
    """F(a, b) = b/√(a² + 1)."""
    return theta[1] / math.sqrt(theta[0] ** 2 + 1.0)


@inner
def valley_step(theta, rows, chosen, batch, targets, rate, scratch):
    """Update the toy model of Figure 4 by one minibatch; False where a residual is beyond the limit."""
    weight = valley_weight(theta)
    for b in range(batch):
        scratch[b] = rows[chosen[b], 0] * weight
    if not turn_into_coefficients(scratch, targets, batch, rate):
        return False
    gradient = 0.0
    for b in range(batch):
        gradient += scratch[b] * rows[chosen[b], 0]
    a, norm = theta[0], math.sqrt(theta[0] ** 2 + 1.0)
    theta[0] = a - gradient * a * weight / norm**2
    theta[1] += gradient / norm
    return True
