"""Sweeps in TOML files, and the command that runs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from verify import VerifyError, cli
from verify.cli_sweep import duration
from verify.sweeps.files import read_sweep

GOOD = """
claim = "3.3"
trials = 2
seed = 4
store = "points"
workers = 1
zipped = ["d", "n"]

[axes]
d = [2, 3]
n = { from = 10, to = 1e2, count = 2, spacing = "log" }
eps = 0.25
"""
FUNCTION = """
def observe(point):
    if point["a"] == 2 and point.trial == 1:
        raise ValueError("no [bold]good[/bold]")
    return {"double": 2.0 * point["a"], "uniform": point.generator("x").random()}

not_called = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in; modules of its files are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # Python takes a file of the same length and the same second for unchanged, where it has written bytecode.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def command(capsys):
    """Run the command line in this process."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(["sweep", *arguments])
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


def described(folder: Path, text: str, name: str = "my.toml") -> str:
    (folder / name).write_text(text)
    return name


def test_a_file_describes_a_sweep(folder):
    (folder / "inner").mkdir()
    found = read_sweep(described(folder, GOOD, "inner/my.toml"))
    request = found.request
    assert (request.name, request.seed, request.grid.trials, len(request.grid)) == ("3.3", 4, 2, 4)
    assert request.grid.axes == {"d": [2, 3], "n": [10, 100], "eps": [0.25], "delta": [0.1], "exponent": [0.0]}
    assert found.store == Path("inner/points") and found.workers == 1 and found.scheduler is None


BAD = [
    ("claim = ", "line 1, column 9 (the end): expected TOML, got: Invalid value"),
    ('claim = "3.3"\n[axes]\nd = [1, 2\n', "line 4, column 1"),
    ('claim = "3.3"\nclaim = "3.5"\n', "line 2, column"),
    ('claim = "3.3"\ntrails = 2\n[axes]\nd = 1\n', "line 2, column 1: trails: expected one of claim, function, trials"),
    ('claim = "3.3"\ntrails = 2\n[axes]\nd = 1\n', "(did you mean 'trials'?)"),
    ('claim = "3.3"\n[axis]\nd = 1\n', "line 2, column 2: axis: expected one of"),
    ('claim = "3.3"\n[axis]\nd = 1\n', "(did you mean 'axes'?)"),
    ('claim = "3.3"\n[axes]\nd = 1\n  m = 3\n', "line 4, column 3: m: expected an axis of 3.3: d, n"),
    ('claim = "3.3"\n[axes]\nd = 1\n"n" = []\n', "line 4, column 2: n: expected at least one value, got none"),
    ('claim = "3.3"\n[axes]\nd = 1\nn = { from = 1, too = 2, count = 2 }', "line 4, column 1: n: expected from"),
    ('claim = "3.3"\n[axes]\nd = 1\nn.from = 1\nn.to = 2\nn.cuont = 2', "(did you mean 'count'?)"),
    ('claim = "3.3"\n[axes]\nd = 1\nn = [1.5]', "line 4, column 1: n: expected integers, got 1.5"),
    ('claim = "3.3"\n[axes]\nd = 1\nn = 1979-05-27', "line 4, column 1: n: expected a value, a sequence"),
    ('claim = "3.4"\n[axes]\nd = 1\n', "line 1, column 1: claim: expected one that can be swept (3.2, "),
    ("claim = 3.3\n[axes]\nd = 1\n", 'line 1, column 1: claim: expected an id in quotes such as "4.2", got 3.3'),
    ('claim = "3.3"\nfunction = "a:b"\n[axes]\nd = 1\n', "claim: expected one of claim and function, got both"),
    ("[axes]\nd = 1\n", "claim: expected one of claim and function, got neither"),
    ('claim = "3.3"\n', "axes: expected a table [axes]"),
    ('claim = "3.3"\naxes = 3\n', "line 2, column 1: axes: expected a table [axes]"),
    ('claim = "3.3"\ntrials = 0\n[axes]\nd = 1\nn = 2', "line 2, column 1: trials: expected an integer from 1"),
    ('claim = "3.3"\nseed = true\n[axes]\nd = 1\nn = 2', "line 2, column 1: seed: expected an integer of at least 0"),
    ('claim = "3.3"\nstore = 3\n[axes]\nd = 1\nn = 2', "line 2, column 1: store: expected the name of a folder"),
    ('claim = "3.3"\nzipped = "d"\n[axes]\nd = 1\nn = 2', "line 2, column 1: zipped: expected a list"),
    ('claim = "3.3"\nzipped = ["d", "m"]\n[axes]\nd = 1\nn = 2', "line 2, column 1: zipped: expected names of axes"),
    ('claim = "3.3"\n[axes]\nd = 1\nn = { from = 1, to = 1e9, step = 1 }', "grid: expected at most 100,000,000 points"),
    ('function = "nowhere_part"\n[axes]\nd = 1', 'line 1, column 1: function: expected "module:name"'),
    ('function = "nowhere_part:f"\n[axes]\nd = 1', "function: expected a module nowhere_part that can be imported"),
    ('function = "mine_part:obsreve"\n[axes]\nd = 1', "expected mine_part to have 'obsreve', got none (did you mean"),
    ('function = "mine_part:not_called"\n[axes]\nd = 1', "function: expected something to call, got mine_part:not_"),
    ('function = "broken_part:f"\n[axes]\nd = 1', "can be imported, got SyntaxError"),
    ('function = "leaving_part:f"\n[axes]\nd = 1', "line 1, column 1: function: expected a module leaving_part that"),
    ('function = "leaving_part:f"\n[axes]\nd = 1', "can be imported, got SystemExit: 3"),
    (
        'claim = "3.3"\nworkers = 0\n[axes]\nd = 1\nn = 2',
        "line 2, column 1: workers: expected an integer of at least 1",
    ),
    ('claim = "3.3"\nworkers = 2.0\n[axes]\nd = 1\nn = 2', "line 2, column 1: workers: expected an integer of at lea"),
    ('claim = "3.3"\nscheduler = 5\n[axes]\nd = 1\nn = 2', "line 2, column 1: scheduler: expected an address such as"),
    ('claim = "3.3"\n[axes]\nd = [1, nan]\nn = 2', "line 3, column 1: d: expected finite numbers or strings, got nan"),
    ('claim = "3.3"\n[axes]\nd = [2, 2]\nn = 2', "line 3, column 1: d: expected each value once, got 2 twice"),
    ('claim = "3.3"\n[axes]\nd = 1\nn = 2\nseconds = 3', "line 5, column 1: seconds: expected an axis of 3.3"),
    ('function = "mine_part:observe"\n[axes]\nseconds = 3', "seconds: expected another name for an axis, got one of"),
    (f"a = {'[' * 3000}{']' * 3000}", "expected TOML, got brackets in brackets"),
    (
        'claim = "3.3"\nzipped = ["d", "n"]\n[axes]\nd = { from = 1, to = 9e7, step = 1 }\nn = [1, 2]',
        "line 2, column 1: zipped: expected axes of the same length, got d of 90000000, n of 2",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_files_are_refused_in_one_line(text, message, folder, command):
    (folder / "mine_part.py").write_text(FUNCTION)
    (folder / "broken_part.py").write_text("def f(:")
    (folder / "leaving_part.py").write_text("raise SystemExit(3)")
    name = described(folder, text)
    files = sorted(path.name for path in folder.iterdir())
    status, out, complaint = command(name)
    assert (status, out) == (2, "")
    assert complaint.startswith("noise-geometry: error: my.toml: ") and complaint.count("\n") == 1
    assert message in complaint
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == files


def test_files_that_cannot_be_read_are_refused(folder):
    for name, message in (("none.toml", "No such file"), (".", "Is a directory"), ("a\0b", "null byte")):
        with pytest.raises(VerifyError, match=f"expected a TOML file that can be read, got: .*{message}"):
            read_sweep(name)
    (folder / "latin.toml").write_bytes(b"claim = '3.3'\n# \xfc")
    (folder / "marked.toml").write_bytes(b"\xef\xbb\xbfclaim = '3.3'\n[axes]\nd = 2\nn = 3\n")
    assert len(read_sweep("marked.toml").request.grid) == 1
    with pytest.raises(VerifyError, match=r"^latin\.toml: line 2, column 3: expected UTF-8, got byte 0xfc$"):
        read_sweep("latin.toml")


def test_the_command_runs_what_is_missing(folder, command):
    name = described(folder, GOOD)
    status, out, complaint = command(name, "--dry-run")
    assert (status, complaint) == (0, "") and not (folder / "points").exists()
    assert out.startswith(
        "3.3: 4 points, 0 of them finished in points, 4 to run\n  d: 2, 3\n  n: 10, 100\n  eps: 0.25\n"
    )
    assert "a point, from 4 that were tried just now: about" in out and "with 1 worker\n" in out
    status, out, complaint = command(name)
    assert (status, complaint) == (0, "")
    assert out.endswith("3.3: 4 of 4 points observed; points\n")
    assert "inf_loss_alignment" in out and "median" in out
    status, out, _ = command(name, "--dry-run", "--json")
    content = json.loads(out)
    assert (content["finished"], content["to_run"], content["store"]) == (4, 0, "points")
    status, out, _ = command(name, "--quiet")
    assert (status, out) == (0, "3.3: 4 of 4 points observed; points\n")
    described(folder, GOOD.replace("[2, 3]", "[2, 3, 4]").replace("count = 2", "count = 3"))
    assert json.loads(command(name, "--dry-run", "--json")[1])["to_run"] == 4


def test_failures_are_named_and_make_the_status_one(folder, command):
    (folder / "mine_part.py").write_text(FUNCTION)
    name = described(folder, 'function = "mine_part:observe"\ntrials = 2\n[axes]\na = [1, 2, 3]\n')
    status, out, complaint = command(name, "--workers", "1")
    assert (status, complaint) == (1, "")
    assert "\n  a=2, trial=1: ValueError: no [bold]good[/bold]\n" in out
    assert out.endswith("observe: 5 of 6 points observed, 1 failed; results/sweep-my\n")
    status, out, _ = command(name, "--workers", "1", "--json")
    content = json.loads(out)
    assert (status, content["points"], content["failed"], content["store"]) == (1, 6, 1, "results/sweep-my")
    assert content["failures"] == [{"a": 2, "trial": 1, "error": "ValueError: no [bold]good[/bold]"}]
    text = (folder / "mine_part.py").read_text()
    assert json.loads(command(name, "--dry-run", "--json", "--retry-failed")[1])["to_run"] == 1
    (folder / "mine_part.py").write_text(text.replace("== 2", "== 5"))
    del sys.modules["mine_part"]
    assert command(name, "--workers", "1", "-q") == (0, "observe: 6 of 6 points observed; results/sweep-my\n", "")


MIXED = """
import numpy as np
def observe(point):
    if point["a"] == "z":
        raise ValueError("no \\ud800 \\x1b[31m red")
    texts = {"t": "x" if point["a"] == "x" else 5, "flag": np.bool_(True), "list": np.arange(2)}
    return {"none": None, "nan": np.nan, "small": np.float32(1.5), "whole": np.int64(3), "least": -np.inf, **texts}
"""


def test_json_is_whole_whatever_was_observed(folder, command):
    (folder / "mine_part.py").write_text(MIXED)
    name = described(
        folder, 'function = "mine_part:observe"\nworkers = 1\n[axes]\na = ["x", "y", "z"]\nb = [0.5, 1e300]\n'
    )

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for options in (["--dry-run"], [], ["--dry-run", "--retry-failed"], ["-v"]):
        status, out, complaint = command(name, "--json", *options)
        found = json.loads(out, parse_constant=refuse)
        assert (status, found["points"]) == (int("--dry-run" not in options), 6)
        assert bool(complaint) == ("-v" in options)
        if "failures" in found:
            assert [(each["a"], each["b"]) for each in found["failures"]] == [("z", 0.5), ("z", 1e300)]
    # What would steer a terminal is taken out for people only.
    assert found["failures"][0]["error"] == "ValueError: no ? \x1b[31m red"
    _, out, _ = command(name)
    assert "\n  a=z, b=0.5, trial=0: ValueError: no ? ?[31m red\n" in out and "\x1b" not in out


def test_functions_of_a_file_run_in_worker_processes(folder, command):
    (folder / "inner").mkdir()
    (folder / "inner" / "mine_part.py").write_text(FUNCTION)
    name = described(folder, 'function = "mine_part:observe"\n[axes]\na = [1, 2, 3, 4]\n', "inner/my.toml")
    assert command(name, "--workers", "2", "-q", "--store", "here")[:2] == (
        0,
        "observe: 4 of 4 points observed; here\n",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "workers: expected an integer of at least 1, got 0"),
        (["--workers", "two"], "workers: expected an integer of at least 1, got 'two'"),
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:9"], "workers: expected none with a scheduler"),
        (["--store", ""], "store: expected the name of a folder"),
        (["--store", "my.toml"], "my.toml"),
        (["--dry-rum"], "did you mean --dry-run"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, message, folder, command):
    status, out, complaint = command(described(folder, GOOD), *options)
    assert (status, out) == (2, "") and message in complaint and complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0012, "1.2 ms"), (0.25, "250 ms"), (3.14, "3.1 s"), (119, "119 s"), (600, "10 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_help_shows_examples_line_by_line(command):
    status, out, _ = command("--help")
    assert status == 0 and "\\b" not in out
    assert "\n    noise-geometry sweep uniform.toml --dry-run\n" in out and "\n    [axes]\n" in out
