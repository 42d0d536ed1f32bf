"""Theorem 3.5: the sandwich holds for every network, bounds are compared in its units, searched networks refute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
import theory
from verify import worst_networks
from verify.claims import theorem_3_3, theorem_3_5
from verify.claims._context import Context
from verify.designs import Design
from verify.rays import RayPlan
from verify.two_layer_rays import Observations, label_free_extremes, normalised
from verify.verdict import Basis, State
from verify.witness import dense_alignment_of_jacobian


def context(seed: int = 0) -> Context:
    return Context("quick", seed, lambda function, items: [function(item) for item in items], lambda share, doing: None)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.05, 1.0), st.integers(2, 12), st.integers(1, 8), st.integers(1, 5))
def test_every_network_lies_within_the_sandwich_and_its_own_label_free_range(seed, slope, n, d, width):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    model = simulate.TwoLayer(d, width, slope, outer=rng.standard_normal(width))
    theta, residual = model.init(seed), rng.standard_normal(n)
    gram = model.gram(theta, X)
    value = simulate.loss_alignment(gram, residual)
    linear, own = simulate.label_free_range(X), simulate.gram_label_free_range(gram)
    assert own.inf * (1 - 1e-9) <= value <= own.sup * (1 + 1e-9)
    assert slope**4 * linear.inf * (1 - 1e-9) <= own.inf
    assert own.sup <= linear.sup / slope**4 * (1 + 1e-9)
    assert dense_alignment_of_jacobian(model.jacobian(theta, X), residual) == pytest.approx(value)


def test_bounds_with_the_fourth_power_are_those_of_the_linear_model():
    (form,) = normalised(theory.statement("3.5"))
    assert form.slope is None
    assert form.statement.bounds(eps=0.25) == pytest.approx((0.75, 1.25))
    assert form.statement.quantity == "mu"


def test_other_powers_are_compared_at_several_slopes():
    forms = normalised(theory.statement("3.5").replace(upper="(beta/alpha)*(1 + eps)"))
    assert [form.slope for form in forms] == [1.0, 0.5, 0.2]
    assert [form.statement.bounds(eps=0.5)[1] for form in forms] == pytest.approx([1.5, 1.5 / 8, 1.5 / 125])


def test_what_is_found_is_attained_by_an_inactive_network_and_what_is_certified_covers_it():
    observations = Observations(context())
    design = Design("isotropic", 20, 30)
    (at,) = observations.at(0.5).extremes([design], 3)
    (exact,) = observations.at(None).extremes([design], 3)
    assert exact.found is exact.certified
    assert np.array_equal(at.certified, exact.found)
    assert not at.tight
    X = design.draw(0, 1)
    model = simulate.TwoLayer(30, 4, 0.5)
    own = simulate.gram_label_free_range(model.gram(np.zeros(model.size), X))
    assert (16 * own.inf, own.sup / 16) == pytest.approx(tuple(at.found[1]))
    assert label_free_extremes(0, (design, 1)) == pytest.approx((own.inf, own.sup))
    assert len(observations.table()) == 3


SMALL = theorem_3_3.Settings(
    plans=(RayPlan("masked, all conditions bind", "masked", n_top=900, rank_top=90, n_floor=60),),
    delta=0.1,
    rounds=(40, 80, 160),
)


@pytest.fixture(scope="module")
def judged():
    """Judge variants in one small run: what is observed and searched does not depend on the variant."""
    run = context()
    observations = Observations(run)

    def judging(changes: dict[str, object]):
        statement = theory.statement("3.5")
        statement = statement.replace(**changes) if changes else statement
        return theorem_3_5.judge(statement, run, observations, stop_early=bool(changes))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(theorem_3_3.PROFILES, "quick", SMALL)
        patch.setattr(worst_networks, "DESIGNS", worst_networks.DESIGNS[:2])
        yield judging


def test_the_theorem_holds_on_the_certified_basis(judged):
    verdict = judged({})
    assert (verdict.state, verdict.basis) == (State.HOLDS, Basis.CERTIFIED)
    assert any("vacuous" in evidence.finding for evidence in verdict.evidence)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"upper": "(beta/alpha)*(1 + eps)"}, State.VIOLATED),
        ({"lower": "(alpha/beta)*(1 - eps)"}, State.VIOLATED),
        ({"upper": "(beta/alpha)**3.9*(1 + eps)"}, State.INCONCLUSIVE),
        ({"upper": "16*(1 + eps)"}, State.INCONCLUSIVE),
    ],
)
def test_powers_below_the_fourth_are_refuted_by_search_or_left_open(judged, changes, state):
    verdict = judged(changes)
    assert verdict.state is state
    assert (verdict.witness is not None) == (state is State.VIOLATED)


def test_the_witness_is_a_network_that_can_be_built(judged):
    verdict = judged({"upper": "(beta/alpha)*(1 + eps)"})
    witness = verdict.witness
    design = worst_networks.DESIGNS[-1]
    X = design.draw(0, 0)
    model = eval(witness["model"], {"simulate": simulate})  # noqa: S307 (our own text)
    residual = np.zeros(design.n)
    residual[int(witness["residual"].split()[3].rstrip(","))] = 1.0
    gram = model.gram(np.array(witness["theta"]), X)
    assert simulate.loss_alignment(gram, residual) == pytest.approx(witness["value"])
    assert witness["value"] > witness["bound"] == pytest.approx(3.0)
