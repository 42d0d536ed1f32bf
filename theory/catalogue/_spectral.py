"""The spectrum of a step of SGD on second moments: what happens at the threshold of stability.

On M = E wwᵀ a step is T_η(M) = M − η(GM + MG) + η²Q(M) with Q(M) = (1/n)Σ (xᵀMx) x xᵀ. For symmetric matrices
⟨N, M⟩ = Tr(NM). η* is where the spectral radius of T_η, on the range of G, passes 1.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, below, equal, shows
from theory._inequalities import is_positive
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol
from theory.catalogue._one_way import upper_bounds
from theory.catalogue._second_moments import ALONG_U, ALONG_W, MOMENT, NEXT_MOMENT, PART, at_samples, eta, samples

_COUNT = symbol("n")
_INDEX = ALONG_U.indices[0]
# xᵢᵀMxᵢ and xᵢᵀNxᵢ.
_P, _Q = (sympy.IndexedBase(letter, real=True)[_INDEX] for letter in "pq")
_IMAGE = named("image", r"\langle N, T_\eta M \rangle", real=True)
_INNER = named("inner_product", r"\langle N, M \rangle", real=True)
_PRODUCT = named("curved_product", r"\langle N, GM + MG \rangle", real=True)
_RANK_ONE = named("rank_one_image", r"\langle uu^\top, T_\eta(ww^\top) \rangle", real=True)
_MEAN = named("image_of_difference", r"\langle V, T_\eta V \rangle", real=True)
_ABSOLUTE = named("image_of_absolute_value", r"\langle |V|, T_\eta |V| \rangle", real=True)
QUOTIENT = named("quotient_at_step", r"\rho_V(\eta)", real=True)
_PART_QUOTIENT = named("quotient_at_part_of_step", r"\rho_V(a\eta)", real=True)
_SLOPE = named("curved_length", r"\langle V, GV \rangle", positive=True)


def spectral_steps() -> tuple[Step, ...]:
    """List the steps to a positive semi-definite second moment that a step at the threshold leaves as it is.

    Returns:
        The steps, in order; the last one gives the fact "fixed point".
    """
    proved = StepStatus.PROVED
    step_along = samples((PART - eta * ALONG_U * ALONG_W) ** 2) / _COUNT
    return (
        Step(
            "T_η is self-adjoint, and keeps positive semi-definite matrices so",
            proved,
            Fact(
                "operator",
                (
                    equal(_IMAGE, _INNER - eta * _PRODUCT + eta**2 * samples(_P * _Q) / _COUNT),
                    equal(_RANK_ONE, step_along),
                ),
            ),
            operator_form,
            note="pᵢ = xᵢᵀMxᵢ and qᵢ = xᵢᵀNxᵢ, aᵢ = u·xᵢ and rᵢ = w·xᵢ; the mean of (I − ηxxᵀ)M(I − ηxxᵀ), symbolic "
            "for two samples in two dimensions and any symmetric M and N",
        ),
        Step(
            "the spectral radius is an eigenvalue, with a positive semi-definite eigenmatrix",
            proved,
            Fact("absolute value", (at_most(_MEAN, _ABSOLUTE), at_most(-_MEAN, _ABSOLUTE))),
            absolute_value_wins,
            ("operator",),
            "for an eigenmatrix V = V₊ − V₋ of the eigenvalue largest in size, |V| = V₊ + V₋ has the same norm and a "
            "Rayleigh quotient at least as large; a maximiser of the quotient of a self-adjoint map is an eigenvector",
        ),
        Step(
            "each Rayleigh quotient is a parabola in η",
            proved,
            Fact("parabola", (equal(QUOTIENT, 1 - 2 * eta * _SLOPE + eta**2 * samples(_P**2) / _COUNT),)),
            parabola,
            ("operator",),
            "M = N = V with ⟨V, V⟩ = 1; the spectral radius is their supremum over V",
        ),
        Step(
            "the spectral radius passes 1 once: where it is at most 1 it is below 1 at every smaller η",
            proved,
            Fact("crossing", (at_most(QUOTIENT, 1), below(_PART_QUOTIENT, 1))),
            passes_once,
            ("parabola",),
            "0 < a < 1; ⟨V, GV⟩ > 0 on the range of G. It passes 1 somewhere, since at V = uuᵀ with u in the range of "
            "G the parabola is unbounded",
        ),
        Step(
            "at η* some second moment M ≠ 0 stays as it is: m' = m along every direction",
            proved,
            Fact("fixed point", (equal(NEXT_MOMENT, MOMENT),)),
            fixed_point,
            ("absolute value", "crossing"),
            "M is the positive semi-definite eigenmatrix of the eigenvalue 1, m = uᵀMu; on the range of G, so that "
            "2L = Tr(GM) > 0",
        ),
    )


def operator_form(conclusion: Formulas) -> bool:
    """Compare ⟨N, T_η M⟩ by its definition with its formula, and test that it is symmetric in M and N.

    Args:
        conclusion: ⟨N, T_η M⟩ for symmetric matrices, and for M = wwᵀ and N = uuᵀ.

    Returns:
        Whether all hold for two samples in two dimensions.
    """
    general, rank_one = conclusion
    X = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    G = X.T * X / 2
    M, N = (_symmetric(name) for name in "MN")
    u, w = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "uw")
    at_inputs = {
        base[i + 1]: (X[i, :] * matrix * X[i, :].T)[0] for base, matrix in ((_P.base, M), (_Q.base, N)) for i in (0, 1)
    }
    values = {_INNER: (N * M).trace(), _PRODUCT: (N * (G * M + M * G)).trace(), PART: u.dot(w)}
    written = general.rhs.subs(_COUNT, 2).doit().xreplace(at_inputs | values)
    along = at_samples(rank_one.rhs, list(X * u), list(X * w)).xreplace(values)
    image, swapped = _image(N, M, X), _image(M, N, X)
    pairs = ((image, written), (image, swapped), (_image(u * u.T, w * w.T, X), along))
    return (general.lhs, rank_one.lhs) == (_IMAGE, _RANK_ONE) and all(
        (left - right).expand() == 0 for left, right in pairs
    )


def absolute_value_wins(conclusion: Formulas, operator: Formulas) -> bool:
    """Compare ⟨V, TV⟩ with ⟨|V|, T|V|⟩ for V = V₊ − V₋ and |V| = V₊ + V₋.

    Args:
        conclusion: the inequalities.
        operator: the map on matrices of rank one.

    Returns:
        Whether they hold where ⟨V₊, TV₊⟩, ⟨V₋, TV₋⟩ and ⟨V₊, TV₋⟩ are non-negative, and these are: positive parts are
        sums of matrices of rank one, on which ⟨uuᵀ, T(wwᵀ)⟩ is a mean of squares.
    """
    (total,) = operator[1].rhs.atoms(sympy.Sum)
    squares = total.function.is_nonnegative and (operator[1].rhs / total).is_positive
    plus, minus, mixed = sympy.symbols("plus minus mixed", positive=True)
    box = dict.fromkeys((plus, minus, mixed), (0, None))
    values = {_MEAN: plus + minus - 2 * mixed, _ABSOLUTE: plus + minus + 2 * mixed}
    return bool(squares) and all(shows(formula, box, values) for formula in conclusion)


def parabola(conclusion: Formulas, operator: Formulas) -> bool:
    """Take ⟨V, T_η V⟩ for V of length one.

    Args:
        conclusion: the Rayleigh quotient.
        operator: ⟨N, T_η M⟩.

    Returns:
        Whether M = N = V gives it, with ⟨V, GV + VG⟩ = 2⟨V, GV⟩.
    """
    (claimed,) = conclusion
    V, G = _symmetric("V"), _symmetric("G")
    doubled = ((V * (G * V + V * G)).trace() - 2 * (V * G * V).trace()).expand() == 0
    at_one = operator[0].rhs.subs(_COUNT, 2).doit()
    single = {_INNER: sympy.S.One, _PRODUCT: 2 * _SLOPE} | {_Q.base[i]: _P.base[i] for i in (1, 2)}
    written = equal(claimed.lhs, claimed.rhs.subs(_COUNT, 2).doit())
    return doubled and claimed.lhs == QUOTIENT and shows(written, {}, {QUOTIENT: at_one.xreplace(single)})


def passes_once(conclusion: Formulas, parabola: Formulas) -> bool:
    """Show that a quotient that is at most 1 at η is below 1 at aη.

    Args:
        conclusion: the case, and the quotient at aη.
        parabola: the quotient at η.

    Returns:
        Whether it is, for 0 < a < 1.
    """
    case, claimed = conclusion
    part, room, curvature = sympy.symbols("a room curvature", positive=True)
    quotient = parabola[0].rhs.xreplace({samples(_P**2): _COUNT * curvature})
    # ⟨V, GV⟩ is what makes the quotient fall short of the case's own bound by some room.
    slope = sympy.diff(quotient, _SLOPE)
    solved = (case.rhs - room - quotient.xreplace({_SLOPE: sympy.S.Zero})) / slope
    at_part = quotient.xreplace({eta: part * eta, _SLOPE: solved})
    box = {part: (0, 1)} | dict.fromkeys((room, curvature, eta), (0, None))
    in_case = isinstance(case, sympy.LessThan) and case.lhs == QUOTIENT
    in_range = is_positive(solved, box)
    return in_case and in_range and claimed.lhs == _PART_QUOTIENT and shows(claimed, box, {_PART_QUOTIENT: at_part})


def fixed_point(conclusion: Formulas, absolute: Formulas, crossing: Formulas) -> bool:
    """Follow uᵀMu at the eigenmatrix M whose eigenvalue is the spectral radius.

    Args:
        conclusion: the second moment after a step.
        absolute: that the quotient of |V| is at least the size of that of V.
        crossing: the spectral radius at the threshold, as its case says.

    Returns:
        Whether the step leaves the second moment as it is.
    """
    (claimed,) = conclusion
    # The quotient of |V| is at least that of V and minus that: it is at least the spectral radius, of either sign.
    both_signs = {formula.lhs for formula in absolute} == {_MEAN, -_MEAN}
    both_signs &= all(isinstance(formula, sympy.LessThan) and formula.rhs == _ABSOLUTE for formula in absolute)
    radius = crossing[0].rhs
    M, u = _symmetric("M"), sympy.Matrix(sympy.symbols("u0:2", real=True))
    moment = (u.T * M * u)[0]
    values = {NEXT_MOMENT: (u.T * (radius * M) * u)[0], MOMENT: moment}
    in_order = claimed.lhs == NEXT_MOMENT and crossing[0].lhs == QUOTIENT and upper_bounds(crossing[0])
    in_order &= crossing[1].lhs == _PART_QUOTIENT and isinstance(crossing[1], sympy.StrictLessThan)
    return both_signs and in_order and crossing[1].rhs == radius and shows(claimed, {}, values)


def _symmetric(name: str) -> sympy.Matrix:
    """Make a symbolic symmetric matrix."""
    return sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"{name}{min(i, j)}{max(i, j)}", real=True))


def _image(N: sympy.Matrix, M: sympy.Matrix, X: sympy.Matrix) -> sympy.Expr:
    """Take ⟨N, M'⟩ for the mean M' of (I − ηxxᵀ)M(I − ηxxᵀ) over the samples."""
    shrinks = [sympy.eye(2) - eta * X[i, :].T * X[i, :] for i in range(X.rows)]
    return sum((N * A * M * A).trace() for A in shrinks) / X.rows
