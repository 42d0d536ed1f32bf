"""Theorem 3.3: the loss alignment of the linear model, for every θ at once.

Problem:
    f(x; θ) = ⟨θ, x⟩ with inputs x_1, …, x_n ~ N(0, S) independent, and any labels. The loss alignment is
    μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss is zero.

Statement:
    If n ≥ C log(n/δ)/ε² and d_eff ≥ C log(n/δ)/ε², where d_eff = min{srk(S), srk(S²)}, then
    1 − ε ≤ μ(θ) ≤ 1 + ε for all θ.

Guarantee:
    With probability at least 1 − δ over the inputs; C is an absolute constant that the paper does not give.
    Theorem 3.3 of Wang & Wu, arXiv 2310.00692.

Provenance:
    Bounds and proof [D]; the form of the two conditions [R]: it is the one that the surviving proof gives.

Controls:
    3.3:no-dimension (the condition on d_eff dropped), 3.3:linear-eps (ε in place of ε² in both conditions) and
    3.3:raised-lower (the lower bound raised by a quarter).

Example:
    >>> import theory
    >>> s = theory.statement("3.3")
    >>> s.required_n(eps=0.2, delta=0.05), round(s.required_dimension(eps=0.2, delta=0.05, n=1000), 1)
    (209, 247.6)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, between, ends, equal, shows
from theory._inequalities import Box, is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol
from theory.catalogue._row_sums import CONDITION, T, delta, eps, n, spread_steps

MU = quantity_symbol("mu")
LOWER = 1 - eps
UPPER = 1 + eps
# Residuals and row sums, entry by entry; the two traces; the two means, and the extremes of what they average.
_INDEX = sympy.Symbol("i", integer=True, positive=True)
RESIDUAL, ROW = sympy.IndexedBase("r", real=True)[_INDEX], sympy.IndexedBase("a", positive=True)[_INDEX]
_NOISE = named("noise_trace", r"\operatorname{Tr}(\Sigma_1 G)", positive=True)
_SQUARE = named("fisher_square", r"\|G\|_F^2", positive=True)
_TOP = named("residual_mean", r"\langle a \rangle_{r^2}", positive=True)
_BOTTOM = named("plain_mean", r"\langle a \rangle", positive=True)
LEAST, MOST = (named(f"{end}_row_sum", rf"\{end} a", positive=True) for end in ("min", "max"))


def build() -> Statement:
    """Build Theorem 3.3.

    Returns:
        The statement.
    """
    return Statement(
        id="3.3",
        title="loss alignment of the linear model",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 3.3",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "R", "dimension": "R"},
        provenance_note="The bounds were derived again and checked numerically; the final form of the two conditions "
        "had to be chosen, it is the one that the surviving proof gives.",
        summary="With enough samples in enough effective dimensions the noise is aligned with the loss landscape: its "
        "size is loss times curvature up to a factor close to one, at every parameter at once.",
        hypotheses=(
            "f(x; θ) = ⟨θ, x⟩, square loss, any labels",
            "x₁, …, xₙ ~ N(0, S) independent",
            "the effective dimension is min{srk(S), srk(S²)} with srk(A) = Tr A/‖A‖",
        ),
        quantity="mu",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
            "d_eff": "the effective dimension min{srk(S), srk(S²)}",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=(CONDITION,),
        dimension=(CONDITION,),
        constants="absolute",
        probability=1 - delta,
        controls=_controls(),
        depends_on=("C.4",),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "3.3:no-dimension",
            "at fixed S the range of μ tends, as n grows, to the population's [1, 1 + 2/srk(S²)], which is wider than "
            "any ε below 2/srk(S²)",
            {"dimension": []},
        ),
        Control(
            "3.3:linear-eps",
            "the row sums fluctuate like √(log(n)/n), so that the least possible ε falls like the square root of 1/n, "
            "not like 1/n",
            {"sample_size": ["log(n/delta)/eps"], "dimension": ["log(n/delta)/eps"]},
        ),
        Control(
            "3.3:raised-lower",
            "as n and d_eff grow μ tends to 1 for every θ, below (1 − ε)·5/4 for every ε under 1/5",
            {"lower": "(1 - eps)*5/4"},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        *mean_steps(MU),
        *spread_steps(),
        Step(
            "(1 − t)/(1 + t) ≤ μ ≤ (1 + t)/(1 − t)",
            proved,
            Fact("quotient", between((1 - T) / (1 + T), MU, (1 + T) / (1 - T))),
            quotient_between,
            ("means", "row sums"),
            "0 < t < 1; corners of the square of the two means",
        ),
        Step(
            "1 − ε ≤ μ ≤ 1 + ε",
            proved,
            Fact("bounds", between(LOWER, MU, UPPER)),
            bounds_from_spread,
            ("quotient", "spread", "one sample"),
            "0 < ε < 1; the upper bound is met exactly",
        ),
    ))


def mean_steps(mu: sympy.Symbol) -> tuple[Step, ...]:
    """List the steps from the definition of μ to a quotient of two means, which hold for any Jacobian.

    Args:
        mu: the symbol for the loss alignment, of this or of another model.

    Returns:
        The steps, in order.
    """
    proved = StepStatus.PROVED
    return (
        Step(
            "Tr(Σ₁G) = r²ᵀa/n² and ‖G‖²_F = Σ aᵢ/n² with a = (K∘K)1",
            proved,
            Fact(
                "traces",
                (equal(_NOISE, total(RESIDUAL**2 * ROW) / n**2), equal(_SQUARE, total(ROW) / n**2)),
            ),
            traces,
            note="K = JJᵀ; traces of matrix products of any size up to cyclic order, then entry by entry for a "
            "symbolic Jacobian (3×2) and residual",
        ),
        Step(
            "μ = n r²ᵀa/(‖r‖² Σ aᵢ)",
            proved,
            Fact("form", (equal(mu, n * total(RESIDUAL**2 * ROW) / (total(RESIDUAL**2) * total(ROW))),)),
            partial(quotient_of_traces, mu),
            ("traces",),
            "the definition μ = Tr(Σ₁G)/(2L ‖G‖²_F) with 2L = ‖r‖²/n; sums of any length",
        ),
        Step(
            "μ is a quotient of two means of the aᵢ, each between the least and the largest of them",
            proved,
            Fact("means", (equal(mu, _TOP / _BOTTOM), *between(LEAST, _TOP, MOST), *between(LEAST, _BOTTOM, MOST))),
            partial(weighted_means, mu),
            ("form",),
            "the weights rᵢ²/‖r‖² and 1/n are non-negative and sum to one; three symbolic weights and values, the sums "
            "have the same form for any number",
        ),
        Step(
            "with a single sample μ = 1",
            proved,
            Fact("one sample", (equal(mu, 1),)),
            partial(single_sample, mu),
            ("form",),
            "n = 1, which Lemma C.4 leaves out",
        ),
    )


def total(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the samples.

    Args:
        entries: an expression in entries with the index i.

    Returns:
        The sum over i = 1, …, n, as it stands.
    """
    return sympy.Sum(entries, (_INDEX, 1, n))


def traces(conclusion: Formulas) -> bool:
    """Show Tr(Σ₁G) = Σ rᵢ²aᵢ/n² and Tr(G²) = Σ aᵢ/n².

    Args:
        conclusion: the two identities.

    Returns:
        Whether Tr(JᵀDJ JᵀJ) = Tr(D K²) and Tr((JᵀJ)²) = Tr(K²) by cyclic order, and both hold entry by entry.
    """
    rows, columns = sympy.symbols("rows columns", integer=True, positive=True)
    J, D = sympy.MatrixSymbol("J", rows, columns), sympy.MatrixSymbol("D", rows, rows)
    K = J * J.T
    cyclic = _same_trace([J.T, D, J, J.T, J], [D, *K.args, *K.args])
    cyclic &= _same_trace([J.T, J, J.T, J], [*K.args, *K.args])
    return cyclic and all(_entry_by_entry(formula) for formula in conclusion)


def quotient_of_traces(mu: sympy.Symbol, conclusion: Formulas, traces: Formulas) -> bool:
    """Divide the traces.

    Args:
        mu: the symbol for μ.
        conclusion: the form of μ.
        traces: Tr(Σ₁G) and ‖G‖²_F as sums.

    Returns:
        Whether μ, by its definition, is the claimed quotient; the sums stay as they are, whatever their length.
    """
    (claimed,) = conclusion
    definition = (_NOISE / (total(RESIDUAL**2) / n * _SQUARE)).xreplace({
        formula.lhs: formula.rhs for formula in traces
    })
    atoms = {part: sympy.Dummy(positive=True) for part in definition.atoms(sympy.Sum) | claimed.atoms(sympy.Sum)}
    return claimed.lhs == mu and shows(claimed, {}, {mu: definition.xreplace(atoms)} | atoms)


def weighted_means(mu: sympy.Symbol, conclusion: Formulas, form: Formulas) -> bool:
    """Show that μ is a quotient of two means, and that a mean lies between the extremes.

    Args:
        mu: the symbol for μ.
        conclusion: μ as a quotient, and both means between the least and the largest value.
        form: μ as a quotient of sums.

    Returns:
        Whether the quotients are the same, and the inequalities hold for any three weights and values.
    """
    quotient, *bounds = conclusion
    top, bottom = total(RESIDUAL**2 * ROW) / total(RESIDUAL**2), total(ROW) / n
    same_quotient = shows(quotient, {}, {mu: form[0].rhs, _TOP: top, _BOTTOM: bottom})
    gap, shares = sympy.Symbol("gap", positive=True), sympy.symbols("x0:3", positive=True)
    weights = sympy.symbols("w0:3", positive=True)
    values = [LEAST + gap * share for share in shares]
    mean = sum(w * a for w, a in zip(weights, values, strict=True)) / sum(weights)
    box = dict.fromkeys((LEAST, gap, *weights), (0, None)) | dict.fromkeys(shares, (0, 1))
    equal_weights = mean.xreplace(dict.fromkeys(weights, sympy.S.One))
    within = {_TOP: mean, _BOTTOM: equal_weights, MOST: LEAST + gap}
    return same_quotient and all(shows(formula, box, within) for formula in bounds)


def quotient_between(conclusion: Formulas, means: Formulas, row_sums: Formulas) -> bool:
    """Bound the quotient of two means by its values at the corners.

    Args:
        conclusion: the bounds, in t.
        means: μ as a quotient of means, and the means between the extremes.
        row_sums: the values between 1 − t and 1 + t, in units of A.

    Returns:
        Whether both bounds hold for 0 < t < 1.
    """
    extremes = dict(zip((LEAST, MOST), ends(row_sums), strict=True))
    mu, box = quotient_of_means(means, extremes)
    return means[0].lhs == MU and all(shows(formula, {T: (0, 1), **box}, {MU: mu}) for formula in conclusion)


def quotient_of_means(means: Formulas, extremes: Mapping[sympy.Basic, sympy.Basic]) -> tuple[sympy.Expr, Box]:
    """Write a quotient of two means with each at any place between its ends.

    Args:
        means: μ as a quotient of means, and the means between the extremes of what they average.
        extremes: what the extremes are, or bounds for them.

    Returns:
        The quotient, and the box of the two places.
    """
    x, y = sympy.symbols("x y", positive=True)
    quotient, above, below = means[0], ends(means[1:3]), ends(means[3:])
    values = {part: low + share * (high - low) for part, share, (low, high) in ((_TOP, x, above), (_BOTTOM, y, below))}
    return quotient.rhs.xreplace(values).xreplace(dict(extremes)), {x: (0, 1), y: (0, 1)}


def single_sample(mu: sympy.Symbol, conclusion: Formulas, form: Formulas) -> bool:
    """Evaluate μ at one sample.

    Args:
        mu: the symbol for μ.
        conclusion: its value.
        form: μ as a quotient of sums.

    Returns:
        Whether the quotient has that value.
    """
    (claimed,) = conclusion
    return claimed.lhs == mu and shows(claimed, {}, {mu: form[0].rhs.subs(n, 1).doit()})


def bounds_from_spread(conclusion: Formulas, quotient: Formulas, spread: Formulas, single: Formulas) -> bool:
    """Show that the bounds at this t lie within the claimed ones, the upper one exactly, and so does a single sample.

    Args:
        conclusion: the claimed bounds, in ε.
        quotient: the bounds in t.
        spread: what t is.
        single: μ where there is one sample.

    Returns:
        Whether both bounds follow.
    """
    lower, upper = conclusion
    low, high = (end.xreplace({T: spread[0].rhs}) for end in ends(quotient))
    box = {eps: (0, 1)}
    alone = all(shows(formula, box, {MU: single[0].rhs}) for formula in conclusion)
    return alone and shows(lower, box, {MU: low}) and upper.lhs == MU and is_identity(upper.rhs, high)


def _entry_by_entry(formula: Relational) -> bool:
    """Compare both sides at three samples and two parameters."""
    count = 3
    J = sympy.Matrix(count, 2, lambda i, j: sympy.Symbol(f"J{i}{j}", real=True))
    r = sympy.symbols(f"r0:{count}", real=True)
    K = J * J.T
    noise, fisher = J.T * sympy.diag(*[entry**2 for entry in r]) * J / count, J.T * J / count
    entries = {RESIDUAL.base[i + 1]: r[i] for i in range(count)}
    entries |= {ROW.base[i + 1]: sum(K[i, j] ** 2 for j in range(count)) for i in range(count)}
    left, right = (side.subs(n, count).doit().xreplace(entries) for side in formula.args)
    definitions = {_NOISE: (noise * fisher).trace(), _SQUARE: (fisher * fisher).trace()}
    return shows(formula.func(left, right, evaluate=False), {}, definitions)


def _same_trace(left: list[sympy.Expr], right: list[sympy.Expr]) -> bool:
    """Say whether two products are cyclic permutations of each other, hence have the same trace."""
    rotations = [right[k:] + right[:k] for k in range(len(right))]
    fits = all(a.shape[1] == b.shape[0] for a, b in pairwise([*left, left[0]]))
    return fits and left in rotations
