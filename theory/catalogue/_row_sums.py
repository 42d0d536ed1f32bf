"""From the conditions of Theorems 3.3 and 3.5 to the spread of the row sums, through Lemma C.4.

aᵢ = Σⱼ (xᵢ·xⱼ)² are the row sums of the squared Gram matrix of the linear model. Both theorems ask for n and d_eff of
at least C log(n/δ)/ε²; Lemma C.4 then bounds the aᵢ at t = ε/(2 + ε) in place of ε, for 1/t² is at most 9/ε².
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, below, between, equal, replaced, same, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Step, StepStatus
from theory._symbols import CONSTANT, quantity_symbol, symbol
from theory.catalogue._one_way import lower_bounds
from theory.catalogue.lemma_c4 import FACTOR

eps, delta, n = (symbol(name) for name in ("eps", "delta", "n"))

CONDITION = sympy.log(n / delta) / eps**2
EXPLICIT = 9 * FACTOR
ROW_SUM = quantity_symbol("row_sum")
# How far the row sums may lie from A, relative to it.
T = sympy.Symbol("t", positive=True)


def spread_steps() -> tuple[Step, ...]:
    """List the steps from the conditions to the spread of the row sums, which Theorem 3.5 needs as well.

    Returns:
        The steps, in order.
    """
    proved = StepStatus.PROVED
    return (
        Step(
            "t = ε/(2 + ε) lies between 0 and 1",
            proved,
            Fact("spread", (equal(T, eps / (2 + eps)), below(0, T), below(T, 1))),
            spread_within,
            note="0 < ε < 1",
        ),
        Step(
            f"C = {EXPLICIT} meets the conditions of Lemma C.4 at t in place of ε",
            proved,
            Fact("constant", (equal(CONSTANT, EXPLICIT),)),
            conditions_suffice,
            ("sample_size", "dimension", "C.4:sample_size", "C.4:dimension", "spread"),
            "log(n/δ) > 0, 0 < ε < 1; with equality at ε = 1",
        ),
        Step(
            "w.p. ≥ 1 − δ all aᵢ lie within (1 ± t)A",
            proved,
            Fact("row sums", between(1 - T, ROW_SUM, 1 + T)),
            lemma_at_spread,
            ("C.4", "constant"),
            "Lemma C.4 at t in place of ε; A is that of Lemma C.4, and row_sum is any aᵢ/A",
        ),
    )


def spread_within(conclusion: Formulas) -> bool:
    """Show 0 < t < 1.

    Args:
        conclusion: what t is, and the two inequalities.

    Returns:
        Whether they hold for 0 < ε < 1.
    """
    definition, *bounds = conclusion
    return definition.lhs == T and all(shows(formula, {eps: (0, 1)}, {T: definition.rhs}) for formula in bounds)


def conditions_suffice(
    conclusion: Formulas,
    sample_size: Formulas,
    dimension: Formulas,
    lemma_sample_size: Formulas,
    lemma_dimension: Formulas,
    spread: Formulas,
) -> bool:
    """Show that the conditions with the claimed constant imply those of Lemma C.4 at t.

    Args:
        conclusion: the constant.
        sample_size: the theorem's condition on n.
        dimension: the theorem's condition on d_eff.
        lemma_sample_size: the lemma's condition on n.
        lemma_dimension: the lemma's condition on d_eff.
        spread: what t is.

    Returns:
        Whether they do, with nothing to spare as ε → 1.
    """
    (constant,) = conclusion
    logarithm = sympy.Symbol("logarithm", positive=True)
    values = {CONSTANT: constant.rhs, sympy.log(n / delta): logarithm}

    def implied(own: Relational, lemma: Relational) -> bool:
        asked = lemma.rhs.xreplace({eps: spread[0].rhs})
        room = own.rhs.xreplace(values) - asked.xreplace(values)
        inside = is_nonnegative(room, {eps: (0, 1), logarithm: (0, None)})
        one_way = own.lhs == lemma.lhs and lower_bounds(own, lemma)
        return inside and one_way and is_identity(room.subs(eps, 1), sympy.S.Zero)

    pairs = [*zip(sample_size, lemma_sample_size, strict=True), *zip(dimension, lemma_dimension, strict=True)]
    return constant.lhs == CONSTANT and all(implied(*pair) for pair in pairs)


def lemma_at_spread(conclusion: Formulas, lemma: Formulas, constant: Formulas) -> bool:
    """Take Lemma C.4 at t in place of ε.

    Args:
        conclusion: the row sums, in units of A, within 1 ± t.
        lemma: the same within 1 ± ε.
        constant: the constant for which its conditions are met.

    Returns:
        Whether the conclusion is that.
    """
    return constant[0].lhs == CONSTANT and same(conclusion, tuple(replaced(formula, {eps: T}) for formula in lemma))
