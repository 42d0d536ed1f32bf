"""Facts as a reader sees them: every formula of every proof in LaTeX and as text, and what a formula means is kept."""

from __future__ import annotations

import json
import math
import re

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import theory
from theory._facts import at_most, below, between, equal
from theory._plain import plain
from theory._prose import latex_text
from theory._quantities import QUANTITIES
from theory._symbols import latex_names

IDS = [statement.id for statement in theory.statements()]
x, y, eps = sympy.Symbol("x", positive=True), sympy.Symbol("y", positive=True), sympy.Symbol("eps", positive=True)
i = sympy.Symbol("i", integer=True, positive=True)
n = sympy.Symbol("n", positive=True)
a = sympy.IndexedBase("a", positive=True)


def check_latex(text: str) -> None:
    """Check that a formula is ASCII, and that its braces, brackets and environments are closed."""
    assert text.isascii() and "\n" not in text and "$" not in text and "Dummy" not in text
    depth = 0
    for token in re.findall(r"\\[A-Za-z]+|\\.|.", text):
        depth += {"{": 1, "}": -1}.get(token, 0)
        assert depth >= 0, text
    assert depth == 0, text
    assert len(re.findall(r"\\left\b", text)) == len(re.findall(r"\\right\b", text)), text
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1], text
    # A letter or a digit with two exponents, or two indices, is an error.
    assert not re.search(r"(?:\^\{[^{}]*\}|\^\w)\^|(?:_\{[^{}]*\}|_\w)_", text), text


@pytest.mark.parametrize("id", IDS)
def test_every_fact_is_written(id):
    statement = theory.statement(id)
    facts = statement.proof.facts() if statement.proof else statement.premises()
    for formulas in [*facts.values(), statement.claim()]:
        for formula in formulas:
            check_latex(theory.formula_latex(formula))
            text = theory.formula_text(formula)
            assert text.isprintable() and "\\" not in text and "**" not in text and "Piecewise" not in text, text
            assert "None" not in text and "  " not in text, text
        for chain in theory.chains_latex(formulas):
            check_latex(chain)
        assert len(theory.chains_text(formulas)) == len(theory.chains_latex(formulas)) <= len(formulas)


@pytest.mark.parametrize("id", IDS)
def test_every_proof_is_written(id):
    statement = theory.statement(id)
    described = statement.to_dict()["proof"]
    assert json.loads(json.dumps(described)) == described
    steps = statement.proof.steps if statement.proof else ()
    assert [step["gives"]["name"] for step in described] == [step.gives.name for step in steps]
    assert [len(step["gives"]["formulas"]) for step in described] == [len(step.gives.formulas) for step in steps]
    assert [step["uses"] for step in described] == [list(step.uses) for step in steps]
    latex, markdown = theory.proof_latex(statement), theory.markdown(statement)
    assert latex.isascii() and "U+" not in latex
    braces = re.sub(r"\\[{}]", "", latex)
    assert latex.count(r"\item ") == len(steps) and braces.count("{") == braces.count("}")
    assert markdown.count("$$") == 2 * sum(len(theory.chains_latex(step.gives.formulas)) for step in steps) + 2 * (
        len(statement.sample_size) + len(statement.dimension) + len(theory.chains_latex(statement.claim()))
    )
    assert markdown.startswith(f"## {statement.kind.capitalize()} {id}")


@pytest.mark.parametrize("formula,latex,text", [
    (at_most(x**2, y), r"x^{2} \le y", "x² ≤ y"),
    (below(0, eps), r"0 < \varepsilon", "0 < ε"),
    (equal(x, sympy.Sum(a[i] ** 2, (i, 1, n))), r"x = \sum_{i = 1}^{n} a_{i}^{2}", "x = Σ_{i=1…n} aᵢ²"),
    (equal(x, 2 * sympy.Sum(a[i], (i, 1, n)) / n), r"x = \frac{2\, \left(\sum_{i = 1}^{n} a_{i}\right)}{n}",
     "x = 2·(Σ_{i=1…n} aᵢ)/n"),
    (equal(x, sympy.Sum(a[i], (i, 1, n)) + 1), r"x = 1 + \sum_{i = 1}^{n} a_{i}", "x = 1 + Σ_{i=1…n} aᵢ"),
    (equal(x, sympy.exp(-y)), r"x = \exp\left(-y\right)", "x = exp(−y)"),
    (equal(x, sympy.Max(y, 1)), r"x = \max\left(1, y\right)", "x = max(1, y)"),
    (equal(x, sympy.factorial(i)), r"x = i!", "x = i!"),
    (equal(x, sympy.Abs(sympy.Symbol("z", real=True))), r"x = \left| z \right|", "x = |z|"),
    (equal(x, sympy.ceiling(sympy.Symbol("z", real=True))), r"x = \left\lceil z \right\rceil", "x = ⌈z⌉"),
    (equal(x, sympy.Product(a[i], (i, 1, n))), r"x = \prod_{i = 1}^{n} a_{i}", "x = Π_{i=1…n} aᵢ"),
    (equal(x, sympy.Integral(y**2, (y, 0, 1))), r"x = \int_{0}^{1} y^{2}\, dy", "x = ∫_{0…1} y² dy"),
    (equal(x, sympy.Piecewise((y, y < 1), (2, True))),
     r"x = \begin{cases} y & \text{if } y < 1 \\ 2 & \text{otherwise} \end{cases}",
     "x = { y where y < 1; 2 otherwise }"),
    (equal(x, 2 * 9**y), r"x = 2 \cdot 9^{y}", "x = 2·9ʸ"),
    (equal(x, sympy.Symbol("S_X", positive=True)), "x = S_{X}", "x = S_X"),
    (equal(x, sympy.Symbol("two_words", positive=True)), r"x = \mathrm{two\ words}", "x = two words"),
    (equal(x, sympy.Function("f")(y) * sympy.pi), r"x = \pi\, f\left(y\right)", "x = π·f(y)"),
    (equal(x, sympy.oo), r"x = \infty", "x = ∞"),
    (equal(x, sympy.besselj(0, y)), r"x = J_{0}\left(y\right)", "x = besselj(0, y)"),
])  # fmt: skip
def test_a_formula(formula, latex, text):
    assert theory.formula_latex(formula) == latex
    assert theory.formula_text(formula) == text
    check_latex(latex)


def test_relations_that_go_on_are_joined():
    assert theory.chains_text(between(0, x, 1)) == ["0 ≤ x ≤ 1"]
    assert theory.chains_latex((equal(x, y), at_most(y, 1), at_most(x, 2))) == [r"x = y \le 1", r"x \le 2"]
    # A greater-than turns the other way.
    assert theory.chains_text((at_most(x, y), sympy.GreaterThan(y, 1, evaluate=False))) == ["x ≤ y", "y ≥ 1"]


def expressions() -> st.SearchStrategy[sympy.Expr]:
    """Draw expressions as proofs hold them, not simplified."""
    leaves = st.one_of(
        st.sampled_from([x, y, eps]),
        st.fractions(-4, 4, max_denominator=12).map(lambda value: sympy.Rational(value.numerator, value.denominator)),
    )

    def grow(inner: st.SearchStrategy[sympy.Expr]) -> st.SearchStrategy[sympy.Expr]:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            pairs.map(lambda pair: sympy.Add(*pair, evaluate=False)),
            pairs.map(lambda pair: sympy.Mul(*pair, evaluate=False)),
            pairs.map(lambda pair: sympy.Mul(pair[0], sympy.Pow(pair[1] ** 2 + 1, -1, evaluate=False), evaluate=False)),
            inner.map(lambda part: sympy.Pow(part, 2, evaluate=False)),
            inner.map(lambda part: sympy.sqrt(part**2 + 1)),
            inner.map(lambda part: sympy.exp(-(part**2), evaluate=False)),
        )

    return st.recursive(leaves, grow, max_leaves=8)


VALUES = {"x": 1.25, "y": 0.5, "eps": 0.75}


def read_text(text: str) -> float:
    """Evaluate what the text says, by Python's own rules of precedence."""
    raised = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: f"**({''.join(raised[sign] for sign in found.group())})", text)
    text = text.replace("·", "*").replace("−", "-").replace("√(", "sqrt(").replace("ε", "eps").replace("^", "**")
    text = re.sub(r"√(\w)", r"sqrt(\1)", text)
    return eval(text, {"__builtins__": {}, "sqrt": math.sqrt, "exp": math.exp, **VALUES})  # noqa: S307 (made here)


def read_latex(text: str) -> float:
    """Evaluate what the LaTeX says, after turning its commands into Python."""
    while (
        (after := re.sub(r"\\frac\{((?:[^{}])*)\}\{((?:[^{}])*)\}", r"((\1)/(\2))", text)) != text
        or (after := re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", text)) != text
        or (after := re.sub(r"\^\{([^{}]*)\}", r"**(\1)", text)) != text
    ):
        text = after
    text = text.replace(r"\left(", "(").replace(r"\right)", ")").replace(r"\, ", "*").replace(r" \cdot ", "*")
    text = text.replace(r"\exp", "exp").replace(r"\varepsilon", "eps")
    return eval(text, {"__builtins__": {}, "sqrt": math.sqrt, "exp": math.exp, **VALUES})  # noqa: S307 (made here)


@settings(max_examples=30)
@given(expressions())
def test_what_is_written_means_the_same(expression):
    with sympy.evaluate(False):
        formula = equal(x, expression)
    exact = float(expression.subs({x: 1.25, y: 0.5, eps: 0.75}))
    if abs(exact) > 1e12:
        return
    assert read_text(theory.formula_text(formula).partition(" = ")[2]) == pytest.approx(exact, rel=1e-9, abs=1e-9)
    assert read_latex(theory.formula_latex(formula).partition(" = ")[2]) == pytest.approx(exact, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("latex,text", [
    (r"\operatorname{Tr}(\Sigma_1 G)", "Tr(Σ₁G)"),
    (r"\|G\|_F^2", "‖G‖_F²"),
    (r"\langle a \rangle_{r^2}", "⟨a⟩_{r²}"),
    (r"\min a", "min a"),
    (r"\log \mathbb{P}(q \le -s)", "log P(q ≤ −s)"),
    (r"\mathbb{E}\, e^{-u q}", "E e^{−uq}"),
    (r"u_{\mathrm{above}}", "u_above"),
    (r"\tfrac1n \sum_i X_i", "1/n ΣᵢXᵢ"),
    (r"\hat S_{k+1}", "Ŝₖ₊₁"),
    (r"\frac{a + b}{c}", "(a + b)/c"),
])  # fmt: skip
def test_notation_as_text(latex, text):
    assert plain(latex) == text


def test_every_notation_has_a_text():
    for name, latex in latex_names().items():
        check_latex(latex)
        text = QUANTITIES[name].text if name in QUANTITIES else plain(latex)
        assert text.strip() == text and not re.search(r"\\|[{}]{2}", text), name


def test_prose_in_latex():
    assert latex_text("S⁻¹ᵀ x₁₂ Ŝ ≠ é") == (
        r"S\ensuremath{{}^{-1}}\ensuremath{{}^\top} x\ensuremath{{}_{12}} \ensuremath{\hat{S}} \ensuremath{\ne} \'{e}"
    )
    assert latex_text("e^{−t/2} of [0, 1]") == r"e\ensuremath{{}^{- t / 2}} of [0, 1]"
    assert latex_text("3^(k−2) λ_(k+1)") == (r"3\ensuremath{{}^{k - 2}} \ensuremath{\lambda}\ensuremath{{}_{k + 1}}")
    assert latex_text("Σ_(i≤k)") == r"\ensuremath{\Sigma}\ensuremath{{}_{i \le k}}"
    assert theory.shifts("e^y − x^−t, a^bc, d_eff") == [
        ("e", "^", "y"),
        (" − x", "^", "−t"),
        (", a^bc, d_eff", "", ""),
    ]
    assert latex_text("[0, 1]").startswith("{[}")
    assert latex_text("a < b | c_d ☃") == r"a \ensuremath{<} b \ensuremath{|} c\_d U+2603"


def test_steps_say_what_they_use():
    statement = theory.statement("3.3")
    words = [phrase for phrases in theory.used_words(statement) for phrase in phrases]
    assert {"the condition on n", "the condition on d_eff of Lemma C.4", "Lemma C.4"} <= set(words)
    later = [phrase for phrases in theory.used_words(theory.statement("4.3")) for phrase in phrases]
    assert "the constants of Lemma E.5" in later
    assert any(re.fullmatch(r"step \d+ \(spread\)", phrase) for phrase in words)
    assert [theory.formula_text(each) for each in statement.given_constants()] == ["C = 1620"]


def test_a_step_that_failed_is_written_so():
    statement = theory.statement("3.3")
    first, *others = statement.proof.steps

    def result(step: theory.Step, status: theory.StepStatus, error: str) -> theory.StepResult:
        return theory.StepResult(step.title, status, step.status, "the note", error, step.gives, step.uses, step.remark)

    results = [result(first, theory.StepStatus.FAILED, "broke [badly]"), *(result(s, s.status, "") for s in others)]
    assert r"\textbf{Failed: broke [badly].}" in theory.proof_latex(statement, results)
    assert r"**Failed: broke \[badly\].**" in theory.markdown(statement, results)
    assert theory.proof_lines(statement, results)[0][0].startswith("failed: broke [badly]: ")
    assert theory.step_dict(results[0])["error"] == "broke [badly]"
    assert theory.tally(results) == f"{len(others)} proved, 1 failed"
    assert theory.tally(statement.proof.steps) == f"{len(others) + 1} proved"
