"""Handbooks for tests, with steps as they claim to be: running all proofs takes long."""

from __future__ import annotations

from pathlib import Path

import pytest

import theory
import verify
from verify.progress import Silent
from verify.report.handbook import Handbook, gather

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "full"


def as_claimed(proof: theory.Proof) -> list[theory.StepResult]:
    """Say of every step that it came out as it claims."""
    return [theory.StepResult(s.title, s.status, s.status, s.note, "", s.gives, s.uses, s.remark) for s in proof.steps]


def made(statements: list[theory.Statement] | None = None) -> Handbook:
    """Collect statements, all by default, with the verdicts of the committed run, without running a proof."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theory.Proof, "run", as_claimed)
        return gather([verify.load(REFERENCE)], statements, Silent())


def small() -> Handbook:
    """Collect a theorem with what it rests on, a lemma of the literature and a conjecture."""
    wanted = {*theory.graph().below("3.3").nodes, *theory.graph().below("E.5").nodes, "3.3-star"}
    return made([statement for statement in theory.statements() if statement.id in wanted])
