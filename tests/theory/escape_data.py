"""Small data sets with the exact second moments of SGD on them, and what Section 5 says of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

import theory

scipy_linalg = pytest.importorskip("scipy.linalg")


@dataclass(frozen=True)
class Data:
    """Inputs in the eigenbasis of G, and what Section 5 says of them."""

    Z: np.ndarray
    eigenvalues: np.ndarray

    @classmethod
    def gaussian(cls, spectrum: list[float], n: int, seed: int) -> Data:
        X = np.random.default_rng(seed).standard_normal((n, len(spectrum))) * np.sqrt(spectrum)
        eigenvalues, vectors = np.linalg.eigh(X.T @ X / n)
        return cls(X @ vectors[:, ::-1], eigenvalues[::-1])

    @property
    def n(self) -> int:
        return len(self.Z)

    @property
    def norm(self) -> float:
        return float(np.linalg.norm(self.eigenvalues))

    def pencil(self, i: int) -> np.ndarray:
        """Return N_i, in the eigenbasis."""
        rows = self.Z * self.Z[:, [i]]
        N = rows.T @ rows / self.n
        N[i, i] -= self.eigenvalues[i] ** 2
        return N

    @cached_property
    def constants(self) -> dict[str, float]:
        scale = 1 / np.sqrt(self.eigenvalues)
        ends = [
            np.linalg.eigvalsh(scale[:, None] * self.pencil(i) * scale / value)[[0, -1]]
            for i, value in enumerate(self.eigenvalues)
        ]
        low, high = np.min(ends, axis=0)[0], np.max(ends, axis=0)[1]
        return {"A1": max(0.0, float(low)), "A2": float(high)}

    def step(self, M: np.ndarray, eta: float) -> np.ndarray:
        """Return the second moment after a step, from the definition of the update."""
        shrink = 1 - eta * self.eigenvalues
        q = ((self.Z @ M) * self.Z).sum(axis=1)
        noise = (self.Z * q[:, None]).T @ self.Z / self.n - self.eigenvalues[:, None] * M * self.eigenvalues
        return shrink[:, None] * M * shrink + eta**2 * noise

    def least_ratios(self, beta: float, k: int, steps: int) -> list[float]:
        """Return the least D_k(t) over every start, for t = 1, …: the step is self-adjoint, so Y_t = ⟨T^t(Λ_Y), M₀⟩."""
        sharp = np.diag(np.where(np.arange(len(self.eigenvalues)) < k, self.eigenvalues, 0.0))
        flat = np.diag(self.eigenvalues) - sharp
        found = []
        for _ in range(steps):
            sharp, flat = (self.step(part, beta / self.norm) for part in (sharp, flat))
            size = np.trace(sharp)
            sharp, flat = sharp / size, flat / size
            found.append(float(scipy_linalg.eigh(flat, sharp, eigvals_only=True, subset_by_index=[0, 0])[0]))
        return found

    def least_growth(self, beta: float) -> float:
        after = self.step(np.diag(self.eigenvalues), beta / self.norm)
        return float(scipy_linalg.eigh(after, np.diag(self.eigenvalues), eigvals_only=True)[0])

    @cached_property
    def threshold(self) -> float:
        """Return η*, the reciprocal of the largest eigenvalue of Q relative to M → GM + MG."""
        d = len(self.eigenvalues)
        squares = np.einsum("ni,nj->nij", self.Z, self.Z).reshape(self.n, d * d)
        squares /= np.sqrt(np.add.outer(self.eigenvalues, self.eigenvalues).ravel())
        return float(1 / np.linalg.eigvalsh(squares.T @ squares / self.n)[-1])

    def lower(self, statement: theory.Statement, beta: float, k: int, t: int) -> float:
        squares = self.eigenvalues**2
        sums = {"S_X": squares[:k].sum(), "S_Y": squares[k:].sum()}
        return statement.bounds(beta=beta, t=t, **sums, **self.constants)[0]


DATA = {
    "isotropic 2": Data.gaussian([1.0] * 2, 100, 1),
    "isotropic 10": Data.gaussian([1.0] * 10, 500, 2),
    "isotropic 20": Data.gaussian([1.0] * 20, 1000, 3),
    "spiked 10": Data.gaussian([20.0] + [1.0] * 9, 500, 4),
    "geometric 8": Data.gaussian([0.7**i for i in range(8)], 400, 5),
    "few samples": Data.gaussian([1.0, 0.5, 0.25, 0.1], 12, 6),
}
