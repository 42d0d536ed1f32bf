"""The steps that the statements on the directional alignment share, and their bounds.

Problem:
    Inputs x_1, …, x_n ~ N(0, S) and noiseless linear targets, so that the residual is r_i = u·x_i and the derivative
    along v is y_i = w·x_i with a vector w of the input space (w = v for the linear model, w = ∇F(θ) v for an
    over-parameterised one). Then g = (1/n)Σ r_i² y_i²/((1/n)Σ r_i² (1/n)Σ y_i²).

Use:
    Theorems 4.2 and 4.3 and the lower half of 4.2 differ in the directions they speak of and in the events that they
    need. Here is what does not depend on that: the form of g, also in whitened inputs z = S^{−1/2}x. What follows from
    the events is in `_directional_events`.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, equal, shows
from theory._inequalities import is_identity
from theory._proof import Step, StepStatus
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue.lemma_c1 import cov_uv, var_u, var_v

eps, n, d = (symbol(name) for name in ("eps", "n", "d"))

LOWER = (1 - eps) / (1 + eps) ** 2
UPPER = (3 + eps) / (1 - eps) ** 2

# The mean m, the two quotients of event B, the cosine of S^{1/2}u and S^{1/2}w, and g in the population.
MEAN = sympy.Symbol("m", positive=True)
RATIO_U = named("ratio_u", r"\tfrac{u^\top \hat S u}{u^\top S u}", positive=True)
RATIO_W = named("ratio_w", r"\tfrac{w^\top \hat S w}{w^\top S w}", positive=True)
COSINE = sympy.Symbol("c", real=True)
# Variances and the covariance of u·x and w·x.
_VAR_U, _VAR_W = var_u, named("wSw", r"w^\top S w", positive=True)
_COV = named("uSw", r"u^\top S w", real=True)
POPULATION = quantity_symbol("population_g")

_I, _J = (sympy.Symbol(name, integer=True, positive=True) for name in "ij")
_X, _Z, _U, _W, _A, _B, _R, _Y = (sympy.IndexedBase(name, real=True) for name in "xzuwabry")


def reduction_steps(quantity: str, over_parameterised: bool) -> tuple[Step, ...]:
    """List the steps from the definition of g to its form in whitened inputs.

    Args:
        quantity: the name of g in the statement.
        over_parameterised: whether the model is ⟨F(θ), x⟩ with any F, or ⟨θ, x⟩.

    Returns:
        The steps, in order; they give the facts `rows`, `form`, `whitening` and `normalised`.
    """
    proved, g = StepStatus.PROVED, quantity_symbol(quantity)
    model = "any differentiable F of two parameters into two dimensions" if over_parameterised else "F(θ) = θ"
    vector = "∇F(θ) v" if over_parameterised else "v"
    squares = _R[_I] ** 2 * _Y[_I] ** 2
    return (
        Step(
            f"the residual is u·x and the derivative along v is w·x with w = {vector}",
            proved,
            Fact("rows", (equal(_R[_I], _inner(_X, _U)), equal(_Y[_I], _inner(_X, _W)))),
            general_rows if over_parameterised else linear_rows,
            note=f"u = F(θ) − w*; {model}, symbolic x, v and w*; every row has this form",
        ),
        Step(
            "g = (1/n)Σ rᵢ²yᵢ²/((1/n)Σ rᵢ² · (1/n)Σ yᵢ²)",
            proved,
            Fact("form", (equal(g, average(squares) / (average(_R[_I] ** 2) * average(_Y[_I] ** 2))),)),
            quotient_form,
            note="the definition g = vᵀΣ₁v/(2L vᵀGv) with y = Jv; symbolic J (3×2), r and v",
        ),
        Step(
            "u·x = a·z and w·x = b·z with a = S^{1/2}u, b = S^{1/2}w, z = S^{−1/2}x ~ N(0, I)",
            proved,
            Fact("whitening", _whitened()),
            whitening,
            note="Q = S^{1/2}, x = Qz, a = Qu, b = Qw; symbolic symmetric Q (2×2), z, u and w",
        ),
        Step(
            "g = m/(uᵀŜu/uᵀSu · wᵀŜw/wᵀSw) with m = (1/n)Σ (a·zᵢ)²(b·zᵢ)²/(|a|²|b|²)",
            proved,
            Fact("normalised", (equal(g, MEAN / (RATIO_U * RATIO_W)), *_normalised())),
            normalised,
            ("rows", "form", "whitening"),
            "so m depends on the unit vectors a/|a| and b/|b| alone; sums of any length",
        ),
    )


def population_step() -> Step:
    """Make the step to the expectation of m.

    Returns:
        The step; it uses Lemma C.1 and gives the fact `population`.
    """
    return Step(
        "m has the expectation 1 + 2c², c the cosine of a and b",
        StepStatus.PROVED,
        Fact("population", (equal(POPULATION, 1 + 2 * COSINE**2),)),
        population,
        ("C.1",),
        "Lemma C.1 at S = I, u = a/|a| and v = b/|b|",
    )


def average(entries: sympy.Expr) -> sympy.Expr:
    """Write a mean over the samples.

    Args:
        entries: an expression in entries with the index i.

    Returns:
        The sum over i = 1, …, n, as it stands, over n.
    """
    return sympy.Sum(entries, (_I, 1, n)) / n


def general_rows(conclusion: Formulas) -> bool:
    """Differentiate ⟨F(θ), x⟩ for any F of two parameters into the plane.

    Args:
        conclusion: residual and derivative along v as inner products with x.

    Returns:
        Whether they are, with u = F(θ) − w* and w = ∇F(θ) v.
    """
    theta = sympy.symbols("t0:2", real=True)
    return _rows_hold(conclusion, theta, [sympy.Function(f"F{index}")(*theta) for index in range(2)])


def linear_rows(conclusion: Formulas) -> bool:
    """Differentiate ⟨θ, x⟩.

    Args:
        conclusion: residual and derivative along v as inner products with x.

    Returns:
        Whether they are, with u = θ − w* and w = v.
    """
    theta = sympy.symbols("t0:2", real=True)
    return _rows_hold(conclusion, theta, list(theta))


def quotient_form(conclusion: Formulas) -> bool:
    """Compare vᵀΣ₁v/(2L vᵀGv) with the quotient of sums over the samples.

    Args:
        conclusion: the form of g.

    Returns:
        Whether they are the same for three samples and two parameters.
    """
    (form,) = conclusion
    count = 3
    J = sympy.Matrix(count, 2, lambda i, j: sympy.Symbol(f"J{i}{j}", real=True))
    r, v = sympy.Matrix(sympy.symbols("r0:3", real=True)), sympy.Matrix(sympy.symbols("v0:2", real=True))
    noise, fisher = J.T * sympy.diag(*[entry**2 for entry in r]) * J / count, J.T * J / count
    definition = (v.T * noise * v)[0] / (r.dot(r) / count * (v.T * fisher * v)[0])
    along = J * v
    entries = {_R[i + 1]: r[i] for i in range(count)} | {_Y[i + 1]: along[i] for i in range(count)}
    return form.lhs.is_Symbol and is_identity(form.rhs.subs(n, count).doit().xreplace(entries), definition)


def whitening(conclusion: Formulas) -> bool:
    """Substitute x = Qz, a = Qu and b = Qw.

    Args:
        conclusion: inner products with x in terms of z, and the variances and the covariance in terms of a and b.

    Returns:
        Whether every one is an identity for a symmetric Q with S = Q².
    """
    Q = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"Q{min(i, j)}{max(i, j)}", real=True))
    z, u, w = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "zuw")
    vectors = {_U: u, _W: w, _A: Q * u, _B: Q * w}
    entries = {base[j + 1]: vector[j] for base, vector in vectors.items() for j in range(2)}
    entries |= {base[_I, j + 1]: row[j] for base, row in ((_X, Q * z), (_Z, z)) for j in range(2)}
    S = Q * Q
    entries |= {_VAR_U: (u.T * S * u)[0], _VAR_W: (w.T * S * w)[0], _COV: (u.T * S * w)[0]}
    sides = [[side.subs(d, 2).doit().xreplace(entries) for side in formula.args] for formula in conclusion]
    return all(is_identity(left, right) for left, right in sides)


def normalised(conclusion: Formulas, rows: Formulas, form: Formulas, whitened: Formulas) -> bool:
    """Divide numerator and denominators of g by the variances, and write them in whitened inputs.

    Args:
        conclusion: g in the mean and the two quotients, and what these are in whitened inputs.
        rows: residual and derivative as inner products with x.
        form: g as a quotient of sums.
        whitened: inner products with x in terms of z.

    Returns:
        Whether the claimed quotient is g; the sums stay as they are, whatever their length.
    """
    quotient, *definitions = conclusion
    in_inputs = form[0].rhs.xreplace({formula.lhs: formula.rhs for formula in rows})
    whole = in_inputs.xreplace({formula.lhs: formula.rhs for formula in whitened[:2]})
    parts = {formula.lhs: formula.rhs for formula in definitions}
    claimed = quotient.rhs.xreplace(parts)
    mean_of_units = average(_inner(_Z, _A) ** 2 * _inner(_Z, _B) ** 2) / (_VAR_U * _VAR_W)
    sums = set().union(*(part.atoms(sympy.Sum) for part in (whole, claimed, mean_of_units)))
    atoms = {part: sympy.Dummy(positive=True) for part in sums}
    same_mean = is_identity(parts[MEAN].xreplace(atoms), mean_of_units.xreplace(atoms))
    same_ratio = is_identity(parts[RATIO_U].xreplace(atoms), (average(_inner(_Z, _A) ** 2) / _VAR_U).xreplace(atoms))
    return (
        quotient.lhs == form[0].lhs
        and same_mean
        and same_ratio
        and is_identity(whole.xreplace(atoms), claimed.xreplace(atoms))
    )


def population(conclusion: Formulas, moment: Formulas) -> bool:
    """Evaluate Lemma C.1 at unit vectors.

    Args:
        conclusion: g in the population, in the cosine.
        moment: Lemma C.1.

    Returns:
        Whether it has that value.
    """
    at_units = moment[0].rhs.xreplace({var_u: sympy.S.One, var_v: sympy.S.One, cov_uv: COSINE})
    return shows(conclusion[0], {}, {POPULATION: at_units})


def _inner(rows: sympy.IndexedBase, vector: sympy.IndexedBase) -> sympy.Expr:
    """Write the inner product of a row with a vector."""
    return sympy.Sum(rows[_I, _J] * vector[_J], (_J, 1, d))


def _whitened() -> Formulas:
    """Write inner products with x in terms of z, and the variances and the covariance as inner products."""

    def product_of(left: sympy.IndexedBase, right: sympy.IndexedBase) -> sympy.Expr:
        return sympy.Sum(left[_J] * right[_J], (_J, 1, d))

    rows = (equal(_inner(_X, _U), _inner(_Z, _A)), equal(_inner(_X, _W), _inner(_Z, _B)))
    lengths = (equal(_VAR_U, product_of(_A, _A)), equal(_VAR_W, product_of(_B, _B)))
    return (*rows, *lengths, equal(_COV, product_of(_A, _B)))


def _normalised() -> Formulas:
    """Write the mean and the two quotients in whitened inputs."""
    along_u, along_w = _inner(_Z, _A) ** 2, _inner(_Z, _B) ** 2
    return (
        equal(MEAN, average(along_u * along_w) / (_VAR_U * _VAR_W)),
        equal(RATIO_U, average(along_u) / _VAR_U),
        equal(RATIO_W, average(along_w) / _VAR_W),
    )


def _rows_hold(conclusion: Formulas, theta: tuple[sympy.Symbol, ...], outputs: list[sympy.Expr]) -> bool:
    """Compare residual and derivative of one sample in the plane with the claimed inner products."""
    x, v, target = (sympy.symbols(f"{name}0:2", real=True) for name in ("x", "v", "s"))
    model = sum(entry * output for entry, output in zip(x, outputs, strict=True))

    def along(function: sympy.Expr) -> sympy.Expr:
        return sum(function.diff(parameter) * entry for parameter, entry in zip(theta, v, strict=True))

    entries = {_R[_I]: model - sum(a * b for a, b in zip(x, target, strict=True)), _Y[_I]: along(model)}
    for j, output in enumerate(outputs):
        entries |= {_X[_I, j + 1]: x[j], _U[j + 1]: output - target[j], _W[j + 1]: along(output)}
    sides = [[side.subs(d, 2).doit().xreplace(entries) for side in formula.args] for formula in conclusion]
    return all(sympy.expand(left - right) == 0 for left, right in sides)
