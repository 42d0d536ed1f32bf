"""Theorems 3.2 and 4.2 with the constant of their proof: data sets where the conditions are met."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

import theory
from verify.explicit_conditions import explicit_condition_test
from verify.verdict import State

CONTEXT = SimpleNamespace(seed=0, mapper=lambda work, items: [work(item) for item in items])


@pytest.mark.parametrize("id", ["3.2", "4.2"])
def test_the_theorems_hold_where_their_explicit_conditions_are_met(id):
    (evidence,), witness = explicit_condition_test(theory.statement(id), CONTEXT, 4)
    assert (evidence.state, witness) == (State.HOLDS, None)
    assert evidence.figures["n"] == theory.statement(id).required_n("explicit", eps=0.5, delta=0.5, d=2)
    assert evidence.figures["control_failures"] == evidence.figures["data_sets"]


def test_a_false_bound_is_refuted_with_a_witness():
    # As if the catalogue claimed that g never exceeds 2.
    false = dataclasses.replace(theory.statement("4.2"), upper=theory.statement("4.2").lower + 1.5, controls=())
    (evidence,), witness = explicit_condition_test(false, CONTEXT, 4)
    assert evidence.state is State.VIOLATED
    assert witness["value"] == pytest.approx(3, abs=0.2)
    assert witness["value"] > witness["bound"]


@pytest.mark.parametrize("id", ["4.2-lower", "4.3"])
def test_constants_in_eps_are_left_to_the_rays(id):
    assert explicit_condition_test(theory.statement(id), CONTEXT, 4) == ([], None)


def test_altered_statements_are_left_to_the_rays():
    assert explicit_condition_test(theory.statement("4.2").replace(upper="4"), CONTEXT, 4) == ([], None)
