"""How the fourth moments of a sample deviate along all pairs of directions, by how they deviate along single ones.

T(a, b, c, e) is the mean of (a·zᵢ)(b·zᵢ)(c·zᵢ)(e·zᵢ) less its expectation: a form in four vectors that does not depend
on their order. D(u, v) = T(u, u, v, v). That the largest |T| over unit vectors is the largest |T(x, x, x, x)| is a
theorem of Banach on symmetric forms; here is a proof of the case u, u, v, v by polarisation, and what it says of nets.
Every identity is linear in the samples, so that one sample decides it.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, between, ends, equal, shows
from theory._inequalities import is_identity
from theory._proof import Step, StepStatus
from theory._symbols import named, quantity_symbol
from theory.catalogue._nets import RADIUS, norm_from_net
from theory.catalogue.lemma_c1 import cov_uv, var_u, var_v

ERROR = quantity_symbol("uniform_moment_error")
# The largest |D(x, x)| on the sphere, and on the net.
DIAGONAL = named("diagonal_error", r"\max_{|x| = 1} |D(x, x)|", positive=True)
TOP = named("net_moment_error", r"\max_{y \in \mathcal{N}} |D(y, y)|", positive=True)

# D of orthonormal e and f, of p = (e + f)/√2 and m = (e − f)/√2, and of any two unit vectors u and v.
_CROSS, _FIRST, _SECOND, _PLUS, _MINUS, _PAIR = (
    named(f"deviation_{name}", notation, real=True)
    for name, notation in (
        ("cross", "D(e, f)"),
        ("first", "D(e, e)"),
        ("second", "D(f, f)"),
        ("plus", "D(p, p)"),
        ("minus", "D(m, m)"),
        ("pair", "D(u, v)"),
    )
)
_K, _L = sympy.symbols("k l", real=True)
_MIXED = named("deviation_mixed", "T(a, b, x, x)", real=True)
_SUM = named("deviation_of_sum", "D(a + b, x)", real=True)
_DIFFERENCE = named("deviation_of_difference", "D(a - b, x)", real=True)


def diagonal_steps() -> tuple[Step, ...]:
    """List the steps from single directions to pairs of them.

    Returns:
        The steps, in order; the last one gives the fact `diagonal`.
    """
    proved = StepStatus.PROVED
    return (
        Step(
            "12 D(e, f) = 4 D(p, p) + 4 D(m, m) − 2 D(e, e) − 2 D(f, f)",
            proved,
            Fact("polarised", (equal(12 * _CROSS, 4 * _PLUS + 4 * _MINUS - 2 * _FIRST - 2 * _SECOND),)),
            polarised,
            ("C.1",),
            "e and f orthonormal, p = (e + f)/√2, m = (e − f)/√2; Lemma C.1 at S = I is the expectation",
        ),
        Step(
            "|D(e, f)| ≤ M, the largest |D(x, x)| over unit x",
            proved,
            Fact("orthogonal", between(-DIAGONAL, _CROSS, DIAGONAL)),
            orthogonal_bound,
            ("polarised",),
            "4 + 4 + 2 + 2 = 12",
        ),
        Step(
            "D(u, v) = k⁴ D(e, e) − 2k²l² D(e, f) + l⁴ D(f, f) with u = ke + lf, v = ke − lf",
            proved,
            Fact(
                "plane",
                (
                    equal(_PAIR, _K**4 * _FIRST - 2 * _K**2 * _L**2 * _CROSS + _L**4 * _SECOND),
                    equal(_K**2 + _L**2, 1),
                ),
            ),
            plane,
            ("C.1",),
            "any unit vectors: u + v and u − v are orthogonal, for |u| = |v|",
        ),
        Step(
            "|D(u, v)| ≤ M for all unit u and v",
            proved,
            Fact("diagonal", (at_most(ERROR, DIAGONAL),)),
            pair_bound,
            ("plane", "orthogonal"),
            "k⁴ + 2k²l² + l⁴ = (k² + l²)² = 1",
        ),
    )


def net_steps(factor: sympy.Expr) -> tuple[Step, ...]:
    """List the steps from the points of a net to all single directions.

    Args:
        factor: what the largest value on the net is multiplied by.

    Returns:
        The steps, in order; they use `diagonal` and `balls`, and the last one gives the fact `from net`.
    """
    proved = StepStatus.PROVED
    return (
        Step(
            "|T(a, b, x, x)| ≤ M for all unit a, b and x",
            proved,
            Fact("bilinear", (equal(4 * _MIXED, _SUM - _DIFFERENCE), *between(-DIAGONAL, _MIXED, DIAGONAL))),
            bilinear_bound,
            ("C.1", "diagonal"),
            "|D(w, x)| ≤ M|w|² and |a + b|² + |a − b|² = 4; symbolic vectors in the plane",
        ),
        Step(
            "a direction differs from its neighbour in the net by at most 4rM",
            proved,
            Fact("neighbour", (at_most(DIAGONAL, TOP + 4 * RADIUS * DIAGONAL),)),
            neighbours_differ,
            ("C.1", "bilinear"),
            "D(x, x) − D(y, y) = T(x − y, x + y, x, x) + T(x − y, x + y, y, y), |x − y| ≤ r and |x + y| ≤ 2; symbolic "
            "vectors in the plane",
        ),
        Step(
            f"M is at most {factor} times the largest |D(y, y)| of the net",
            proved,
            Fact("from net", (at_most(DIAGONAL, factor * TOP),)),
            norm_from_net,
            ("neighbour", "balls"),
            "the inequality before, solved for M",
        ),
    )


def polarised(conclusion: Formulas, moment: Formulas) -> bool:
    """Compare both sides for one sample, in the plane of e and f.

    Args:
        conclusion: the identity.
        moment: the expectation, by Lemma C.1.

    Returns:
        Whether it holds.
    """
    return all(shows(formula, {}, _basis_values(moment)) for formula in conclusion)


def orthogonal_bound(conclusion: Formulas, identity: Formulas) -> bool:
    """Bound the deviation of an orthonormal pair by those along four directions.

    Args:
        conclusion: the deviation between two ends.
        identity: it as a combination of the four.

    Returns:
        Whether the ends are the extremes of the combination, exactly.
    """
    formula = identity[0]
    most = _weight(formula.rhs, (_PLUS, _MINUS, _FIRST, _SECOND)) / formula.lhs.coeff(_CROSS)
    exact = all(is_identity(sign * end, most * DIAGONAL) for sign, end in zip((-1, 1), ends(conclusion), strict=True))
    return exact and conclusion[0].rhs == _CROSS


def plane(conclusion: Formulas, moment: Formulas) -> bool:
    """Compare both sides for one sample, in the plane of u and v.

    Args:
        conclusion: the deviation of a pair in the axes e and f, and the length of u.
        moment: the expectation, by Lemma C.1.

    Returns:
        Whether the identity holds, u and v have the claimed length, and sum and difference of two vectors of the same
        length are orthogonal.
    """
    identity, unit = conclusion
    u, v = sympy.Matrix([_K, _L]), sympy.Matrix([_K, -_L])
    values = _basis_values(moment) | {_PAIR: _deviation(u, v, moment)}
    lengths = is_identity(u.dot(u), unit.lhs) and is_identity(v.dot(v), unit.lhs) and unit.rhs == 1
    x, y = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "xy")
    right_angle = is_identity((x + y).dot(x - y), x.dot(x) - y.dot(y))
    return lengths and right_angle and identity.lhs == _PAIR and shows(identity, {}, values)


def pair_bound(conclusion: Formulas, pair: Formulas, orthogonal: Formulas) -> bool:
    """Bound the deviation of a pair by those along its axes and of these.

    Args:
        conclusion: the bound on the largest deviation.
        pair: the deviation of a pair in its axes, and the length of its vectors.
        orthogonal: the deviation of the axes between two ends.

    Returns:
        Whether the sum of the sizes of the three terms is the bound.
    """
    (claimed,) = conclusion
    identity, unit = pair
    largest = {_CROSS: ends(orthogonal)[1], _FIRST: DIAGONAL, _SECOND: DIAGONAL}
    sizes = sum(
        sign * identity.rhs.coeff(part) * bound for (part, bound), sign in zip(largest.items(), (-1, 1, 1), strict=True)
    )
    # The squares of k and l add up to one.
    on_circle = sizes.xreplace({_L: sympy.sqrt(unit.rhs - unit.lhs + _L**2)})
    return _is_bound(claimed, ERROR) and is_identity(on_circle, claimed.rhs)


def bilinear_bound(conclusion: Formulas, moment: Formulas, diagonal: Formulas) -> bool:
    """Bound a bilinear form by its quadratic form, at unit vectors.

    Args:
        conclusion: the form as a difference of two values of the quadratic form, and its bounds.
        moment: the expectation, by Lemma C.1.
        diagonal: the bound of the quadratic form at unit vectors.

    Returns:
        Whether the identity holds, and its bounds are what the squared lengths of a + b and a − b make of it.
    """
    identity, *bounds = conclusion
    a, b, x = _vectors("abx")
    values = {
        _MIXED: _bilinear(a, b, x, moment),
        _SUM: _deviation(a + b, x, moment),
        _DIFFERENCE: _deviation(a - b, x, moment),
    }
    polar = shows(identity, {}, values)
    lengths = sympy.expand((a + b).dot(a + b) + (a - b).dot(a - b) - 2 * a.dot(a) - 2 * b.dot(b)) == 0
    # Each of the two values is at most M times a squared length; at unit vectors these add up to 2 + 2.
    weight = max(abs(identity.rhs.coeff(part)) for part in (_SUM, _DIFFERENCE)) * (2 + 2)
    most = weight / identity.lhs.coeff(_MIXED) * diagonal[0].rhs
    low, high = ends(tuple(bounds))
    exact = is_identity(high, most) and is_identity(low, -most) and _is_bound(diagonal[0], ERROR)
    return polar and lengths and exact and bounds[0].rhs == _MIXED


def neighbours_differ(conclusion: Formulas, moment: Formulas, bilinear: Formulas) -> bool:
    """Write the difference of D along two directions as two bilinear forms, each with x − y in it.

    Args:
        conclusion: the bound on the largest deviation by what the net shows and the difference.
        moment: the expectation, by Lemma C.1.
        bilinear: the bilinear form at unit vectors.

    Returns:
        Whether the identity holds, and each form is at most |x − y||x + y| times its bound at unit vectors.
    """
    (claimed,) = conclusion
    x, y = _vectors("xy")
    forms = [_bilinear(x - y, x + y, fixed, moment) for fixed in (x, y)]
    difference = _deviation(x, x, moment) - _deviation(y, y, moment)
    same_difference = sympy.expand(difference - sum(forms)) == 0
    furthest = {"apart": RADIUS, "together": sympy.Integer(2)}
    most = len(forms) * furthest["apart"] * furthest["together"] * ends(bilinear[1:])[1]
    return same_difference and _is_bound(claimed, DIAGONAL) and is_identity(claimed.rhs, TOP + most)


def _vectors(names: str) -> list[sympy.Matrix]:
    """Make vectors of symbols in the plane."""
    return [sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in names]


def _deviation(u: sympy.Matrix, v: sympy.Matrix, moment: Formulas) -> sympy.Expr:
    """Write D(u, v) for one sample z."""
    z = sympy.Matrix(sympy.symbols("z0:2", real=True))
    expectation = moment[0].rhs.xreplace({var_u: u.dot(u), var_v: v.dot(v), cov_uv: u.dot(v)})
    return sympy.expand(u.dot(z) ** 2 * v.dot(z) ** 2 - expectation)


def _bilinear(a: sympy.Matrix, b: sympy.Matrix, x: sympy.Matrix, moment: Formulas) -> sympy.Expr:
    """Write T(a, b, x, x) for one sample: half the derivative of D(w, x) at w = a along b."""
    w = sympy.Matrix(sympy.symbols("w0:2", real=True))
    form = _deviation(w, x, moment)
    slope = sum(form.diff(part) * along for part, along in zip(w, b, strict=True)) / 2
    return sympy.expand(slope.xreplace(dict(zip(w, a, strict=True))))


def _basis_values(moment: Formulas) -> dict[sympy.Basic, sympy.Expr]:
    """Evaluate D at the axes of the plane and halfway between them."""
    e, f = sympy.Matrix([1, 0]), sympy.Matrix([0, 1])
    p, m = (e + f) / sympy.sqrt(2), (e - f) / sympy.sqrt(2)
    pairs = {_CROSS: (e, f), _FIRST: (e, e), _SECOND: (f, f), _PLUS: (p, p), _MINUS: (m, m)}
    return {name: _deviation(*pair, moment) for name, pair in pairs.items()}


def _weight(combination: sympy.Expr, parts: tuple[sympy.Symbol, ...]) -> sympy.Expr:
    """Add the sizes of the coefficients of a linear combination."""
    return sum(abs(combination.coeff(part)) for part in parts)


def _is_bound(formula: sympy.Basic, quantity: sympy.Symbol) -> bool:
    """Say whether a relation bounds this quantity from above."""
    return isinstance(formula, sympy.LessThan) and formula.lhs == quantity
