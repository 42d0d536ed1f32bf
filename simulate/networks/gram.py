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


def layerwise_gram(network: Network, xp: Namespace, theta: Array, X: Array, memory: int = MEMORY) -> Array:
    """Gram matrix of a network.

    Args:
        network: The network.
        xp: The namespace.
        theta: Parameters, shape (p,).
        X: Inputs, (n, ...).
        memory: Bytes for what is kept of the layers; layers are grouped into passes that need no more.

    Returns:
        K, shape (nC, nC), the rows of a sample next to each other.
    """
    n, C = X.shape[0], network.outputs
    device = array_api_compat.device(X)
    K = xp.zeros((n * C, n * C), dtype=X.dtype, device=device)
    parameters = network.unpacked(xp, theta)
    shares = [_share(leaf, C) for leaf in network.layers.leaves() if leaf.shapes]
    item = 4 if "32" in str(X.dtype) else 8
    for group in _groups(shares, n * item, memory):
        _fill(network, xp, parameters, X, group)
        for share in group:
            K = share.added(xp, K)
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
    def added(self, xp: Namespace, K: Array) -> Array:
        """Add the layer's share to K."""

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

    def added(self, xp: Namespace, K: Array) -> Array:
        F = xp.reshape(self._stored["features"], (K.shape[0], self._size))
        K += F @ xp.matrix_transpose(F)
        return K


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

    def added(self, xp: Namespace, K: Array) -> Array:
        n, C = self._stored["derivatives"].shape[:2]
        rows = [self._rows(xp, part) for part in self._blocks(n)]
        for (first, A, D), count in zip(rows, range(1, len(rows) + 1), strict=True):
            for second, B, E in rows[:count]:
                block = self._block(xp, A, D, B, E)
                here, there = _expanded(first, C), _expanded(second, C)
                K[here, there] = K[here, there] + block
                if first != second:
                    K[there, here] = K[there, here] + xp.matrix_transpose(block)
        return K

    def _blocks(self, n: int) -> Iterator[slice]:
        """Cut samples so that a block of products fits."""
        positions = _positions(self.layer)
        side = max(1, math.isqrt(BLOCK_BYTES // 8) // (positions * self.outputs))
        return (slice(start, min(n, start + side)) for start in range(0, n, side))

    def _rows(self, xp: Namespace, part: slice) -> tuple[slice, Array, Array]:
        """Patches (m T, k) and derivatives (m C T, o) of some samples."""
        x, u = self._stored["inputs"][part, ...], self._stored["derivatives"][part, ...]
        if isinstance(self.layer, Convolution):
            x = patches(xp, x, self.layer.geometry)
        return part, x, xp.reshape(u, (-1, u.shape[-1]))

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

    def added(self, xp: Namespace, K: Array) -> Array:
        x, u = self._stored["inputs"], self._stored["derivatives"]
        layer = self.layer
        assert isinstance(layer, Convolution)
        n, C = u.shape[:2]
        u = xp.reshape(u, (n * C, *u.shape[2:]))
        size = math.prod(layer.shapes[0][:3])
        step = max(1, BLOCK_BYTES // (8 * n * C * size))
        repeated = xp.repeat(x, C, axis=0) if C > 1 else x
        for start in range(0, layer.outputs, step):
            some = u[:, :, :, start : min(start + step, layer.outputs)]
            F = xp.reshape(pull_to_kernels(xp, repeated, some, layer.geometry), (n * C, -1))
            K += F @ xp.matrix_transpose(F)
        if layer.bias:
            b = xp.sum(xp.reshape(u, (n * C, -1, layer.outputs)), axis=1)
            K += b @ xp.matrix_transpose(b)
        return K


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
    from .network import unit

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
