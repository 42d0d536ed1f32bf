"""Counting failures: how sure a verdict is, what computed probabilities say, and when one statement covers another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from test_claims import altered, check_form, context

import theory
from verify.claims import _failures
from verify.claims._covered import covered
from verify.claims._failures import allowed_share, fewest_data_sets, judge_failures
from verify.claims._trials import Computed, Item, Observations, Sampled, Worst
from verify.verdict import Basis, State

E3 = theory.statement("E.3")
AT = {"eps": 0.5, "delta": 0.1, "n": 100.0, "d": 2.0}


def probability_of(state: State, share: float, allowed: float, trials: int) -> float:
    """Probability that data sets that fail with a given probability lead to a state."""
    total = 0.0
    for count in range(trials + 1):
        high = np.where(np.arange(trials) < count, 1.0, 0.0)
        values = np.stack([high] * 4, axis=1)
        said, _ = _failures._counted(values, {"lower": -math.inf, "upper": 0.5}, allowed, 1e-6)
        before = special.bdtr(count - 1, trials, share) if count else 0.0
        total += float(special.bdtr(count, trials, share) - before) if said is state else 0.0
    return total


@pytest.mark.parametrize(("allowed", "trials"), [(0.1, 66), (0.1, 264), (0.5, 10), (0.75, 5), (0.01, 300)])
def test_counts_mislead_as_rarely_as_they_say(allowed, trials):
    assert probability_of(State.VIOLATED, allowed, allowed, trials) <= 1e-6
    assert probability_of(State.HOLDS, allowed * (1 + 1e-9), allowed, trials) <= 1e-3
    assert probability_of(State.HOLDS, 0.0, allowed, trials) == (1.0 if trials >= fewest_data_sets(allowed) else 0.0)


@settings(max_examples=50)
@given(st.floats(1e-4, 0.998))
def test_the_fewest_data_sets_are_the_fewest(share):
    count = fewest_data_sets(share)
    assert (1 - share) ** count <= 1e-3 * (1 + 1e-9)
    assert count == 1 or (1 - share) ** (count - 1) > 1e-3 * (1 - 1e-9)


def test_shares_that_are_allowed():
    assert allowed_share(E3, AT) == 0.1
    # No cancellation: 1 − (1 − 1e-20) would be 0.
    assert allowed_share(E3, {**AT, "delta": 1e-20}) == pytest.approx(1e-20, rel=1e-12)
    assert allowed_share(E3.replace(probability=None), AT) == 0
    np.testing.assert_allclose(
        allowed_share(E3.replace(probability="1 - delta/2"), {**AT, "delta": np.array([0.1, 0.2])}), [0.05, 0.1]
    )


# --- Points whose law is known ------------------------------------------------------------------------------------


def failing(share: float, certified: float | None = None) -> Sampled:
    """A point at which the quantity is 1 on a share of the data sets, else 0, and is certified on another share."""

    def draw(item: Item) -> Worst:
        # The fractional parts of multiples of the golden ratio are spread evenly.
        place = (item.trial * 0.6180339887498949) % 1
        found = float(place < share)
        return Worst(found, found, found, float(place < (share if certified is None else certified)))

    def again(item: Item, side: str) -> tuple[float, dict[str, object]]:
        return draw(item).high, {"side_asked": side}

    return Sampled(f"share {share}, {certified}", AT, (share, certified), draw, again, centre=0.0)


def judge(statement: theory.Statement, *points: Sampled | Computed, stop_early: bool = False):
    here = context()
    return judge_failures(statement, here, Observations(here), points, stop_early)


@pytest.mark.parametrize(
    ("share", "certified", "state", "basis"),
    [
        (0.0, None, State.HOLDS, Basis.EXACT),
        (0.02, None, State.HOLDS, Basis.EXACT),
        (0.1, None, State.INCONCLUSIVE, Basis.SAMPLED),
        (0.4, None, State.VIOLATED, Basis.EXACT),
        (1.0, None, State.VIOLATED, Basis.EXACT),
        (0.0, 0.02, State.HOLDS, Basis.CERTIFIED),
        (0.0, 1.0, State.NOT_REFUTED, Basis.SEARCHED),
        (0.1, 1.0, State.INCONCLUSIVE, Basis.SEARCHED),
        (0.4, 1.0, State.VIOLATED, Basis.EXACT),
    ],
)
def test_shares_of_failures_and_verdicts(share, certified, state, basis):
    verdict = judge(E3, failing(share, certified))
    if state in {State.HOLDS, State.VIOLATED}:
        check_form(verdict)
    assert (verdict.state, verdict.basis) == (state, basis)
    assert ("at least" in verdict.summary) == (state is State.VIOLATED)


def test_more_data_sets_are_drawn_only_where_they_may_decide():
    for share, expected in ((0.0, 66), (1.0, 66), (0.02, 264), (0.1, 264)):
        assert judge(E3, failing(share)).evidence[0].figures["data_sets"] == expected
    both = judge(E3, failing(1.0), failing(0.1))
    assert [one.figures["data_sets"] for one in both.evidence] == [66, 66]
    assert len(judge(E3, failing(1.0), failing(0.1), stop_early=True).evidence) == 1


def test_a_part_of_the_worst_case_can_only_refute():
    def part(share: float) -> Sampled:
        whole = failing(share)
        return Sampled(whole.name, AT, ("part", share), whole.draw, whole.again, centre=0.0, refutes_only=True)

    assert judge(E3, failing(0.0), part(0.0)).state is State.HOLDS
    assert judge(E3, part(0.0)).state is State.INCONCLUSIVE
    assert judge(E3, failing(0.0), part(1.0)).state is State.VIOLATED


def test_what_plain_arithmetic_does_not_confirm_refutes_nothing():
    point = failing(1.0)
    wrong = Sampled(point.name, AT, ("wrong",), point.draw, lambda item, side: (0.0, {}), centre=0.0)
    verdict = judge(E3, wrong)
    assert verdict.state is State.INCONCLUSIVE
    assert "did not confirm" in verdict.evidence[0].finding


def computed(probability: float, again: float) -> Computed:
    symbols = {name: np.array([value, value]) for name, value in AT.items()}
    return Computed(
        "two points",
        symbols,
        outside=lambda lower, upper: np.array([0.0, probability]),
        again=lambda index, lower, upper: (again, {"index": index}),
    )


@pytest.mark.parametrize(
    ("probability", "again", "state"),
    [
        (0.0999, 0.0999, State.HOLDS),
        (0.1, 0.1, State.HOLDS),
        (0.1 + 1e-13, 0.1, State.HOLDS),
        (0.11, 0.11, State.VIOLATED),
        (0.11, 0.09, State.INCONCLUSIVE),
    ],
)
def test_computed_probabilities(probability, again, state):
    verdict = judge(E3, computed(probability, again))
    assert verdict.state is state
    if state is State.VIOLATED:
        check_form(verdict)
        assert (verdict.witness["index"], verdict.witness["value"]) == ((1,), 0.11)


def test_without_a_point_nothing_is_decided():
    verdict = judge(E3)
    assert verdict.state is State.INCONCLUSIVE
    assert "no point that could support is affordable" in verdict.summary


# --- Statements that cover others ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        ("E.3", {"upper": "2*eps"}, True),
        ("E.3", {"upper": "eps*0.99"}, False),
        ("E.3", {"lower": "0"}, False),
        ("E.3", {"sample_size": ["75*(d + log(2/delta))/eps**2"]}, True),
        ("E.3", {"sample_size": ["75*(d - log(delta))/eps**2", "d"]}, True),
        ("E.3", {"sample_size": ["75*(d + log(delta))/eps**2"]}, False),
        ("E.3", {"sample_size": ["75*(d + log(1/(2*delta)))/eps**2"]}, False),
        ("E.3", {"sample_size": ["75*d/eps**2", "75*log(1/delta)/eps**2"]}, False),
        ("E.3", {"sample_size": []}, False),
        ("E.3", {"probability": "1 - 2*delta"}, True),
        ("E.3", {"probability": "1 - delta**2"}, False),
        ("E.3", {"probability": None, "upper": "2*eps"}, False),
        ("E.3", {"constants": "absolute"}, False),
        ("E.2", {"lower": "-3*sqrt(log(2/delta))*F"}, True),
        ("E.2", {"lower": "-sqrt(log(2/delta))*F"}, False),
        ("E.2", {"lower": None}, True),
        ("E.2", {"upper": "2*sqrt(log(1/delta))*F + 2*log(2/delta)*N"}, False),
        ("C.4", {"sample_size": ["200*log(2*n/delta)/eps**2"]}, True),
        ("C.4", {"dimension": ["200*log(n/delta)/eps"]}, False),
    ],
)
def test_what_follows_from_the_original(base, changes, expected):
    assert covered(altered(base, changes), theory.statement(base)) is expected


@settings(max_examples=15)
@given(st.floats(0.5, 2), st.floats(-1, 1), st.integers(-2, 3))
def test_covered_bounds_are_nowhere_stronger(factor, shift, power):
    statement = E3.replace(upper=f"{factor:.3f}*eps + ({shift:.3f})*eps**2*log(1/delta)*d**({power})")
    if covered(statement, E3):
        stream = np.random.default_rng(0)
        values = {
            "eps": stream.uniform(0, 1, 500),
            "delta": stream.uniform(0, 1, 500),
            "d": 10 ** stream.uniform(0, 6, 500),
        }
        assert np.all(statement.evaluate("upper", **values) >= values["eps"] * (1 - 1e-12))
