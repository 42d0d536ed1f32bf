"""Top eigenpairs of G and of the Hessian of a network, from products with vectors: thick-restart Lanczos.

The method is that of Wu and Simon (SIAM J. Matrix Anal. Appl. 22, 2000), with full reorthogonalisation. It is written
out here rather than taken from SciPy so that the same code runs in every array library, on the device of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import array_api_compat
import numpy as np

from .. import streams
from ..arrays import Namespace, to_host
from ..streams import Seed
from ..validation import Array, InputError, check_choice, check_integer, check_real, row_blocks
from .network import Network
from .spectra import random_subset, taken

TOLERANCE = {"float64": 1e-8, "float32": 1e-4}
"""Residuals that are asked for where nothing is said, relative to the largest eigenvalue in absolute value."""


@dataclass(frozen=True)
class Eigenpairs:
    """Some eigenpairs of a symmetric operator A.

    Attributes:
        eigenvalues: λ_i, the wanted ones first, shape (k,), NumPy float64.
        eigenvectors: unit vectors v_i as columns, shape (p, k).
        residuals: ‖A v_i − λ_i v_i‖, computed afresh from a product with each vector, shape (k,), NumPy float64. An
            eigenvalue of A is no farther than that from λ_i.
        converged: whether each residual is at most the tolerance times the largest |λ|, shape (k,).
        products: number of products with A, those for the residuals among them.
    """

    eigenvalues: np.ndarray
    eigenvectors: Array
    residuals: np.ndarray
    converged: np.ndarray
    products: int


def top_eigenpairs(
    network: Network,
    theta: Array,
    X: Array,
    y: Array | None,
    k: int,
    which: str = "fisher",
    subset: int | None = None,
    seed: Seed = 0,
    tolerance: float | None = None,
    *,
    order: str = "algebraic",
    most: int = 5000,
) -> Eigenpairs:
    """Find the top eigenpairs of G = JᵀJ/n or of the Hessian of the loss, without a matrix of p columns and rows.

    A product costs two gradients (Hessian: three) on the samples used; memory is 2k + 20 vectors of p entries. How many
    products are needed depends on the gaps between the wanted eigenvalues and the next. Of an eigenvalue of
    multiplicity above 1 one vector alone may be found. Converged pairs are eigenpairs; that none larger was missed is
    certain where 2k + 20 ≥ p, and otherwise rests on the random start.

    Args:
        network: The network.
        theta: Parameters, shape (p,).
        X: Inputs, shape (n, channels, height, width) or (n, d).
        y: Targets, shape (n,) or (n, C); unused, and may be None, for G.
        k: Number of eigenpairs, 1 to p.
        which: "fisher" for G, "hessian" for the Hessian, which may have negative eigenvalues.
        subset: Number of samples drawn without replacement that stand for all, as in the paper; None for all samples.
        seed: Non-negative integer, or a generator: fixes the subset and the start vector.
        tolerance: Largest residual relative to the largest |λ|; None for 1e-8 in float64 and 1e-4 in float32.
        order: "algebraic" for the largest eigenvalues, "magnitude" for those of largest absolute value.
        most: Number of products after which the search ends, whether or not all pairs have converged.

    Returns:
        The eigenpairs; vectors in the library, on the device and in the floating type of ``theta`` and ``X``.

    Raises:
        InputError: If a shape is wrong, an entry is not finite, libraries or devices differ, a number is out of range,
            or a choice is none of those above.
    """
    which = check_choice("which", which, ("fisher", "hessian"))
    order = check_choice("order", order, ("algebraic", "magnitude"))
    k, most = check_integer("k", k, minimum=1, maximum=network.size), check_integer("most", most, minimum=1)
    xp, theta, X, y = _samples(network, theta, X, y, which)
    if tolerance is None:
        tolerance = TOLERANCE["float32" if theta.dtype == xp.float32 else "float64"]
    tolerance = check_real("tolerance", tolerance, minimum=0.0, exclusive=True)
    stream = streams.from_seed(seed, "eigenpairs")
    if subset is not None:
        rows = random_subset(X.shape[0], subset, seed)
        X, y = taken(xp, X, rows), None if y is None else taken(xp, y, rows)

    def product(v: Array) -> Array:
        return network.fisher_vector(theta, X, v) if y is None else network.hessian_vector(theta, X, y, v)

    return _Lanczos(xp, product, theta, stream, k, order == "magnitude").run(tolerance, most)


def _samples(
    network: Network, theta: Array, X: Array, y: Array | None, which: str
) -> tuple[Namespace, Array, Array, Array | None]:
    """Check parameters and samples; leave out targets that G does not depend on."""
    if which == "fisher":
        return *network._checked(theta, X), None
    if y is None:
        raise InputError("y: expected targets, which the Hessian depends on, got None")
    xp, theta, X, y = network._checked_targets(theta, X, y)
    return xp, theta, X, y


class _Lanczos:
    """A Krylov basis, and the operator projected on it.

    Args:
        xp: The namespace.
        product: Applies the operator to a vector.
        like: A vector whose device and floating type to use, shape (p,).
        stream: Source of start vectors.
        k: Number of eigenpairs wanted.
        magnitude: Whether the largest absolute values are wanted.
    """

    def __init__(
        self,
        xp: Namespace,
        product: Callable[[Array], Array],
        like: Array,
        stream: np.random.Generator,
        k: int,
        magnitude: bool,
    ) -> None:
        self._xp, self._product, self._stream, self._like = xp, product, stream, like
        self._k, self._magnitude = k, magnitude
        self._size = min(like.shape[0], 2 * k + 20)
        device = array_api_compat.device(like)
        self._rows = xp.zeros((self._size, like.shape[0]), dtype=like.dtype, device=device)
        self._projected = np.zeros((self._size, self._size))
        self._products = 0

    def run(self, tolerance: float, most: int) -> Eigenpairs:
        """Extend and restart until the residuals are small, and compute them afresh."""
        vector, kept = self._random(0), 0
        while True:
            vector, norm = self._extend(vector, kept)
            values, vectors = np.linalg.eigh(self._projected)
            chosen = np.argsort(-np.abs(values) if self._magnitude else -values, kind="stable")
            values, vectors = values[chosen], vectors[:, chosen]
            largest = float(np.max(np.abs(values)))
            # Half the tolerance, so that rounding does not lift the residual computed afresh above it.
            small = bool(np.all(norm * np.abs(vectors[-1, : self._k]) <= 0.5 * tolerance * largest))
            if small or self._products + self._k >= most:
                self._rotate(vectors[:, : self._k])
                return self._checked(values[: self._k], tolerance * largest)
            kept = self._k + (self._size - self._k) // 3
            self._rotate(vectors[:, :kept])
            self._projected[:] = np.diag([*values[:kept], *[0.0] * (self._size - kept)])

    def _extend(self, vector: Array, first: int) -> tuple[Array, float]:
        """Fill the basis from a unit vector on; return what comes next and its norm before it was made unit."""
        norm = 0.0
        for j in range(first, self._size):
            self._rows[j, :] = vector
            image = self._product(self._rows[j, :])
            self._products += 1
            image, column = self._orthogonal(image, j + 1)
            self._projected[: j + 1, j] = self._projected[j, : j + 1] = column
            norm = float(self._xp.linalg.vector_norm(image))
            exhausted = norm <= 4 * float(self._xp.finfo(image.dtype).eps) * float(np.max(np.abs(self._projected)))
            if not exhausted:
                vector = image / norm
            elif j + 1 < self._like.shape[0]:
                # The basis spans an invariant space; go on beside it.
                vector, norm = self._random(j + 1), 0.0
            else:
                norm = 0.0
        return vector, norm

    def _orthogonal(self, vector: Array, count: int) -> tuple[Array, np.ndarray]:
        """Subtract from a vector its components along the basis, twice, and return them."""
        xp, rows = self._xp, self._rows[:count, :]
        components = np.zeros(count)
        for _ in range(2):
            found = rows @ vector
            vector = vector - xp.matrix_transpose(rows) @ found
            components += to_host(found)
        return vector, components

    def _random(self, count: int) -> Array:
        """Draw a unit vector orthogonal to the basis."""
        drawn = self._there(self._stream.standard_normal(self._like.shape[0]))
        if count:
            drawn, _ = self._orthogonal(drawn, count)
        return drawn / self._xp.linalg.vector_norm(drawn)

    def _rotate(self, vectors: np.ndarray) -> None:
        """Turn the first vectors of the basis into Ritz vectors, some columns at a time to save memory."""
        turn = self._there(np.ascontiguousarray(vectors.T))
        for columns in row_blocks(self._like.shape[0], self._size):
            self._rows[: vectors.shape[1], columns] = turn @ self._rows[:, columns]

    def _checked(self, values: np.ndarray, tolerance: float) -> Eigenpairs:
        """Compute the residuals of the first vectors of the basis."""
        xp, residuals = self._xp, np.empty(self._k)
        for i, value in enumerate(values.tolist()):
            vector = self._rows[i, :]
            residuals[i] = float(xp.linalg.vector_norm(self._product(vector) - value * vector))
        vectors = xp.asarray(xp.matrix_transpose(self._rows[: self._k, :]), copy=True)
        return Eigenpairs(values, vectors, residuals, residuals <= tolerance, self._products + self._k)

    def _there(self, array: np.ndarray) -> Array:
        """Move an array to the device and type of the network."""
        device = array_api_compat.device(self._like)
        return self._xp.astype(self._xp.asarray(array, device=device), self._like.dtype, copy=False)
