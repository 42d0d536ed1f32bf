"""One step of SGD for two-layer networks."""

from __future__ import annotations

import math

from numba import njit

from .counters import FAST
from .linear import turn_into_coefficients
from .overparametrised import padded_size
from .rows import add_rows, dots


@njit(error_model="numpy")
def activation(z, slope, smooth):
    """σ(z): leaky ReLU, or its smooth version."""
    if not smooth:
        return z if z > 0 else slope * z
    return slope * z + (1.0 - slope) * (math.log1p(math.exp(-abs(z))) + max(z, 0.0))


@njit(error_model="numpy")
def derivative(z, slope, smooth):
    """σ'(z)."""
    if not smooth:
        return 1.0 if z > 0 else slope
    return slope + (1.0 - slope) * 0.5 * (1.0 + math.tanh(0.5 * z))


@njit(fastmath=FAST, error_model="numpy")
def forward(inner, outer, rows, chosen, batch, slope, smooth, hidden, outputs):
    """Write pre-activations, shape (width, batch), and outputs, shape (batch,)."""
    outputs[:batch] = 0.0
    for k in range(inner.shape[0]):
        dots(rows, chosen, batch, inner[k], hidden[k])
        for b in range(batch):
            outputs[b] += outer[k] * activation(hidden[k, b], slope, smooth)


@njit(fastmath=FAST, error_model="numpy")
def two_layer_step(theta, rows, chosen, batch, targets, rate, width, smooth, train_outer, constants, scratch):
    """Update a two-layer network by one minibatch; False where a residual is beyond the limit."""
    # ``theta`` has the padded inner weights neuron by neuron, then trained outer weights; ``constants`` the slope, then
    # fixed outer weights.
    d, columns = rows.shape[1], padded_size(batch)
    inner = theta[: width * d].reshape((width, d))
    outer = theta[width * d :] if train_outer else constants[1:]
    slope = constants[0]
    outputs, weighted = scratch[:columns], scratch[columns : 2 * columns]
    hidden = scratch[2 * columns : (2 + width) * columns].reshape((width, columns))
    forward(inner, outer, rows, chosen, batch, slope, smooth, hidden, outputs)
    if not turn_into_coefficients(outputs, targets, batch, rate):
        return False
    for k in range(width):
        change = 0.0
        for b in range(batch):
            z = hidden[k, b]
            weighted[b] = outputs[b] * outer[k] * derivative(z, slope, smooth)
            if train_outer:
                change += outputs[b] * activation(z, slope, smooth)
        add_rows(rows, chosen, batch, weighted, inner[k])
        if train_outer:
            outer[k] += change
    return True
