"""An independent, naive oracle: explicit p × p matrices, plain loops, explicit eigen-decompositions.

Written from the definitions (section 1 of docs/theory.md), not from the Gram identities, and shares no code with the
package. ``blocks`` is the list of the C × p Jacobians of the samples, ``r`` the (n, C) residuals.
"""

from __future__ import annotations

import numpy as np
import scipy.optimize


def split(J: np.ndarray, r: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Cut a sample-major (nC, p) Jacobian into its samples' blocks."""
    r = r.reshape(len(r), -1)
    outputs = r.shape[1]
    return [J[i * outputs : (i + 1) * outputs] for i in range(len(r))], r


def fisher(J: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Empirical Fisher matrix G, p × p."""
    blocks, r = split(J, r)
    G = np.zeros((J.shape[1], J.shape[1]))
    for block in blocks:
        for row in block:
            G += np.outer(row, row) / len(r)
    return G


def noise(J: np.ndarray, r: np.ndarray, centred: bool) -> np.ndarray:
    """Noise second moment Σ₁, or covariance Σ, p × p, from the samples' gradients."""
    blocks, r = split(J, r)
    gradients = [block.T @ residual for block, residual in zip(blocks, r, strict=True)]
    second = sum(np.outer(gradient, gradient) for gradient in gradients) / len(r)
    mean = sum(gradients) / len(r)
    return second - np.outer(mean, mean) if centred else second


def twice_loss(r: np.ndarray) -> float:
    """2L, the mean of the squared residuals."""
    return float(sum(np.sum(residual**2) for residual in r) / len(r))


def loss_alignment(J: np.ndarray, r: np.ndarray, centred: bool = False) -> float:
    """Loss alignment Tr(Σ G) / (2 L ‖G‖_F²)."""
    G = fisher(J, r)
    return float(np.trace(noise(J, r, centred) @ G) / (twice_loss(r) * np.sum(G * G)))


def directional_alignment(J: np.ndarray, r: np.ndarray, v: np.ndarray, centred: bool = False) -> float:
    """Directional alignment vᵀΣv / (2 L vᵀGv)."""
    return float(v @ noise(J, r, centred) @ v / (twice_loss(r) * (v @ fisher(J, r) @ v)))


def eigen_alignment(J: np.ndarray, r: np.ndarray, centred: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Non-zero eigenvalues of G, descending, and g along each eigenvector."""
    values, vectors = np.linalg.eigh(fisher(J, r))
    kept = [k for k in reversed(range(len(values))) if values[k] > 1e-11 * values[-1]]
    return values[kept], np.array([directional_alignment(J, r, vectors[:, k], centred) for k in kept])


def search(objective, dimension: int, rng: np.random.Generator, starts: int = 12, samples: int = 500) -> float:
    """Smallest value of a scale-invariant objective found by random points and local searches from the best of them."""
    points = [u / np.linalg.norm(u) for u in rng.standard_normal((samples, dimension))]
    points.sort(key=objective)
    best = objective(points[0])
    for start in points[:starts]:
        found = scipy.optimize.minimize(objective, start, method="BFGS", options={"gtol": 1e-9})
        best = min(best, float(found.fun))
    return best
