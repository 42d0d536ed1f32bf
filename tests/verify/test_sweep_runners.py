"""The runners of sweeps: exactness, deaths of workers, flat memory; processes and a real Dask cluster."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import verify
from verify.errors import VerifyError
from verify.sweeps import pointwise
from verify.sweeps.batches import Batch, Batches
from verify.sweeps.runners import DaskRunner, LocalRunner, Result, Runner

TESTS = Path(__file__).parent
PYTHONPATH = os.pathsep.join([str(Path(verify.__file__).parents[1]), str(TESTS), os.environ.get("PYTHONPATH", "")])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PYTHONPATH}
HAS_DASK = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(
    not HAS_DASK and os.environ.get("NOISE_GEOMETRY_DASK") != "required", reason="distributed is not installed"
)


def linear_algebra(point: dict[str, int]) -> dict[str, object]:
    """Use every kind of operation whose rounding depends on how the work is split."""
    X = np.random.default_rng(point["seed"]).standard_normal((200, 80))
    from scipy.linalg import svdvals

    return {"gram": (X @ X.T).sum(), "top": np.linalg.eigvalsh(X.T @ X)[-1], "sharp": svdvals(X), "pid": os.getpid()}


def square(point: int) -> dict[str, int]:
    return {"square": point * point}


def square_slowly(point: int) -> dict[str, int]:
    time.sleep(0.004)
    return {"square": point * point, "pid": os.getpid()}


def wait_long(point: float) -> dict[str, float]:
    time.sleep(point)
    return {"pid": os.getpid()}


def misbehave(point: int) -> object:
    """Fail in every way but one."""
    if point == 1:
        raise ValueError("two\nlines")
    if point == 2:
        sys.exit("bye")
    if point == 3:
        return {"x": object()}
    if point == 4:
        return [1.0]
    if point == 5:
        raise RuntimeError("\udcff")
    return {"x": float(point)}


def die_at_three(point: int) -> dict[str, int]:
    if point == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(point)


def count_threads(_: int) -> dict[str, list[int]]:
    import numba
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    blas = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    return {"threads": [*blas, numba.get_num_threads()]}


def collect(runner: Runner, function: pointwise.Observe, points: Iterable[object]) -> dict[object, Result]:
    """Run points and check that every one comes exactly once."""
    found: dict[object, Result] = {}
    for batch, results in runner.run(function, points):
        for point, result in zip(batch, results, strict=True):
            name = json.dumps(point)
            assert name not in found
            found[name] = result
    return found


def values(found: dict[object, Result]) -> dict[object, object]:
    """What the points gave, without the process they ran in."""
    return {p: {k: v for k, v in result.values.items() if k != "pid"} for p, result in found.items()}


def seeds(count: int) -> list[dict[str, int]]:
    return [{"seed": seed} for seed in range(count)]


@pytest.mark.usefixtures("two_blas_threads")
def test_results_are_bit_identical_for_any_number_of_workers():
    found = []
    for workers in (1, 2, 3):
        with LocalRunner(workers) as runner:
            found.append(collect(runner, linear_algebra, seeds(12)))
    assert values(found[0]) == values(found[1]) == values(found[2])
    assert {result.values["pid"] for result in found[0].values()} == {os.getpid()}
    assert os.getpid() not in {result.values["pid"] for result in found[1].values()}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_point_that_fails_is_a_result_and_the_rest_goes_on(workers):
    with LocalRunner(workers) as runner:
        found = collect(runner, misbehave, range(8))
    assert {point: result.error for point, result in found.items()} == {
        "0": None,
        "1": "ValueError: two lines",
        "2": "SystemExit: bye",
        "3": "TypeError: x: expected numbers, texts or lists of them, got object",
        "4": "TypeError: expected a dictionary of names and values, got list",
        "5": "RuntimeError: ?",
        "6": None,
        "7": None,
    }
    assert found["1"].values == {}
    assert found["7"].values == {"x": 7.0}


@pytest.mark.usefixtures("two_blas_threads")
@pytest.mark.parametrize("workers", [1, 2])
def test_points_have_one_thread(workers):
    before = count_threads(0)
    with LocalRunner(workers) as runner:
        found = collect(runner, count_threads, range(4))
    assert {count for result in found.values() for count in result.values["threads"]} == {1}
    assert count_threads(0) == before


def test_a_dead_workers_points_are_run_by_others():
    killed: set[object] = set()
    with LocalRunner(2) as runner:
        found = {}
        for batch, results in runner.run(square_slowly, range(600)):
            found |= dict(zip(batch, results, strict=True))
            worker = results[-1].values["pid"]
            if len(killed) < 4 and worker in runner.process_ids():
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
    assert len(killed) >= 2
    assert {result.values["pid"] for result in found.values()} > killed
    assert {p: r.values["square"] for p, r in found.items()} == {point: point * point for point in range(600)}


def test_a_point_that_ends_its_workers_gets_an_error_and_the_rest_goes_on():
    with LocalRunner(2) as runner:
        found = collect(runner, die_at_three, range(300))
    assert found.pop("3").error == "WorkerDied: 3 workers ended abruptly at this point (signal 9)"
    assert len(found) == 299
    assert all(result.error is None for result in found.values())


def test_a_runner_can_be_used_again_and_left_early():
    with LocalRunner(2) as runner:
        first = runner.run(wait_long, [0.01] * 4 + [60.0] * 4)
        next(first)
        first.close()
        assert len(collect(runner, square, range(50))) == 50
        before = runner.process_ids()
        assert len(collect(runner, square, range(50))) == 50
        assert runner.process_ids() == before
    assert not any(alive(process) for process in before)


def alive(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def test_nobody_outlives_an_exception():
    with contextlib.suppress(ZeroDivisionError), LocalRunner(2) as runner:
        for _ in runner.run(wait_long, [0.01] * 4 + [60.0] * 4):
            before = runner.process_ids()
            raise ZeroDivisionError
    assert not any(alive(process) for process in before)


def test_points_are_taken_as_they_are_needed():
    taken = 0

    def points() -> Iterator[int]:
        nonlocal taken
        for point in range(10**9):
            taken += 1
            yield point

    with LocalRunner(2) as runner:
        done = 0
        for batch, _ in runner.run(square, points()):
            done += len(batch)
            # Two batches a worker, and one that waits.
            assert taken - done <= 5 * 2000
            if done > 30_000:
                break


def test_no_point_is_started_when_time_is_up():
    assert len(pointwise.run_points(wait_long, [0.0, 0.2, 0.2, 0.0], longest=0.1)) == 2
    assert len(pointwise.run_points(wait_long, [0.0] * 4, longest=60.0)) == 4


def test_points_that_turn_slow_within_a_batch_are_shared():
    """Fast points first make batches large; the slow ones behind them must not stay with one worker."""
    points = [0.0] * 2000 + [0.4] * 8
    for _ in range(4):
        with LocalRunner(2) as runner:
            slow = [
                result.values["pid"]
                for batch, results in runner.run(wait_long, points)
                for point, result in zip(batch, results, strict=True)
                if point
            ]
        assert len(slow) == 8
        # A busy machine may start the second worker when all is done.
        if len(set(slow)) == 2:
            return
    pytest.fail("one worker took all of the slow points, four times in a row")


@settings(max_examples=60)
@given(
    st.integers(0, 300), st.lists(st.tuples(st.sampled_from(["done", "part", "died"]), st.floats(0, 3)), max_size=80)
)
def test_batches_deal_every_point_exactly_once(count, events):
    """Whatever happens to them, points are neither lost nor doubled, and sizes stay within bounds."""
    batches = Batches(range(count), 0.25)
    finished: list[int] = []
    script = iter(events)
    while (batch := batches.next()) is not None:
        event, seconds = next(script, ("done", 0.1))
        if event == "died":
            given_up = batches.worker_died(batch, "signal 9")
            if given_up is not None:
                assert batch.deaths == 2
                finished += given_up[0]
            continue
        kept = len(batch.points) if event == "done" else max(1, len(batch.points) // 2)
        batches.observe([Result({}, None, 0.0)] * kept, seconds)
        batches.give_back(Batch(batch.points[kept:], batch.deaths))
        finished += batch.points[:kept]
    assert sorted(finished) == list(range(count))


def test_functions_of_the_script_itself_are_run_by_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os\n"
        "from verify.sweeps.runners import LocalRunner\n"
        "offset = 5\n"
        "def shifted(point):\n    return {'x': point + offset, 'pid': os.getpid()}\n"
        "with LocalRunner(2) as runner:\n"
        "    found = [r for _, results in runner.run(shifted, range(9)) for r in results]\n"
        "    found += [r for _, results in runner.run(lambda p: {'x': p, 'pid': 0}, range(3)) for r in results]\n"
        "assert os.getpid() not in {r.values['pid'] for r in found}\n"
        "print(sorted(r.values['x'] for r in found))\n"
    )
    pytest.importorskip("cloudpickle")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.stdout == f"{sorted([*range(5, 14), 0, 1, 2])}\n", done.stderr


def test_what_workers_cannot_load_is_one_line(monkeypatch):
    import types

    module = types.ModuleType("only_in_the_parent")
    exec("def function(point):\n    return {}", module.__dict__)  # noqa: S102 (makes a module that no file has)
    monkeypatch.setitem(sys.modules, "only_in_the_parent", module)
    module.function.__module__ = "only_in_the_parent"
    with LocalRunner(2) as runner, pytest.raises(VerifyError, match=r"^function: expected one that worker processes"):
        list(runner.run(module.function, range(4)))
    with LocalRunner(2) as runner, pytest.raises(VerifyError, match=r"^points: expected values that can be sent"):
        list(runner.run(square, [lambda: 1]))


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "2"])
def test_bad_numbers_of_workers_are_one_line(workers):
    with pytest.raises(VerifyError, match=r"^workers: expected"):
        LocalRunner(workers)


# ----------------------------------------------------------------------------------------------------- Dask


class Cluster:
    """A scheduler and worker processes without nannies, so that a worker that is killed stays dead."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self._start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        deadline = time.monotonic() + 60
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
            client.wait_for_workers(count, timeout=60)

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
def test_a_scheduler_that_goes_away_is_one_line(tmp_path):
    other = Cluster(tmp_path)
    try:
        other.add_worker()
        other.wait(1)
        with pytest.raises(VerifyError, match=r"^scheduler: expected"), DaskRunner(other.address, timeout=5.0) as dask:
            for _ in dask.run(square_slowly, range(10**9)):
                other.stop()
    finally:
        other.stop()


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(VerifyError, match=r"^scheduler: expected the package 'distributed' \(pip install"):
        DaskRunner("tcp://127.0.0.1:8786").__enter__()
