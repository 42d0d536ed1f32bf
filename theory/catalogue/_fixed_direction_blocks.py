"""The weighted sample covariance of Lemma E.5 in two blocks: along the fixed direction, and across it.

With aᵢ = v·zᵢ and yᵢ the rest of zᵢ, independent of aᵢ, the error has the entry A = (1/n)Σ aᵢ⁴ − 3 along v, the
vector c = (1/n)Σ aᵢ³yᵢ, and the block B = (1/n)Σ aᵢ²yᵢyᵢᵀ − I. Given the aᵢ, c is Gaussian and B a quadratic form at
every direction, so that no more than the aᵢ themselves is ever raised to the fourth power.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, ends, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Step, StepStatus
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._fixed_direction_size import POINT_LOG, ROOT, SAMPLE_LOG, SCALE
from theory.catalogue._fixed_direction_weights import (
    FOURTH,
    FROBENIUS,
    OPERATOR,
    SQUARE,
    WEIGHTS,
    in_roots,
    upper_tail,
    weight_steps,
)
from theory.catalogue._nets import TOP, cardinality_steps, norm_steps
from theory.catalogue._one_way import lower_bounds, upper_bounds

delta, n, d = (symbol(name) for name in ("delta", "n", "d"))

ERROR = quantity_symbol("fixed_direction_error")
# The norms of B and of its part (1/n)Σ aᵢ²(yᵢyᵢᵀ − I), and |c|; the larger of |A| and ‖B‖.
ACROSS = named("across_block", r"\|B\|", nonnegative=True)
CENTRED = named("centred_block", r"\|B_0\|", nonnegative=True)
CROSS = named("cross_block", "|c|", nonnegative=True)
LARGER = named("larger_block", r"\max(|A|, \|B\|)", nonnegative=True)


def block_steps() -> tuple[Step, ...]:
    """List the steps from single samples and points of a net to the blocks of the error.

    Returns:
        The steps, in order; they use `logarithms`, `scale` and `small`, and give, among others, the facts `blocks`,
        `along`, `across` and `cross`.
    """
    return (
        *cardinality_steps(sympy.Rational(1, 4), 9),
        Step(
            "the norm is at most the larger of |A| and ‖B‖, plus |c|",
            StepStatus.PROVED,
            Fact("blocks", (at_most(ERROR, LARGER + CROSS),)),
            norm_by_blocks,
            note="at a unit vector pv + qw with w orthogonal to v: A p² + 2 c·w pq + wᵀBw q²; symbolic sample, any q/p",
        ),
        *weight_steps(),
        *_across_steps(),
    )


def _across_steps() -> tuple[Step, ...]:
    """List the steps given the aᵢ."""
    proved = StepStatus.PROVED
    return (
        Step(
            "(1/n)Σ aᵢ²(w·yᵢ)² has F² ≤ 4/n and N ≤ 4τ_n/n, given the aᵢ",
            proved,
            Fact("norms", (at_most(FROBENIUS**2, 4 / n), at_most(OPERATOR, 4 * SAMPLE_LOG / n))),
            weighted_norms,
            ("fourth powers", "cut"),
            "F² = Σ aᵢ⁴/n² and N = max aᵢ²/n; symbolic weights of three samples",
        ),
        Step(
            "at every point of the net it is within 4w + 8s² of its mean",
            proved,
            Fact("on the net", (at_most(TOP, 4 * ROOT + 8 * SCALE**2),)),
            form_on_net,
            ("E.2", "norms", "shares", "logarithms", "scale"),
            "Lemma E.2 given the aᵢ; the net is that of the sphere across v, of d − 1 dimensions, which needs no more "
            "points",
        ),
        *norm_steps(CENTRED, 2),
        Step(
            "‖B‖ ≤ 10w + 2w² + 16s²",
            proved,
            Fact("across", (at_most(ACROSS, 10 * ROOT + 2 * ROOT**2 + 16 * SCALE**2),)),
            across_bounded,
            ("norm", "on the net", "weights"),
            "B is (1/n)Σ aᵢ²(yᵢyᵢᵀ − I) and (1/n)Σ aᵢ² − 1 times I",
        ),
        Step(
            "|c| ≤ 8s",
            proved,
            Fact("cross", (at_most(CROSS, 8 * SCALE),)),
            cross_bounded,
            ("E.2", "shares", "logarithms", "cut", "fourth powers", "scale"),
            "given the aᵢ, c is Gaussian in d − 1 dimensions with the variance Σ aᵢ⁶/n² ≤ max aᵢ² Σ aᵢ⁴/n²; F² ≤ d, "
            "N = 1, 2√(dτ) ≤ d + τ",
        ),
    )


def norm_by_blocks(conclusion: Formulas) -> bool:
    """Bound the quadratic form of the error at a unit vector by its blocks.

    Args:
        conclusion: the bound of the norm.

    Returns:
        Whether the form of one sample splits into blocks, and is at most the bound in size at every p² + q² = 1.
    """
    (claimed,) = conclusion
    a, p, q = sympy.symbols("a p q", real=True)
    y, w = (sympy.Matrix([0, *sympy.symbols(f"{name}0:2", real=True)]) for name in "yw")
    v = sympy.Matrix([1, 0, 0])
    z, u = a * v + y, p * v + q * w
    form = (u.T * (a**2 * z * z.T - sympy.eye(3) - 2 * v * v.T) * u)[0]
    along, cross, across = a**4 - 3, a**3 * w.dot(y), (w.T * (a**2 * y * y.T - sympy.eye(3)) * w)[0]
    splits = sympy.expand(form - (along * p**2 + 2 * cross * p * q + across * q**2)) == 0
    ratio, *shares = sympy.symbols("ratio x0:3", positive=True)
    blocks = [size * (2 * share - 1) for size, share in zip((LARGER, CROSS, LARGER), shares, strict=True)]
    # p² + q² = 1 with q = ratio p; p and q of opposite signs are c of the opposite sign.
    value = (blocks[0] + 2 * blocks[1] * ratio + blocks[2] * ratio**2) / (1 + ratio**2)
    box = dict.fromkeys(shares, (0, 1)) | {LARGER: (0, None), CROSS: (0, None)}
    boxes = [box | {ratio: (0, 1)}, box | {ratio: (1, None)}]
    bounded = all(shows(claimed, part, {ERROR: sign * value}) for part in boxes for sign in (1, -1))
    return splits and claimed.lhs == ERROR and bounded


def weighted_norms(conclusion: Formulas, fourth: Formulas, cut: Formulas) -> bool:
    """Bound the norms of a diagonal matrix of weights.

    Args:
        conclusion: the bounds on F² and N.
        fourth: the bound on the mean of the fourth powers.
        cut: that on the largest square.

    Returns:
        Whether F² is the mean of the fourth powers over n and N the largest square over n, at these bounds exactly.
    """
    frobenius, operator = conclusion
    count, a = 3, sympy.symbols("a0:3", positive=True)
    weights = sympy.diag(*[x**2 / n for x in a])
    mean = sum(x**4 for x in a) / count
    traced = is_identity((weights * weights).trace(), mean * count / n**2)
    # The mean is over n samples, of which three are written out.
    exact = is_identity(frobenius.rhs, fourth[0].rhs * n / n**2) and is_identity(operator.rhs, cut[0].rhs / n)
    pinned = (frobenius.lhs, operator.lhs) == (FROBENIUS**2, OPERATOR) and (fourth[0].lhs, cut[0].lhs) == (
        FOURTH,
        SQUARE,
    )
    return traced and pinned and exact and upper_bounds(*conclusion, fourth[0], cut[0])


def form_on_net(
    conclusion: Formulas,
    lemma: Formulas,
    norms: Formulas,
    shares: Formulas,
    logarithms: Formulas,
    scale: Formulas,
) -> bool:
    """Take Lemma E.2 for the weighted squares at the share of a point.

    Args:
        conclusion: the bound on the net.
        lemma: Lemma E.2.
        norms: the bounds on F² and N.
        shares: the shares of δ.
        logarithms: what the logarithms are.
        scale: the squares of w and s.

    Returns:
        Whether both bounds are at most that.
    """
    x, y = sympy.symbols("x y", positive=True)
    largest = {FROBENIUS: sympy.sqrt(norms[0].rhs) * x, OPERATOR: norms[1].rhs * y}
    point = logarithms[0]
    sizes = [
        end.xreplace({delta: shares[2].rhs}).xreplace({point.rhs: POINT_LOG, **largest}).xreplace(in_roots(scale))
        for end in (-ends(lemma)[0], upper_tail(lemma))
    ]
    box = {ROOT: (0, None), SCALE: (0, None), n: (0, None), x: (0, 1), y: (0, 1)}
    pinned = norms[0].lhs == FROBENIUS**2 and norms[1].lhs == OPERATOR and point.lhs == POINT_LOG
    pinned &= upper_bounds(*norms)
    return pinned and all(shows(conclusion[0], box, {TOP: size}) for size in sizes)


def across_bounded(conclusion: Formulas, norm: Formulas, on_net: Formulas, weights: Formulas) -> bool:
    """Add the two parts of the block across v.

    Args:
        conclusion: the bound on the block.
        norm: that of the centred part by the largest value on the net.
        on_net: the largest value on the net.
        weights: the bound on the other part.

    Returns:
        Whether the bound is their sum, exactly.
    """
    (claimed,) = conclusion
    total = norm[0].rhs.xreplace({on_net[0].lhs: on_net[0].rhs}) + weights[0].rhs
    pinned = claimed.lhs == ACROSS and norm[0].lhs == CENTRED and weights[0].lhs == WEIGHTS
    return pinned and upper_bounds(claimed, norm[0], on_net[0], weights[0]) and is_identity(claimed.rhs, total)


def cross_bounded(
    conclusion: Formulas,
    lemma: Formulas,
    shares: Formulas,
    logarithms: Formulas,
    cut: Formulas,
    fourth: Formulas,
    scale: Formulas,
) -> bool:
    """Take Lemma E.2 for the squared length of a Gaussian vector.

    Args:
        conclusion: the bound on the length.
        lemma: Lemma E.2.
        shares: the shares of δ.
        logarithms: what the logarithms are and exceed.
        cut: the bound on the largest square.
        fourth: that on the mean of the fourth powers.
        scale: the squares of w and s.

    Returns:
        Whether the variance times d plus the lemma's upper bound is at most the square of that.
    """
    (claimed,) = conclusion
    root, side = sympy.symbols("root side", positive=True)
    (logarithm,) = upper_tail(lemma).xreplace({delta: shares[0].rhs}).atoms(sympy.log)
    values = {FROBENIUS: side, OPERATOR: sympy.S.One, delta: shares[0].rhs}
    length = side**2 + upper_tail(lemma).xreplace(values).xreplace({logarithm: root**2})
    # 2 side root ≤ side² + root², where side² = d is at most τ_N/2 and root² is less than log(15/δ), hence than τ_N.
    without_product = sympy.expand(length + (side - root) ** 2)
    dimension = logarithms[4]
    most = {side**2: POINT_LOG * d / dimension.rhs, root**2: POINT_LOG}
    smaller = bool(sympy.exp(logarithms[3].rhs - logarithm) >= 1)
    pinned = claimed.lhs == CROSS and logarithms[3].lhs == dimension.lhs == POINT_LOG
    pinned &= (cut[0].lhs, fourth[0].lhs) == (SQUARE, FOURTH) and upper_bounds(cut[0], fourth[0])
    pinned &= lower_bounds(logarithms[3], dimension)
    variance = cut[0].rhs * fourth[0].rhs / n
    largest = (variance * without_product.xreplace(most)).xreplace(in_roots(scale))
    box = {ROOT: (0, None), SCALE: (0, None), n: (0, None)}
    squares = is_nonnegative(claimed.rhs, box) and is_nonnegative(claimed.rhs**2 - largest, box)
    return smaller and pinned and isinstance(claimed, sympy.LessThan) and squares
