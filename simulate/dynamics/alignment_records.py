"""Records of the alignment: μ and g of each replica, at its own parameters, where the replicas are."""

from __future__ import annotations

from dataclasses import dataclass, field

import array_api_compat
import numpy as np

from ..alignment import directional_alignment, gram_eigenpairs, loss_alignment
from ..arrays import Namespace, rescaled, to_host
from ..models import Linear, Model
from ..validation import Array, row_blocks


@dataclass
class AlignmentRecords:
    """Takes μ and g of replicas on the same samples, in float64.

    Attributes:
        model: the model.
        X: inputs, shape (n, d), of the replicas' library and on their device.
        loss_alignment: whether to take μ.
        directions: along how many of the sharpest eigen-directions of G to take g.
        centred: whether the noise covariance Σ replaces the second moment Σ₁.
    """

    model: Model
    X: Array
    loss_alignment: bool
    directions: int
    centred: bool
    _shared: _SharedGram | None = field(default=None, repr=False)

    def take(self, parameters: Array, residuals: Array, ended: np.ndarray) -> dict[str, np.ndarray]:
        """Take them once.

        Args:
            parameters: Parameters, shape (replicas, p).
            residuals: Residuals on the samples, shape (replicas, n).
            ended: Which paths have ended, shape (replicas,).

        Returns:
            What was asked for, on the host: "loss_alignment" (replicas,) and "directional_alignment" (replicas,
            directions); NaN for paths that have ended or left all bounds, and where G has fewer directions. One Gram
            matrix in all for a linear model, O(replicas n (n + directions)), and one for each replica for others.
        """
        xp = array_api_compat.array_namespace(residuals)
        # Directions whose eigenvalues float32 would lose are there in float64.
        parameters, residuals, self.X = (
            xp.astype(array, xp.float64, copy=False) for array in (parameters, residuals, self.X)
        )
        mu, g = np.full(len(ended), np.nan), np.full((len(ended), self.directions), np.nan)
        finite = to_host(xp.all(xp.isfinite(residuals), axis=1))
        rows = np.flatnonzero(~ended & finite)
        if isinstance(self.model, Linear):
            for block in row_blocks(len(rows), residuals.shape[1]):
                some = rows[block]
                there = xp.asarray(some, device=array_api_compat.device(residuals))
                shared = self._of_linear(xp, parameters[int(some[0]), :])
                mu[some], along = shared.alignments(xp, xp.take(residuals, there, axis=0), self.centred)
                g[some, : along.shape[1]] = along
        else:
            for r in rows.tolist():
                mu[r], along = self._of_one(parameters[r, :], residuals[r, :])
                g[r, : len(along)] = along
        taken = {"loss_alignment": mu} if self.loss_alignment else {}
        return taken | ({"directional_alignment": g} if self.directions else {})

    def _of_one(self, theta: Array, residual: Array) -> tuple[float, np.ndarray]:
        """μ and g of one replica; what is not asked for is NaN or empty."""
        gram = self.model.gram(theta, self.X)
        mu = loss_alignment(gram, residual, self.centred) if self.loss_alignment else np.nan
        if not self.directions:
            return mu, np.empty(0)
        count = min(self.directions, gram.shape[0])
        return mu, to_host(directional_alignment(gram, residual, self.centred, count)[1])

    def _of_linear(self, xp: Namespace, theta: Array) -> _SharedGram:
        """The Gram matrix of a linear model, which does not depend on the parameters."""
        if self._shared is None:
            self._shared = _SharedGram(xp, self.model.gram(theta, self.X), self.directions)
        return self._shared


class _SharedGram:
    """A Gram matrix that many residuals share.

    Args:
        xp: The namespace.
        gram: K, shape (n, n).
        directions: Along how many of its top eigenvectors g will be asked for.
    """

    def __init__(self, xp: Namespace, gram: Array, directions: int) -> None:
        self._gram = rescaled(xp, gram)[0]
        self._squares = xp.vecdot(self._gram, self._gram)
        self._norm = float(xp.sum(self._squares))
        count = min(directions, gram.shape[0])
        self._vectors = gram_eigenpairs(xp, self._gram, count)[1] if count else gram[:, :0]

    def alignments(self, xp: Namespace, residuals: Array, centred: bool) -> tuple[np.ndarray, np.ndarray]:
        """μ (m,) and g (m, directions kept) of residuals (m, n), by the Gram identities of `simulate.alignment`."""
        n = residuals.shape[1]
        largest = xp.max(xp.abs(residuals), axis=1)
        null = largest == 0
        r = residuals / xp.where(null, xp.ones_like(largest), largest)[:, None]
        energy = xp.where(null, xp.ones_like(largest), xp.sum(r * r, axis=1))
        mu = n * xp.matmul(r * r, self._squares)
        g = n * xp.matmul(r * r, self._vectors * self._vectors)
        if centred:
            mu = xp.clip(mu - xp.sum(xp.matmul(r, self._gram) ** 2, axis=1), 0.0, None)
            g = xp.clip(g - xp.matmul(r, self._vectors) ** 2, 0.0, None)
        mu = mu / (energy * (self._norm or 1.0))
        mu = xp.where(null | (self._norm == 0), xp.ones_like(mu), mu)
        g = xp.where(null[:, None], xp.ones_like(g), g / energy[:, None])
        return to_host(mu), to_host(g)
