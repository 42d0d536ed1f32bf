"""One step of SGD for two-layer networks."""

from __future__ import annotations

import math

from .compiling import inner
from .linear import turn_into_coefficients
from .overparametrised import padded_size
from .rows import add_rows, dots


@inner
def activation(z, slope, smooth):
    """σ(z) and σ'(z): leaky ReLU, or its smooth version."""
    if not smooth:
        return (z, 1.0) if z > 0 else (slope * z, slope)
    small = math.exp(-abs(z))
    rising = (1.0 if z > 0 else small) / (1.0 + small)
    return slope * z + (1.0 - slope) * (math.log1p(small) + max(z, 0.0)), slope + (1.0 - slope) * rising


@inner
def forward(inner, outer, rows, chosen, batch, slope, smooth, values, slopes, outputs):
    """Write activations and their derivatives, shape (width, batch), and outputs, shape (batch,)."""
    for b in range(batch):
        outputs[b] = 0.0
    for k in range(inner.shape[0]):
        dots(rows, chosen, batch, inner[k], values[k])
        for b in range(batch):
            values[k, b], slopes[k, b] = activation(values[k, b], slope, smooth)
            outputs[b] += outer[k] * values[k, b]


@inner
def two_layer_step(theta, rows, chosen, batch, targets, rate, width, smooth, train_outer, constants, scratch):
    """Update a two-layer network by one minibatch; False where a residual is beyond the limit."""
    # ``theta`` has the padded inner weights neuron by neuron, then trained outer weights; ``constants`` the slope, then
    # fixed outer weights.
    d, columns = rows.shape[1], padded_size(batch)
    inner = theta[: width * d].reshape((width, d))
    outer = theta[width * d :] if train_outer else constants[1:]
    outputs = scratch[:columns]
    values = scratch[columns : (1 + width) * columns].reshape((width, columns))
    slopes = scratch[(1 + width) * columns : (1 + 2 * width) * columns].reshape((width, columns))
    forward(inner, outer, rows, chosen, batch, constants[0], smooth, values, slopes, outputs)
    if not turn_into_coefficients(outputs, targets, batch, rate):
        return False
    for k in range(width):
        change, weight = 0.0, outer[k]
        for b in range(batch):
            change += outputs[b] * values[k, b]
            slopes[k, b] *= outputs[b] * weight
        add_rows(rows, chosen, batch, slopes[k], inner[k])
        if train_outer:
            outer[k] += change
    return True
