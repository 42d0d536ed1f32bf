"""Comparing runs: what counts as a change, what as a change for the worse, and what is no run."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from pathlib import Path

import fake_claims
import pytest
from hypothesis import given
from hypothesis import strategies as st

import verify
from verify import cli
from verify.comparing import Change, compare
from verify.report import changes
from verify.running import Outcome, RunResult
from verify.verdict import Basis, State, Verdict, plain

CONSTANT = {"estimate": 2.0, "low": 1.5, "high": 2.5}


def run_of(*outcomes: Outcome, **fields: object) -> RunResult:
    made = {"profile": "quick", "seed": 0, "folder": Path("somewhere"), "command": "again", "environment": {}}
    return RunResult(outcomes, **{**made, "started": "2026-11-23T12:00:00+00:00", "seconds": 1.0, **fields})


def outcome(claim: str = "3.3", state: State = State.HOLDS, *controls: Verdict, **fields: object) -> Outcome:
    return Outcome(fake_claims.verdict(claim, state, **fields), controls, "")


def changed(old: Outcome, new: Outcome) -> list[Change]:
    return list(compare(run_of(old), run_of(new)).changes)


def test_a_run_equals_itself():
    run = run_of(outcome(), outcome("4.3", State.VIOLATED), outcome("digits", State.OBSERVED, constant=None))
    compared = compare(run, run)
    assert (compared.changes, compared.settings, compared.exit_code) == ((), (), 0)
    assert compared.headline() == "compare: 3 claims — no change; somewhere → somewhere"


WORSE = {
    (State.HOLDS, State.NOT_REFUTED),
    (State.HOLDS, State.INCONCLUSIVE),
    (State.HOLDS, State.VACUOUS),
    (State.HOLDS, State.VIOLATED),
    (State.NOT_REFUTED, State.INCONCLUSIVE),
    (State.NOT_REFUTED, State.VACUOUS),
    (State.NOT_REFUTED, State.VIOLATED),
    (State.INCONCLUSIVE, State.VIOLATED),
    (State.VACUOUS, State.VIOLATED),
}
JUDGED = [state for state in State if state is not State.OBSERVED]


@pytest.mark.parametrize("old", JUDGED)
@pytest.mark.parametrize("new", JUDGED)
def test_a_state_that_gets_worse_is_a_regression(old, new):
    compared = compare(run_of(outcome(state=old)), run_of(outcome(state=new)))
    assert compared.exit_code == int((old, new) in WORSE)
    expected = () if old is new else (Change("3.3", "state", str(old), str(new), (old, new) in WORSE),)
    assert compared.changes == expected


def test_missing_and_new_claims():
    compared = compare(run_of(outcome("3.3"), outcome("4.3")), run_of(outcome("4.3"), outcome("C.1")))
    assert compared.changes == (Change("3.3", "claim", "holds", "", True), Change("C.1", "claim", "", "holds"))
    assert compared.headline().startswith("compare: 2 claims — 1 regression, 1 other change; ")


@pytest.mark.parametrize("state", [*State, None])
def test_a_control_that_is_no_longer_refuted_is_a_regression(state):
    old = outcome("3.3", State.HOLDS, fake_claims.verdict("3.3:a", State.VIOLATED))
    new = outcome("3.3", State.HOLDS, *([fake_claims.verdict("3.3:a", state)] if state else []))
    shown = f"survived: {state}" if state else ""
    expected = [] if state is State.VIOLATED else [Change("3.3:a", "control", "refuted", shown, True)]
    assert changed(old, new) == expected
    assert not any(change.regression for change in changed(new, old))


def test_bases_and_statements():
    old = outcome(basis=Basis.EXACT, statement={"upper": "1 + eps", "sample_size": ["n"], "summary": "words"})
    new = outcome(basis=Basis.SAMPLED, statement={"upper": "1 + eps", "sample_size": ["n", "d"], "summary": "others"})
    assert changed(old, new) == [
        Change("3.3", "basis", "exact", "sampled"),
        Change("3.3", "statement", "sample_size: n", "sample_size: n; d"),
    ]


@pytest.mark.parametrize(
    ("new", "differs"),
    [
        ({"estimate": 2.4, "low": 2.3, "high": 9.0}, False),
        ({"estimate": 2.6, "low": 2.5, "high": 9.0}, False),
        ({"estimate": 2.7, "low": 2.51, "high": 9.0}, True),
        ({"estimate": 1.0, "low": None, "high": 1.4}, True),
        ({"estimate": 1.0, "low": None, "high": None}, False),
        ({"estimate": 2.0, "eps": 0.5, "low": 1.5, "high": 2.5}, True),
        ({"estimate": 2.0}, False),
        ({"estimate": 2.1}, True),
        (None, True),
    ],
)
def test_constants_differ_beyond_their_intervals(new, differs):
    old, late = outcome(constant=CONSTANT), outcome(constant=new)
    for found in (changed(old, late), changed(late, old)):
        assert bool(found) is differs
        assert {(change.what, change.regression) for change in found} <= {("constant", False)}


def test_constants_of_the_same_accuracy_meet():
    row = {"eps": 0.5, **CONSTANT}
    moved = {"eps": 0.25, "estimate": 4.0, "low": 3.9, "high": 4.1}
    old = {**row, "by_eps": [row, {"eps": 0.25, **CONSTANT}]}
    found = changed(outcome(constant=old), outcome(constant={**row, "by_eps": [moved, row]}))
    assert found == [Change("3.3", "constant", "C = 2 [1.5, 2.5] at ε = 0.25", "C = 4 [3.9, 4.1] at ε = 0.25")]


def test_alterations_meet_by_what_was_altered():
    one, two = (outcome(claim, altered=True, change_note=note) for claim, note in (("3.3*", "a"), ("3.3*-2", "b")))
    other = outcome("3.3*", State.VIOLATED, altered=True, change_note="b")
    assert compare(run_of(one, two), run_of(other)).changes == (
        Change("3.3*: a", "claim", "holds", "", True),
        Change("3.3*: b", "state", "holds", "violated", True),
    )
    twice = run_of(one, one)
    with pytest.raises(verify.VerifyError, match="expected each claim once"):
        compare(twice, twice)


def test_how_the_runs_were_made_is_said_and_judged_not():
    old = run_of(outcome(), environment={"program": "1", "packages": {"numpy": "2.1", "old": "1"}})
    new = run_of(outcome(), seed=3, interrupted=True, environment={"program": "2", "packages": {"numpy": "2.1"}})
    compared = compare(old, new)
    assert compared.settings == (
        ("seed", "0", "3"),
        ("interrupted", "no", "yes"),
        ("program", "1", "2"),
        ("old", "1", "–"),
    )
    assert compared.exit_code == 0
    text = changes.render(compared, io.StringIO())
    assert "  seed: 0 → 3\n" in text
    assert text.endswith("compare: 1 claim — no change; somewhere → somewhere\n")


@pytest.mark.parametrize("width", [30, 60, 120])
def test_the_text_fits(width):
    old = run_of(outcome("5.2-threshold-sharp"), outcome("3.3"))
    compared = compare(old, run_of(outcome("5.2-threshold-sharp", State.INCONCLUSIVE, constant=None)))
    text = changes.render(compared, io.StringIO(), width)
    assert all(len(line) <= width for line in text.splitlines()[:-1])
    assert text.count("✗") == 2


@given(
    st.lists(st.tuples(st.sampled_from(["3.3", "4.3", "C.1"]), st.sampled_from(list(State))), unique_by=lambda x: x[0])
)
def test_a_comparison_backwards_has_the_same_changes(pairs):
    run = run_of(*(outcome(claim, state) for claim, state in pairs))
    other = run_of(outcome("3.3"), outcome("4.3"))
    there, back = compare(run, other), compare(other, run)
    assert {(c.claim, c.before, c.after) for c in there.changes} == {(c.claim, c.after, c.before) for c in back.changes}
    both_worse = {c.claim for c in there.regressions} & {c.claim for c in back.regressions}
    assert not both_worse


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> RunResult:
    """A run that nobody changes."""
    with pytest.MonkeyPatch.context() as patch:
        fake_claims.install(patch)
        return verify.run(["C.1", "3.3", "digits"], out=tmp_path_factory.mktemp("runs") / "run", workers=1)


@pytest.fixture
def stored(original, tmp_path, monkeypatch):
    """A folder with a copy of the run, to work in."""
    monkeypatch.chdir(tmp_path)
    fake_claims.install(monkeypatch)
    shutil.copytree(original.folder, "run")
    return tmp_path / "run"


@pytest.fixture
def command(capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(list(arguments))
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


def test_a_stored_run_is_read_back_whole(stored):
    run = verify.load(stored)
    again = json.loads((stored / "verdicts.json").read_text(encoding="utf-8"))
    assert plain({**run.to_dict(), "folder": again["folder"]}) == again
    assert dataclasses.replace(verify.load(stored / "verdicts.json"), folder=stored) == run


def test_the_command_compares(stored, command, tmp_path):
    late = tmp_path / "late"
    shutil.copytree(stored, late)
    code, out, err = command("compare", "run", "late")
    assert (code, out, err) == (0, "compare: 3 claims — no change; run → late\n", "")
    described = json.loads((late / "verdicts.json").read_text(encoding="utf-8"))
    described["claims"][1]["controls"][0]["state"] = "inconclusive"
    described["claims"][0]["state"] = "violated"
    (late / "verdicts.json").write_text(json.dumps(described), encoding="utf-8")
    (late / "manifest.json").unlink()
    assert command("compare", "run", "late", "-q")[:2] == (1, "compare: 3 claims — 2 regressions; run → late\n")
    assert command("compare", "late", "run", "-q")[0] == 0
    code, out, _ = command("compare", "run", "late", "--json")
    compared = json.loads(out)
    assert (code, compared["regression"], compared["exit_code"], compared["claims"]) == (1, True, 1, 3)
    assert compared["changes"][0] == {
        "claim": "C.1",
        "what": "state",
        "before": "holds",
        "after": "violated",
        "regression": True,
    }
    code, out, _ = command("compare", "run", "late")
    assert code == 1
    assert "survived: inconclusive" in out


def _edit(path: Path, change) -> None:
    described = json.loads(path.read_text(encoding="utf-8"))
    change(described)
    path.write_text(json.dumps(described), encoding="utf-8")


DAMAGES = {
    "another version": (lambda run: run.update(schema=2), "expected a run of schema version 1, got version 2 in"),
    "no claims": (lambda run: run.pop("claims"), "which holds something else"),
    "claims no list": (lambda run: run.update(claims={}), "where the run has a wrong 'claims'"),
    "a claim no object": (lambda run: run["claims"].append(3), "where claim 4 is no object"),
    "no state": (lambda run: run["claims"][0].pop("state"), "where claim 1 has no 'state'"),
    "unknown state": (lambda run: run["claims"][0].update(state="fine"), "where claim 1 has an unknown state 'fine'"),
    "unknown basis": (lambda run: run["claims"][0].update(basis="luck"), "where claim 1 has an unknown basis 'luck'"),
    "altered by 1": (lambda run: run["claims"][0].update(altered=1), "where claim 1 has a wrong 'altered'"),
    "seed true": (lambda run: run.update(seed=True), "where the run has a wrong 'seed'"),
    "control": (
        lambda run: run["claims"][1]["controls"][0].update(state=[]),
        "where control 1 of claim 2 has a wrong 'state'",
    ),
    "constant": (
        lambda run: run["claims"][0]["constant"].update(estimate="1"),
        "where the constant of claim 1 has a wrong 'estimate'",
    ),
    "constants": (
        lambda run: run["claims"][0]["constant"].update(by_eps=[3]),
        "where the constant of claim 1 is no object",
    ),
    "evidence": (lambda run: run["claims"][0]["evidence"].append({}), "where test 4 of claim 1 has no 'test'"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_one_line(stored, command, tmp_path, damage):
    late = tmp_path / "late"
    shutil.copytree(stored, late)
    change, message = DAMAGES[damage]
    _edit(late / "verdicts.json", change)
    for arguments, name in ((("compare", "run", "late"), "after"), (("compare", "late", "run"), "before")):
        code, out, err = command(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"noise-geometry: error: {name}: expected ")
        assert "late/verdicts.json" in err
        assert message in err


def test_files_that_changed_since_the_run_are_named(stored, command, tmp_path):
    late = tmp_path / "late"
    for file in ("verdicts.json", "report.html", "observations/3.3.parquet"):
        shutil.copytree(stored, late)
        # Valid JSON still, with one figure changed.
        content = (late / file).read_bytes()
        (late / file).write_bytes(
            content.replace(b'"seed": 0', b'"seed": 1') if file == "verdicts.json" else content + b" "
        )
        for arguments, name in ((("compare", "run", "late"), "after"), (("report", "late"), "run")):
            code, out, err = command(*arguments)
            assert (code, out, err.count("\n")) == (2, "", 1)
            assert (
                f"{name}: expected the files of 'late' as the run wrote them, got another checksum of {file!r}" in err
            )
        # Who names the verdicts alone gets them checked, and not the rest.
        assert command("report", "late/verdicts.json")[0] == (2 if file == "verdicts.json" else 0)
        shutil.rmtree(late)
    (stored / "manifest.json").write_text("{")
    code, _, err = command("report", "run")
    assert code == 2 and "run: expected the manifest of a run, got 'run/manifest.json', which is damaged" in err


def test_files_that_are_missing_or_foreign_are_named_and_do_no_harm(stored, caplog):
    (stored / "observations" / "3.3.parquet").unlink()
    (stored / "observations" / "mine.parquet").touch()
    (stored / "notes.txt").touch()
    (stored / ".DS_Store").touch()
    assert verify.load(stored, "after").exit_code == 0
    assert [message.replace(str(stored), "run") for message in caplog.messages] == [
        "after: 'run/observations/3.3.parquet' is missing",
        "after: 'run/notes.txt' is no file of this run",
        "after: 'run/observations/mine.parquet' is no file of this run",
    ]


def test_a_run_that_was_killed_between_its_verdicts_and_its_manifest_is_read(stored):
    _edit(stored / "manifest.json", lambda manifest: manifest.update(status="running"))
    _edit(stored / "verdicts.json", lambda run: None)
    assert len(verify.load(stored).outcomes) == 3


def test_what_is_no_run_is_one_line(stored, command, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "deep").write_text("[" * 100_000)
    for name, message in {
        "nowhere": "which does not exist",
        "empty": "which holds no verdicts.json (is it finished?)",
        "text": "which is not JSON",
        "bytes": "which is not JSON",
        "deep": "which is not JSON",
        "run/manifest.json": "where the run has no 'seconds'",
        "": "expected the name of a run's folder, got ''",
    }.items():
        code, out, err = command("compare", "run", name)
        assert (code, out, err.count("\n")) == (2, "", 1), name
        assert err.startswith("noise-geometry: error: after: expected "), err
        assert message in err, err
