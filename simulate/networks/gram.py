"""Gram matrices of layered networks, layer by layer: never the n × p Jacobian.

K = Σ K_l over layers l with parameters. For a layer whose gradient is a sum over positions t of outer products
a_t d_tᵀ (Dense: one position; Convolution: one for each pixel, a_t its patch),

    K_l[i, j] = Σ_{t,s} (a_it·a_js) (d_it·d_js) = ⟨Σ_t a_it d_itᵀ, Σ_s a_js d_jsᵀ⟩.

The first form is cheap for few positions and many channels, the second for many positions and few channels.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from ..arrays import Namespace
from ..validation import Array
from .convolution import Convolution
from .convolutions import patches, pull_to_kernels
from .layers import Arrays, Dense, Layer

if TYPE_CHECKING:
    from .network import Network

MEMORY = 2**30
"""Bytes that what is kept of the layers may take, unless one layer alone needs more."""
BLOCK_BYTES = 2**26


def layerwise_gram(
    network: Network, xp: Namespace, theta: Array, X: Array, memory: int = MEMORY, rows: np.ndarray | None = None
) -> Array:
    """Gram matrix of a network.

    Args:
        network: The network.
        xp: The namespace.
        theta: Parameters, shape (p,).
        X: Inputs, (n, ...).
        memory: Bytes for what is kept of the layers; layers are grouped into passes that need no more.
        rows: Samples whose rows of K are wanted, shape (m,), on the host; None for all.

    Returns:
        K, shape (nC, nC), the rows of a sample next to each other, or (mC, nC). Beside K and ``memory``, what is added
        to K takes 64 MB at a time.
    """
    n, C = X.shape[0], network.outputs
    device = array_api_compat.device(X)
    count = n if rows is None else len(rows)
    there = None if rows is None else xp.asarray(rows, device=device)
    K = xp.zeros((count * C, n * C), dtype=X.dtype, device=device)
    parameters = network.unpacked(xp, theta)
    shares = [_share(leaf, C) for leaf in network.layers.leaves() if leaf.shapes]
    item = 4 if "32" in str(X.dtype) else 8
    for group in _groups(shares, n * item, memory):
        _fill(network, xp, parameters, X, group)
        for share in group:
            share.add(xp, K, there)
            share.clear()
    return K


class _Share(abc.ABC):
    """What one layer adds to K, from what is stored of each sample.

    Args:
        layer: The layer.
        outputs: Number of outputs C of the network.
    """

    entries = 0
    """Numbers stored for each sample."""

    def __init__(self, layer: Layer, outputs: int) -> None:
        self.layer = layer
        self.outputs = outputs
        self._stored: dict[str, Array] = {}

    @abc.abstractmethod
    def store(self, xp: Namespace, n: int, part: slice, kept: Any, c: int, u: Array) -> None:
        """Store what is needed of some samples and one output."""

    @abc.abstractmethod
    def add(self, xp: Namespace, K: Array, rows: Array | None) -> None:
        """Add the layer's share to K, or to the rows of K that belong to some samples."""

    def clear(self) -> None:
        """Forget what was stored."""
        self._stored = {}

    def _put(self, xp: Namespace, name: str, shape: tuple[int, ...], where: Any, values: Array) -> None:
        """Write into an array that is made when it is first needed."""
        if name not in self._stored:
            self._stored[name] = xp.zeros(shape, dtype=values.dtype, device=array_api_compat.device(values))
        self._stored[name][where] = values


class _Features(_Share):
    """The layer's gradients themselves, (n, C, q)."""

    def __init__(self, layer: Layer, outputs: int) -> None:
        super().__init__(layer, outputs)
        self._size = sum(math.prod(shape) for shape in layer.shapes)
        self.entries = outputs * self._size

    def store(self, xp: Namespace, n: int, part: slice, kept: Any, c: int, u: Array) -> None:
        found = self.layer.features(xp, kept, u)
        self._put(xp, "features", (n, self.outputs, self._size), (part, c, slice(None)), found)

    def add(self, xp: Namespace, K: Array, rows: Array | None) -> None:
        _add_product(xp, K, self._stored["features"], rows)


class _Pairs(_Share):
    """The layer's inputs, (n, ...), and the derivatives by its outputs, (n, C, ...)."""

    def __init__(self, layer: Dense | Convolution, outputs: int) -> None:
        super().__init__(layer, outputs)
        self.entries = _input_entries(layer) + outputs * layer.entries

    def store(self, xp: Namespace, n: int, part: slice, kept: Any, c: int, u: Array) -> None:
        if c == 0:
            self._put(xp, "inputs", (n, *kept.shape[1:]), (part, ...), kept)
        self._put(xp, "derivatives", (n, self.outputs, *u.shape[1:]), (part, c, ...), u)


class _Products(_Pairs):
    """By products of patches: O(n² C² T² (k + o)) for T positions, patches of k entries and o channels."""

    def __init__(self, layer: Dense | Convolution, outputs: int) -> None:
        super().__init__(layer, outputs)
        # Patches are written for all samples when the share is added.
        self.entries += _positions(layer) * math.prod(layer.shapes[0][:-1])

    def add(self, xp: Namespace, K: Array, rows: Array | None) -> None:
        x, u, C = self._stored["inputs"], self._stored["derivatives"], self.outputs
        left = columns = self._factors(xp, x, u)
        if rows is not None:
            left = self._factors(xp, xp.take(x, rows, axis=0), xp.take(u, rows, axis=0))
        for number, (part, A, D) in enumerate(left, start=1):
            # K is symmetric.
            for other, B, E in columns if rows is not None else columns[:number]:
                block = self._block(xp, A, D, B, E)
                here, there = _expanded(part, C), _expanded(other, C)
                K[here, there] = K[here, there] + block
                if rows is None and part != other:
                    K[there, here] = K[there, here] + xp.matrix_transpose(block)

    def _blocks(self, n: int) -> Iterator[slice]:
        """Cut samples so that a block of products fits."""
        positions = _positions(self.layer)
        side = max(1, math.isqrt(BLOCK_BYTES // 8) // (positions * self.outputs))
        return (slice(start, min(n, start + side)) for start in range(0, n, side))

    def _factors(self, xp: Namespace, x: Array, u: Array) -> list[tuple[slice, Array, Array]]:
        """Patches (m T, k) and derivatives (m C T, o), some samples at a time."""
        found = []
        for part in self._blocks(u.shape[0]):
            a, d = x[part, ...], u[part, ...]
            if isinstance(self.layer, Convolution):
                a = patches(xp, a, self.layer.geometry)
            found.append((part, a, xp.reshape(d, (-1, d.shape[-1]))))
        return found

    def _block(self, xp: Namespace, A: Array, D: Array, B: Array, E: Array) -> Array:
        """A block of K, (m C, m' C)."""
        T, C = _positions(self.layer), self.outputs
        near = A @ xp.matrix_transpose(B)
        if len(self.layer.shapes) == 2:
            near = near + 1  # The bias: a last input that is 1.
        m, other = A.shape[0] // T, B.shape[0] // T
        along = xp.reshape(D @ xp.matrix_transpose(E), (m, C, T, other, C, T))
        products = xp.reshape(near, (m, 1, T, other, 1, T)) * along
        return xp.reshape(xp.sum(products, axis=(2, 5)), (m * C, other * C))


class _Chunks(_Pairs):
    """By the layer's gradients, some output channels at a time, so that few of them are ever held."""

    def add(self, xp: Namespace, K: Array, rows: Array | None) -> None:
        x, u = self._stored["inputs"], self._stored["derivatives"]
        layer = self.layer
        assert isinstance(layer, Convolution)
        n, C = u.shape[:2]
        size = math.prod(layer.shapes[0][:3])
        step = max(1, BLOCK_BYTES // (8 * n * C * size))
        repeated = xp.repeat(x, C, axis=0) if C > 1 else x
        for start in range(0, layer.outputs, step):
            some = xp.reshape(u[..., start : min(start + step, layer.outputs)], (n * C, *u.shape[2:4], -1))
            F = xp.reshape(pull_to_kernels(xp, repeated, some, layer.geometry), (n, C, -1))
            _add_product(xp, K, F, rows)
        if layer.bias:
            _add_product(xp, K, xp.sum(xp.reshape(u, (n, C, -1, layer.outputs)), axis=2), rows)


def _add_product(xp: Namespace, K: Array, features: Array, rows: Array | None) -> None:
    """Add F Fᵀ to K for features (n, C, q) as F (nC, q), or the rows of it that belong to some samples.

    In blocks, so that no second matrix of K's size is needed.
    """
    F = xp.reshape(features, (-1, features.shape[2]))
    left = F if rows is None else xp.reshape(xp.take(features, rows, axis=0), (-1, features.shape[2]))
    side = math.isqrt(BLOCK_BYTES // (4 if "32" in str(F.dtype) else 8))
    for start in range(0, left.shape[0], side):
        here = slice(start, min(start + side, left.shape[0]))
        # K is symmetric.
        for other in range(0, F.shape[0] if rows is not None else here.stop, side):
            there = slice(other, min(other + side, F.shape[0]))
            block = left[here, :] @ xp.matrix_transpose(F[there, :])
            K[here, there] += block
            if rows is None and here != there:
                K[there, here] += xp.matrix_transpose(block)


def _share(layer: Layer, outputs: int) -> _Share:
    """Choose the cheapest way to a layer's share of K."""
    if not isinstance(layer, Dense | Convolution):
        return _Features(layer, outputs)
    *sides, channels = layer.shapes[0]
    fan, positions = math.prod(sides), _positions(layer)
    if positions**2 * (fan + channels) < fan * channels:
        return _Products(layer, outputs)
    features = _Features(layer, outputs)
    if isinstance(layer, Dense):
        return features
    chunks = _Chunks(layer, outputs)
    # Gradients of many channels would not fit: what they are made of is smaller.
    return chunks if chunks.entries < features.entries // 4 else features


def _positions(layer: Layer) -> int:
    """Number of outer products in a sample's gradient."""
    return layer.entries // layer.outputs if isinstance(layer, Convolution) else 1


def _input_entries(layer: Dense | Convolution) -> int:
    return math.prod(layer.input_shape)


def _groups(shares: list[_Share], bytes_an_entry: int, memory: int) -> Iterator[list[_Share]]:
    """Gather layers, last ones first, into passes that store no more than ``memory`` each."""
    group: list[_Share] = []
    used = 0
    for share in reversed(shares):
        more = share.entries * bytes_an_entry
        if group and used + more > memory:
            yield group
            group, used = [], 0
        group.append(share)
        used += more
    yield group


def _fill(network: Network, xp: Namespace, parameters: Arrays, X: Array, group: list[_Share]) -> None:
    """Run all samples forward and backward once, and store what the layers of a group need."""
    wanted = {id(share.layer): share for share in group}
    n = X.shape[0]
    for part in network.tiles(n, X.dtype):
        outputs, kept = network.layers.forward(xp, parameters, network.images(xp, X[part, ...]))
        for c in range(network.outputs):

            def visit(layer: Layer, have: Any, u: Array, part: slice = part, c: int = c) -> None:
                if (share := wanted.get(id(layer))) is not None:
                    share.store(xp, n, part, have, c, u)

            network.layers.backward(xp, parameters, kept, unit(xp, outputs, c), through=False, visit=visit)


def _expanded(part: slice, outputs: int) -> slice:
    """Rows of K that belong to a range of samples."""
    return slice(part.start * outputs, part.stop * outputs)


def unit(xp: Namespace, outputs: Array, c: int) -> Array:
    """Derivative of output c by the outputs.

    Args:
        xp: The namespace.
        outputs: Outputs, (m, C).
        c: Which.

    Returns:
        Ones in column c, zeros elsewhere.
    """
    u = xp.zeros(outputs.shape, dtype=outputs.dtype, device=array_api_compat.device(outputs))
    u[:, c] = 1
    return u
