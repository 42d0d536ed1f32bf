"""The committed runs of the full profile, and whether the quick profile agrees with them."""

from __future__ import annotations

from pathlib import Path

import pytest

import verify
from verify.verdict import State

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
RUNS = {"full": ["C.1", "C.2"], "full-section-5": ["5.1", "5.3"], "full-lemmas": ["E.2", "E.6"]}
"""For each run the claims that are judged again here; continuous integration compares all of them."""


@pytest.mark.parametrize("folder", RUNS)
def test_reference_refutes_nothing_but_controls(folder):
    run = verify.load(REFERENCE / folder)
    assert run.profile == "full"
    theorems = [verdict for verdict in run.verdicts if verdict.kind == "theorem"]
    assert theorems
    assert {verdict.state for verdict in theorems} == {State.HOLDS}
    assert {control.state for control in run.controls} == {State.VIOLATED}
    assert (REFERENCE / folder / "report.html").is_file()


@pytest.mark.parametrize("folder", RUNS)
def test_quick_profile_agrees(folder, tmp_path):
    quick = verify.run(claims=RUNS[folder], out=tmp_path / "quick", progress=False)
    compared = verify.compare(REFERENCE / folder, quick.folder)
    # That claims are missing here is no regression.
    assert [change for change in compared.regressions if change.what != "claim"] == []
    assert set(RUNS[folder]) <= {verdict.claim for verdict in compared.before.verdicts}
