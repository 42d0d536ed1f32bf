"""The store of a sweep: what is acknowledged stays, what is damaged is named, one process at a time."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sweep_store_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_store_rows import WHAT, key, row

import verify
from verify.errors import VerifyError
from verify.sweeps import locking
from verify.sweeps import store as store_module
from verify.sweeps.store import SweepStore

ROOT = Path(verify.__file__).parents[1]


OTHER = Path(sweep_store_rows.__file__)
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def fill(folder: Path, parts: int = 4, each: int = 3) -> Path:
    """Make a store of several parts, or add to it."""
    store = SweepStore.open(folder, WHAT)
    for number in range(parts):
        store.append([row(number * each + offset) for offset in range(each)])
    store.close(tidy=False)
    return folder


@cache
def original(parts: int) -> tempfile.TemporaryDirectory[str]:
    """Make a store once for all tests that begin with such a one; it is removed when Python ends."""
    kept = tempfile.TemporaryDirectory()
    fill(Path(kept.name) / "store", parts)
    return kept


def filled(folder: Path, parts: int = 4) -> Path:
    """Copy a store of several parts."""
    return Path(shutil.copytree(Path(original(parts).name) / "store", folder))


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file but the lock."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


def part_files(folder: Path) -> list[Path]:
    return sorted((folder / "parts").iterdir())


def one_line(caught: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(caught.value)
    assert text.startswith("store: expected ")
    assert "\n" not in text
    return text


def test_rows_come_back_sorted_and_exact(tmp_path):
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        store.append([row(5, value=0.1 + 0.2), row(2, seed=2**64 - 1, value=float("inf"))])
        store.append([row(3, value=np.float64(1e-300), n=np.int64(4)), row(0, text="α")])
        assert store.finished == {key(i) for i in (5, 2, 3, 0)}
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        table = store.table()
        assert store.finished == {key(i) for i in (5, 2, 3, 0)}
        assert store.set_aside == []
    assert list(table["index"]) == [0, 2, 3, 5]
    assert list(table["value"]) == [0.0, float("inf"), 1e-300, 0.1 + 0.2]
    assert list(table["seed"]) == [7, 2**64 - 1, 7, 7]
    assert list(table.columns) == ["key", "index", "trial", "seed", "n", "value", "text", "error", "seconds"]


def test_columns_of_several_types_keep_their_values(tmp_path):
    values = [1, 2.5, "auto", True, None, [1, 2], [0.5], 2**53 + 1]
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        for index, value in enumerate(values):
            store.append([row(index, width=value)])
        assert list(store.table()["width"]) == values
        store.compact()
        store.append([row(8, width=3)])
        read = list(store.table()["width"])
    assert read == [*values, 3]
    assert [type(value) for value in read] == [type(value) for value in [*values, 3]]


@pytest.mark.parametrize("value", [object(), 2**64, 1j, {"a": 1}, [object()]])
def test_a_value_that_cannot_be_stored_is_named_and_nothing_is_stored(tmp_path, value):
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        store.append([row(0)])
        with pytest.raises(TypeError, match="width: expected"):
            store.append([row(1), row(2, width=value)])
        assert store.finished == {key(0)}
        assert list(store.table()["index"]) == [0]


@settings(max_examples=10)
@given(st.data())
def test_the_table_does_not_depend_on_how_points_were_batched(tmp_path_factory, data):
    rows = [row(0, error="E: x"), *(row(i, **({"extra": i} if i % 3 else {"other": "t"})) for i in range(1, 12))]
    del rows[0]["value"]
    tables = []
    for order in (rows, data.draw(st.permutations(rows))):
        with SweepStore.open(tmp_path_factory.mktemp("s") / "s", WHAT) as store:
            while order:
                size = data.draw(st.integers(1, len(order)))
                store.append(order[:size])
                order = order[size:]
            tables.append(store.table())
    pd.testing.assert_frame_equal(*tables)


def test_failed_points_are_finished_until_they_are_run_again(tmp_path):
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        store.append([row(0), row(1, error="ValueError: no")])
        assert (store.finished, store.failed) == ({key(0), key(1)}, {key(1)})
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        assert store.failed == {key(1)}
        store.append([row(1, value=5.0)])
        assert (store.failed, len(store.table()), store.table()["value"][1]) == (set(), 2, 5.0)
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        assert (store.failed, len(store.table()), store.table()["value"][1]) == (set(), 2, 5.0)


def test_wanted_keys_come_in_their_order(tmp_path):
    with SweepStore.open(filled(tmp_path / "s"), WHAT) as store:
        assert list(store.table([key(7), key(99), key(1)])["index"]) == [7, 1]


def test_many_parts_become_one_and_large_ones_are_left(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "MANY_PARTS", 4)
    monkeypatch.setattr(store_module, "LARGE_PART", 10)
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        for index in range(30):
            store.append([row(index), row(0, value=float(index))])
        assert len(part_files(tmp_path / "s")) < 8
        table = store.table()
    assert list(table["index"]) == list(range(30))
    assert table["value"][0] == 29.0
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        pd.testing.assert_frame_equal(store.table(), table)


def test_the_parts_are_plain_parquet(tmp_path):
    folder = filled(tmp_path / "s")
    with SweepStore.open(folder, WHAT) as store:
        store.append([row(0, error="E: x")])
        store.close(tidy=False)
    assert {str(pq.read_schema(path).field("error").type) for path in part_files(folder)} == {"string"}
    frame = pd.read_parquet(folder / "parts")
    assert sorted(frame["index"]) == [0, *range(12)]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["schema"], manifest["points"], manifest["description"]) == (1, 13, WHAT)
    assert sorted(manifest["parts"]) == [path.name for path in part_files(folder)]


def test_a_part_that_the_manifest_does_not_know_counts(tmp_path):
    folder = filled(tmp_path / "s", parts=1)
    early = (folder / "manifest.json").read_bytes()
    fill(folder, parts=3)
    (folder / "manifest.json").write_bytes(early)
    with SweepStore.open(folder, WHAT) as store:
        assert (len(store.finished), store.set_aside) == (9, [])


def test_a_second_process_is_told_who_holds_the_store(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, str(OTHER), "hold", str(tmp_path / "s")], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(VerifyError) as caught:
            SweepStore.open(tmp_path / "s", WHAT)
        assert f"held by process {holder.pid} on " in one_line(caught)
        assert " since 20" in one_line(caught)
    finally:
        holder.kill()
        holder.communicate()
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        assert (store.finished, store.set_aside) == ({key(0)}, [])


def test_one_process_cannot_open_a_store_twice(tmp_path):
    with SweepStore.open(tmp_path / "s", WHAT), pytest.raises(VerifyError, match=f"process {os.getpid()} on"):
        SweepStore.open(tmp_path / "s", WHAT)
    SweepStore.open(tmp_path / "s", WHAT).close()


def test_a_lock_of_another_machine_counts_while_it_is_touched(tmp_path):
    folder = filled(tmp_path / "s")
    owner = {"pid": 1, "host": "elsewhere", "since": "2026-01-01T00:00:00+00:00", "token": "0"}
    (folder / "lock").write_text(json.dumps(owner))
    with pytest.raises(VerifyError, match="held by process 1 on elsewhere since 2026"):
        SweepStore.open(folder, WHAT)
    past = time.time() - locking.SILENCE - 1
    os.utime(folder / "lock", (past, past))
    with SweepStore.open(folder, WHAT) as store:
        assert len(store.finished) == 12


def test_the_owner_shows_that_it_lives(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "TOUCHES", 0.01)
    with SweepStore.open(tmp_path / "s", WHAT):
        os.utime(tmp_path / "s" / "lock", (0, 0))
        deadline = time.monotonic() + 300
        while (tmp_path / "s" / "lock").stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / "s" / "lock").stat().st_mtime > 0


def test_a_process_that_lost_its_lock_stops_writing(tmp_path):
    store = SweepStore.open(tmp_path / "s", WHAT)
    (tmp_path / "s" / "lock").unlink()
    with SweepStore.open(tmp_path / "s", WHAT) as other:
        other.append([row(1)])
        with pytest.raises(VerifyError, match="expected to hold"):
            store.append([row(2)])
        store.close(tidy=False)
        other.append([row(3)])
    with SweepStore.open(tmp_path / "s", WHAT) as again:
        assert again.finished == {key(1), key(3)}


def test_a_write_that_the_system_cuts_short_harms_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, str(OTHER), "limit", str(tmp_path / "s")],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.stdout.startswith("store: expected to use"), done.stderr
    assert "File too large" in done.stdout
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        assert (store.finished, store.set_aside) == ({key(0)}, [])
    assert list((tmp_path / "s").rglob(".*")) == []


def test_a_part_that_the_interrupt_key_meets_counts_if_it_is_there(tmp_path, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with SweepStore.open(tmp_path / "s", WHAT) as store:
        for call, point in (("sync_folder", 0), ("os.fsync", 1)):
            with monkeypatch.context() as changed:
                changed.setattr(f"verify.sweeps.durable.{call}", interrupt)
                with pytest.raises(KeyboardInterrupt):
                    store.append([row(point)])
        assert store.finished == {key(0)}
        assert list(store.table()["index"]) == [0]
    with SweepStore.open(tmp_path / "s", WHAT) as store:
        assert (store.finished, store.set_aside) == ({key(0)}, [])


@pytest.mark.parametrize("removed", [0, 2])
def test_merging_that_is_killed_halfway_loses_and_doubles_nothing(tmp_path, monkeypatch, removed):
    folder = filled(tmp_path / "s")
    before = contents(folder)
    store = SweepStore.open(folder, WHAT)
    left = iter(range(removed))
    unlink = Path.unlink

    def stop(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".parquet" and next(left, None) is None:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as changed:
        changed.setattr(Path, "unlink", stop)
        with pytest.raises(KeyboardInterrupt):
            store.compact()
    store._lock.release()
    assert len(part_files(folder)) == 5 - removed
    if removed == 0:  # as if the manifest had not been written either
        (folder / "manifest.json").write_bytes(before["manifest.json"])
    with SweepStore.open(folder, WHAT) as again:
        assert again.set_aside == []
        assert len(part_files(folder)) == 1
        assert list(again.table()["index"]) == list(range(12))


def test_kill_9_at_any_moment_loses_nothing_acknowledged(tmp_path):
    folder = tmp_path / "s"
    rng = random.Random(5)
    acknowledged: set[int] = set()
    for _ in range(4):
        with (tmp_path / "said").open("w") as said:
            writer = subprocess.Popen([sys.executable, str(OTHER), "write", str(folder)], stdout=said, env=ENVIRONMENT)
            while not (tmp_path / "said").read_text() and writer.poll() is None:
                time.sleep(0.005)
            time.sleep(rng.uniform(0.0, 0.25))
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        lines = (tmp_path / "said").read_text().split("\n")[1:-1]
        acknowledged |= {int(line) for line in lines}
        with SweepStore.open(folder, WHAT) as store:
            assert store.set_aside == []
            assert {key(index) for index in acknowledged} <= store.finished
            table = store.table()
            # A store that was killed before its first row has no columns.
            assert acknowledged <= set(table.get("index", []))
            assert list(table.get("value", [])) == [index / 3 for index in table.get("index", [])]
            assert list(folder.rglob(".*")) == []
    assert len(acknowledged) > 20
