"""Runs: what is refused, what is stored, what the exit code says."""

from __future__ import annotations

import dataclasses
import json
import shlex

import fake_claims
import pandas as pd
import pytest

import theory
import verify
from verify.commands import command
from verify.report import html
from verify.running import run
from verify.verdict import Basis, State


@pytest.fixture
def fake(monkeypatch):
    return fake_claims.install(monkeypatch)


@pytest.fixture
def no_figures(monkeypatch):
    """Leave the report empty, for tests of what a run returns and stores beside it."""
    monkeypatch.setattr(html, "render", lambda _: "a page")


def judging(monkeypatch, **outcomes: object):
    """Judge with other outcomes: claim → changes of its verdict, `controls` → the state of every control."""
    state = outcomes.pop("controls", State.VIOLATED)

    def judge(claim, context):
        verdict, controls, table = fake_claims.judge(claim, context)
        changed = dataclasses.replace(verdict, **outcomes.get(verdict.claim, {}))
        return changed, [dataclasses.replace(control, state=state) for control in controls], table

    return fake_claims.install(monkeypatch, judge)


@pytest.mark.usefixtures("fake")
def test_a_run_judges_everything_and_stores_it(tmp_path):
    result = run(out=tmp_path / "run", workers=1)
    assert [verdict.claim for verdict in result.verdicts] == fake_claims.IDS
    assert len(result.controls) == sum(len(theory.statement(c).controls) for c in fake_claims.IDS if c != "digits")
    assert result.exit_code == 0
    stored = json.loads((tmp_path / "run" / "verdicts.json").read_text(encoding="utf-8"))
    assert stored["claims"] == json.loads(result.to_json())["claims"]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "complete"
    assert manifest["claims"] == fake_claims.IDS
    assert manifest["command"] == result.command == "noise-geometry verify C.1 3.3 4.3 digits --profile quick --seed 0"
    assert sorted(manifest["files"]) == [
        *(f"observations/{name}.parquet" for name in sorted(fake_claims.IDS)),
        "report.html",
        "verdicts.json",
    ]
    assert len(pd.read_parquet(tmp_path / "run" / "observations" / "3.3.parquet")) == 3


@pytest.mark.usefixtures("fake", "no_figures")
def test_the_json_has_the_promised_shape(tmp_path):
    described = json.loads(run(["3.3", "digits"], seed=4, out=tmp_path / "run").to_json())
    assert {"claims", "environment", "exit_code", "profile", "seed", "command"} <= described.keys()
    first, second = described["claims"]
    wanted = {"id", "kind", "state", "basis", "constant", "witness", "controls", "evidence", "statement", "command"}
    assert wanted <= first.keys()
    assert (first["id"], first["kind"], first["state"], first["basis"]) == ("3.3", "theorem", "holds", "exact")
    assert first["constant"]["estimate"] == 1.93
    assert first["constant"]["high"] is None
    assert [(control["id"], control["state"]) for control in first["controls"]] == [
        (control.id, "violated") for control in theory.statement("3.3").controls
    ]
    assert (second["id"], second["kind"], second["state"], second["controls"]) == (
        "digits",
        "observation",
        "observed",
        [],
    )
    assert described["environment"]["packages"]["numpy"]


@pytest.mark.usefixtures("fake", "no_figures")
def test_one_claim_needs_no_list(tmp_path):
    assert [verdict.claim for verdict in run("3.3", out=tmp_path / "a").verdicts] == ["3.3"]
    assert [verdict.claim for verdict in run(theory.statement("4.3"), out=tmp_path / "b").verdicts] == ["4.3"]


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({}, 0),
        ({"3.3": {"state": State.VIOLATED}}, 1),
        ({"3.3": {"state": State.NOT_REFUTED, "basis": Basis.SEARCHED}}, 0),
        ({"3.3": {"state": State.INCONCLUSIVE}}, 0),
        ({"3.3": {"state": State.VACUOUS}}, 0),
        ({"3.3": {"state": State.VIOLATED, "kind": "conjecture"}}, 0),
        ({"3.3": {"state": State.VIOLATED, "kind": "conjecture", "altered": True}}, 1),
        ({"digits": {"state": State.VIOLATED}}, 0),
        ({"controls": State.HOLDS}, 1),
        ({"controls": State.INCONCLUSIVE}, 1),
        ({"controls": State.NOT_REFUTED}, 1),
    ],
)
def test_the_exit_code(tmp_path, monkeypatch, outcomes, code):
    judging(monkeypatch, **outcomes)
    assert run(["3.3", "digits"], out=tmp_path / "run").exit_code == code


@pytest.mark.usefixtures("fake", "no_figures")
def test_statements_of_ones_own_stand_beside_the_catalogues(tmp_path):
    original = theory.statement("3.3")
    mine, other = original.replace(upper="1 + eps**2"), original.replace(dimension=[])
    result = run(["3.3", mine, other], out=tmp_path / "run")
    assert [verdict.claim for verdict in result.verdicts] == ["3.3", "3.3*", "3.3*-2"]
    assert [verdict.altered for verdict in result.verdicts] == [False, True, True]
    names = sorted(path.name for path in (tmp_path / "run" / "observations").iterdir())
    assert names == ["3.3-altered-2.parquet", "3.3-altered.parquet", "3.3.parquet"]
    lines = result.command.splitlines()
    assert lines[1].startswith("noise-geometry verify 3.3 --replace 'upper=")
    assert lines[2] == "noise-geometry verify 3.3 --replace dimension= --profile quick --seed 0"


@pytest.mark.parametrize(
    "fields",
    [
        {"lower": None, "upper": "(2 + eps)/(1 - eps)**2"},
        {"sample_size": ["d*log(d)/eps", "log(K/delta)"], "constants": "absolute"},
        {"sample_size": [], "probability": "1 - delta**2"},
        {
            "kind": "conjecture",
            "hypotheses": ["x is Gaussian", "it's raining"],
            "upper": "min(3, 1/eps) + max(eps, 0.25)",
        },
    ],
)
def test_the_command_makes_the_same_statement_again(fields):
    mine = theory.statement("4.3").replace(**fields)
    words = shlex.split(command(mine, "full", 3))
    assert words[:3] == ["noise-geometry", "verify", "4.3"]
    assert words[-4:] == ["--profile", "full", "--seed", "3"]
    assert set(words[3:-4:2]) == {"--replace"}
    again = theory.statement("4.3").replace(**dict(theory.parse_replacement(text) for text in words[4:-4:2]))
    for name in ("lower", "upper", "probability", "sample_size", "dimension", "constants", "kind", "hypotheses"):
        assert getattr(again, name) == getattr(mine, name), name


def test_a_statement_made_by_hand_has_no_command():
    by_hand = dataclasses.replace(theory.statement("3.3"), id="mine", base="mine", altered=True)
    assert command(by_hand, "quick", 0) == ""
    twisted = dataclasses.replace(theory.statement("3.3").replace(upper="2"), hypotheses=("a; b",))
    assert command(twisted, "quick", 0) == ""


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"claims": []}, "claims: expected ids or statements, got []"),
        ({"claims": 3}, "claims: expected ids or statements, got 3"),
        ({"claims": [3.3]}, "claims: expected an id such as '3.3' or a statement, got 3.3"),
        ({"claims": ["3.3", "3.3"]}, "claims: expected each claim once, got '3.3' twice"),
        ({"claims": ["3.3", theory.statement("3.3")]}, "claims: expected each claim once, got '3.3' twice"),
        (
            {"claims": [theory.statement("3.3").replace(upper="2"), theory.statement("3.3").replace(upper=2)]},
            "claims: expected each claim once, got '3.3*' twice",
        ),
        ({"claims": ["5.9"]}, "claim: expected one of C.1, 3.3, 4.3, digits, got '5.9'"),
        ({"profile": "quik"}, "profile: expected 'quick' or 'full', got 'quik' (did you mean 'quick'?)"),
        ({"profile": None}, "profile: expected 'quick' or 'full', got None"),
        ({"seed": -1}, "seed: expected an integer of at least 0, got -1"),
        ({"seed": True}, "seed: expected an integer of at least 0, got True"),
        ({"seed": 1.0}, "seed: expected an integer of at least 0, got 1.0"),
        ({"workers": 0}, "workers: expected an integer of at least 1, got 0"),
        ({"workers": True}, "workers: expected an integer of at least 1, got True"),
        ({"progress": "yes"}, "progress: expected True, False, None or a function, got 'yes'"),
        ({"out": ""}, "out: expected the name of a folder, got ''"),
        ({"out": "a\0b"}, "out: expected the name of a folder, got 'a\\x00b'"),
        ({"out": 5}, "out: expected the name of a folder, got 5"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_created(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(verify.VerifyError) as caught:
        run(**arguments)
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("fake")
def test_a_used_folder_is_refused_before_any_work(tmp_path):
    (tmp_path / "precious").write_text("keep me")
    worked = []
    with pytest.raises(verify.VerifyError, match="out: expected a new or empty folder"):
        run(out=tmp_path, progress=lambda *news: worked.append(news))
    assert not worked
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_an_interrupt_keeps_what_is_finished(tmp_path, monkeypatch):
    def judge(claim, context):
        if claim == "4.3":
            raise KeyboardInterrupt
        return fake_claims.judge(claim, context)

    fake_claims.install(monkeypatch, judge)
    with pytest.raises(verify.Interrupted) as caught:
        run(out=tmp_path / "run")
    assert isinstance(caught.value, KeyboardInterrupt)
    assert str(caught.value) == f"interrupted; 2 of 4 claims are kept in {tmp_path / 'run'}"
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "interrupted"
    kept = json.loads((tmp_path / "run" / "verdicts.json").read_text(encoding="utf-8"))
    assert ([claim["id"] for claim in kept["claims"]], kept["interrupted"]) == (["C.1", "3.3"], True)
    assert "was interrupted" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in (tmp_path / "run" / "observations").iterdir()) == ["3.3.parquet", "C.1.parquet"]


@pytest.mark.usefixtures("no_figures")
def test_a_failure_keeps_what_is_finished(tmp_path, monkeypatch):
    def judge(claim, context):
        if claim == "3.3":
            raise theory.StatementError("upper: expected something else")
        return fake_claims.judge(claim, context)

    fake_claims.install(monkeypatch, judge)
    with pytest.raises(theory.StatementError, match="upper"):
        run(out=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))["status"] == "failed"
    kept = json.loads((tmp_path / "run" / "verdicts.json").read_text(encoding="utf-8"))
    assert [claim["id"] for claim in kept["claims"]] == ["C.1"]


@pytest.mark.usefixtures("fake")
def test_a_report_that_breaks_loses_no_verdict(tmp_path, monkeypatch):
    monkeypatch.setattr(html, "render", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(out=tmp_path / "run")
    assert len(json.loads((tmp_path / "run" / "verdicts.json").read_text(encoding="utf-8"))["claims"]) == 4


@pytest.mark.usefixtures("fake", "no_figures")
def test_a_function_hears_of_the_progress(tmp_path):
    news: list[tuple[str, float, str]] = []
    run(["C.1", "3.3"], out=tmp_path / "run", progress=lambda *each: news.append(each))
    assert [claim for claim, _, _ in news] == ["C.1", "C.1", "3.3", "3.3"]
    assert news[1] == ("C.1", 0.5, "half way")


def test_public_names_load_on_first_use():
    assert {"run", "RunResult", "Verdict", "State", "Basis", "VerifyError"} <= set(dir(verify))
    assert verify.State.HOLDS == "holds"
    with pytest.raises(AttributeError, match="no attribute 'sweeep'"):
        _ = verify.sweeep
