"""The executor: order, exactness, errors, interrupts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from execution_points import (
    blas_threads,
    die,
    linear_algebra,
    process_id,
    raise_on_three,
    raise_unportable,
    square_slowly,
    tell_and_wait,
)

from verify import execution, worker_processes
from verify.errors import VerifyError
from verify.execution import Executor
from verify.telling import Channel, tell

ROOT = Path(worker_processes.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def eager(monkeypatch):
    """Start the workers at once, however little there is to do."""
    monkeypatch.setattr(execution, "WORK_WORTH_WORKERS", -1.0)


@pytest.mark.usefixtures("eager", "two_blas_threads")
def test_results_are_bit_identical_for_any_number_of_workers():
    expected = None
    for workers in (1, 3):
        with Executor(workers) as executor:
            results = executor.map(linear_algebra, range(6))
        assert expected is None or results == expected, workers
        expected = results


@pytest.fixture(scope="module")
def two_workers():
    """Two workers that several tests share: they outlive what goes wrong in a map."""
    with Executor(2) as executor:
        yield executor


@pytest.mark.usefixtures("eager")
def test_two_workers_share_the_work_and_keep_the_order(two_workers):
    processes = two_workers.map(process_id, range(40))
    assert len(set(processes)) == 2
    assert os.getpid() not in processes
    assert two_workers.map(square_slowly, range(100)) == [number**2 for number in range(100)]


def test_little_work_stays_in_this_process():
    with Executor(2) as executor:
        assert set(executor.map(process_id, range(5))) == {os.getpid()}


def test_many_small_maps_add_up_to_enough_work_for_workers(monkeypatch):
    monkeypatch.setattr(execution, "WORK_WORTH_WORKERS", 0.1)
    with Executor(2) as executor:
        seen = {process for _ in range(20) for process in executor.map(process_id, range(2))}
    assert len(seen - {os.getpid()}) >= 1


@pytest.mark.usefixtures("eager", "two_blas_threads")
@pytest.mark.parametrize("workers", [1, 2])
def test_points_have_one_blas_thread(workers):
    with Executor(workers) as executor:
        counts = executor.map(blas_threads, range(4))
    assert counts
    assert all(count and set(count) == {1} for count in counts)


@pytest.mark.usefixtures("two_blas_threads")
def test_the_limit_on_blas_threads_ends_with_the_executor():
    before = blas_threads(0)
    assert 2 in before
    with Executor(1):
        pass
    assert blas_threads(0) == before


@pytest.mark.usefixtures("eager")
def test_an_error_comes_through_as_it_is(two_workers):
    with Executor(1) as alone:
        for executor in (alone, two_workers):
            with pytest.raises(ZeroDivisionError, match="three"):
                executor.map(raise_on_three, range(6))
            assert executor.map(abs, [-1, -2, -3]) == [1, 2, 3]


@pytest.mark.usefixtures("eager")
def test_an_error_that_cannot_travel_arrives_as_text(two_workers):
    with pytest.raises(RuntimeError, match="text only"):
        two_workers.map(raise_unportable, range(4))


@pytest.mark.usefixtures("eager")
def test_a_dying_worker_is_one_line():
    with Executor(2) as executor, pytest.raises(VerifyError) as caught:
        executor.map(die, range(12))
    assert str(caught.value).startswith("workers: expected")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("eager")
def test_what_workers_cannot_load_runs_here(two_workers):
    assert two_workers.map(lambda number: number + 1, range(9)) == list(range(1, 10))


@pytest.mark.usefixtures("eager")
def test_progress_counts_every_item_up_to_the_end():
    seen: list[tuple[int, int]] = []
    with Executor(2, lambda done, total: seen.append((done, total))) as executor:
        executor.map(square_slowly, range(50))
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[-1] == (50, 50)


@pytest.mark.parametrize("workers", [1, 2])
def test_items_in_progress_count_by_what_they_tell(monkeypatch, workers):
    monkeypatch.setattr(execution, "SECONDS_BETWEEN_NEWS", 0.02)
    seen: list[float] = []
    with Executor(workers, lambda done, total: seen.append(done / total)) as executor:
        assert executor.map(tell_and_wait, range(4), long=True) == [0, 1, 2, 3]
        # Of the next map nothing is told that belongs to this one.
        assert executor.map(abs, [-1, -2, -3]) == [1, 2, 3]
    first = seen[: seen.index(1.0) + 1]
    assert first == sorted(first)
    assert any(0 < share * 4 != int(share * 4) for share in first)


def test_what_is_told_outside_a_map_is_heard_by_nobody():
    tell(0.5)


def test_news_that_nobody_reads_do_not_hold_up_the_work():
    channel = Channel(worker_processes.WorkerContext())
    for number in range(20_000):
        channel.speaker.send((0, 0), number / 20_000)
    assert 0 < channel.news()[0, 0] < 1
    assert channel.news() == {}


def test_long_work_goes_to_workers_at_once():
    with Executor(2) as executor:
        assert os.getpid() not in executor.map(process_id, range(4), long=True)
    with Executor(1) as executor:
        assert set(executor.map(process_id, range(4), long=True)) == {os.getpid()}


def test_an_empty_map_is_empty():
    with Executor(2) as executor:
        assert executor.map(abs, []) == []


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "2"])
def test_a_bad_number_of_workers_is_refused(workers):
    with pytest.raises(VerifyError, match="workers: expected an integer of at least 1, got"):
        Executor(workers)


SCRIPT = """
import os, sys
from verify import execution
from verify.execution import Executor
execution.WORK_WORTH_WORKERS = -1.0
def local(number):
    return number - 1
with Executor(2) as executor:
    import execution_points
    elsewhere = executor.map(execution_points.process_id, range(20))
    here = executor.map(local, range(4))
print(len(set(elsewhere) - {os.getpid()}), here)
"""


@pytest.mark.parametrize("way", ["file", "command", "input"])
def test_scripts_need_no_main_guard(tmp_path, way):
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    arguments = {"file": [str(file)], "command": ["-c", SCRIPT], "input": ["-"]}[way]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=SCRIPT if way == "input" else None,
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=300,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("2 [-1, 0, 1, 2]\n", "", 0)


SLEEPER = """
import signal, sys, time
from verify import execution
from verify.execution import Executor
import execution_points
# What a shell starts in the background ignores the key.
signal.signal(signal.SIGINT, signal.default_int_handler)
execution.WORK_WORTH_WORKERS = -1.0
try:
    with Executor(2, lambda done, total: print(done, flush=True)) as executor:
        executor.map(execution_points.{function}, range(1000))
except KeyboardInterrupt:
    sys.exit(130)
"""


@contextlib.contextmanager
def running(function: str) -> Iterator[subprocess.Popen[str]]:
    """Run a map in a process of its own, and leave nothing behind."""
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER.format(function=function)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("delay", [None, 0.3])
def test_the_interrupt_key_ends_all_processes_at_once_and_quietly(delay):
    with running("sleep_long") as process:
        assert process.stdout is not None
        if delay is None:
            process.stdout.readline()
        else:
            # Early enough to hit the workers while they start.
            time.sleep(0.6 + delay)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - began < 10
        if delay is None:
            assert (process.returncode, errors) == (130, "")
        assert "SpawnProcess" not in errors
        assert _gone(process.pid)


def test_workers_end_when_the_parent_is_killed():
    with running("sleep_long") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.wait()
        assert _gone(process.pid)


def _gone(group: int) -> bool:
    """Wait until no process of the group is left."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
