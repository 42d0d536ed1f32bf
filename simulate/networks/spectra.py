"""Alignment of the noise of a network with the spectrum of G: exact on the samples given, or on a random subset."""

from __future__ import annotations

from dataclasses import dataclass

import array_api_compat
import numpy as np

from .. import streams
from ..alignment import directional_alignment, loss_alignment
from ..arrays import Namespace, real_arrays, to_host
from ..streams import Seed
from ..validation import Array, InputError, check_integer, check_ndim, check_shape
from .network import Network


@dataclass(frozen=True)
class AlignmentSpectrum:
    """Curvature and noise of a network along the eigenvectors of G.

    Attributes:
        eigenvalues: λ_k of G = JᵀJ/n, descending, those above 1e-12 of the largest (float32: 8e-6), shape (m,).
        alignments: g along their eigenvectors, shape (m,); 1/C is for C outputs what 1 is for one.
        loss_alignment: μ.
        loss: the loss L = Σ ‖f(x_i) − y_i‖² / (2n).
        n: number of samples on which all this is taken.
        p: number of parameters.
        centred: whether the noise is its covariance Σ rather than its second moment Σ₁.
    """

    eigenvalues: Array
    alignments: Array
    loss_alignment: float
    loss: float
    n: int
    p: int
    centred: bool

    @property
    def noise_energies(self) -> Array:
        """Relative noise energies α_k = u_kᵀ Σ u_k / (2L) = g_k λ_k, shape (m,): the other curve of Fig. 2."""
        return self.alignments * self.eigenvalues

    @property
    def kept(self) -> int:
        """Number m of eigenvalues kept."""
        return int(self.eigenvalues.shape[0])


@dataclass(frozen=True)
class SubsamplingError:
    """What random subsets of the samples make of the top of a spectrum.

    Attributes:
        exact_eigenvalues: λ_k of G on all samples, descending, shape (k,); NaN where G has fewer.
        exact_alignments: g_k on all samples, shape (k,).
        exact_loss_alignment: μ on all samples.
        eigenvalues: the same on each subset, shape (subsets, k).
        alignments: the same on each subset, shape (subsets, k).
        loss_alignments: the same on each subset, shape (subsets,).
        subset: number of samples of a subset.
    """

    exact_eigenvalues: np.ndarray
    exact_alignments: np.ndarray
    exact_loss_alignment: float
    eigenvalues: np.ndarray
    alignments: np.ndarray
    loss_alignments: np.ndarray
    subset: int

    @property
    def eigenvalue_bias(self) -> np.ndarray:
        """Mean of λ_k on a subset over λ_k on all samples, minus 1, shape (k,)."""
        return np.mean(self.eigenvalues, axis=0) / self.exact_eigenvalues - 1

    @property
    def eigenvalue_spread(self) -> np.ndarray:
        """Standard deviation of λ_k on a subset over λ_k on all samples, shape (k,); NaN for one subset."""
        return _deviation(self.eigenvalues) / self.exact_eigenvalues

    @property
    def alignment_bias(self) -> np.ndarray:
        """Mean of g_k on a subset, minus g_k on all samples, shape (k,)."""
        return np.mean(self.alignments, axis=0) - self.exact_alignments

    @property
    def alignment_spread(self) -> np.ndarray:
        """Standard deviation of g_k on a subset, shape (k,); NaN for one subset."""
        return _deviation(self.alignments)

    @property
    def loss_alignment_bias(self) -> float:
        """Mean of μ on a subset, minus μ on all samples."""
        return float(np.mean(self.loss_alignments)) - self.exact_loss_alignment

    @property
    def loss_alignment_spread(self) -> float:
        """Standard deviation of μ on a subset; NaN for one subset."""
        return float(_deviation(self.loss_alignments))


def alignment_spectrum(
    network: Network,
    theta: Array,
    X: Array,
    y: Array,
    centred: bool = False,
    k: int | None = None,
    *,
    gram: Array | None = None,
    subset: int | None = None,
    seed: Seed = 0,
) -> AlignmentSpectrum:
    """Measure λ_k and g_k along the eigenvectors of G, and μ, from the Gram matrix K (what Fig. 2 plots).

    Memory: K has (nC)² entries, and its eigendecomposition takes about four times that, in all 4 GB for 10 000 samples
    and one output in float64. Time: that of K, and O((nC)³). With few directions, ``k`` ≤ nC/8, NumPy computes only
    these.

    Args:
        network: The network.
        theta: Parameters, shape (p,).
        X: Inputs, shape (n, channels, height, width) or (n, d).
        y: Targets, shape (n,) or (n, C).
        centred: Whether the mean gradient is subtracted: Σ in place of Σ₁.
        k: Number of top directions; None for all.
        gram: K at these parameters and inputs if it is at hand, shape (nC, nC); None to compute it.
        subset: Number of samples drawn without replacement, on which everything is taken, as the paper does for large
            networks; None for all samples. `subsampling_error` tells what that does.
        seed: Non-negative integer, or a generator, from which the subset is drawn.

    Returns:
        The spectrum, in the library, on the device and in the floating type of the arguments.

    Raises:
        InputError: If a shape is wrong, an entry is not finite, libraries or devices differ, or a number is out of
            range.
    """
    xp, (theta, X, y) = real_arrays(theta=theta, X=X, y=y)
    if subset is not None:
        check_ndim("y", y, 1, 2, shape="(n,) or (n, C)")
        rows = random_subset(y.shape[0], subset, seed)
        gram = None if gram is None else _block(xp, gram, rows, network.outputs)
        X, y = taken(xp, X, rows), taken(xp, y, rows)
    outputs = network.predict(theta, X)
    check_shape("y", y, tuple(outputs.shape), "to match X and the outputs")
    residual = outputs - y
    K = network.gram(theta, X) if gram is None else gram
    values, alignments = directional_alignment(K, residual, centred, k)
    n = int(X.shape[0])
    mu, loss = loss_alignment(K, residual, centred), float(xp.sum(residual * residual)) / (2 * n)
    return AlignmentSpectrum(values, alignments, mu, loss, n, network.size, bool(centred))


def subsampling_error(
    gram: Array,
    residual: Array,
    subset: int,
    subsets: int = 20,
    k: int = 10,
    centred: bool = False,
    seed: Seed = 0,
) -> SubsamplingError:
    """Compare λ_k, g_k and μ on random subsets of the samples with those on all of them.

    A subset's Gram matrix is the block of K of its samples. Large eigenvalues come out too large on few samples: G of a
    subset is an unbiased estimate of G, and the largest eigenvalue is convex. O((nC)² k) or O((nC)³) for all samples
    and O((bC)³) for each subset of b.

    Args:
        gram: Gram matrix K, shape (nC, nC), the rows of a sample next to each other.
        residual: Residuals f(x_i) − y_i, shape (n,) or (n, C).
        subset: Number b of samples of a subset, drawn without replacement.
        subsets: Number of subsets.
        k: Number of top directions.
        centred: Whether the mean gradient is subtracted: Σ in place of Σ₁.
        seed: Non-negative integer, or a generator, from which the subsets are drawn.

    Returns:
        The values on all samples and on each subset, as NumPy arrays, with their bias and spread.

    Raises:
        InputError: If a shape is wrong, an entry is not finite, libraries or devices differ, a number is out of range,
            or ``gram`` is not symmetric and positive semi-definite.
    """
    xp, (K, r) = real_arrays(gram=gram, residual=residual)
    check_ndim("residual", r, 1, 2, shape="(n,) or (n, C)")
    n, outputs = r.shape[0], 1 if r.ndim == 1 else r.shape[1]
    k = check_integer("k", k, minimum=1, maximum=n * outputs)
    subsets = check_integer("subsets", subsets, minimum=1)
    stream = streams.from_seed(seed, "subset")
    exact, exact_alignments, exact_mu = _top(K, r, k, centred)
    values, alignments = np.empty((subsets, k)), np.empty((subsets, k))
    mu = np.empty(subsets)
    for s in range(subsets):
        rows = random_subset(n, subset, stream)
        block = _block(xp, K, rows, outputs)
        values[s], alignments[s], mu[s] = _top(block, taken(xp, r, rows), k, centred)
    return SubsamplingError(exact, exact_alignments, exact_mu, values, alignments, mu, int(subset))


def random_subset(n: int, subset: int, seed: Seed) -> np.ndarray:
    """Draw samples without replacement.

    Args:
        n: Number of samples.
        subset: How many to draw.
        seed: Non-negative integer, or a generator to draw from.

    Returns:
        Their indices, ascending, shape (subset,), int64.

    Raises:
        InputError: If ``subset`` is not an integer from 1 to n, or the seed is invalid.
    """
    subset = check_integer("subset", subset, minimum=1, maximum=n)
    return np.sort(streams.from_seed(seed, "subset").permutation(n)[:subset])


def taken(xp: Namespace, array: Array, rows: np.ndarray) -> Array:
    """Take rows of an array.

    Args:
        xp: The namespace.
        array: An array of at least one axis.
        rows: Indices of rows, shape (m,), int64, on the host.

    Returns:
        The rows, on the device of the array.
    """
    return xp.take(array, xp.asarray(rows, device=array_api_compat.device(array)), axis=0)


def sample_rows(samples: np.ndarray, outputs: int) -> np.ndarray:
    """Find the rows of K that belong to samples.

    Args:
        samples: Indices of samples, shape (m,), int64.
        outputs: Number of outputs C of the network.

    Returns:
        Indices of rows, shape (mC,), int64.
    """
    return (samples[:, None] * outputs + np.arange(outputs)).reshape(-1)


def _block(xp: Namespace, gram: Array, samples: np.ndarray, outputs: int) -> Array:
    """Rows and columns of a Gram matrix that belong to some samples."""
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or gram.shape[0] <= samples[-1] * outputs:
        raise InputError(f"gram: expected a square matrix to match the samples, got shape {tuple(gram.shape)}")
    places = xp.asarray(sample_rows(samples, outputs), device=array_api_compat.device(gram))
    return xp.take(xp.take(gram, places, axis=0), places, axis=1)


def _top(gram: Array, residual: Array, k: int, centred: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Top eigenvalues and alignments, filled up with NaN, and μ."""
    values, alignments = np.full(k, np.nan), np.full(k, np.nan)
    found = directional_alignment(gram, residual, centred, min(k, gram.shape[0]))
    for whole, part in zip((values, alignments), found, strict=True):
        whole[: part.shape[0]] = to_host(part)
    return values, alignments, loss_alignment(gram, residual, centred)


def _deviation(values: np.ndarray) -> np.ndarray:
    """Standard deviation over subsets; NaN, without a warning, for one."""
    count = values.shape[0]
    return np.std(values, axis=0) * (np.sqrt(count / (count - 1)) if count > 1 else np.nan)
