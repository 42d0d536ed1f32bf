"""Loss and directional alignment of SGD noise from a Gram matrix and residuals: the Gram identities of docs/theory.md.

K = J Jᵀ is (n, n) for scalar outputs; for outputs of dimension C it is (nC, nC) with the C rows of a sample next to
each other, and the residual is (n, C). No p × p matrix and no Jacobian is formed. Every function is unaffected by the
scale of its arguments up to rounding, from 1e-150 to 1e150.
"""

from __future__ import annotations

import array_api_compat

from .arrays import Namespace, real_arrays, rescaled
from .validation import Array, InputError, check_flag, check_integer, check_ndim, check_symmetric, row_blocks


def loss_alignment(gram: object, residual: object, centred: bool = False) -> float:
    """Loss alignment μ = Tr(Σ₁ G) / (2 L ‖G‖_F²) (Definition 3.1 of the paper; Gram identities of docs/theory.md).

    Centred, the noise covariance Σ = Σ₁ − ∇L ∇Lᵀ replaces Σ₁. O((nC)²) time; O(nC) memory and one block of rows of K.

    Args:
        gram: Gram matrix K = J Jᵀ, shape (n, n), or (nC, nC) with the rows of a sample next to each other.
        residual: Residuals f(x_i) − y_i, shape (n,), or (n, C).
        centred: Whether the mean gradient is subtracted.

    Returns:
        μ, 1 where the residual or K is 0. For C outputs 1/C is the value that 1 is for scalar outputs.

    Raises:
        InputError: If ``gram`` is not symmetric (1e-10 relative to its largest entry), an entry is not finite, the
            shapes do not match, the arrays are of different libraries or devices, or ``centred`` is not a boolean.
    """
    xp, K, r = _gram_and_residual(gram, residual)
    centred = check_flag("centred", centred)
    K, r = rescaled(xp, K)[0], rescaled(xp, r)[0]
    n = r.shape[0]
    noise, norm = _second_moment_sums(xp, K, r)
    energy = float(xp.sum(r * r))
    if energy == 0 or norm == 0:
        return 1.0
    if centred:
        mean_gradient = K @ xp.reshape(r, (-1,))
        return max(0.0, n * noise - float(xp.sum(mean_gradient**2))) / (energy * norm)
    return n * noise / (energy * norm)


def directional_alignment(
    gram: object, residual: object, centred: bool = False, k: int | None = None
) -> tuple[Array, Array]:
    """Directional alignment g(θ; v) along the eigenvectors of G (Definition 4.1; Gram identities of docs/theory.md).

    Eigenvalues of G = JᵀJ/n below 1e-12 of the largest are dropped, with their directions: g is not determined there.
    One eigendecomposition of K, O((nC)³); for few top directions only these are computed (NumPy).

    Args:
        gram: Gram matrix K = J Jᵀ, shape (n, n), or (nC, nC) with the rows of a sample next to each other.
        residual: Residuals f(x_i) − y_i, shape (n,), or (n, C).
        centred: Whether the mean gradient is subtracted.
        k: Number of top directions, 1 to nC; None for all.

    Returns:
        ``(eigenvalues, alignments)``, descending eigenvalues of G and g along their eigenvectors, each of shape (m,),
        m ≤ k the number of eigenvalues kept; empty where K = 0, alignments 1 where the residual is 0. For C outputs 1/C
        is the value that 1 is for scalar outputs. Within an eigenvalue of multiplicity above 1 the directions, and so
        the alignments, are one choice among many.

    Raises:
        InputError: If ``gram`` is not symmetric (1e-10 relative to its largest entry) or has an eigenvalue below −1e-6
            of its largest, an entry is not finite, the shapes do not match, the arrays are of different libraries or
            devices, ``centred`` is not a boolean, or ``k`` is out of range.
    """
    xp, K, r = _gram_and_residual(gram, residual)
    centred = check_flag("centred", centred)
    count = K.shape[0] if k is None else check_integer("k", k, minimum=1, maximum=K.shape[0])
    K, scale = rescaled(xp, K)
    values, vectors = gram_eigenpairs(xp, K, count)
    r = rescaled(xp, r)[0]
    energy = float(xp.sum(r * r))
    if energy == 0:
        return values * (scale / r.shape[0]), xp.ones_like(values)
    along = _combine_outputs(xp, vectors, r)
    alignments = xp.sum(along * along, axis=0) * (r.shape[0] / energy)
    if centred:
        mean = xp.sum(along, axis=0)
        alignments = xp.clip(alignments - mean * mean / energy, 0.0, None)
    return values * (scale / r.shape[0]), alignments


def directional_alignment_along(jv: object, residual: object, centred: bool = False) -> float | Array:
    """Directional alignment g(θ; v) = vᵀΣ₁v / (2 L · vᵀGv) along given directions, through J v (Definition 4.1).

    O(size of ``jv``).

    Args:
        jv: J v for one direction, shape (n,), or J V for m directions, shape (n, m); for vector outputs J v of one
            direction, shape (n, C).
        residual: Residuals f(x_i) − y_i, shape (n,), or (n, C).
        centred: Whether the noise covariance Σ replaces the second moment Σ₁.

    Returns:
        g, a float for one direction and an array of shape (m,) for ``jv`` of shape (n, m); 1 where the residual or J v
        is 0.

    Raises:
        InputError: If an entry is not finite, the shapes do not match, the arrays are of different libraries or
            devices, or ``centred`` is not a boolean.
    """
    xp, (directions, r) = real_arrays(jv=jv, residual=residual)
    check_ndim("residual", r, 1, 2, shape="(n,) or (n, C)")
    check_ndim("jv", directions, 1, 2, shape="(n,), (n, m) or (n, C)")
    centred = check_flag("centred", centred)
    if directions.shape[0] != r.shape[0] or (r.ndim == 2 and directions.shape != r.shape):
        expected = f"({r.shape[0]},) or ({r.shape[0]}, m)" if r.ndim == 1 else f"{tuple(r.shape)}"
        raise InputError(f"jv: expected shape {expected} to match residual, got shape {tuple(directions.shape)}")
    many = r.ndim == 1 and directions.ndim == 2
    if not many:
        directions = xp.reshape(directions, (-1, 1))
    r = rescaled(xp, r if r.ndim == 2 else r[:, None])[0]
    largest = xp.max(xp.abs(directions), axis=0)
    null = (largest == 0) | (xp.max(xp.abs(r)) == 0)
    directions = directions / xp.where(largest > 0, largest, xp.ones_like(largest))
    along = _combine_outputs(xp, directions, r)
    noise = r.shape[0] * xp.sum(along * along, axis=0)
    if centred:
        noise = xp.clip(noise - xp.sum(along, axis=0) ** 2, 0.0, None)
    size = xp.sum(r * r) * xp.sum(directions * directions, axis=0)
    alignments = xp.where(null, xp.ones_like(size), noise / xp.where(null, xp.ones_like(size), size))
    return alignments if many else float(alignments[0])


def _gram_and_residual(gram: object, residual: object) -> tuple[Namespace, Array, Array]:
    """Check a Gram matrix and its residuals.

    Args:
        gram: Gram matrix, shape (nC, nC).
        residual: Residuals, shape (n,) or (n, C).

    Returns:
        Namespace, Gram matrix and residuals of shape (n, C).

    Raises:
        InputError: If one of them is not as ``loss_alignment`` expects it.
    """
    xp, (K, r) = real_arrays(gram=gram, residual=residual)
    check_symmetric("gram", K, xp, max(1e-10, 64 * float(xp.finfo(K.dtype).eps)))
    check_ndim("residual", r, 1, 2, shape="(n,) or (n, C)")
    r = r if r.ndim == 2 else r[:, None]
    if r.shape[0] * r.shape[1] != K.shape[0]:
        raise InputError(
            f"residual: expected {K.shape[0]} entries, (n,) or (n, C), to match gram, got shape {tuple(r.shape)}"
        )
    return xp, K, r


def _second_moment_sums(xp: Namespace, K: Array, r: Array) -> tuple[float, float]:
    """Sums of squares behind Tr(Σ₁ G) and ‖G‖_F².

    Args:
        xp: The namespace.
        K: Gram matrix, shape (nC, nC).
        r: Residuals, shape (n, C).

    Returns:
        Σ_i ‖r_iᵀ K_i‖² over the blocks K_i of C rows, and Σ ‖K_i‖_F².
    """
    if r.shape[1] == 1:
        # For scalar outputs the blocks are rows and a_i = ‖K_i‖² serves both; vecdot makes no temporary of K's size.
        squares = xp.vecdot(K, K)
        return float(xp.vecdot(squares, r[:, 0] ** 2)), float(xp.sum(squares))
    noise, norm = 0.0, 0.0
    outputs = r.shape[1]
    for samples in row_blocks(r.shape[0], 2 * outputs * K.shape[1]):
        rows = K[samples.start * outputs : samples.stop * outputs, :]
        norm += float(xp.sum(rows * rows))
        noise += float(xp.sum(_combine_outputs(xp, rows, r[samples, :]) ** 2))
    return noise, norm


def _combine_outputs(xp: Namespace, rows: Array, r: Array) -> Array:
    """Sum the rows of each sample, weighted by its residual: r_iᵀ A_i for blocks A_i of C rows.

    Args:
        xp: The namespace.
        rows: Blocks A_1, A_2, … below each other, shape (nC, m).
        r: Residuals, shape (n, C).

    Returns:
        Array of shape (n, m).
    """
    if r.shape[1] == 1:
        return r * rows
    blocks = xp.reshape(rows, (r.shape[0], r.shape[1], rows.shape[1]))
    return xp.sum(r[:, :, None] * blocks, axis=1)


def gram_eigenpairs(xp: Namespace, K: Array, count: int) -> tuple[Array, Array]:
    """Largest eigenvalues of a Gram matrix, descending, without those that are zero up to rounding.

    Args:
        xp: The namespace.
        K: Finite symmetric matrix, shape (m, m), largest entry of moderate size.
        count: Number of eigenvalues, 1 to m.

    Returns:
        Eigenvalues, shape (kept,), and eigenvectors as columns, shape (m, kept).

    Raises:
        InputError: If the matrix has an eigenvalue that is clearly negative.
    """
    size = K.shape[0]
    if array_api_compat.is_numpy_namespace(xp) and size > 64 and count <= size // 8:
        # Imported here because importing simulate must cost nothing beside NumPy and array-api-compat.
        from scipy.linalg import eigh

        values, vectors = eigh(K, subset_by_index=[size - count, size - 1], driver="evr", check_finite=False)
    else:
        values, vectors = xp.linalg.eigh(K)
        values, vectors = values[size - count :], vectors[:, size - count :]
    smallest, largest = float(values[0]), float(values[-1])
    if smallest < -1e-6 * max(largest, -smallest):
        raise InputError(
            f"gram: expected a positive semi-definite matrix, got eigenvalues from {smallest:.3g} to {largest:.3g} "
            "(relative to its scale)"
        )
    tolerance = max(1e-12, 64 * float(xp.finfo(K.dtype).eps)) * largest
    kept = int(xp.sum(xp.astype((values > tolerance) & (values > 0), xp.int64)))
    return xp.flip(values[count - kept :]), xp.flip(vectors[:, count - kept :], axis=1)
