"""The command that makes figures, and the Python function: what they say, refuse and leave behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from test_figures import IDS
from tiny_figures import undrawn

import verify
from verify import cli
from verify.errors import VerifyError
from verify.figures import directions, making


@pytest.fixture
def tiny(monkeypatch):
    """Make figures that users ask for tiny, and do not draw them."""
    make = making.make
    monkeypatch.setattr(making, "make", lambda *a, **k: make(*a, **k, size="tiny"))
    with undrawn():
        yield


@pytest.fixture
def command(capsys):
    """Run the command line in this process, with tiny figures."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(list(arguments))
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


@pytest.mark.usefixtures("tiny")
def test_python_makes_a_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    heard = []
    made = verify.figure("2a", seed=5, workers=1, progress=lambda *news: heard.append(news))
    assert re.fullmatch(r"figure-2a-\d{8}-\d{6}-5", made.folder.name)
    assert made.folder.parent == Path("results")
    assert isinstance(made, verify.FigureResult)
    assert isinstance(made.table, pd.DataFrame)
    fractions = [fraction for _, fraction, _ in heard]
    assert (fractions[0], fractions == sorted(fractions), heard[0][0]) == (0.0, True, "figure 2a")


@pytest.mark.usefixtures("tiny")
def test_the_command_says_what_was_made(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = command("figure", "2a", "--out", "mine", "--seed", "2", "--workers", "1")
    assert (code, err) == (0, "")
    assert out.startswith("Figure 2a: Linear regression")
    for name in ("figure-2a.png", "figure-2a.svg", "figure-2a.csv", "manifest.json"):
        assert f"  mine/{name}\n" in out
        assert Path("mine", name).exists()
    assert out.splitlines()[-1].startswith("figure 2a: at random θ")
    code, out, err = command("figure", "2a", "--out", "other", "-q", "--workers", "1")
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert out.endswith("; drawn in other/figure-2a.png\n")


def test_figures_are_listed(command):
    code, out, err = command("figure")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == IDS


def test_the_listing_imports_nothing_heavy():
    script = "import sys\nfrom verify import cli\ntry:\n    cli.main(['figure'])\nexcept SystemExit:\n    print([name for name in ('numpy', 'pandas', 'matplotlib', 'simulate', 'theory') if name in sys.modules])"  # noqa: E501
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


EXPECTED = f"figure: expected one of {', '.join(IDS)}"


BAD = [
    (["figure", "2c"], f"{EXPECTED}, got '2c' (did you mean '2b'?)"),
    (["figure", "scaling"], f"{EXPECTED}, got 'scaling' (did you mean 'scaling-laws'?)"),
    (["figure", "zzz"], f"{EXPECTED}, got 'zzz'"),
    (["figure", "1", "--seed", "-1"], "seed: expected an integer of at least 0, got '-1'"),
    (["figure", "1", "--workers", "0"], "workers: expected an integer of at least 1, got '0'"),
    (["figure", "1", "--out", "used"], "out: expected a new or empty folder, got 'used', which holds 1 entry"),
    (
        ["figure", "1", "--out", "used/file"],
        "out: expected a new or empty folder, got 'used/file', which is not a folder",
    ),
    (["figure", "1", "--out", "used/file/run"], "out: expected to write 'used/file/run', got: Not a directory"),
    (["figure", "1", "--out", "/proc/figure"], "out: expected to write '/proc/figure', got: No such file or directory"),
    (["figure", "1", "--out", ""], "out: expected the name of a folder, got ''"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_usage_is_one_line_and_changes_nothing(command, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("keep me")
    assert command(*arguments) == (2, "", f"noise-geometry: error: {message}\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "used"]
    assert (tmp_path / "used" / "file").read_text() == "keep me"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"id": 1}, f"{EXPECTED}, got 1"),
        ({"id": "1", "seed": True}, "seed: expected an integer of at least 0, got True"),
        ({"id": "1", "seed": 1.5}, "seed: expected an integer of at least 0, got 1.5"),
        ({"id": "1", "out": 3}, "out: expected the name of a folder, got 3"),
        ({"id": "1", "workers": 0}, "workers: expected an integer of at least 1, got 0"),
        ({"id": "1", "progress": 3}, "progress: expected True, False, None or a function, got 3"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VerifyError) as caught:
        verify.figure(**arguments)
    assert str(caught.value).startswith(message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("tiny")
def test_the_interrupt_key_leaves_a_manifest_that_says_so(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(directions, "measure", interrupted)
    code, out, err = command("figure", "2a", "--out", "mine", "--workers", "1")
    assert (code, out) == (130, "")
    assert err == "noise-geometry: interrupted; figure 2a is not finished in mine\n"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["manifest.json"]
    assert json.loads((tmp_path / "mine" / "manifest.json").read_text())["status"] == "interrupted"


@pytest.mark.usefixtures("tiny")
def test_a_full_disk_is_one_line_and_keeps_the_numbers(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def full(*_):
        raise VerifyError("out: expected to write 'figure-2a.svg', got: No space left on device")

    monkeypatch.setattr("verify.store.RunFolder.write_bytes", full)
    monkeypatch.setattr(
        "verify.store.RunFolder.write_text",
        lambda self, name, text: self._write(name, lambda f: f.write(text.encode())),
    )
    code, out, err = command("figure", "2a", "--out", "mine", "--workers", "1")
    assert (code, out) == (2, "")
    assert err == "noise-geometry: error: out: expected to write 'figure-2a.svg', got: No space left on device\n"
    assert json.loads((tmp_path / "mine" / "manifest.json").read_text())["status"] == "failed"
    assert (tmp_path / "mine" / "figure-2a.csv").exists()
