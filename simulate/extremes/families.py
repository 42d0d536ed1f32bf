"""Worst cases of over-parametrised linear families over their own parameters (oracles 1 and 3 of docs/theory.md).

A family f = <F(θ), x> has Gram matrices X A Aᵀ Xᵀ, A = ∇F(θ), and residuals X u, u = F(θ) − w*. What Gram matrices it
has decides how much of the range over all over-parametrised linear models (``uniform_alignment_range``) it reaches: the
linear model has A Aᵀ = 1 only, diagonal networks all non-negative diagonal matrices, and deep linear networks with a
hidden layer all matrices of rank one, which is enough for the whole range. Searches run on the host in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import streams
from ..arrays import real_arrays, rescaled, to_host
from ..models import DeepLinear, DiagonalLinear
from ..streams import Seed
from ..validation import InputError, check_integer, check_ndim, check_shape, describe
from .family_ascents import (
    DiagonalDesign,
    alignment_of,
    ascended_deep,
    count_reached,
    diagonal_ascent,
    diagonal_starts,
)
from .linear import loss_alignment_range


class FamilyWitness(NamedTuple):
    """Parameters and teacher at which a family attains an alignment.

    Attributes:
        theta: Parameters θ, shape (p,), NumPy float64.
        teacher: Teacher w*, shape (d,): the residuals are X (F(θ) − w*).
    """

    theta: np.ndarray
    teacher: np.ndarray


@dataclass(frozen=True)
class FamilyAlignment:
    """Extremes of the loss alignment of an over-parametrised linear family.

    Attributes:
        inf_found: Smallest value found; ``inf_witness`` attains it.
        sup_found: Largest value found; ``sup_witness`` attains it.
        inf_witness: Parameters and teacher.
        sup_witness: The same for ``sup_found``.
        basis: "exact" where no parameters can be worse, "searched" where others may be.
        starts: Number of starts of each of the two searches; 0 where none was needed.
        reached: How many of these arrived at the best value, for inf and sup.
    """

    inf_found: float
    sup_found: float
    inf_witness: FamilyWitness
    sup_witness: FamilyWitness
    basis: str
    starts: int
    reached: tuple[int, int]


def diagonal_alignment_search(model: DiagonalLinear, X: object, seed: Seed = 0, starts: int = 16) -> FamilyAlignment:
    """Search for the extremes of the loss alignment μ of a diagonal linear network over θ and the teacher.

    A Aᵀ = diag(m) can be any non-negative diagonal matrix and u = F(θ) − w* any vector, so with Ŝ = XᵀX/n and
    M_u = (1/n) Σ_i (u·x_i)² x_i x_iᵀ, μ = mᵀ(M_u ∘ Ŝ)m / (uᵀŜu · mᵀ(Ŝ ∘ Ŝ)m). Ascents take turns: for fixed m the best
    u by an exact eigenproblem (oracle 1 with other weights), for fixed u a local optimum over m ≥ 0. Half of the starts
    are single coordinates m = e_j, for which μ is the directional alignment along e_j; the others are random.
    O(n d²) time a turn, for n > d.

    Args:
        model: The network.
        X: Inputs, shape (n, d), finite.
        seed: Non-negative integer, or a ``numpy.random.Generator``, for the random starts.
        starts: Number of starts of each search, at least 1.

    Returns:
        What was found; both values are 1 where X = 0. The witnesses have F(θ) = 0.

    Raises:
        InputError: If ``model`` is not a ``DiagonalLinear``, ``X`` is not a finite real matrix of d columns, or another
            argument is out of range.
    """
    if not isinstance(model, DiagonalLinear):
        raise InputError(f"model: expected a DiagonalLinear, got {describe(model)}")
    inputs = _host_inputs(X, model.d)
    starts = check_integer("starts", starts, minimum=1)
    stream = streams.from_seed(seed, "diagonal alignment")
    lengths = np.linalg.norm(inputs, axis=0) / np.sqrt(len(inputs))
    lengths = np.where(lengths > 0, lengths, 1.0)
    design = DiagonalDesign(inputs / lengths)
    ends = []
    for sign, drawn in zip((-1, 1), diagonal_starts(design, stream, starts), strict=True):
        met = [diagonal_ascent(design, diagonal, sign) for diagonal in drawn]
        values = np.array([value for value, _, _ in met])
        _, diagonal, u = met[int(np.argmax(sign * values))]
        # Back to columns of their own lengths. The scales of m and of u do not matter.
        inverse = lengths.min() / lengths
        diagonal, u = diagonal * inverse**2, u * inverse
        alpha = np.sqrt(diagonal / max(float(diagonal.max()), 1e-300))
        # With F(θ) = 0 the teacher is −u to the last digit.
        theta = np.concatenate([alpha, alpha if model.form == "difference" else np.zeros(model.d)])
        teacher = -u / max(float(np.abs(u).max()), 1e-300)
        value = alignment_of(inputs, -teacher, np.diag(model.metric_diagonal(theta)))
        ends.append((value, FamilyWitness(theta, teacher), count_reached(values, sign)))
    (inf, inf_witness, inf_reached), (sup, sup_witness, sup_reached) = ends
    return FamilyAlignment(inf, sup, inf_witness, sup_witness, "searched", starts, (inf_reached, sup_reached))


def deep_linear_witness(d: int, widths: Sequence[int], u: object, v: object) -> FamilyWitness:
    """Parameters and a teacher at which a deep linear network attains μ = g(u; v), for any u and v.

    A Aᵀ = Σ_l ‖W_L ⋯ W_{l+1}‖² (W_{l−1} ⋯ W_1)ᵀ(W_{l−1} ⋯ W_1). With W_L = 0 only the last term is left, and with
    W_{L−1} ⋯ W_1 = e_1 vᵀ (W_1 = e_1 vᵀ, the layers between e_1 e_1ᵀ) it is v vᵀ, for any widths ≥ 1 and any L ≥ 2.
    Then G has rank one, so the loss alignment is the directional one, and F(θ) = 0, so the teacher −u gives u. Hence
    over θ and teachers a deep linear network has the extremes of every over-parametrised linear model: those of
    ``uniform_alignment_range``, whose witnesses are what to put in here. O(p).

    Args:
        d: Dimension of the inputs.
        widths: Hidden widths, at least one of them: with one layer A Aᵀ is the identity.
        u: Error F(θ) − w* wanted, shape (d,).
        v: Direction wanted, shape (d,).

    Returns:
        θ for ``DeepLinear(d, widths)`` and the teacher.

    Raises:
        InputError: If ``widths`` is empty, a size is not a positive integer, or ``u`` or ``v`` is not a finite real
            vector of length d.
    """
    model = DeepLinear(d, widths)
    if not model.widths:
        raise InputError(
            "widths: expected at least one hidden width, got none (the linear model: loss_alignment_range)"
        )
    _, (error, direction) = real_arrays(u=u, v=v)
    check_shape("u", error, (model.d,), "to match d")
    check_shape("v", direction, (model.d,), "to match d")
    layers = [np.zeros(shape) for shape in model.shapes]
    layers[0][0] = to_host(direction)
    for layer in layers[1:-1]:
        layer[0, 0] = 1.0
    theta = np.concatenate([layer.ravel() for layer in layers])
    return FamilyWitness(theta, -np.array(to_host(error), dtype=np.float64))


def deep_linear_alignment_search(
    model: DeepLinear, X: object, teacher: object, seed: Seed = 0, starts: int = 16
) -> FamilyAlignment:
    """Search for the extremes of the loss alignment μ of a deep linear network over θ, for a given teacher.

    Ascent of log μ by L-BFGS with the analytic gradient, from random parameters of several scales. These are values
    that parameters of ordinary size attain. Without limit to their size a network whose hidden widths are at least 2
    comes as close as one likes to the whole range of ``uniform_alignment_range``: W_1 = t e_1 vᵀ + e_2 wᵀ, e_1 and e_2
    passed on by the layers between, and W_L = e_2ᵀ give F(θ) = w, so any u, while A Aᵀ/t² tends to (L − 1) v vᵀ. For
    one layer the range is known exactly. O(n d² + d³ + p d) a step.

    Args:
        model: The network.
        X: Inputs, shape (n, d), finite.
        teacher: Teacher w*, shape (d,): the labels are X w*.
        seed: Non-negative integer, or a ``numpy.random.Generator``, for the starts.
        starts: Number of starts of each search, at least 1.

    Returns:
        What was found, with the given teacher in its witnesses; both values are 1 where X = 0.

    Raises:
        InputError: If ``model`` is not a ``DeepLinear``, ``X`` is not a finite real matrix of d columns, ``teacher`` is
            not a finite real vector of length d, or another argument is out of range.
    """
    if not isinstance(model, DeepLinear):
        raise InputError(f"model: expected a DeepLinear, got {describe(model)}")
    inputs = _host_inputs(X, model.d)
    _, (target,) = real_arrays(teacher=teacher)
    check_shape("teacher", target, (model.d,), "to match the model's d")
    target = np.array(to_host(target), dtype=np.float64)
    starts = check_integer("starts", starts, minimum=1)
    if not model.widths:
        known = loss_alignment_range(inputs)
        low, high = (FamilyWitness(target + u, target) for u in known.witnesses)
        return FamilyAlignment(known.inf, known.sup, low, high, "exact", 0, (0, 0))
    stream = streams.from_seed(seed, "deep linear alignment")
    size = float(np.linalg.norm(target)) or 1.0
    drawn = []
    for _ in range(2 * starts):
        scale = size * 10.0 ** stream.uniform(-1, 1)
        drawn.append(model.init(stream) * scale ** (1 / len(model.shapes)))
    ends = []
    for end, sign in enumerate((-1, 1)):
        reached = [ascended_deep(model, inputs, target, theta, sign) for theta in drawn[end::2]]
        values = np.array([_deep_alignment(model, inputs, target, theta) for theta in reached])
        best = int(np.argmax(sign * values))
        ends.append((float(values[best]), FamilyWitness(reached[best], target), count_reached(values, sign)))
    (inf, inf_witness, inf_reached), (sup, sup_witness, sup_reached) = ends
    return FamilyAlignment(inf, sup, inf_witness, sup_witness, "searched", starts, (inf_reached, sup_reached))


def _host_inputs(X: object, d: int) -> np.ndarray:
    """Check inputs and copy them to the host, with entries of moderate size.

    Args:
        X: Inputs, shape (n, d).
        d: Number of columns wanted.

    Returns:
        The inputs, divided by a power of two, NumPy float64.
    """
    _, (inputs,) = real_arrays(X=X)
    check_ndim("X", inputs, 2, shape=f"(n, {d})")
    check_shape("X", inputs, (inputs.shape[0], d), "to match the model's d")
    return np.array(rescaled(np, np.array(to_host(inputs), dtype=np.float64))[0])


def _deep_alignment(model: DeepLinear, X: np.ndarray, teacher: np.ndarray, theta: np.ndarray) -> float:
    """Loss alignment of a deep linear network.

    Args:
        model: The network.
        X: Inputs, shape (n, d).
        teacher: Teacher, shape (d,).
        theta: Parameters, shape (p,).

    Returns:
        μ.
    """
    return alignment_of(X, model.effective_weights(theta) - teacher, model.gram(theta, np.eye(model.d)))
