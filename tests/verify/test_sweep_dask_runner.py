"""The runner of sweeps on a real Dask cluster: exactness, a worker that dies, schedulers that are not there."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_points import (
    ENVIRONMENT,
    collect,
    count_threads,
    linear_algebra,
    misbehave,
    seeds,
    square,
    square_slowly,
    values,
)

from verify.errors import VerifyError
from verify.sweeps.runners import DaskRunner, LocalRunner

HAS_DASK = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(
    not HAS_DASK and os.environ.get("NOISE_GEOMETRY_DASK") != "required", reason="distributed is not installed"
)


class Cluster:
    """A scheduler and worker processes without nannies, so that a worker that is killed stays dead."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self._start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        deadline = time.monotonic() + 300
        while not file.exists() or not file.read_text():
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]

    def add_worker(self) -> None:
        """Start one more worker."""
        self.workers.append(
            self._start(
                "worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", "."
            )
        )

    def wait(self, count: int) -> None:
        """Wait until the scheduler knows so many workers."""
        from distributed import Client

        with Client(self.address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=300)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments], stdout=log, stderr=log, env=ENVIRONMENT, cwd=self._folder
            )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """End every process."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = Cluster(tmp_path_factory.mktemp("dask"))
    try:
        started.add_worker()
        started.add_worker()
        started.wait(2)
        yield started
    finally:
        started.stop()


@needs_dask
def test_dask_gives_the_same_bits(cluster):
    with LocalRunner(1) as runner:
        here = collect(runner, linear_algebra, seeds(12))
    with DaskRunner(cluster.address) as dask:
        there = collect(dask, linear_algebra, seeds(12))
        threads = collect(dask, count_threads, range(4))
    assert values(here) == values(there)
    assert {result.values["pid"] for result in there.values()} <= {worker.pid for worker in cluster.workers}
    assert {count for result in threads.values() for count in result.values["threads"]} == {1}


@needs_dask
def test_dask_records_failing_points_and_runs_functions_of_no_module(cluster):
    offset = 3
    with DaskRunner(cluster.address) as dask:
        found = collect(dask, misbehave, range(6))
        local = collect(dask, lambda point: {"x": point + offset}, range(6))
        first = dask.run(square_slowly, range(10**9))
        next(first)
        first.close()
        assert len(collect(dask, square, range(3000))) == 3000
    assert found["1"].error == "ValueError: two lines"
    assert {point: result.values["x"] for point, result in local.items()} == {str(p): p + 3 for p in range(6)}


@needs_dask
def test_dask_completes_when_a_worker_is_killed_in_the_middle(cluster):
    victim = cluster.workers.pop()
    with DaskRunner(cluster.address) as dask:
        found = {}
        for batch, results in dask.run(square_slowly, range(1000)):
            assert not found.keys() & set(batch)
            found |= dict(zip(batch, results, strict=True))
            if len(found) > 200 and victim.poll() is None:
                assert victim.pid in {result.values["pid"] for result in found.values()}
                victim.kill()
                victim.wait()
    assert victim.returncode == -signal.SIGKILL
    assert {p: r.values["square"] for p, r in found.items()} == {point: point * point for point in range(1000)}


@needs_dask
def test_an_unreachable_scheduler_is_one_line_with_the_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    for wrong in (address, "nonsense://x", "127.0.0.1:notaport"):
        started = time.monotonic()
        with pytest.raises(VerifyError) as caught, DaskRunner(wrong, timeout=1.0):
            pass
        assert repr(wrong) in str(caught.value)
        assert str(caught.value).startswith("scheduler: expected a Dask scheduler")
        assert "\n" not in str(caught.value)
        assert time.monotonic() - started < 20


@needs_dask
def test_a_scheduler_that_goes_away_is_one_line(cluster):
    # The last test that needs the cluster; starting another takes as long as all of them.
    with pytest.raises(VerifyError, match=r"^scheduler: expected"), DaskRunner(cluster.address, timeout=5.0) as dask:
        for _ in dask.run(square_slowly, range(10**9)):
            cluster.stop()


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(VerifyError, match=r"^scheduler: expected the package 'distributed' \(pip install"):
        DaskRunner("tcp://127.0.0.1:8786").__enter__()
