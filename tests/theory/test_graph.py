"""The graph of what rests on what: no cycles, layers, what a statement needs, drawn as text."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory
from theory._graph import layered, needs
from theory._proof import Proof, Step

IDS = [statement.id for statement in theory.statements()]


def test_the_catalogue_has_no_cycle():
    found = theory.graph()
    assert list(found.nodes) == IDS
    assert sorted(id for layer in found.layers for id in layer) == sorted(IDS)
    assert "C.4" in found.rests_on("3.3") and "3.3" in found.needed_by("C.4")


@pytest.mark.parametrize("id", IDS)
def test_a_statement_names_exactly_what_its_proof_uses(id):
    statement = theory.statement(id)
    steps = statement.proof.steps if statement.proof else ()
    used = {name.partition(":")[0] for step in steps for name in step.uses} & set(IDS)
    assert set(statement.depends_on) == used
    assert set(theory.graph().rests_on(id)) == used


def test_what_a_step_uses_counts_although_the_statement_does_not_say_so():
    original = theory.statement("3.3")
    step = original.proof.steps[-1]
    hidden = Step(step.title, step.status, step.gives, step.check, ("C.1:sample_size", *step.uses))
    silent = dataclasses.replace(original, depends_on=(), proof=Proof((*original.proof.steps[:-1], hidden)))
    assert set(needs(silent)) == {"C.1", "C.4"}


def test_a_cycle_is_followed_around():
    with pytest.raises(theory.StatementError, match=r"no cycle of dependencies, got b → c → b"):
        layered({"a": ["b"], "b": ["c"], "c": ["b"], "d": []})
    with pytest.raises(theory.StatementError, match=r"got a → a"):
        layered({"a": ["a"]})


def test_a_dependency_must_be_known():
    with pytest.raises(theory.StatementError, match="statement a: expected to depend on known statements, got z"):
        layered({"a": ["z"]})
    with pytest.raises(theory.StatementError, match=r"statement 3\.3: .* known statements, got C\.4"):
        theory.graph([theory.statement("3.3")])


def test_what_lies_below():
    found = layered({"a": [], "b": ["a"], "c": ["b", "a"], "d": ["a"], "e": []})
    assert found.layers == (("a", "e"), ("b", "d"), ("c",))
    below = found.below("c")
    assert (below.nodes, below.layers) == (("a", "b", "c"), (("a",), ("b",), ("c",)))
    assert set(below.edges) == {("b", "a"), ("c", "b"), ("c", "a")}
    with pytest.raises(theory.StatementError, match="graph: expected one of its statements, got 'z'"):
        found.below("z")


def test_drawn_as_text():
    found = layered({"a": [], "long": ["a"]})
    text = theory.graph_text(found, {"a": "the first", "long": "another one"})
    assert text == "rests on nothing\n  a     the first\n\nlayer 1: rests on what is above\n  long  another one  ← a\n"


def test_described_for_json():
    assert layered({"a": [], "b": ["a"]}).to_dict() == {
        "nodes": ["a", "b"],
        "edges": [["b", "a"]],
        "layers": [["a"], ["b"]],
    }


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    """Draw a graph without cycles, its nodes in any order."""
    count = draw(st.integers(1, 9))
    below = {
        str(k): draw(st.lists(st.sampled_from([str(j) for j in range(k)]), unique=True)) if k else []
        for k in range(count)
    }
    return {id: below[id] for id in draw(st.permutations(list(below)))}


@settings(max_examples=40)
@given(acyclic())
def test_every_statement_lies_just_above_what_it_rests_on(below):
    found = layered(below)
    layer = {id: number for number, held in enumerate(found.layers) for id in held}
    assert layer == {id: 1 + max((layer[other] for other in used), default=-1) for id, used in below.items()}
    assert sorted(found.edges) == sorted((id, other) for id, used in below.items() for other in used)


@settings(max_examples=40)
@given(acyclic(), st.data())
def test_an_edge_back_is_a_cycle(below, data):
    found = layered(below)
    if not found.edges:
        return
    user, used = data.draw(st.sampled_from(found.edges))
    with pytest.raises(theory.StatementError, match="cycle"):
        layered({**below, used: [*below[used], user]})
