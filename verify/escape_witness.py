"""Section 5 by its definitions: one sample after the other, and dense matrices, as slow and as plain as possible.

Every violation is computed again this way before it is reported (section 4 of docs/theory.md). Nothing here is shared
with the recursions, eigenvalue problems and closed forms of `simulate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from verify.escape_designs import EscapeDesign

RANK_TOLERANCE = 1e-12
"""Eigenvalues of G below this share of the largest count as zero."""


class PlainModel:
    """SGD with one sample a step on a linear model without noise in the targets: a data set or fresh Gaussian inputs.

    Args:
        X: inputs, shape (n, d); None for fresh inputs.
        spectrum: eigenvalues of the covariance of fresh inputs, shape (d,); None for a data set.
    """

    def __init__(self, X: np.ndarray | None = None, spectrum: np.ndarray | None = None) -> None:
        self.X = X
        if X is None:
            assert spectrum is not None
            self.G = np.diag(spectrum)
            order = np.argsort(-spectrum, kind="stable")
            self.eigenvalues, self.U = spectrum[order], np.eye(len(spectrum))[:, order]
            return
        self.G = X.T @ X / len(X)
        values, vectors = np.linalg.eigh(self.G)
        kept = values > RANK_TOLERANCE * values[-1]
        self.eigenvalues, self.U = values[kept][::-1], vectors[:, kept][:, ::-1]

    @property
    def norm(self) -> float:
        """‖G‖_F."""
        return float(np.sqrt(np.sum(self.G**2)))

    def step(self, M: np.ndarray, lr: float) -> np.ndarray:
        """Take one step of SGD on the second moment: the mean of (I − ηxxᵀ)M(I − ηxxᵀ).

        Args:
            M: second moment of w, shape (d, d).
            lr: learning rate η.

        Returns:
            The next moment. O(n d²), fresh inputs O(d³).
        """
        if self.X is None:
            # E xxᵀMxxᵀ = Tr(GM) G + 2GMG for x ~ N(0, G).
            return (
                M - lr * (self.G @ M + M @ self.G) + lr**2 * (np.trace(self.G @ M) * self.G + 2 * self.G @ M @ self.G)
            )
        total = np.zeros_like(M)
        for x in self.X:
            moved = M @ x
            total += np.outer(x, moved) * -lr + np.outer(moved, x) * -lr + np.outer(x, x) * (lr**2 * (x @ moved))
        return M + total / len(self.X)

    def moments(self, w: np.ndarray, lr: float, steps: int) -> np.ndarray:
        """Follow E wᵢ² = uᵢᵀ E[wwᵀ] uᵢ from a start.

        Args:
            w: the start, shape (d,).
            lr: learning rate.
            steps: number of steps.

        Returns:
            E wᵢ² at step t in row t, shape (steps + 1, r), up to a factor in each row.
        """
        M = np.outer(w, w)
        rows = [np.diagonal(self.U.T @ M @ self.U)]
        for _ in range(steps):
            M = self.step(M / np.trace(M), lr)
            rows.append(np.diagonal(self.U.T @ M @ self.U))
        return np.array(rows)

    def growth(self, w: np.ndarray, lr: float, time: int) -> float:
        """Compute E L(t + 1)/E L(t) from a start.

        Args:
            w: the start, shape (d,).
            lr: learning rate.
            time: t.

        Returns:
            The growth.
        """
        M = np.outer(w, w)
        for _ in range(time):
            M = self.step(M / np.trace(M), lr)
        return float(np.trace(self.G @ self.step(M, lr)) / np.trace(self.G @ M))

    def alignment(self, w: np.ndarray, i: int) -> float:
        """Compute g_centred(θ; uᵢ) from the gradients of the samples; a data set only.

        Args:
            w: θ − θ*, shape (d,).
            i: index of the eigenvector, from 0.

        Returns:
            The variance of the gradients along uᵢ over 2 L λᵢ.
        """
        assert self.X is not None
        residuals = [float(x @ w) for x in self.X]
        gradients = [r * float(x @ self.U[:, i]) for r, x in zip(residuals, self.X, strict=True)]
        return float(np.var(gradients) / (np.mean(np.square(residuals)) * self.eigenvalues[i]))

    def alignment_ends(self, i: int) -> Ends:
        """Compute the extremes of g_centred(θ; uᵢ) over all θ, and where they are; a data set only.

        Args:
            i: index of the eigenvector, from 0.

        Returns:
            The extreme eigenvalues of (Nᵢ, λᵢG) and their w.
        """
        assert self.X is not None
        Z = self.X @ self.U
        rows = Z * Z[:, [i]]
        N = rows.T @ rows / len(Z)
        N[i, i] -= self.eigenvalues[i] ** 2
        scale = 1 / np.sqrt(self.eigenvalues)
        values, vectors = np.linalg.eigh(scale[:, None] * N * scale / self.eigenvalues[i])
        low, high = (self.U @ (scale * vectors[:, end]) for end in (0, -1))
        return Ends(max(0.0, float(values[0])), float(values[-1]), low, high)

    def constants(self) -> tuple[float, float]:
        """Compute A₁ and A₂.

        Returns:
            The extremes over all i; for fresh inputs those of Lemma C.2, centred.
        """
        if self.X is None:
            return (1.0 if len(self.eigenvalues) > 1 else 2.0), 2.0
        ends = [self.alignment_ends(i) for i in range(len(self.eigenvalues))]
        # With as many dimensions as samples some residual makes all gradients along uᵢ equal.
        low = 0.0 if len(self.eigenvalues) == len(self.X) else min(one.low for one in ends)
        return low, max(one.high for one in ends)

    def threshold(self) -> float:
        """Compute η*: 1/η* is the largest eigenvalue of Q relative to M ↦ GM + MG.

        Returns:
            η*, from a dense matrix of r² × r² entries; for fresh inputs from the diagonal, which decides.
        """
        values = self.eigenvalues
        if self.X is None:
            noise = np.outer(values, values) + 2 * np.diag(values**2)
            scale = 1 / np.sqrt(2 * values)
            return float(1 / np.linalg.eigvalsh(scale[:, None] * noise * scale)[-1])
        Z = self.X @ self.U
        scale = 1 / np.sqrt(np.add.outer(values, values)).ravel()
        squares = np.array([np.outer(z, z).ravel() * scale for z in Z])
        return float(1 / np.linalg.eigvalsh(squares.T @ squares / len(Z))[-1])


def plain_model(design: EscapeDesign, seed: int) -> PlainModel:
    """Make the plain model of a design.

    Args:
        design: the design.
        seed: the run's seed.

    Returns:
        The model.
    """
    return PlainModel(None, design.spectrum()) if design.online else PlainModel(design.draw(seed))


class Ends(NamedTuple):
    """Extremes of a quotient of two quadratic forms.

    Attributes:
        low: smallest value.
        high: largest value.
        low_at: where the smallest is attained, shape (d,).
        high_at: where the largest is attained, shape (d,).
    """

    low: float
    high: float
    low_at: np.ndarray
    high_at: np.ndarray


def descended(values: Sequence[float], w: Sequence[float], beta: float, steps: int) -> list[Any]:
    """Run gradient descent in the eigenbasis of G with many digits, so that nothing over- or underflows.

    Args:
        values: eigenvalues of G, descending.
        w: the start in the eigenbasis.
        beta: η λ₁.
        steps: number of steps.

    Returns:
        w(t), entries of mpmath with 40 digits.
    """
    import mpmath  # type: ignore[import-untyped]

    with mpmath.workdps(40):
        rate = mpmath.mpf(beta) / mpmath.mpf(values[0])
        state = [mpmath.mpf(entry) for entry in w]
        for _ in range(steps):
            state = [entry - rate * mpmath.mpf(value) * entry for entry, value in zip(state, values, strict=True)]
        return list(state)
