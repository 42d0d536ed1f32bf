"""Ascents of the loss alignment over the parameters of diagonal and deep linear networks.

On the host, in NumPy float64: searches, whose results ``simulate.extremes.families`` recomputes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import rescaled
from ..models import DeepLinear

SAME = 1e-6
"""Relative distance within which two starts count as having reached the same value."""
TOLERANCE = 64 * float(np.finfo(np.float64).eps)
"""Singular values of X below this fraction of the largest count as zero."""
FLOOR = 1e-12
"""Alignments below this are no smaller to an ascent: there the infimum is 0."""
TURNS = 200
ITERATIONS = 500


class DiagonalDesign:
    """What the ascent over diagonal networks needs of a design.

    Args:
        X: Inputs, shape (n, d), columns of mean square 1, or 0.

    Attributes:
        X: The inputs.
        moments: Ŝ = XᵀX/n, shape (d, d).
        residuals: Orthonormal basis of the residuals X u, shape (n, r).
        errors: The u of these, as rows, shape (r, d).
    """

    def __init__(self, X: np.ndarray) -> None:
        self.X = X
        self.moments = X.T @ X / len(X)
        left, values, right = np.linalg.svd(X, full_matrices=False)
        rank = int(np.sum(values > TOLERANCE * max(X.shape) * values[0])) if values[0] > 0 else 0
        self.residuals, self.errors = left[:, :rank], right[:rank] / values[:rank, None]

    def worst_error(self, diagonal: np.ndarray, sign: int) -> tuple[float, np.ndarray, np.ndarray]:
        """The extreme u for a given m: an extreme eigenvector of diag(a)/mean(a) on the range of X.

        Args:
            diagonal: m, shape (d,).
            sign: 1 for the largest alignment, −1 for the smallest.

        Returns:
            The alignment, the residuals X u of length 1, shape (n,), and u, shape (d,).
        """
        weights = np.vecdot((self.X * diagonal) @ self.moments * diagonal, self.X)
        samples, rank = self.residuals.shape
        if rank == samples:
            place = int(np.argmax(sign * weights))
            value, coordinates = float(weights[place]), self.residuals[place]
        else:
            values, vectors = np.linalg.eigh((self.residuals.T * weights) @ self.residuals)
            place = rank - 1 if sign > 0 else 0
            value, coordinates = float(values[place]), vectors[:, place]
        return max(value, 0.0) / float(weights.mean()), self.residuals @ coordinates, coordinates @ self.errors

    def better_diagonal(self, residual: np.ndarray, diagonal: np.ndarray, sign: int) -> np.ndarray:
        """A better m for given residuals: a local optimum of mᵀNm/mᵀMm over m ≥ 0, N = (Xᵀdiag(r²)X) ∘ Ŝ, M = Ŝ ∘ Ŝ.

        Args:
            residual: Residuals of length 1, shape (n,).
            diagonal: m, shape (d,).
            sign: 1 for the largest alignment, −1 for the smallest.

        Returns:
            m, shape (d,), largest entry 1.
        """
        # Imported here because importing simulate must cost nothing beside NumPy, array-api-compat and scipy.linalg.
        from scipy.optimize import minimize

        above = (self.X.T * residual**2) @ self.X * self.moments
        below = self.moments**2

        def descent(m: np.ndarray) -> tuple[float, np.ndarray]:
            """Minus the signed logarithm of the alignment, and its gradient."""
            by_above, by_below = above @ m, below @ m
            noise, size = float(m @ by_above), float(m @ by_below)
            if not size > 0:
                return 0.0, np.zeros_like(m)
            ratio = max(noise, 0.0) / size
            gradient = 2 * (by_above - ratio * by_below) / (size * (ratio + FLOOR))
            return -sign * float(np.log(ratio + FLOOR)), -sign * gradient

        seen = below.diagonal() > 0
        vertex = np.zeros_like(diagonal)
        single = above.diagonal() / np.where(seen, below.diagonal(), 1.0)
        vertex[int(np.argmax(np.where(seen, sign * single, -np.inf)))] = 1.0
        start = min((diagonal, vertex), key=lambda m: descent(m)[0])
        found = minimize(
            descent, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * start.size, options={"maxcor": 20}
        )
        best: np.ndarray = min((start, found.x), key=lambda m: descent(m)[0])
        return best / float(best.max())


def diagonal_starts(
    design: DiagonalDesign, stream: np.random.Generator, starts: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """First diagonals m: single coordinates of extreme fourth moment, and random ones.

    Args:
        design: The design.
        stream: Source of the random ones.
        starts: Number of starts.

    Returns:
        Diagonals for the infimum, and for the supremum.
    """
    d = design.X.shape[1]
    drawn = []
    for _ in range(starts):
        chance = stream.random()
        diagonal = stream.standard_exponential((d,)) ** 2 * (stream.random((d,)) < chance)
        drawn.append(diagonal if diagonal.any() else np.ones(d))
    present = np.flatnonzero(design.moments.diagonal() > 0)
    fourth = np.mean(design.X[:, present] ** 4, axis=0)
    singles = min((starts + 1) // 2, present.size)
    lists = []
    for sign in (-1, 1):
        chosen = present[np.argsort(-sign * fourth, kind="stable")[:singles]]
        lists.append([*np.eye(d)[chosen], *drawn[: starts - singles]])
    return lists[0], lists[1]


def diagonal_ascent(design: DiagonalDesign, diagonal: np.ndarray, sign: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Take turns between the best u for m and a better m for u, until neither gains.

    Args:
        design: The design.
        diagonal: First m, shape (d,).
        sign: 1 for the largest alignment, −1 for the smallest.

    Returns:
        The alignment, m and u; 1 and zeros for u where the Gram matrix is 0.
    """
    if not float(diagonal @ design.moments**2 @ diagonal) > 0:
        return 1.0, diagonal, np.zeros_like(diagonal)
    value, residual, u = design.worst_error(diagonal, sign)
    for _ in range(TURNS):
        candidate = design.better_diagonal(residual, diagonal, sign)
        new, new_residual, new_u = design.worst_error(candidate, sign)
        if not sign * new > sign * value:
            break
        gain = abs(new - value)
        value, diagonal, residual, u = new, candidate, new_residual, new_u
        if gain <= 1e-13 * value or value < FLOOR:
            break
    return value, diagonal, u


def alignment_of(X: np.ndarray, u: np.ndarray, metric: np.ndarray) -> float:
    """Loss alignment for residuals X u and the Gram matrix X M Xᵀ, without forming it, O(nd²).

    Args:
        X: Inputs, shape (n, d).
        u: Error F(θ) − w*, shape (d,).
        metric: M = A Aᵀ, shape (d, d).

    Returns:
        μ; 1 where the residuals or the Gram matrix are 0.
    """
    image, residual = rescaled(np, X @ metric)[0], rescaled(np, X @ u)[0]
    weights, squares = np.vecdot(image @ (X.T @ X), image), residual**2
    energy, total = float(squares.sum()), float(weights.sum())
    if energy == 0 or total == 0:
        return 1.0
    return len(X) * float(squares @ (weights / total)) / energy


def ascended_deep(model: DeepLinear, X: np.ndarray, teacher: np.ndarray, theta: np.ndarray, sign: int) -> np.ndarray:
    """Ascend log μ of a deep linear network by L-BFGS.

    Args:
        model: The network.
        X: Inputs, shape (n, d).
        teacher: Teacher, shape (d,).
        theta: Parameters to start from, shape (p,).
        sign: 1 for the largest alignment, −1 for the smallest.

    Returns:
        Parameters reached, shape (p,).
    """
    from scipy.optimize import minimize

    found = minimize(
        deep_descent_objective,
        theta,
        args=(model, X, X.T @ X / len(X), teacher, sign),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": ITERATIONS, "maxcor": 20},
    )
    reached: np.ndarray = found.x
    return reached


def deep_descent_objective(
    theta: np.ndarray, model: DeepLinear, X: np.ndarray, moments: np.ndarray, teacher: np.ndarray, sign: int
) -> tuple[float, np.ndarray]:
    """Minus the signed logarithm of μ of a deep linear network, and its gradient.

    With M = A Aᵀ, u = F(θ) − w* and q_i = x_iᵀ M Ŝ M x_i, μ = (1/n) Σ_i (u·x_i)² q_i / (uᵀŜu · Tr(Ŝ M Ŝ M)).
    O(n d² + d³ + p d).

    Args:
        theta: Parameters, shape (p,).
        model: The network.
        X: Inputs, shape (n, d).
        moments: Ŝ, shape (d, d).
        teacher: Teacher, shape (d,).
        sign: 1 for the largest alignment, −1 for the smallest.

    Returns:
        The objective and its gradient, shape (p,).
    """
    path = _Path.of(model, theta)
    metric = sum(float(left @ left) * (right.T @ right) for left, right in zip(path.lefts, path.rights, strict=False))
    u = path.rights[-1][0] - teacher
    residual = X @ u
    image = X @ metric
    weights = np.vecdot(image @ moments, image)
    noise, energy = float(np.mean(residual**2 * weights)), float(np.mean(residual**2))
    total = float(np.sum((moments @ metric) * (metric @ moments)))
    if not (energy > 0 and total > 0):
        return 0.0, np.zeros_like(theta)
    value = noise / (energy * total)
    # The floor keeps the logarithm finite; its derivative is that of log μ times the factor.
    factor = value / (value + FLOOR) if noise > 0 else 0.0
    spread = (X.T * residual**2) @ X / len(X)
    product = moments @ metric @ spread
    by_metric = (product + product.T) / max(noise, 1e-300) - 2 * (moments @ metric @ moments) / total
    by_error = 2 * (X.T @ (weights * residual)) / (len(X) * max(noise, 1e-300)) - 2 * (moments @ u) / energy
    gradient = path.pulled(factor * by_metric, factor * by_error)
    return -sign * float(np.log(value + FLOOR)), -sign * gradient


class _Path(NamedTuple):
    """Products of the layers of a deep linear network.

    Attributes:
        layers: W_1, …, W_L.
        lefts: W_L ⋯ W_{l+1} for l = 1, …, L, of shapes (m_l,).
        rights: W_{l−1} ⋯ W_1 for l = 1, …, L + 1, of shapes (m_{l−1}, d).
    """

    layers: list[np.ndarray]
    lefts: list[np.ndarray]
    rights: list[np.ndarray]

    @classmethod
    def of(cls, model: DeepLinear, theta: np.ndarray) -> _Path:
        """Multiply the layers.

        Args:
            model: The network.
            theta: Parameters, shape (p,).

        Returns:
            The products.
        """
        ends = np.cumsum([out * into for out, into in model.shapes])[:-1]
        layers = [part.reshape(shape) for part, shape in zip(np.split(theta, ends), model.shapes, strict=True)]
        lefts, rights = [np.ones(1)], [np.eye(model.d)]
        for layer in layers:
            rights.append(layer @ rights[-1])
        for layer in reversed(layers[1:]):
            lefts.append(lefts[-1] @ layer)
        return cls(layers, lefts[::-1], rights)

    def pulled(self, by_metric: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        """Gradient by θ of a function of A Aᵀ = Σ_l ‖left_l‖² right_lᵀ right_l and of F(θ).

        Args:
            by_metric: Its symmetric derivative D by A Aᵀ, shape (d, d).
            by_weights: Its derivative by F(θ), shape (d,).

        Returns:
            Shape (p,).
        """
        depth = len(self.layers)
        images = [right @ by_metric for right in self.rights[:depth]]
        gradients = [np.zeros_like(layer) for layer in self.layers]
        by_right = by_weights[None, :]
        for place in range(depth - 1, -1, -1):
            gradients[place] += by_right @ self.rights[place].T
            left = self.lefts[place]
            by_right = self.layers[place].T @ by_right + 2 * float(left @ left) * images[place]
        by_left = np.zeros_like(self.lefts[0])
        for place in range(depth - 1):
            left = self.lefts[place]
            by_left = by_left + 2 * left * float(np.sum(images[place] * self.rights[place]))
            # left_l = left_{l+1} W_{l+1}
            gradients[place + 1] += np.outer(self.lefts[place + 1], by_left)
            by_left = self.layers[place + 1] @ by_left
        return np.concatenate([gradient.ravel() for gradient in gradients])


def count_reached(values: np.ndarray, sign: int) -> int:
    """How many starts reached the best value.

    Args:
        values: Values that the starts reached.
        sign: 1 for the supremum, −1 for the infimum.

    Returns:
        Their number.
    """
    best = float(values[np.argmax(sign * values)])
    return int(np.sum(np.abs(values - best) <= SAME * max(best, SAME)))
