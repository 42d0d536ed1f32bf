"""After Theorem 5.2: from the loss along flat directions to the parameters themselves.

Problem:
    λ₁ ≥ λ₂ ≥ … > 0 and E wᵢ² ≥ 0 are any numbers; D_k = Σ_{i>k} λᵢ E wᵢ² / Σ_{i≤k} λᵢ E wᵢ² compares losses,
    P_k = Σ_{i>k} E wᵢ² / Σ_{i≤k} E wᵢ² squared distances.

Statement:
    P_k ≥ (λ_k/λ_{k+1}) D_k.

Guarantee:
    For all such numbers. It turns the bound of Theorem 5.2 of Wang & Wu, arXiv 2310.00692, into one on parameters.

Provenance:
    [D]: derived again.

Controls:
    5.2-parameters:squared, (λ_k/λ_{k+1})² in place of λ_k/λ_{k+1}.

Example:
    >>> import theory
    >>> theory.statement("5.2-parameters").bounds(lambda_k=4, lambda_next=1, D=0.5)
    (2.0, inf)
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_least, at_most, equal, replaced, shows
from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._directions import CURVATURES, MOMENTS, at_directions, over_flat, over_sharp
from theory.catalogue._one_way import lower_bounds, upper_bounds
from theory.catalogue._second_moments import RATIO, SOURCE

last_sharp, first_flat, D = (symbol(name) for name in ("lambda_k", "lambda_next", "D"))
LOWER = last_sharp / first_flat * D
P = quantity_symbol("parameter_ratio")
# The sharp and the flat part of E 2L and of the squared distance, and P_k where only the directions at the cut count.
_X, _Y = (sympy.Symbol(letter, positive=True) for letter in "XY")
_SHARP_DISTANCE = named("sharp_distance", r"\sum_{i \le k} m_i", positive=True)
_FLAT_DISTANCE = named("flat_distance", r"\sum_{i > k} m_i", positive=True)
_AT_CUT = named("parameter_ratio_at_cut", r"P_k|_{\mathrm{cut}}", positive=True)


def build() -> Statement:
    """Build the comparison of P_k with D_k.

    Returns:
        The statement.
    """
    return Statement(
        id="5.2-parameters",
        title="escape of the parameters along flat directions",
        kind="lemma",
        source=f"{SOURCE}, after Theorem 5.2",
        provenance={"lower": "D"},
        provenance_note="Derived again; the comparison is elementary.",
        summary="Measured by squared distance instead of loss, flat directions weigh more, by at least the ratio of "
        "the two curvatures at the cut.",
        hypotheses=(RATIO, "P_k = Σ_(i>k) E wᵢ²/Σ_(i≤k) E wᵢ², and E wᵢ² > 0 for some i ≤ k"),
        quantity="parameter_ratio",
        symbols={
            "lambda_k": "λ_k, the smallest sharp eigenvalue",
            "lambda_next": "λ_(k+1), the largest flat eigenvalue, at most λ_k",
            "D": "D_k, the loss along flat directions over that along sharp ones, at least 0",
        },
        lower=LOWER,
        upper=None,
        controls=(
            Control(
                "5.2-parameters:squared",
                "with weight on the directions k and k + 1 alone P_k is exactly λ_k/λ_(k+1) times D_k",
                {"lower": "(lambda_k/lambda_next)**2*D"},
            ),
        ),
        proof=Proof(_proof),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        Step(
            "Σ_(i≤k) mᵢ ≤ X/λ_k with X = Σ_(i≤k) λᵢmᵢ",
            proved,
            Fact(
                "sharp part",
                (equal(_X, over_sharp(CURVATURES * MOMENTS)), at_most(_SHARP_DISTANCE, _X / last_sharp)),
            ),
            sharp_distance,
            note="mᵢ = E wᵢ²; two sharp eigenvalues of at least λ_k, the sums have the same form for any number",
        ),
        Step(
            "Σ_(i>k) mᵢ ≥ Y/λ_(k+1) with Y = Σ_(i>k) λᵢmᵢ",
            proved,
            Fact(
                "flat part",
                (equal(_Y, over_flat(CURVATURES * MOMENTS)), at_least(_FLAT_DISTANCE, _Y / first_flat)),
            ),
            flat_distance,
            note="two flat eigenvalues of at most λ_(k+1), the sums have the same form for any number",
        ),
        Step(
            "P_k = (λ_k/λ_(k+1)) D_k where only the directions k and k + 1 have weight",
            proved,
            Fact("at the cut", (equal(_AT_CUT, LOWER),)),
            met_at_the_cut,
            ("sharp part", "flat part"),
            "one direction on each side, D_k = Y/X",
        ),
        Step(
            "P_k ≥ (λ_k/λ_(k+1)) D_k, and no larger bound holds",
            proved,
            Fact("bound", (at_most(LOWER, P),)),
            ratio_of_distances,
            ("sharp part", "flat part", "at the cut"),
            "P_k is the quotient of the two distances, D_k = Y/X",
        ),
    ))


def sharp_distance(conclusion: Formulas) -> bool:
    """Bound the squared distance along two sharp directions.

    Args:
        conclusion: what X is, and the distance below a multiple of it.

    Returns:
        Whether it is, for curvatures of at least λ_k.
    """
    part, claimed = conclusion
    moments, more = sympy.symbols("m0:2", positive=True), sympy.symbols("more0:2", positive=True)
    curvatures = [last_sharp + extra for extra in more]
    values = {_X: at_directions(part.rhs, curvatures, moments, cut=2), _SHARP_DISTANCE: sum(moments)}
    return part.lhs == _X and shows(claimed, dict.fromkeys((last_sharp, *moments, *more), (0, None)), values)


def flat_distance(conclusion: Formulas) -> bool:
    """Bound the squared distance along two flat directions.

    Args:
        conclusion: what Y is, and the distance above a multiple of it.

    Returns:
        Whether it is, for curvatures of at most λ_(k+1).
    """
    part, claimed = conclusion
    moments, shares = sympy.symbols("m0:2", positive=True), sympy.symbols("y0:2", positive=True)
    curvatures = [first_flat * share for share in shares]
    # One sharp direction comes first; it does not occur.
    flat_loss = at_directions(part.rhs, (1, *curvatures), (1, *moments), cut=1)
    box = dict.fromkeys((first_flat, *moments), (0, None)) | dict.fromkeys(shares, (0, 1))
    return part.lhs == _Y and shows(claimed, box, {_Y: flat_loss, _FLAT_DISTANCE: sum(moments)})


def met_at_the_cut(conclusion: Formulas, sharp_part: Formulas, flat_part: Formulas) -> bool:
    """Evaluate P_k and D_k with one direction on each side.

    Args:
        conclusion: P_k, in λ_k, λ_(k+1) and D_k.
        sharp_part: what X is.
        flat_part: what Y is.

    Returns:
        Whether it is that.
    """
    (claimed,) = conclusion
    moments = sympy.symbols("m0:2", positive=True)
    curvatures = (last_sharp, first_flat)
    X, Y = (at_directions(part[0].rhs, curvatures, moments, cut=1) for part in (sharp_part, flat_part))
    values = {_AT_CUT: moments[1] / moments[0], D: Y / X}
    return claimed.lhs == _AT_CUT and shows(claimed, {}, values)


def ratio_of_distances(conclusion: Formulas, sharp_part: Formulas, flat_part: Formulas, at_cut: Formulas) -> bool:
    """Divide the flat distance by the sharp one.

    Args:
        conclusion: P_k above a bound.
        sharp_part: the sharp distance below a multiple of X.
        flat_part: the flat distance above a multiple of Y.
        at_cut: P_k at a point.

    Returns:
        Whether the bound follows, and is met there.
    """
    (claimed,) = conclusion
    share, more = sympy.symbols("share more", positive=True)
    sharp, flat = sharp_part[1], flat_part[1]
    ratio = (flat.rhs + more) / (share * sharp.rhs)
    box = dict.fromkeys((last_sharp, first_flat, _X, _Y, more), (0, None)) | {share: (0, 1)}
    written = replaced(claimed, {D: _Y / _X, P: ratio})
    named_first = (sharp.lhs, flat.lhs, claimed.rhs) == (_SHARP_DISTANCE, _FLAT_DISTANCE, P)
    named_first &= upper_bounds(sharp) and lower_bounds(flat)
    return named_first and shows(written, box) and is_identity(claimed.lhs, at_cut[0].rhs)
