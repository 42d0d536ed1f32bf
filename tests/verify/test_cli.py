"""The command line: what it prints, where, and with which status it leaves."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fake_claims
import pytest

import theory
from verify import cli
from verify.verdict import State

HERE = Path(__file__).parent
ROOT = Path(cli.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE), os.environ.get("PYTHONPATH", "")])}
WITH_FAKES = """
import signal, sys, time, fake_claims, pytest
# What a shell starts in the background ignores the interrupt key.
signal.signal(signal.SIGINT, signal.default_int_handler)
def judge(claim, context):
    if claim == "4.3" and "--slow" in sys.argv[1:]:
        print("slow", flush=True)
        time.sleep(60)
    return fake_claims.judge(claim, context)
fake_claims.install(pytest.MonkeyPatch(), judge)
from verify.cli import main
main([word for word in sys.argv[1:] if word != "--slow"])
"""


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Replace the claims, leave the report empty, and work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("verify.report.html.render", lambda _: "a page")
    return fake_claims.install(monkeypatch)


@pytest.fixture
def command(capsys):
    """Run the command line in this process."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(list(arguments))
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


@contextlib.contextmanager
def running(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the command line with fake claims in a process of its own, and leave nothing behind."""
    with subprocess.Popen(
        [sys.executable, "-c", WITH_FAKES, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.usefixtures("fake")
def test_everything_is_judged_and_the_last_line_is_the_verdict(command, tmp_path):
    code, out, err = command("verify", "--out", "mine")
    assert (code, err) == (0, "")
    controls = sum(len(theory.statement(claim).controls) for claim in fake_claims.IDS if claim != "digits")
    assert out.splitlines()[-1] == (
        f"verify: 4 claims — 3 hold, 1 observed; {controls} of {controls} controls refuted; report mine/report.html"
    )
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {
        "manifest.json",
        "observations",
        "report.html",
        "verdicts.json",
    }


@pytest.mark.usefixtures("fake")
def test_the_default_folder_is_under_results(command, tmp_path):
    assert command("verify", "3.3", "--seed", "5")[0] == 0
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name.endswith("-5")


@pytest.mark.usefixtures("fake")
def test_json_is_all_there_is(command):
    code, out, err = command("verify", "3.3", "digits", "--json", "--seed", "2", "--workers", "1")
    described = json.loads(out)
    assert (code, err) == (0, "")
    assert [claim["id"] for claim in described["claims"]] == ["3.3", "digits"]
    assert described["seed"] == 2


@pytest.mark.usefixtures("fake")
def test_quiet_prints_one_line(command):
    code, out, err = command("verify", "3.3", "-q", "--out", "mine")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"verify: 1 claim — 1 holds; (\d) of \1 controls refuted; report mine/report.html\n", out)


@pytest.mark.usefixtures("fake")
def test_a_conjecture_of_ones_own_is_judged(command):
    code, out, _ = command(
        "verify", "4.3", "--replace", "upper=(2+eps)/(1-eps)**2", "--replace", "dimension=", "--json"
    )
    (claim,) = json.loads(out)["claims"]
    mine = theory.statement("4.3").replace(upper="(2+eps)/(1-eps)**2", dimension=[])
    assert (code, claim["id"], claim["altered"]) == (0, "4.3*", True)
    assert claim["statement"] == json.loads(json.dumps(mine.to_dict()))
    assert claim["command"].startswith("noise-geometry verify 4.3 --replace ")


def test_a_violated_theorem_is_status_1(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def judge(claim, context):
        _, controls, table = fake_claims.judge(claim, context)
        return fake_claims.verdict(claim, State.VIOLATED), controls, table

    fake_claims.install(monkeypatch, judge)
    code, out, _ = command("verify", "3.3", "--out", "mine")
    assert code == 1
    assert "witness:" in out


COMMANDS = ", ".join(str(each.name) for each in cli.app.registered_commands)
BAD = [
    (["verify", "3.9"], "claim: expected one of C.1, 3.3, 4.3, digits, got '3.9'"),
    (["verify", "3.3", "3.3"], "claims: expected each claim once, got '3.3' twice"),
    (["verify", "--profile", "quik"], "profile: expected 'quick' or 'full', got 'quik' (did you mean 'quick'?)"),
    (["verify", "--seed", "x"], "seed: expected an integer of at least 0, got 'x'"),
    (["verify", "--seed", "-1"], "seed: expected an integer of at least 0, got '-1'"),
    (["verify", "--seed", "1.5"], "seed: expected an integer of at least 0, got '1.5'"),
    (["verify", "--seed", "nan"], "seed: expected an integer of at least 0, got 'nan'"),
    (["verify", "--seed"], "--seed: expected a value, got none"),
    (["verify", "--workers", "0"], "workers: expected an integer of at least 1, got '0'"),
    (["verify", "--workers", "two"], "workers: expected an integer of at least 1, got 'two'"),
    (["verify", "--out", "used"], "out: expected a new or empty folder, got 'used', which holds 1 entry"),
    (["verify", "--out", "used/file"], "out: expected a new or empty folder, got 'used/file', which is not a folder"),
    (["verify", "--out", "used/file/run"], "out: expected to write 'used/file/run', got: Not a directory"),
    (["verify", "--out", ""], "out: expected the name of a folder, got ''"),
    (["verify", "--sed", "3"], "--sed: expected a known option, got an unknown one (did you mean --seed?)"),
    (["verify", "--json=3"], "--json: expected no value, got one"),
    (["verfy"], f"command: expected one of {COMMANDS}, got 'verfy' (did you mean 'verify'?)"),
    (["zzz"], f"command: expected one of {COMMANDS}, got 'zzz'"),
    (["theory", "3.3", "4.3"], None),
    (["theory", "3.4"], None),
    (["theory", "--json", "--latex"], "--json: expected one of --latex, --markdown and --json, got both"),
    (["verify", "4.3", "--replace", "upper"], None),
    (["verify", "4.3", "--replace", "uper=2"], None),
    (["verify", "4.3", "--replace", "upper=__import__('os').getcwd()"], None),
    (["verify", "4.3", "--replace", "upper=1/0"], None),
    (
        ["verify", "4.3", "--replace", "upper=2", "--replace", "upper=3"],
        "replace: expected each field once, got 'upper' twice",
    ),
    (["verify", "--replace", "upper=2"], None),
    (["verify", "3.3", "4.3", "--replace", "upper=2"], None),
    (["verify", "digits", "--replace", "upper=2"], None),
    (["verify", "3.9", "--replace", "upper=2"], "claim: expected one of C.1, 3.3, 4.3, digits, got '3.9'"),
]  # fmt: skip


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_usage_is_one_line_and_changes_nothing(command, tmp_path, arguments, message):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("keep me")
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("noise-geometry: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    if message:
        assert err == f"noise-geometry: error: {message}\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "used"]
    assert (tmp_path / "used" / "file").read_text() == "keep me"


@pytest.mark.usefixtures("fake")
def test_messages_with_line_breaks_stay_on_one_line(command):
    code, _, err = command("verify", "--profile", "qu\nick", "--out", "a\nb")
    assert code == 2
    assert err.count("\n") == 1


def test_a_full_disk_is_one_line(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    fake_claims.install(monkeypatch)
    monkeypatch.setattr("verify.report.html.render", lambda _: "x")
    from verify.store import RunFolder

    write = RunFolder.write_text

    def full(self, name, text):
        if name != "report.html":
            return write(self, name, text)
        from verify.errors import VerifyError

        raise VerifyError("out: expected to write 'report.html', got: No space left on device")

    monkeypatch.setattr(RunFolder, "write_text", full)
    code, out, err = command("verify", "3.3", "--out", "mine")
    assert (code, out) == (2, "")
    assert err == "noise-geometry: error: out: expected to write 'report.html', got: No space left on device\n"
    assert json.loads((tmp_path / "mine" / "manifest.json").read_text())["status"] == "failed"
    assert (tmp_path / "mine" / "observations" / "3.3.parquet").exists()


def test_a_bug_is_not_mistaken_for_a_verdict(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    fake_claims.install(monkeypatch, lambda *_: 1 / 0)
    code, _, err = command("verify", "3.3")
    assert code == 70
    assert err.splitlines()[-1] == "noise-geometry: internal error: ZeroDivisionError: division by zero"


def test_running_out_of_memory_is_one_line(command, monkeypatch, tmp_path):
    def judge(*_):
        raise MemoryError

    monkeypatch.chdir(tmp_path)
    fake_claims.install(monkeypatch, judge)
    code, _, err = command("verify", "3.3")
    assert (code, err) == (2, "noise-geometry: error: memory: expected enough for this run, got none left\n")


@pytest.mark.parametrize(
    "arguments", [(), ("--help",), ("-h",), ("verify", "--help"), ("theory", "--help"), ("figure", "-h")]
)
def test_help_is_help(command, arguments):
    code, out, err = command(*arguments)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: noise-geometry ")
    if "verify" in arguments:
        assert "noise-geometry verify 4.3 --replace 'upper=(2+eps)/(1-eps)**2'" in out
        assert "130 interrupted" in " ".join(out.split())


def test_the_version(command):
    code, out, err = command("--version")
    assert (code, err) == (0, "")
    assert out.startswith("noise-geometry ")


def test_statements_are_listed_and_shown(command):
    code, out, _ = command("theory")
    assert code == 0
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(statement.id for statement in theory.statements())
    code, out, _ = command("theory", "C.2")
    assert code == 0
    assert "   1. proved: " in out
    code, out, _ = command("theory", "3.3-star", "--latex")
    assert (code, out.strip()) == (0, theory.statement("3.3-star").latex().strip())
    code, out, _ = command("theory", "C.2", "--json")
    described = json.loads(out)
    assert (code, described["id"]) == (0, "C.2")
    assert {step["status"] for step in described["proof"]} <= {"proved", "checked", "cited"}
    code, out, _ = command("theory", "--json")
    assert [each["id"] for each in json.loads(out)] == [statement.id for statement in theory.statements()]


def test_a_proof_that_fails_is_status_1(command, monkeypatch):
    first, *others = theory.statement("C.2").proof.steps
    error = "did not come out true"
    step = theory.StepResult("a step", theory.StepStatus.FAILED, first.status, "", error, first.gives, (), False)
    results = [theory.StepResult(s.title, s.status, s.status, "", "", s.gives, (), False) for s in others]
    monkeypatch.setattr(theory.Proof, "run", lambda _: [step, *results])
    code, out, _ = command("theory", "C.2")
    assert code == 1
    assert "failed: did not come out true: a step" in out


HEAVY = [
    "numpy",
    "scipy",
    "sympy",
    "pandas",
    "matplotlib",
    "rich",
    "jinja2",
    "theory",
    "simulate",
    "pyarrow",
    "sklearn",
]


def test_help_and_usage_errors_import_nothing_heavy():
    script = f"""
import sys
from verify import cli
for arguments in (["--help"], ["verify", "--help"], ["verify", "--nonsense"]):
    try:
        cli.main(arguments)
    except SystemExit:
        print(arguments, [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    said = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert said == ["['--help'] []", "['verify', '--help'] []", "['verify', '--nonsense'] []"]


def test_a_reader_that_leaves_is_no_error(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "verify", "theory", "3.3-star", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (0, "")


def test_an_output_that_is_full_is_one_line(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "verify", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            cwd=tmp_path,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        "noise-geometry: error: standard output: expected to write to it, got: No space left on device\n"
    )


def test_an_output_without_greek_letters_still_works(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "verify", "theory", "3.3-star"],
        capture_output=True,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"1 ? ?" in done.stdout


def test_the_interrupt_key_is_one_line_and_status_130(tmp_path):
    with running("verify", "--out", "mine", "--slow", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "slow\n"
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 130
        assert errors == "noise-geometry: interrupted; 2 of 4 claims are kept in mine\n"
    assert json.loads((tmp_path / "mine" / "manifest.json").read_text())["status"] == "interrupted"
