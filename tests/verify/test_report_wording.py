"""Words and numbers of the reports: headlines, constants, exponents, durations, formulas."""

from __future__ import annotations

import fake_claims
import numpy as np
import pytest
from test_report import make_result, outcome

from verify.report import formulas, html, wording
from verify.running import Outcome
from verify.verdict import Evidence, State


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([State.HOLDS], "verify: 1 claim — 1 holds; report"),
        ([State.HOLDS] * 4 + [State.OBSERVED], "verify: 5 claims — 4 hold, 1 observed; report"),
        (
            [State.VACUOUS, State.VACUOUS, State.INCONCLUSIVE],
            "verify: 3 claims — 1 inconclusive, 2 are vacuous; report",
        ),
        ([], "verify: 0 claims — none judged; report"),
    ],
)
def test_the_headline(states, words):
    outcomes = [Outcome(fake_claims.verdict("3.3", state), (), "") for state in states]
    assert wording.headline(make_result(*outcomes)).startswith(words)


@pytest.mark.parametrize(
    ("constant", "text", "lines"),
    [
        (None, "", []),
        ({}, "", []),
        ({"estimate": None}, "", []),
        ({"estimate": 1.9321, "low": 1.5, "high": 2.4}, "C = 1.93 [1.5, 2.4]", ["C = 1.93 [1.5, 2.4]"]),
        ({"estimate": 12, "low": 9.0, "high": np.inf}, "C = 12 [9, ∞)", ["C = 12 [9, ∞)"]),
        ({"estimate": 0.5, "low": None, "high": None}, "C = 0.5 (−∞, ∞)", ["C = 0.5 (−∞, ∞)"]),
        ({"estimate": 0.5, "eps": 0.25, "meaning": "it"}, "C = 0.5 at ε = 0.25", ["C = 0.5 at ε = 0.25: it"]),
        (
            {"estimate": 2, "eps": 0.5, "by_eps": [{"estimate": 2, "eps": 0.5}, {"estimate": 3, "eps": 0.25}]},
            "C = 2 at ε = 0.5",
            ["C = 2 at ε = 0.5", "C = 3 at ε = 0.25"],
        ),
    ],
)
def test_constants_come_with_their_intervals(constant, text, lines):
    assert wording.constant_text(constant) == text
    assert wording.constant_lines(constant) == lines


def test_numbers_and_durations_are_short():
    assert [wording.number_text(v) for v in (1234.5, 1e-9, None, np.nan, -np.inf, 3, "x")] == [
        "1.23e3",
        "1e-9",
        "–",
        "–",
        "−∞",
        "3",
        "x",
    ]
    assert [wording.seconds_text(v) for v in (0.04, 9.96, 59.6, 200)] == ["0.0 s", "10 s", "1 min 00 s", "3 min 20 s"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("(3 + eps)/(1 - eps)**2", "(3 + ε)/(1 − ε)²"),
        ("2*uSv**2 + uSu*vSv", "2·(uᵀSv)² + uᵀSu·vᵀSv"),
        ("epsilon**(1/2) + steps**12", "epsilon^(1/2) + steps¹²"),
        ("log(K/delta)*d_eff**1.5", "log(K/δ)·d_eff^1.5"),
        ("beta**2/(S_X + S_Y)", "β²/(S_X + S_Y)"),
        ("where(t < 1, 0, A1/(1 + A2))", "{ 0 where t < 1; A₁/(1 + A₂) otherwise }"),
        (
            "where(t >= 2, max(1, t), where(beta <= sqrt(2), 1/t, 0))",
            "{ max(1, t) where t ≥ 2; 1/t where β ≤ sqrt(2); 0 otherwise }",
        ),
        ("where(t < 1, 0, 1)*where(t < 2, 0, 1)", "where(t < 1, 0, 1)·where(t < 2, 0, 1)"),
    ],
)
def test_formulas_are_readable(expression, text):
    assert formulas.readable(expression) == text


def test_exponents_come_with_their_intervals():
    slopes = [[-0.0304, -0.06, 0.01], (np.float64(0.02), -0.04, 0.12), [], None, 0.3, [None, 0.0, 1.0]]
    evidence = [Evidence(f"ray: {i}", "", State.HOLDS, {"slope": slope}) for i, slope in enumerate(slopes)]
    evidence.append(Evidence("proof", "", State.HOLDS, {}))
    assert wording.exponents(evidence) == [
        ("ray: 0", "−0.030 [−0.060, +0.010]", 0.01),
        ("ray: 1", "+0.020 [−0.040, +0.120]", 0.12),
    ]
    page = html.render(make_result(outcome("3.3", evidence=evidence)))
    assert "<summary>Fitted exponents: 2, the largest upper end +0.120</summary>" in page
    assert "lies above 0.05, and supports the claim where it ends below 0.1." in page
    assert ">7 tests</a>" in page
    assert "Fitted exponents" not in html.render(make_result(outcome("3.3")))
