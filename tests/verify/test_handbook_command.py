"""The command that shows statements and writes the handbook: its forms, its refusals, its folder."""

from __future__ import annotations

import json

import pytest
from handbook_book import REFERENCE, as_claimed

import theory
from verify import cli
from verify.progress import Silent
from verify.report.handbook_folder import write


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run the command line in this process and an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(list(arguments))
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


def test_nothing_in_it_depends_on_when_it_was_written(monkeypatch, tmp_path):
    monkeypatch.setattr(theory.Proof, "run", as_claimed)
    chosen = [theory.statement(id) for id in theory.graph().below("C.4").nodes]
    first, again = (write(tmp_path / name, [REFERENCE], chosen, Silent()) for name in ("first", "again"))
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in again.files]


def test_the_handbook_is_written(command, monkeypatch, tmp_path):
    monkeypatch.setattr(theory.Proof, "run", as_claimed)
    chosen = [theory.statement(id) for id in theory.graph().below("3.3").nodes]
    monkeypatch.setattr(theory, "statements", lambda: chosen)
    code, out, err = command("theory", "--handbook", "book", "--results", str(REFERENCE))
    assert (code, err) == (0, "")
    assert out.startswith("handbook: ") and out.endswith("wrote book/handbook.tex, book/handbook.html\n")
    assert out.count("\n") == 1
    assert {path.name for path in (tmp_path / "book").iterdir()} == {"handbook.tex", "handbook.html", "manifest.json"}
    manifest = json.loads((tmp_path / "book" / "manifest.json").read_text())
    assert (manifest["kind"], manifest["status"]) == ("handbook", "complete")
    assert set(manifest["files"]) == {"handbook.tex", "handbook.html"}
    before = (tmp_path / "book" / "handbook.tex").read_bytes()
    code, _, err = command("theory", "--handbook", "book")
    assert code == 2 and "out: expected a new or empty folder, got 'book', which holds 3 entries" in err
    assert (tmp_path / "book" / "handbook.tex").read_bytes() == before


def test_proofs_that_are_run(tmp_path):
    chosen = [theory.statement(id) for id in theory.graph().below("C.1").nodes]
    written = write(tmp_path / "book", statements=chosen, told=Silent())
    assert written.exit_code == 0 and written.book.entry("C.1").standing == "proved"
    assert all(path.is_file() for path in written.files)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_not_finished_says_so(monkeypatch, tmp_path, error):
    def stop(_: theory.Proof) -> list[theory.StepResult]:
        raise error

    monkeypatch.setattr(theory.Proof, "run", stop)
    with pytest.raises(error):
        write(tmp_path / "book", told=Silent())
    manifest = json.loads((tmp_path / "book" / "manifest.json").read_text())
    assert manifest["status"] == ("interrupted" if error is KeyboardInterrupt else "failed")


@pytest.mark.parametrize("arguments,message", [
    (["--json", "--latex"], "--json: expected one of --latex, --markdown and --json, got both"),
    (["3.3", "--markdown", "--latex"], "--markdown: expected one of --latex, --markdown and --json, got both"),
    (["--json", "--latex", "--markdown"], "--json: expected one of --latex, --markdown and --json, got all"),
    (["--results", "x"], "--results: expected --handbook with it, got none"),
    (["3.3", "--handbook", "x"], "--handbook: expected no other request with it, got an ID"),
    (["--graph", "--handbook", "x"], "--handbook: expected no other request with it, got --graph"),
    (["--json", "--handbook", "x"], "--handbook: expected no other request with it, got --json"),
    (["--graph", "--latex"], "--graph: expected text or --json, got --latex"),
    (["--handbook", "used"], "out: expected a new or empty folder, got 'used', which holds 1 entry"),
    (["--handbook", "used/file"], "out: expected a new or empty folder, got 'used/file', which is not a folder"),
    (["--handbook", ""], "out: expected the name of a folder, got ''"),
    (["--handbook", "new", "--results", "gone"], "results: expected a run's folder, got 'gone', which does not exist"),
    (["--handbook", "new", "--results", "used"],
     "results: expected a run's folder, got 'used', which holds no verdicts.json (is it finished?)"),
    (["--graph", "9.9"], None),
])  # fmt: skip
def test_bad_requests_are_one_line(command, tmp_path, arguments, message):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("kept")
    code, out, err = command("theory", *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and err.startswith("noise-geometry: error: ")
    assert message is None or err == f"noise-geometry: error: {message}\n"
    assert not (tmp_path / "new").exists() and (tmp_path / "used" / "file").read_text() == "kept"


def test_the_graph_is_printed(command):
    code, out, _ = command("theory", "--graph")
    assert (code, out) == (0, theory.graph_text(theory.graph(), {s.id: s.title for s in theory.statements()}))
    code, out, _ = command("theory", "--graph", "--json")
    assert (code, json.loads(out)) == (0, theory.graph().to_dict())
    code, out, _ = command("theory", "3.3", "--graph", "--json")
    assert (code, json.loads(out)) == (0, theory.graph().below("3.3").to_dict())


def test_a_statement_in_each_form(command, monkeypatch):
    monkeypatch.setattr(theory.Proof, "run", as_claimed)
    statement = theory.statement("3.3")
    steps = as_claimed(statement.proof)
    code, out, _ = command("theory", "3.3")
    assert code == 0
    for wanted in ("Rests on: C.4", "Proof, executed now: ", "Constants: C = 1620", "   1. proved: "):
        assert wanted in out, wanted
    assert all(line in out for step in steps for line in theory.chains_text(step.gives.formulas) if len(line) < 80)
    assert max(map(len, out.splitlines())) <= 100
    code, out, _ = command("theory", "C.4")
    assert code == 0 and "Needed by: 3.3, 3.5" in out
    code, out, _ = command("theory", "3.3", "--latex")
    assert (code, out) == (0, f"{statement.latex()}\n{theory.proof_latex(statement, steps)}")
    code, out, _ = command("theory", "3.3", "--markdown")
    assert (code, out) == (0, theory.markdown(statement, steps))
    code, out, _ = command("theory", "3.3", "--json")
    described = json.loads(out)
    assert (code, described["explicit_constants"], described["depends_on"]) == (0, ["C = 1620"], ["C.4"])
    assert set(described["proof"][0]) == {"title", "status", "claimed", "note", "error", "gives", "uses", "remark"}
    assert described["needed_by"] == list(theory.graph().needed_by("3.3"))
