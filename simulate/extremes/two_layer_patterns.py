"""Ascent over the activation patterns of a leaky ReLU network with fixed outer layer (oracle 4 of docs/theory.md).

There the Gram matrix is K = (X Xᵀ) ∘ Q, Q = Σ_k c_k p_k p_kᵀ, with c_k = a_k² and p_k ∈ {s, 1}^n the derivatives of
neuron k: the alignment depends on the inner weights through which samples each neuron is active on, and on nothing
else. For residuals on one sample and all neurons but one fixed, it is a ratio of two polynomials of degree 2 in c_k,
whose coefficients are forms in p_k and p_k². Along a path on which samples change one after the other these follow by
cumulative sums. On the host, in NumPy float64.
"""

from __future__ import annotations

import math

import numpy as np

from .two_layer_climb import Network, Weights
from .two_layer_ratios import Ratios, forms_along, signed_logarithms

PATIENCE = 24
"""Directions that a neuron tries in vain before it counts as settled."""
MOST_TRIES = 4000
GAIN = 1e-10
"""Smallest gain of the merit for which a neuron moves; below it lies rounding."""


class PatternAscent:
    """Ascent from given weights, one neuron at a time, to where no neuron finds a better pattern or outer weight.

    Where rank X = n every pattern is possible: a neuron orders the samples by what changing each alone would gain, and
    changes the best number of first ones. Else a neuron moves along great circles through its weights, in directions
    of a gradient, of samples and at random, and tries all patterns that the circle meets. O(n² width) a move.

    Args:
        network: The network, a leaky ReLU whose outer layer is not trained.
        weights: Weights to start from.
        sign: 1 for the supremum, −1 for the infimum.
        stream: Source of random directions.
    """

    def __init__(self, network: Network, weights: Weights, sign: int, stream: np.random.Generator) -> None:
        self.network, self.sign, self.stream = network, sign, stream
        self.slope = network.model.slope
        self.squares = network.products**2
        self.every_pattern = network.features.shape[0] == network.features.shape[1]
        self.inner = weights.inner.copy()
        self.strengths = weights.outer**2 / float(np.sum(weights.outer**2))
        self.free = network.outer is None and len(weights.outer) > 1
        self._set(self.inner, self.strengths)
        self.target = self._extreme_sample()

    def run(self) -> Weights:
        """Ascend.

        Returns:
            The weights reached, never of less merit than those at the start.
        """
        tries = 0
        failures = np.zeros(len(self.strengths), dtype=int)
        patience = 1 if self.every_pattern else PATIENCE
        while tries < MOST_TRIES:
            for k in np.flatnonzero(failures < patience):
                moved, tried = self._improve(int(k), patience - int(failures[k]))
                tries += tried
                failures[k] += tried
                if moved:
                    failures[:] = 0
            if failures.min() >= patience:
                if self._extreme_sample() == self.target:
                    break
                self.target = self._extreme_sample()
                failures[:] = 0
        return Weights(self.inner, np.sqrt(self.strengths) if self.network.outer is None else self.network.outer)

    def _set(self, inner: np.ndarray, strengths: np.ndarray) -> None:
        """Take on weights.

        Args:
            inner: Inner weights, shape (width, r).
            strengths: Squared outer weights, shape (width,).
        """
        self.inner, self.strengths = inner, strengths
        self.patterns = np.where(self.network.features @ inner.T > 0, 1.0, self.slope)
        self.mixture = (self.patterns * strengths) @ self.patterns.T
        self.weighted = self.squares * self.mixture
        self.noise = np.einsum("ij,ij->i", self.weighted, self.mixture)

    def _extreme_sample(self) -> int:
        """The sample on which a residual gives the extreme alignment.

        Returns:
            Its index.
        """
        return int(np.argmax(self.sign * self.noise))

    def _merit(self) -> float:
        """Merit of the current weights, for a residual on the target.

        Returns:
            Signed logarithm of the target's fraction of ã.
        """
        return float(signed_logarithms(self.noise[[self.target]], self.noise.sum(keepdims=True), self.sign)[0])

    def _improve(self, k: int, tries: int) -> tuple[bool, int]:
        """Look for a better pattern of one neuron.

        Args:
            k: The neuron.
            tries: Directions that it may try.

        Returns:
            Whether it moved, and how many directions it tried.
        """
        p, strength = self.patterns[:, k], self.strengths[k]
        others = self.mixture - strength * np.outer(p, p)
        linear = self.squares * others
        noise, total = float(linear[self.target] @ others[self.target]), float(np.einsum("ij,ij->", linear, others))
        alone = (linear, max(noise, 0.0), max(total, 0.0))
        if self.every_pattern:
            return self._change_samples(k, *alone), 1
        pull = self._pull(p)
        for tried in range(1, tries + 1):
            if self._move_along_circle(k, *alone, self._direction(k, pull)):
                return True, tried
        return False, tries

    def _change_samples(self, k: int, linear: np.ndarray, noise: float, total: float) -> bool:
        """Change the samples that gain most, where every pattern is possible.

        Args:
            k: The neuron.
            linear: (X Xᵀ)² ∘ Q of the other neurons, shape (n, n).
            noise: ã of the target from the other neurons alone.
            total: Sum of ã from the other neurons alone.

        Returns:
            Whether the neuron moved.
        """
        p, m = self.patterns[:, k], self.target
        change, change_of_square = self._changes(p)
        image, square_image = linear @ p, self.squares @ p**2
        at_target = np.full_like(p, p[m])
        at_target[m] += change[m]
        single = Ratios(
            noise,
            total,
            at_target * (image[m] + linear[m] * change),
            at_target**2 * (square_image[m] + self.squares[m] * change_of_square),
            p @ image + change * (2 * image + change * linear.diagonal()),
            p**2 @ square_image + change_of_square * (2 * square_image + change_of_square * self.squares.diagonal()),
        )
        order = np.argsort(-single.merits(np.full_like(p, self.strengths[k]), self.sign), kind="stable")
        path = self._along_path(p, order, linear, noise, total, mirrored=False)
        merit, step, strength = path.best(self.strengths[k], self.free, self.sign)
        if merit <= self._merit() + GAIN:
            return False
        active = p == 1.0
        active[order[:step]] ^= True
        return self._accept(k, np.where(active, 1.0, -1.0) @ self.network.features, strength)

    def _move_along_circle(self, k: int, linear: np.ndarray, noise: float, total: float, direction: np.ndarray) -> bool:
        """Move to the best pattern on the great circle through a neuron's weights in a direction.

        Args:
            k: The neuron.
            linear: (X Xᵀ)² ∘ Q of the other neurons, shape (n, n).
            noise: ã of the target from the other neurons alone.
            total: Sum of ã from the other neurons alone.
            direction: The direction, shape (r,).

        Returns:
            Whether the neuron moved.
        """
        hidden, across = self.network.features @ self.inner[k], self.network.features @ direction
        p = np.where((hidden > 0) | ((hidden == 0) & (across > 0)), 1.0, self.slope)
        angles = np.arctan2(-hidden, across) % np.pi
        order = np.argsort(angles, kind="stable")
        path = self._along_path(p, order, linear, noise, total, mirrored=True)
        merit, step, strength = path.best(self.strengths[k], self.free, self.sign)
        if merit <= self._merit() + GAIN:
            return False
        half, step = divmod(step, p.size + 1)
        borders = np.concatenate([[0.0], angles[order], [np.pi]])
        angle = half * np.pi + 0.5 * (borders[step] + borders[step + 1])
        return self._accept(k, math.cos(angle) * self.inner[k] + math.sin(angle) * direction, strength)

    def _along_path(
        self, p: np.ndarray, order: np.ndarray, linear: np.ndarray, noise: float, total: float, mirrored: bool
    ) -> Ratios:
        """Fractions for all patterns on a path on which the samples change one after the other, O(n²).

        Args:
            p: Derivatives of the neuron where the path starts, shape (n,).
            order: All samples, in the order in which they change.
            linear: (X Xᵀ)² ∘ Q of the other neurons, shape (n, n).
            noise: ã of the target from the other neurons alone.
            total: Sum of ã from the other neurons alone.
            mirrored: Whether the complements of these patterns follow: on the second half of a circle they do.

        Returns:
            The fractions after 0, …, n changes.
        """
        m = self.target
        change, change_of_square = self._changes(p)
        turn = np.empty(order.size, dtype=np.int32)
        turn[order] = np.arange(order.size, dtype=np.int32)
        # What each sample, at its turn, finds changed. Squares change by the same, times 1 + s.
        earlier = (turn[:, None] > turn) * change
        span = (1 + self.slope, 1 + self.slope**2) if mirrored else (None, None)
        t1, image = forms_along(linear, p, change, np.vecdot(linear, earlier), order, m, span[0])
        met = (1 + self.slope) * np.vecdot(self.squares, earlier)
        t2, square_image = forms_along(self.squares, p**2, change_of_square, met, order, m, span[1])
        at_target = np.where(np.arange(order.size + 1) > turn[m], p[m] + change[m], p[m])
        if mirrored:
            at_target = np.concatenate([at_target, 1 + self.slope - at_target])
        return Ratios(noise, total, at_target * image, at_target**2 * square_image, t1, t2)

    def _changes(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a change of activity does to a derivative and to its square.

        Args:
            p: Derivatives, s or 1.

        Returns:
            The two changes, sample by sample.
        """
        return 1 + self.slope - 2 * p, 1 + self.slope**2 - 2 * p**2

    def _pull(self, p: np.ndarray) -> np.ndarray:
        """Derivative of the merit by a neuron's p, up to a factor.

        Args:
            p: Derivatives of the neuron, shape (n,).

        Returns:
            Shape (n,).
        """
        row, noise = self.weighted[self.target], max(float(self.noise[self.target]), 1e-300)
        pull = p[self.target] * row / noise - 2 * (self.weighted @ p) / max(float(self.noise.sum()), 1e-300)
        pull[self.target] += float(row @ p) / noise
        signed: np.ndarray = self.sign * pull
        return signed

    def _direction(self, k: int, pull: np.ndarray) -> np.ndarray:
        """A direction in which to move a neuron.

        Args:
            k: The neuron.
            pull: Derivative of the merit by its p, shape (n,).

        Returns:
            A unit vector, shape (r,).
        """
        features = self.network.features
        kind = int(self.stream.integers(3))
        direction: np.ndarray = self.stream.standard_normal((features.shape[1],))
        if kind == 1:
            direction = features[int(self.stream.integers(features.shape[0]))]
        elif kind == 2:
            hidden = np.abs(features @ self.inner[k])
            reach = float(np.median(hidden)) * math.exp(float(self.stream.standard_normal()))
            along = (pull * np.exp(-hidden / max(reach, 1e-300))) @ features
            direction = along if np.linalg.norm(along) > 0 else direction
        return direction / max(float(np.linalg.norm(direction)), 1e-300)

    def _accept(self, k: int, neuron: np.ndarray, strength: float) -> bool:
        """Give a neuron new weights, if that is better.

        Args:
            k: The neuron.
            neuron: Its inner weights, shape (r,).
            strength: Its squared outer weight; ∞ where it should be alone.

        Returns:
            Whether it is better by ``GAIN``, recomputed from the weights.
        """
        length = float(np.linalg.norm(neuron))
        if not length > 0:
            return False
        before, merit = (self.inner, self.strengths), self._merit()
        inner, strengths = self.inner.copy(), self.strengths.copy()
        inner[k] = neuron / length
        if math.isinf(strength):
            strengths[:] = 0.0
            strengths[k] = 1.0
        elif self.free:
            strengths[k] = strength
            strengths /= strengths.sum()
        self._set(inner, strengths)
        if self._merit() > merit + GAIN:
            return True
        self._set(*before)
        return False
