"""The runner of sweeps in processes of this machine: exactness, deaths of workers, flat memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_points import (
    ENVIRONMENT,
    collect,
    count_threads,
    die_at_three,
    linear_algebra,
    misbehave,
    seeds,
    square,
    square_slowly,
    values,
    wait_long,
)

from verify.errors import VerifyError
from verify.sweeps import pointwise
from verify.sweeps.batches import Batch, Batches
from verify.sweeps.runners import LocalRunner, Result


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
