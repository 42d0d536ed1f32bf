"""Claims judged from end to end: true statements are not refuted, false ones do not hold, witnesses can be checked.

Lemmas C.1 and C.2 are judged in full; Theorems 3.3 and 4.3 on small rays, and one control of each in the quick profile.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import simulate
import theory
from simulate import streams
from verify import claims, digits_training, rare_rows
from verify.claims import digits, theorem_3_3, theorem_4_3
from verify.claims._context import Context
from verify.designs import Design
from verify.direction_profiles import Observations as Profiles
from verify.direction_profiles import RayPlan as DirectionPlan
from verify.direction_profiles import directions
from verify.errors import VerifyError
from verify.loss_rays import Observations
from verify.rays import RayPlan
from verify.verdict import Basis, State, Verdict

OPEN = {State.HOLDS, State.NOT_REFUTED, State.INCONCLUSIVE}


def context(seed: int = 0, told: list[tuple[float, str]] | None = None) -> Context:
    def progress(share: float, doing: str) -> None:
        if told is not None:
            told.append((share, doing))

    return Context("quick", seed, mapper=lambda function, items: [function(item) for item in items], progress=progress)


def altered(base: str, changes: dict[str, object]) -> theory.Statement:
    return theory.statement(base).replace(**changes) if changes else theory.statement(base)


def check_form(verdict: Verdict) -> None:
    """What every verdict must have, whatever it says."""
    json.dumps(verdict.to_dict(), allow_nan=False)
    assert verdict.summary
    assert "nan" not in verdict.summary
    assert verdict.evidence
    assert (verdict.witness is not None) == (verdict.state is State.VIOLATED)
    if verdict.state is State.HOLDS:
        assert verdict.basis in {Basis.EXACT, Basis.CERTIFIED}
        assert State.VIOLATED not in [e.state for e in verdict.evidence]
    for plot in verdict.plots:
        assert plot.title
        assert plot.alt
        for series in plot.series:
            assert len(series["x"]) == len(series["y"])


# --- Theorems 3.3 and 4.3 on small rays ---------------------------------------------------------------------------


SMALL_3_3 = theorem_3_3.Settings(
    (
        RayPlan("masked, all conditions bind", "masked", n_top=600, rank_top=60, n_floor=60),
        RayPlan("isotropic, n has slack", "isotropic", n_top=500, rank_top=20, n_slack=50, eps=(0.5, 0.5)),
    ),
    delta=0.1,
    rounds=(30, 60),
)


SMALL_4_3 = theorem_4_3.Settings(
    (
        (DirectionPlan("d grows, one direction", ((4, 1), (6, 1), (9, 1)), 40),) * 2,
        (DirectionPlan("K grows, d = 3", ((3, 1), (3, 4), (3, 16)), 60),) * 2,
    ),
    delta=0.1,
    rounds=(30, 60),
    step=1.25,
)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(theorem_3_3.PROFILES, "quick", SMALL_3_3)
    monkeypatch.setitem(theorem_4_3.PROFILES, "quick", SMALL_4_3)
    # The ray of rare rows takes two seconds a statement; test_rare_rows_... below judges by it alone.
    monkeypatch.setattr(rare_rows, "DIMENSIONS", ())


@pytest.fixture(scope="module")
def judge_small():
    """Judge alterations on the small rays; what was observed for one serves the others."""
    same = context()
    rules = {"3.3": (theorem_3_3, Observations(same)), "4.3": (theorem_4_3, Profiles(same))}

    def judge(statement: theory.Statement) -> Verdict:
        module, observations = rules[statement.base]
        claims.check(statement)
        return module.judge(statement, same, observations, stop_early=False)

    return judge


def inputs(recipe: dict) -> np.ndarray:
    """Draw a data set from the text of its recipe, which is taken apart and not run."""
    text = str(recipe["draw"])
    text, _, stretched = text.partition(", row 0 multiplied by ")
    found = re.fullmatch(r"verify\.designs\.Design\('(\w+)', (\d+), (\d+)\)\.draw\(seed=(\d+), trial=(\d+)\)", text)
    assert found, text
    family, *numbers = found.groups()
    n, rank, seed, trial = map(int, numbers)
    X = Design(family, n, rank).draw(seed, trial)
    assert X.shape == (recipe["n"], recipe["d"])
    if stretched:
        X[0] *= float(stretched)
    return X[: recipe.get("rows_used", len(X))]


def loss_alignment(X: np.ndarray, u: np.ndarray) -> float:
    weights, row_sums = (X @ u) ** 2, ((X @ (X.T @ X)) * X).sum(axis=1)
    return float(len(X) * (weights @ row_sums) / (weights.sum() * row_sums.sum()))


def parameter(text_or_values: object, X: np.ndarray) -> np.ndarray:
    """θ − w* of a witness: its entries, or the row of the exact range's witnesses that it names."""
    if not isinstance(text_or_values, str):
        return np.array(text_or_values)
    row = int(re.search(r"(?:row|witness) (\d)", text_or_values).group(1))
    return simulate.loss_alignment_range(X).witnesses[row]


def check_loss_witness(witness: dict, statement: theory.Statement) -> None:
    example = witness.get("example", witness)
    X = inputs(example)
    value = loss_alignment(X, parameter(example["u"], X))
    assert example["value"] == pytest.approx(value, rel=1e-6)
    known = {"eps": example["eps"], "delta": 0.1, "n": example["n"], "d": example["d"], "d_eff": example["d_eff"]}
    bounds = statement.bounds(**{name: x for name, x in known.items() if name in statement.symbols})
    assert example["bound"] == pytest.approx(bounds[witness["side"] == "upper"], rel=1e-9)
    if "ray" in witness and "slope" in witness:
        # The data set shows where the ray stands; that ρ climbs along it is the refutation.
        assert witness["slope"][1] > 0 or witness["ratio"][-1] > witness["ratio"][0]
        assert len(witness["points"]) == len(witness["ratio"])
    else:
        assert value > example["bound"] if witness["side"] == "upper" else value < example["bound"]


def check_direction_witness(witness: dict) -> None:
    example = witness.get("example", witness)
    if not str(example["draw"]).startswith("verify.designs.Design"):
        return  # rare events: see test_rare_events.py
    X = inputs(example)
    v = example["v"]
    if isinstance(v, str):
        k, seed, d, K = map(int, re.search(r"column (\d+) of .*\((\d+), (\d+), (\d+)\)", v).groups())
        v = directions(seed, d, K)[:, k]
    weights, along = (X @ np.array(example["u"])) ** 2, (X @ np.array(v)) ** 2
    value = float(len(X) * (weights @ along) / (weights.sum() * along.sum()))
    assert example["value"] == pytest.approx(value, rel=1e-6)
    assert value > example["bound"] if witness["side"] == "upper" else value < example["bound"]


@pytest.mark.usefixtures("small")
def test_theorem_3_3_on_small_rays():
    told: list[tuple[float, str]] = []
    verdict, controls, table = claims.judge("3.3", context(told=told))
    assert verdict.state in OPEN
    assert verdict.basis is Basis.EXACT
    assert [c.claim for c in controls] == [c.id for c in theory.statement("3.3").controls]
    for one in (verdict, *controls):
        check_form(one)
    for plan in SMALL_3_3.plans:
        for side in ("upper", "lower"):
            assert any(e.test == f"ray: {plan.name}; {side} bound" for e in verdict.evidence)
    assert verdict.constant["low"] <= verdict.constant["estimate"] <= verdict.constant["high"]
    assert {plot.title.split()[0] for plot in verdict.plots} == {"upper", "lower"}
    for control, judged in zip(theory.statement("3.3").controls, controls, strict=True):
        if judged.state is State.VIOLATED:
            check_loss_witness(judged.witness, control.statement)
    by_name = {c.claim: c.state for c in controls}
    assert by_name["3.3:no-dimension"] is State.VIOLATED
    assert by_name["3.3:raised-lower"] is State.VIOLATED
    assert set(table["family"]) == {"masked", "isotropic"}
    assert (table["inf_loss_alignment"] <= table["sup_loss_alignment"]).all()
    assert not table.duplicated(["family", "n", "rank", "trial"]).any()
    assert all(0 <= share <= 1 for share, _ in told)


@pytest.mark.usefixtures("small")
def test_theorem_4_3_on_small_rays():
    told: list[tuple[float, str]] = []
    verdict, controls, table = claims.judge("4.3", context(told=told))
    assert verdict.state in OPEN
    assert verdict.basis is Basis.EXACT
    assert [c.claim for c in controls] == [c.id for c in theory.statement("4.3").controls]
    for one in (verdict, *controls):
        check_form(one)
    for ray, _ in SMALL_4_3.rays:
        for side in ("upper", "lower"):
            assert any(e.test.startswith(f"ray: {ray.name}; {side} bound") for e in verdict.evidence)
    for judged in controls:
        if judged.state is State.VIOLATED:
            check_direction_witness(judged.witness)
    by_name = {c.claim: c.state for c in controls}
    assert {by_name[f"4.3:{name}"] for name in ("upper-2", "lower-1.2", "log-K")} == {State.VIOLATED}
    assert {"d", "K", "trial", "n"} <= set(table.columns)
    assert (table["inf_directional_alignment"] <= table["sup_directional_alignment"]).all()
    assert all(0 <= share <= 1 for share, _ in told)


TRUE_SMALL = [
    ("3.3", {"upper": "1 + 3*eps", "lower": "1 - 3*eps"}),
    ("3.3", {"upper": None}),
    ("3.3", {"lower": None}),
    ("3.3", {"upper": "n"}),
    ("3.3", {"sample_size": []}),
    ("3.3", {"dimension": ["log(n/delta)/eps**3"]}),
    ("3.3", {"upper": "1 + eps*log(n)"}),
    ("4.3", {"upper": None}),
    ("4.3", {"upper": "4 + eps"}),
    ("4.3", {"upper": "n", "lower": "-1"}),
    ("4.3", {"upper": None, "sample_size": ["d", "log(K/delta)"]}),
    ("4.3", {"sample_size": ["d**2", "(d + log(K/delta))*log(K/delta)"]}),
    ("4.3", {"upper": "(3 + eps)*K/(1 - eps)**2"}),
]


FALSE_SMALL = [
    ("3.3", {"dimension": [], "sample_size": []}),
    ("3.3", {"lower": "1"}),
    ("3.3", {"upper": "1"}),
    ("3.3", {"lower": "1 + eps"}),
    ("3.3", {"lower": "2", "upper": "1/2"}),
    ("3.3", {"upper": "0.999 + eps"}),
    ("3.3", {"sample_size": ["log(n)/eps**2"], "dimension": ["log(n)/eps**2"]}),
    ("3.3", {"probability": None}),
    ("4.3", {"upper": "3"}),
    ("4.3", {"upper": "3 - eps"}),
    ("4.3", {"upper": "2.999 + eps"}),
    ("4.3", {"lower": "1"}),
    ("4.3", {"lower": "4", "upper": "1"}),
    ("4.3", {"sample_size": []}),
    ("4.3", {"sample_size": ["d*log(d)"]}),
    ("4.3", {"sample_size": ["d*log(d)", "log(K/delta)"]}),
]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("base", "changes"), TRUE_SMALL)
def test_true_alterations_are_not_refuted(judge_small, base, changes):
    verdict = judge_small(altered(base, changes))
    check_form(verdict)
    assert verdict.state in OPEN
    assert verdict.altered
    assert verdict.change_note


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("base", "changes"), FALSE_SMALL)
def test_false_alterations_are_violated(judge_small, base, changes):
    statement = altered(base, changes)
    verdict = judge_small(statement)
    check_form(verdict)
    assert verdict.state is State.VIOLATED
    assert verdict.constant is None
    if base == "3.3":
        check_loss_witness(verdict.witness, statement)
    else:
        check_direction_witness(verdict.witness)


@pytest.mark.usefixtures("small")
def test_the_seed_fixes_every_number():
    first, again, other = (theorem_3_3.judge(theory.statement("3.3"), c, Observations(c), False).to_dict() for c in
                           (context(1), context(1), context(2)))  # fmt: skip
    assert first == again
    assert first != other


# --- The quick profile itself -------------------------------------------------------------------------------------


def control(base: str, name: str) -> theory.Statement:
    return next(c.statement for c in theory.statement(base).controls if c.id == f"{base}:{name}")


def test_a_control_of_4_3_in_the_quick_profile():
    statement = control("4.3", "log-d")
    verdict = theorem_4_3.judge(statement, context(1), Profiles(context(1)), stop_early=True)
    check_form(verdict)
    assert (verdict.state, verdict.claim) == (State.VIOLATED, "4.3:log-d")
    check_direction_witness(verdict.witness)


# --- Digits -------------------------------------------------------------------------------------------------------


def test_digits_are_observed(monkeypatch):
    monkeypatch.setitem(digits.PROFILES, "quick", digits.Settings(40, 2))
    monkeypatch.setattr(digits, "WIDTH", 16)
    monkeypatch.setitem(digits_training.PROFILES, "quick", digits_training.Training(20, 8, 2, 50))
    verdict, controls, table = claims.judge("digits", context(3))
    check_form(verdict)
    assert (verdict.state, verdict.kind, verdict.basis) == (State.OBSERVED, "observation", Basis.SAMPLED)
    assert controls == []
    assert set(table["model"]) == set(digits.MODELS)
    assert set(table["initialisation"]) == {0, 1}
    X, y = simulate.digits(n=40, seed=streams.generator(3, "digits"))
    linear = table[(table["model"] == "linear") & (table["initialisation"] == 1)]
    model = digits.build("linear", X.shape[1])
    theta = model.init(seed=streams.generator(3, "initialisation", ("linear",), 1))
    r, n = X @ theta - y, len(X)
    fisher, noise = X.T @ X / n, X.T @ (r[:, None] ** 2 * X) / n
    energy = float(r @ r) / n
    mu = np.trace(noise @ fisher) / (energy * np.sum(fisher**2))
    assert linear["loss_alignment"].iloc[0] == pytest.approx(mu, rel=1e-9)
    values, vectors = np.linalg.eigh(fisher)
    top = vectors[:, -1]
    assert linear["eigenvalue"].iloc[0] == pytest.approx(values[-1], rel=1e-9)
    assert linear["directional_alignment"].iloc[0] == pytest.approx(top @ noise @ top / (energy * values[-1]), rel=1e-8)
    gradient = X.T @ r / n
    centred = (top @ noise @ top - (gradient @ top) ** 2) / (energy * values[-1])
    assert linear["directional_alignment_centred"].iloc[0] == pytest.approx(centred, rel=1e-7, abs=1e-9)
    assert linear["k"].tolist() == list(range(1, len(linear) + 1))
    assert (linear["eigenvalue"].diff().iloc[1:] <= 0).all()


# --- What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("3.4", "did you mean '3"),
        ("digit", "did you mean 'digits'"),
        ("", "expected one of"),
        ("C.2-centered", "did you mean 'C.2-centred'"),
        (("4.3", {"dimension": ["log(n)"]}), "dimension"),
        (("C.1", {"sample_size": ["3"]}), "sample_size"),
        (("C.2", {"dimension": ["3"]}), "dimension"),
        (("3.3", {"lower": None, "upper": None}), "expected a lower or an upper bound"),
        (("C.2", {"lower": None, "upper": None}), "expected a lower or an upper bound"),
        (("C.2", {"probability": "1/2"}), "probability"),
        (("3.3", {"hypotheses": ["inputs are uniform"]}), "hypotheses"),
        (("3.3", {"constants": "none"}), "constants"),
        (("3.3", {"constants": "may depend on eps"}), "constants"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_line(claim, expected):
    claim = claim if isinstance(claim, str) else None if claim is None else altered(*claim)
    for function in (claims.check, lambda one: claims.judge(one, context())):
        with pytest.raises(VerifyError) as caught:
            function(claim)
        assert expected in str(caught.value)
        assert "\n" not in str(caught.value)


def test_every_claim_is_known():
    assert claims.claim_ids() == [*(statement.id for statement in theory.statements()), "digits"]
    for claim in claims.claim_ids():
        claims.check(claim)
