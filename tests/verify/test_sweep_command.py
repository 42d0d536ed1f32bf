"""The command `sweep` as a process of its own: what it prints where, and full disks."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import verify
from verify.sweeps.looking import look

ROOT = Path(verify.__file__).parents[1]
MODULE = """
import os
print("on import")
def talk(point):
    print("at a point")
    os.system("echo from the shell")
    return 1.0
def grow(point):
    return {"noise": os.urandom(3000).hex()}
"""
FILE = """
function = "own_part:{name}"
store = "kept"
[axes]
a = {{ from = 1, to = {last}, step = 1 }}
"""


def sweep(
    folder: Path, name: str, last: int, *options: str, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    (folder / "own_part.py").write_text(MODULE)
    (folder / "my.toml").write_text(FILE.format(name=name, last=last))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "import sys; from verify.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, "sweep", "my.toml", *options],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, preexec_fn=before,
    )  # fmt: skip


def test_what_a_function_prints_does_not_mix_with_what_the_command_prints(tmp_path):
    done = sweep(tmp_path, "talk", 3, "--json", "--workers", "1")
    assert done.returncode == 0
    assert json.loads(done.stdout)["points"] == 3
    assert done.stderr.count("at a point") == done.stderr.count("from the shell") == 3
    quiet = sweep(tmp_path, "talk", 6, "--quiet", "--workers", "2")
    assert quiet.stdout == "talk: 6 of 6 points observed; kept\n"
    assert quiet.stderr.count("at a point") == quiet.stderr.count("from the shell") == 3
    logged = sweep(tmp_path, "talk", 6, "--json", "--dry-run", "--verbose")
    assert json.loads(logged.stdout)["to_run"] == 0


def refused(done: subprocess.CompletedProcess[str], reason: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("noise-geometry: error: store: expected to use '")
    assert done.stderr.endswith(f"got: {reason}\n") and "Traceback" not in done.stderr


def finished(folder: Path) -> int:
    """Count the points of the store, whose files must all be whole."""
    found = look(folder / "kept", {"what": "grow"})
    assert found.damaged == []
    return len(found.seconds)


def test_a_write_that_the_system_cuts_short_ends_the_command_in_one_line(tmp_path):
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    refused(sweep(tmp_path, "grow", 100_000, "--workers", "1", before=limited), "File too large")
    kept = finished(tmp_path)
    assert sweep(tmp_path, "grow", kept + 5, "--workers", "1", "-q").stdout == (
        f"grow: {kept + 5} of {kept + 5} points observed; kept\n"
    )


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount a file system")
def test_a_full_disk_ends_the_command_in_one_line(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        refused(sweep(disk, "grow", 100_000, "--workers", "1"), "No space left on device")
        kept = finished(disk)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "verify", "sweep", str(disk / "my.toml")]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        refused(ran, "Read-only file system")
        looked = subprocess.run(
            [*command, "--dry-run", "--json"], env=environment, capture_output=True, text=True, check=False
        )
        assert json.loads(looked.stdout)["finished"] == kept
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
