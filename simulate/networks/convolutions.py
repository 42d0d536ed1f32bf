"""Convolutions of images (m, height, width, channels) with kernels (size, size, inputs, outputs), and their adjoints.

As matrix products with patches, for arrays of any library; NumPy arrays go through compiled kernels where Numba is
installed, which write no patches. "Convolution" is the field's word for what is a correlation:
y[i, a, b, o] = Σ x[i, s·a + k − padding, s·b + l − padding, c] w[k, l, c, o].
"""

from __future__ import annotations

from typing import NamedTuple

import array_api_compat

from ..arrays import Namespace
from ..validation import Array
from . import compiled_convolutions as compiled


class Geometry(NamedTuple):
    """How a kernel moves over an image.

    Attributes:
        size: Height and width of the kernel.
        stride: Step between positions.
        padding: Rows and columns of zeros on each side.
    """

    size: int
    stride: int = 1
    padding: int = 0

    def positions(self, length: int) -> int:
        """Count the positions of the kernel along a side.

        Args:
            length: Length of the image's side.

        Returns:
            The number; 0 or below where the kernel does not fit.
        """
        return (length + 2 * self.padding - self.size) // self.stride + 1


def convolve(xp: Namespace, x: Array, w: Array, g: Geometry) -> Array:
    """Convolve images with a kernel.

    Args:
        xp: The namespace.
        x: Images, (m, h, w, c).
        w: Kernel, (size, size, c, o).
        g: The geometry.

    Returns:
        Images, (m, h', w', o). O(m h' w' size² c o) operations.
    """
    m, height, width, _ = x.shape
    if g.padding < g.size and compiled.runs_compiled(x):
        return compiled.convolve(x, w, g.stride, g.padding, (g.positions(height), g.positions(width)))
    rows = xp.matmul(patches(xp, x, g), xp.reshape(w, (-1, w.shape[3])))
    return xp.reshape(rows, (m, g.positions(height), g.positions(width), w.shape[3]))


def pull_to_inputs(xp: Namespace, u: Array, w: Array, g: Geometry, shape: tuple[int, ...]) -> Array:
    """Apply the adjoint of ``convolve`` as a map of the images.

    Args:
        xp: The namespace.
        u: Derivative of a scalar by the outputs, (m, h', w', o).
        w: Kernel, (size, size, c, o).
        g: The geometry.
        shape: Shape of the images, (m, h, w, c).

    Returns:
        Derivative by the images, (m, h, w, c).
    """
    m, height, width, channels = shape
    if g.padding < g.size and compiled.runs_compiled(u):
        return compiled.pull_to_inputs(u, w, g.stride, g.padding, (height, width))
    if g.stride == 1 and g.padding < g.size:
        # Also a convolution, with the kernel turned round: what each pixel gets is gathered, not scattered.
        turned = xp.permute_dims(xp.flip(w, axis=(0, 1)), (0, 1, 3, 2))
        return convolve(xp, u, turned, Geometry(g.size, 1, g.size - 1 - g.padding))
    high, wide = u.shape[1], u.shape[2]
    spread = xp.matmul(xp.reshape(u, (-1, u.shape[3])), xp.matrix_transpose(xp.reshape(w, (-1, w.shape[3]))))
    spread = xp.reshape(spread, (m, high, wide, g.size, g.size, channels))
    padded = xp.zeros(
        (m, height + 2 * g.padding, width + 2 * g.padding, channels), dtype=u.dtype, device=array_api_compat.device(u)
    )
    for k in range(g.size):
        for column in range(g.size):
            rows, columns = _steps(g, k, high), _steps(g, column, wide)
            padded[:, rows, columns, :] = padded[:, rows, columns, :] + spread[:, :, :, k, column, :]
    return padded[:, g.padding : g.padding + height, g.padding : g.padding + width, :]


def pull_to_kernel(xp: Namespace, x: Array, u: Array, g: Geometry) -> Array:
    """Apply the adjoint of ``convolve`` as a map of the kernel.

    Args:
        xp: The namespace.
        x: Images, (m, h, w, c).
        u: Derivative of a scalar by the outputs, (m, h', w', o).
        g: The geometry.

    Returns:
        Derivative by the kernel, (size, size, c, o), summed over images.
    """
    if g.padding < g.size and compiled.runs_compiled(x):
        return compiled.pull_to_kernel(x, u, g.size, g.stride, g.padding)
    summed = xp.matmul(xp.matrix_transpose(patches(xp, x, g)), xp.reshape(u, (-1, u.shape[3])))
    return xp.reshape(summed, (g.size, g.size, x.shape[3], u.shape[3]))


def pull_to_kernels(xp: Namespace, x: Array, u: Array, g: Geometry) -> Array:
    """As ``pull_to_kernel``, image by image.

    Args:
        xp: The namespace.
        x: Images, (m, h, w, c).
        u: Derivative of one scalar for each image by the outputs, (m, h', w', o).
        g: The geometry.

    Returns:
        Derivatives, (m, size² c, o).
    """
    m = x.shape[0]
    rows = xp.reshape(patches(xp, x, g), (m, -1, g.size * g.size * x.shape[3]))
    return xp.matmul(xp.matrix_transpose(rows), xp.reshape(u, (m, -1, u.shape[3])))


def patches(xp: Namespace, x: Array, g: Geometry) -> Array:
    """Write what the kernel sees at each position as a row.

    Args:
        xp: The namespace.
        x: Images, (m, h, w, c).
        g: The geometry.

    Returns:
        Patches, (m h' w', size² c), ordered as the kernel's entries.
    """
    m, height, width, channels = x.shape
    high, wide = g.positions(height), g.positions(width)
    padded = _padded(xp, x, g.padding)
    seen = xp.empty((m, high, wide, g.size, g.size, channels), dtype=x.dtype, device=array_api_compat.device(x))
    for k in range(g.size):
        for column in range(g.size):
            seen[:, :, :, k, column, :] = padded[:, _steps(g, k, high), _steps(g, column, wide), :]
    return xp.reshape(seen, (m * high * wide, g.size * g.size * channels))


def _steps(g: Geometry, first: int, count: int) -> slice:
    """Which rows of an image meet one row of the kernel."""
    return slice(first, first + g.stride * (count - 1) + 1, g.stride)


def _padded(xp: Namespace, x: Array, padding: int) -> Array:
    """Surround images with zeros."""
    if padding == 0:
        return x
    m, height, width, channels = x.shape
    padded = xp.zeros(
        (m, height + 2 * padding, width + 2 * padding, channels), dtype=x.dtype, device=array_api_compat.device(x)
    )
    padded[:, padding : padding + height, padding : padding + width, :] = x
    return padded
