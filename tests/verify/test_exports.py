"""The verdict table for papers and other programs, and what every command prints as JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import fake_claims
import pytest
from hypothesis import given
from hypothesis import strategies as st

import theory
import verify
from verify import cli
from verify.figures import FIGURES
from verify.report import FORMATS, exports
from verify.report.latex_text import escaped
from verify.running import Outcome, RunResult
from verify.verdict import State

HOSTILE = r"a|b \ {x} $y$ & #1 100% _u_ ~ ^ <b> [l](j) `c` *e* -- ''q'' \"r\" ![i]"
GREEK = "ε ≥ ½·√(d/n) − Σᵢ λᵢ² ‖v‖ → ∞ δ θ Λ β⁻¹² ₁ é ü “q” … ≲ ★ ∈ ′"


def outcome(claim: str, state: State = State.HOLDS, **fields: object) -> Outcome:
    if claim == "digits":
        return Outcome(fake_claims.verdict(claim, State.OBSERVED, constant=None, **fields), (), "again digits")
    controls = tuple(fake_claims.verdict(f"{claim}:{name}", State.VIOLATED) for name in "ab")
    return Outcome(fake_claims.verdict(claim, state, **fields), controls, f"again {claim}")


@pytest.fixture
def run() -> RunResult:
    return RunResult(
        (
            outcome("3.3", seconds=0.123456),
            outcome(
                "4.3*", State.VIOLATED, title=HOSTILE, altered=True, change_note=HOSTILE, constant={"estimate": 1 / 3}
            ),
            outcome("digits", title=GREEK),
        ),
        "quick",
        7,
        Path("somewhere"),
        "noise-geometry verify 4.3 --replace 'upper=1'\nsecond",
        {"program": "1.2.3"},
        "2026-11-23T12:00:00+00:00",
        2.0,
    )


def split_row(line: str) -> list[str]:
    """Split a row of a Markdown table, and take the backslashes out, as CommonMark does."""
    cells = re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]
    return [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell).strip() for cell in cells]


def test_markdown(run):
    lines = exports.markdown(run).splitlines()
    assert lines[0] == "3 claims — 1 violated, 1 holds, 1 observed; 4 of 4 controls refuted"
    header, rule, first, second, third = lines[2:7]
    assert [len(split_row(line)) for line in (header, rule, first, second, third)] == [7] * 5
    assert split_row(first) == ["3.3", "what 3.3 says & means", "holds", "exact", "C = 1.93 [1.5, ∞)", "2/2", "0.1 s"]
    assert split_row(second)[:2] == ["4.3*", HOSTILE]
    assert split_row(third)[1:] == [GREEK, "observed", "sampled", "", "", "0.0 s"]
    assert lines[8] == "Profile quick, seed 7, noise-geometry 1.2.3. Repeat with:"
    assert lines[-4:] == ["```sh", "noise-geometry verify 4.3 --replace 'upper=1'", "second", "```"]


def test_csv_has_every_digit(run):
    first, second, third = csv.DictReader(io.StringIO(exports.csv(run)))
    assert (first["claim"], first["constant"], first["constant_low"], first["constant_high"]) == (
        "3.3",
        "1.93",
        "1.5",
        "",
    )
    assert (first["seconds"], first["controls"], first["controls_refuted"], first["tests"]) == ("0.123", "2", "2", "3")
    assert (second["title"], second["change_note"], second["altered"]) == (HOSTILE, HOSTILE, "true")
    assert float(second["constant"]) == 1 / 3
    assert (third["title"], third["constant"], third["state"]) == (GREEK, "", "observed")


def test_latex(run):
    text = exports.latex(run)
    assert text.isascii()
    assert text.startswith(
        "% \\usepackage{booktabs}\n% noise-geometry verify 4.3 --replace 'upper=1'\n% second\n\\begin{table}"
    )
    for rule in ("top", "mid", "bottom"):
        assert text.count(f"\\{rule}rule") == 1
    rows = text[text.index("\\midrule") : text.index("\\bottomrule")].splitlines()[1:]
    assert len(rows) == 3
    assert all(row.endswith(r" \\") and len(re.findall(r"(?<!\\)&", row)) == 6 for row in rows)
    assert r"C = 1.93 {[}1.5, \ensuremath{\infty})" in rows[0]
    assert r"\caption{3 claims --- 1 violated, 1 holds, 1 observed; 4 of 4 controls refuted. Profile quick" in text


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("50 % & #1_a $x$ ~^", r"50 \% \& \#1\_a \$x\$ \textasciitilde{}\textasciicircum{}"),
        ("--replace 'a'' ,,", "-{}-replace 'a'{}' ,{},"),
        ("a–b—c", "a--b---c"),
        ("a\n\n b\tc", "a b c"),
        ("[1] *", "{[}1{]} {*}"),
        ("ε₁ ≤ βᵀx⁻²", r"\ensuremath{\varepsilon}\ensuremath{{}_{1}} \ensuremath{\leq} \ensuremath{\beta}"
         r"\ensuremath{{}^{T}}x\ensuremath{{}^{-}}\ensuremath{{}^{2}}"),
        ("λ Λ Ω θ", r"\ensuremath{\lambda} \ensuremath{\Lambda} \ensuremath{\Omega} \ensuremath{\theta}"),
        ("Poincaré, Łojasiewicz ñ", r"Poincar\'{e}, U+0141ojasiewicz \~{n}"),
        ("漢\x00", "U+6F22U+0000"),
    ],
)  # fmt: skip
def test_text_for_latex(text, latex):
    assert escaped(text) == latex


@given(st.text())
def test_any_text_is_harmless_in_latex(text):
    written = escaped(text)
    assert written.isascii()
    assert written.isprintable()
    assert not re.search(r"(?<!\\)[%&#_$](?!\{)", re.sub(r"\\ensuremath\{(?:[^{}]|\{[^{}]*\})*\}", "", written))
    bare = re.sub(r"\\[{}\\]", "", written)
    assert bare.count("{") == bare.count("}")


def test_every_character_of_the_catalogue_has_a_command():
    words = [str(value) for statement in theory.statements() for value in statement.to_dict().values()]
    words += [figure.title for figure in FIGURES]
    folder = Path(cli.__file__).parent
    for source in [*folder.glob("*.py"), *folder.glob("claims/*.py"), *folder.glob("report/wording.py")]:
        words += re.findall(r'"([^"\n]*[^\x00-\x7f][^"\n]*)"', source.read_text(encoding="utf-8"))
    used = {character for character in "".join(words) if not character.isascii() and character.isprintable()}
    assert "ε" in used
    shown = set("✓✗●≈∅")  # the terminal's own marks
    missing = {c for c in used - shown if "U+" in escaped(c)}
    assert missing == set(), [unicodedata.name(c, "?") for c in missing]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_latex_compiles(run, tmp_path):
    body = exports.latex(run)
    everything = escaped(
        "".join(map(chr, range(0x20, 0x7F))) + HOSTILE + GREEK + "αβγδεζηθικλμνξοπρστυφχψω ΓΔΘΛΞΠΣΥΦΨΩ"
    )
    head = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
    document = f"{head}{body}\n{everything}\n\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(document, encoding="ascii")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "table.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (tmp_path / "table.log").read_text(errors="replace")
    assert (tmp_path / "table.pdf").stat().st_size > 1000


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
    return dataclasses.replace(original, folder=Path("run"))


@pytest.fixture
def command(capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(list(arguments))
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


@pytest.mark.parametrize("wanted", FORMATS)
def test_a_stored_run_is_written_as_it_was(stored, command, tmp_path, wanted):
    code, out, err = command("report", "run", "--format", wanted)
    assert (code, err) == (0, "")
    # Times are stored in milliseconds.
    assert out == verify.export("run", wanted)
    assert out.count("\n") > 3
    if wanted in {"markdown", "latex", "html"}:
        assert out == verify.export(stored, wanted)
    assert command("report", "run", "--format", wanted, "--out", "kept") == (0, "", "")
    assert (tmp_path / "kept").read_text(encoding="utf-8") == out


def test_the_report_as_json(stored, command):
    code, out, _ = command("report", "run", "--json")
    assert code == 0
    assert json.loads(out) == {
        **json.loads(Path("run/verdicts.json").read_text(encoding="utf-8")),
        "folder": "run",
    }


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "run: expected a run's folder, got 'nowhere', which does not exist"),
        (
            ["run", "--format", "markdwn"],
            "format: expected one of text, markdown, latex, csv, html, got 'markdwn' (did you mean 'markdown'?)",
        ),
        (["run", "--format", "csv", "--json"], "--json: expected one of --format and --json, got both"),
        (["run", "--out", "run"], "out: expected the name of a file, got 'run'"),
        (["run", "--out", "/dev/null"], "out: expected the name of a file, got '/dev/null'"),
        (["run", "--out", ""], "out: expected the name of a file, got ''"),
        (["run", "--out", "no/where"], "out: expected to write 'no/where', got: No such file or directory"),
        (["bare", "--format", "html"], "run: expected a report in 'bare/report.html', got: No such file or directory"),
    ],
)  # fmt: skip
def test_bad_usage_of_report_is_one_line(command, arguments, message):
    Path("bare").mkdir()
    shutil.copy("run/verdicts.json", "bare")
    before = sorted(Path().rglob("*"))
    assert command("report", *arguments) == (2, "", f"noise-geometry: error: {message}\n")
    assert sorted(Path().rglob("*")) == before


def test_python_names_its_formats_too(run):
    with pytest.raises(verify.VerifyError, match="format: expected one of text"):
        verify.export(run, "pdf")
    with pytest.raises(verify.VerifyError, match="run: expected the name"):
        verify.export(3)


def test_figures_are_listed_as_json(command):
    code, out, _ = command("figure", "--json")
    assert code == 0
    assert [each["id"] for each in json.loads(out)] == [figure.id for figure in FIGURES]


def test_logs_go_to_the_error_stream_and_only_when_asked_for(stored, command):
    code, out, err = command("verify", "3.3", "-v", "-q", "--out", "late")
    assert code == 0
    assert out.count("\n") == 1
    lines = err.splitlines()
    assert all(re.match(r"noise-geometry: \d\d:\d\d:\d\d (INFO|DEBUG) verify\.\w+: ", line) for line in lines)
    assert any("verify.running: 3.3 holds, " in line for line in lines)
    assert any("verify.store: wrote late/report.html, " in line for line in lines)
    assert command("verify", "3.3", "-q", "--out", "later")[2] == ""
    assert logging.getLogger("verify").handlers == []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("noise-geometry rep", {"report"}),
        ("noise-geometry verify 3.", {"3.2", "3.3", "3.3-star", "3.5"}),
        ("noise-geometry verify --profile f", {"full"}),
        ("noise-geometry figure scal", {"scaling-laws"}),
        ("noise-geometry theory C.2", {"C.2", "C.2-centred"}),
        ("noise-geometry report x --format ma", {"markdown"}),
    ],
)
def test_the_shell_completes(words, offered):
    environment = {
        **os.environ,
        "_NOISE_GEOMETRY_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from verify.cli import main; main()"],
        env=environment, capture_output=True, text=True, timeout=300, check=False, cwd=Path(cli.__file__).parents[1],
    )  # fmt: skip
    assert (set(done.stdout.split()), done.stderr) == (offered, "")
