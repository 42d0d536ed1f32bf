"""Sweeps as a whole: the same numbers everywhere, nothing computed twice, failures and interrupts."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import verify
from verify import VerifyError, cli
from verify.sweeps import sweeping
from verify.sweeps.points import Point
from verify.sweeps.store import SweepStore
from verify.sweeps.tables import row_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CALLS: list[tuple[object, ...]] = []


def draw(point: Point) -> dict[str, float]:
    """Observe numbers that show every bit of the stream, and of BLAS."""
    CALLS.append((*point.axes.values(), point.trial))
    stream = point.generator("draw")
    A = stream.standard_normal((40, 40))
    return {"sum": float((A @ A.T).sum() * point["a"]), "uniform": stream.random()}


def fail_on_two(point: Point) -> dict[str, float]:
    """Fail at some points."""
    CALLS.append((point["a"], point.trial))
    if point["a"] == 2 and not os.environ.get("SWEEP_TEST_HEALED"):
        raise ArithmeticError(f"two\nat trial {point.trial}")
    return {"value": float(point["a"])}


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="seconds")


def test_the_table_has_a_row_a_point_in_the_grids_order():
    table = verify.sweep(draw, a=[2, 1], b=["y", "x"], trials=2, seed=5, workers=1)
    assert list(table.columns) == ["a", "b", "trial", "sum", "uniform", "error", "seconds"]
    assert list(zip(table.a, table.b, table.trial, strict=True)) == [
        (a, b, t) for a in (2, 1) for b in "yx" for t in (0, 1)
    ]
    assert list(table.uniform) == [
        draw(Point({"a": a, "b": b}, t, 5))["uniform"] for a in (2, 1) for b in "yx" for t in (0, 1)
    ]
    assert table.error.isna().all() and (table.seconds > 0).all()
    assert not verify.sweep(draw, a=[1], b="x", seed=6, workers=1)["uniform"].isin(table.uniform).any()


@pytest.mark.usefixtures("two_blas_threads")
def test_one_worker_and_two_give_the_same_bits_with_and_without_a_store(tmp_path):
    axes = {"a": [1.5, 2.5], "b": range(10)}
    here = verify.sweep(draw, **axes, trials=3, workers=1)
    there = verify.sweep(draw, **axes, trials=3, workers=2, store=tmp_path / "store")
    pd.testing.assert_frame_equal(numbers(here), numbers(there), check_exact=True)
    again = verify.sweep(draw, **axes, trials=3, workers=1, store=tmp_path / "store")
    pd.testing.assert_frame_equal(there, again, check_exact=True)


def test_finished_points_are_skipped_and_an_extended_grid_computes_what_is_new(tmp_path):
    store = tmp_path / "store"
    first = verify.sweep(draw, a=[1, 3], trials=2, workers=1, store=store)
    CALLS.clear()
    assert verify.sweep(draw, a=[1, 3], trials=2, workers=1, store=store).equals(first)
    assert CALLS == []
    extended = verify.sweep(draw, a=[1, 2, 3], trials=3, workers=1, store=store)
    assert CALLS == [(1, 2), (2, 0), (2, 1), (2, 2), (3, 2)]
    pd.testing.assert_frame_equal(numbers(extended), numbers(verify.sweep(draw, a=[1, 2, 3], trials=3, workers=1)))
    # A smaller grid is part of it, and another seed or another axis is something else.
    CALLS.clear()
    assert numbers(verify.sweep(draw, a=[3], trials=2, workers=1, store=store)).equals(
        numbers(first[first.a == 3].reset_index(drop=True))
    )
    assert CALLS == []
    verify.sweep(draw, a=[3], seed=1, workers=1, store=store)
    verify.sweep(draw, a=[3], b="x", workers=1, store=store)
    assert CALLS == [(3, 0), (3, "x", 0)]


def varied(point: Point) -> dict[str, float]:
    """Observe other things at other points."""
    return {"odd": 1.0} if point["a"] % 2 else {"even": 2.0, "half": point["a"] / 2}


@pytest.mark.parametrize("axis", [[1, 2, 4], [2, 1, 4]])
def test_the_columns_come_in_the_grids_order_whatever_was_finished_before(tmp_path, axis):
    verify.sweep(varied, a=[4, 1], workers=1, store=tmp_path / "store")
    stored = verify.sweep(varied, a=axis, workers=1, store=tmp_path / "store")
    pd.testing.assert_frame_equal(numbers(stored), numbers(verify.sweep(varied, a=axis, workers=1)))
    assert list(stored.columns)[2:5] == (["odd", "even", "half"] if axis[0] == 1 else ["even", "half", "odd"])
    # A point's place in its grid is no part of it: other grids have it elsewhere.
    raw = [column for path in (tmp_path / "store" / "parts").iterdir() for column in pd.read_parquet(path).columns]
    assert set(raw) == {"key", "trial", "seed", "a", "odd", "even", "half", "error", "seconds"}


def test_stores_whose_rows_still_have_their_places_go_on(tmp_path, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(sweeping, "row_of", lambda task, result: {**row_of(task, result), "index": 5 - task.point["a"]})
        verify.sweep(draw, a=[1, 3], workers=1, store=tmp_path / "store")
    CALLS.clear()
    extended = verify.sweep(draw, a=[1, 2, 3], workers=1, store=tmp_path / "store")
    assert CALLS == [(2, 0)]
    pd.testing.assert_frame_equal(numbers(extended), numbers(verify.sweep(draw, a=[1, 2, 3], workers=1)))


def test_a_changed_function_computes_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    # Python takes a file of the same length and the same second for unchanged, where it has written bytecode.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = "def observe(point):\n    return {'value': FACTOR * point['a']}\n"
    values = []
    for factor in (2, 3, 2):
        (tmp_path / "changing_part.py").write_text(f"FACTOR = {factor}\n{text}")
        sys.modules.pop("changing_part", None)
        observe = __import__("changing_part").observe
        values.append(list(verify.sweep(observe, a=[1, 2], workers=1, store=tmp_path / "store")["value"]))
    assert values == [[2, 4], [3, 6], [2, 4]]
    with SweepStore.open(tmp_path / "store", {"what": "observe"}) as store:
        assert len(store.finished) == 4


def test_failing_points_are_recorded_and_the_others_go_on(tmp_path, monkeypatch):
    table = verify.sweep(fail_on_two, a=[1, 2, 3], trials=2, workers=1, store=tmp_path / "store")
    assert list(table["error"]) == [
        None,
        None,
        "ArithmeticError: two at trial 0",
        "ArithmeticError: two at trial 1",
        None,
        None,
    ]
    assert list(table["value"].fillna(-1)) == [1, 1, -1, -1, 3, 3]
    CALLS.clear()
    monkeypatch.setenv("SWEEP_TEST_HEALED", "1")
    verify.sweep(fail_on_two, a=[1, 2, 3], trials=2, workers=1, store=tmp_path / "store")
    assert CALLS == []
    healed = verify.sweep(fail_on_two, a=[1, 2, 3], trials=2, workers=1, store=tmp_path / "store", retry_failed=True)
    assert CALLS == [(2, 0), (2, 1)]
    assert list(healed["value"]) == [1, 1, 2, 2, 3, 3] and healed["error"].isna().all()


def test_a_sweep_in_which_everything_fails_has_a_table():
    table = verify.sweep(fail_on_two, a=[2], workers=1)
    assert list(table.columns) == ["a", "trial", "error", "seconds"] and len(table) == 1


def test_claims_are_swept_with_their_defaults_as_columns(tmp_path):
    table = verify.sweep("4.2", d=[2, 3], n=[20, 50], zipped=["d", "n"], trials=2, store=tmp_path / "s", workers=1)
    assert list(table.columns[:6]) == ["d", "n", "eps", "delta", "starts", "trial"]
    assert list(table.n) == [20, 20, 50, 50] and (table.eps == 0.5).all()
    assert (table.inf_certified <= table.inf_found).all() and (table.sup_found <= table.sup_certified).all()
    # What was left out is what is written out.
    again = verify.sweep(
        "4.2", eps=0.5, d=[2, 3], n=[20, 50], zipped=["d", "n"], trials=2, store=tmp_path / "s", workers=1
    )
    assert list(again.seconds) == list(table.seconds)


def test_numpy_values_and_functions_that_captured_something(tmp_path):
    def table(factor):
        return verify.sweep(lambda p: np.float64(factor * p["a"]), a=np.arange(1, 3), workers=1, store=tmp_path / "s")

    assert list(table(2.0)["value"]) == [2, 4]
    assert list(table(3.0)["value"]) == [3, 6]


def test_infinite_and_missing_numbers_come_back(tmp_path):
    def observe(point):
        return {"inf": math.inf, "nan": math.nan} | ({"only": 1.0} if point["a"] == 2 else {})

    for store in (None, tmp_path / "store"):
        table = verify.sweep(observe, a=[1, 2], workers=1, store=store)
        assert (table["inf"] == math.inf).all() and table["only"].isna().tolist() == [True, False]


def test_a_dry_run_says_what_would_run_and_creates_nothing(tmp_path):
    store = tmp_path / "store"
    row = verify.sweep(draw, a=[1, 2, 3], trials=10, workers=1, store=store, dry_run=True).iloc[0]
    assert not store.exists()
    store.mkdir()
    verify.sweep(draw, a=1, workers=1, store=store, dry_run=True)
    assert list(store.iterdir()) == []
    assert (row["points"], row["finished"], row["to_run"], row["tried"]) == (30, 0, 30, True)
    assert row["work"] == pytest.approx(30 * row["seconds_a_point"]) and 0 < row["seconds"] <= row["work"]
    table = verify.sweep(draw, a=[1, 2], trials=10, workers=1, store=store)
    CALLS.clear()
    row = verify.sweep(draw, a=[1, 2, 3], trials=10, workers=2, store=store, dry_run=True).iloc[0]
    assert CALLS == []
    assert (row["finished"], row["to_run"], row["tried"], row["timed"]) == (20, 10, False, 20)
    assert row["seconds"] == pytest.approx(10 * table["seconds"].mean() / 2)
    row = verify.sweep(draw, a=[1, 2], trials=10, workers=2, store=store, dry_run=True).iloc[0]
    assert (row["to_run"], row["work"]) == (0, 0)


def test_an_estimate_of_many_points_tries_few():
    row = verify.sweep(draw, a=range(10_000), trials=10_000, workers=1, dry_run=True).iloc[0]
    assert row["points"] == 10**8 and row["timed"] == 32
    # The points that are tried come from everywhere.
    assert len({call[0] // 2500 for call in CALLS}) == 4


def test_progress_is_told(tmp_path):
    heard = []
    verify.sweep(draw, a=range(5), workers=1, progress=lambda *news: heard.append(news))
    assert heard[0] == ("draw", 0.0, "starting")
    assert heard[-1] == ("draw", 1.0, "5 of 5 points")
    fractions = [fraction for _, fraction, _ in heard]
    assert fractions == sorted(fractions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"what": 4.2}, "what: expected a claim's id or a function of a point, got 4.2"),
        ({"what": "5.1"}, "claim: expected one that can be swept"),
        ({"what": "3.3"}, "d: expected values for it in a sweep of 3.3, got none"),
        ({"a": []}, "a: expected at least one value"),
        ({"a": 1, "seed": -1}, "seed: expected an integer of at least 0"),
        ({"a": 1, "seed": 2**63}, "seed: expected an integer of at most 64 bits"),
        ({"a": 1, "workers": 0}, "workers: expected an integer of at least 1"),
        ({"a": 1, "store": ""}, "store: expected the name of a folder"),
        ({"a": 1, "store": 3}, "store: expected the name of a folder"),
        ({"a": 1, "scheduler": 3}, "scheduler: expected an address"),
        ({"a": 1, "scheduler": "tcp://host:1", "workers": 2}, "workers: expected none with a scheduler"),
        ({"a": 1, "progress": 3}, "progress: expected"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_created(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = {"what": draw, "store": "store", **arguments}
    with pytest.raises(VerifyError) as refused:
        verify.sweep(arguments.pop("what"), **arguments)
    assert message in str(refused.value) and "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == [] and CALLS == []


def test_a_store_of_another_sweep_is_refused(tmp_path):
    verify.sweep(draw, a=1, workers=1, store=tmp_path / "store")
    with pytest.raises(VerifyError, match="store: expected a store of 'fail_on_two'"):
        verify.sweep(fail_on_two, a=1, workers=1, store=tmp_path / "store")


def test_what_has_come_back_is_kept_when_a_sweep_ends_early(tmp_path, monkeypatch):
    def stop(point):
        if point["a"] == 30:
            raise KeyboardInterrupt
        return point["a"]

    # One point a batch and a store that is not written in between.
    monkeypatch.setattr(sweeping, "SECONDS_UNSTORED", 100.0)
    monkeypatch.setattr("verify.sweeps.batches.LARGEST", 1)
    with pytest.raises(verify.SweepInterrupted) as interrupt:
        verify.sweep(stop, a=range(50), workers=1, store=tmp_path / "store")
    assert (interrupt.value.finished, interrupt.value.points) == (30, 50)
    assert str(interrupt.value) == f"interrupted; 30 of 50 points are kept in {tmp_path / 'store'}"
    with pytest.raises(verify.SweepInterrupted, match=r"^interrupted; nothing is kept without a store$"):
        verify.sweep(stop, a=range(50), workers=1)


SLOW = """
import time
def observe(point):
    time.sleep(0.02)
    return {"value": point.generator("x").random()}
"""
DESCRIBED = """
function = "slow_part:observe"
workers = 2
store = "kept"
[axes]
a = { from = 1, to = 300, step = 1 }
"""


def test_the_interrupt_key_leaves_a_store_that_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "slow_part.py").write_text(SLOW)
    (tmp_path / "slow.toml").write_text(DESCRIBED)
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from verify.cli import main; main(sys.argv[1:])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [sys.executable, "-c", code, "sweep", "slow.toml", "-q"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not list((tmp_path / "kept" / "parts").glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, complaint = running.communicate(timeout=300)
    assert (running.returncode, out) == (130, "")
    kept = int(complaint.split("interrupted; ")[1].split(" of 300 points are kept in kept")[0])
    assert 0 < kept < 300
    with SweepStore.open(tmp_path / "kept", {"what": "observe"}) as store:
        before = store.table()
    assert len(before) == kept
    with pytest.raises(SystemExit) as left:
        cli.main(["sweep", "slow.toml", "-q"])
    assert left.value.code == 0
    assert tuple(capsys.readouterr()) == ("observe: 300 of 300 points observed; kept\n", "")
    with SweepStore.open(tmp_path / "kept", {"what": "observe"}) as store:
        after = store.table()
    assert len(after) == 300
    # Not a point that was kept ran again.
    merged = before.merge(after, on="key", suffixes=("", "_after"))
    assert len(merged) == kept and (merged["seconds"] == merged["seconds_after"]).all()
    expected = [Point({"a": a}, 0, 0).generator("x").random() for a in range(1, 301)]
    assert list(after.sort_values("a")["value"]) == expected
