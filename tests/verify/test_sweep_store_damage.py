"""What is damaged, foreign, of another version or refused by the system: named, and nothing else is harmed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_store_rows import WHAT, key, row
from test_sweep_store import contents, fill, filled, one_line, part_files

from verify.errors import VerifyError
from verify.sweeps import durable, recovery
from verify.sweeps.store import SweepStore


@settings(max_examples=40)
@given(st.integers(0), st.integers(0), st.sampled_from(["flip", "cut", "grow", "empty"]))
def test_a_damaged_part_is_named_and_set_aside_and_the_rest_is_whole(tmp_path_factory, which, where, how):
    folder = filled(tmp_path_factory.mktemp("s") / "s")
    path = part_files(folder)[which % 4]
    lost = set(pq.read_table(path)["index"].to_pylist())
    damage(path, where, how)
    damaged = path.read_bytes()
    with SweepStore.open(folder, WHAT) as store:
        assert len(store.set_aside) == 1
        assert store.set_aside[0].startswith(f"parts/{path.name}: damaged")
        assert store.finished == {key(i) for i in range(12) if i not in lost}
        assert (folder / "set-aside" / path.name).read_bytes() == damaged
        table = store.table()
        assert list(table["value"]) == [i / 3 for i in range(12) if i not in lost]
        store.append([row(index) for index in lost])
    with SweepStore.open(folder, WHAT) as store:
        assert (store.set_aside, list(store.table()["value"])) == ([], [i / 3 for i in range(12)])


def damage(path: Path, where: int, how: str) -> None:
    data = bytearray(path.read_bytes())
    place = where % (8 * len(data))
    if how == "flip":
        data[place // 8] ^= 1 << place % 8
    elif how == "cut":
        del data[place // 8 :]
    elif how == "grow":
        data += b"\0"
    else:
        data.clear()
    path.write_bytes(data)


@settings(max_examples=40)
@given(st.integers(0), st.sampled_from(["flip", "cut", "empty"]))
def test_a_damaged_manifest_is_made_again_from_the_parts(tmp_path_factory, where, how):
    folder = filled(tmp_path_factory.mktemp("s") / "s")
    path = folder / "manifest.json"
    before = path.read_bytes().rstrip(b"\n")
    path.write_bytes(before)
    damage(path, where, how)
    damaged = path.read_bytes()
    with SweepStore.open(folder, WHAT) as store:
        # A flip between two ways to write one JSON value damages nothing.
        if store.set_aside:
            assert store.set_aside[0].startswith("manifest.json: damaged")
            assert (folder / "set-aside" / "manifest.json").read_bytes() == damaged
        else:
            assert json.loads(damaged) == json.loads(before)
        assert len(store.finished) == 12
        assert list(store.table()["index"]) == list(range(12))


def test_a_manifest_and_a_part_that_are_missing_are_reported(tmp_path):
    folder = filled(tmp_path / "s")
    gone = part_files(folder)[1]
    gone.unlink()
    with SweepStore.open(folder, WHAT) as store:
        assert store.set_aside == [f"parts/{gone.name}: missing"]
        assert len(store.finished) == 9
    (folder / "manifest.json").unlink()
    with SweepStore.open(folder, WHAT) as store:
        assert store.set_aside == ["manifest.json: missing, made again from the parts"]
        assert len(store.finished) == 9


def test_foreign_files_among_the_parts_are_set_aside(tmp_path):
    folder, other = filled(tmp_path / "s"), filled(tmp_path / "other", parts=1)
    stray = part_files(other)[0]
    shutil.copy(stray, folder / "parts")
    pd.DataFrame({"key": ["00"]}).to_parquet(folder / "parts" / "mine.parquet")
    (folder / "parts" / "notes").mkdir()
    (folder / "notes.txt").write_text("kept where it is")
    with SweepStore.open(folder, WHAT) as store:
        assert sorted(store.set_aside) == sorted([
            f"parts/{stray.name}: foreign: of another store; moved to set-aside/{stray.name}",
            "parts/mine.parquet: not a part of a sweep's store; moved to set-aside/mine.parquet",
            "parts/notes: not a part of a sweep's store; moved to set-aside/notes",
        ])
        assert len(store.finished) == 12
    assert (folder / "notes.txt").exists()
    # A second file of that name does not overwrite the first.
    (folder / "parts" / "mine.parquet").write_bytes(b"again")
    with SweepStore.open(folder, WHAT) as store:
        assert store.set_aside[0].endswith("moved to set-aside/mine.parquet.2")


def test_a_folder_with_other_things_is_refused_untouched(tmp_path):
    for name in ("manifest.json", "parts/data.csv", "report.html"):
        folder = tmp_path / name.replace("/", "-")
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text('{"schema": 1, "status": "complete"}')
        with pytest.raises(VerifyError) as caught:
            SweepStore.open(folder, WHAT)
        assert "which holds other files" in one_line(caught)
        assert [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()] == [name]
    (tmp_path / "file").touch()
    with pytest.raises(VerifyError, match="which is none"):
        SweepStore.open(tmp_path / "file", WHAT)


def test_another_schema_version_is_refused_untouched(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    with monkeypatch.context() as later:
        later.setattr(recovery, "SCHEMA", 2)
        later.setattr("verify.sweeps.parts.SCHEMA", 2)
        fill(folder, parts=1)
    (folder / "parts" / "stray").write_text("stays as well")
    for manifest in (True, False):
        if not manifest:
            (folder / "manifest.json").unlink()
        before = contents(folder)
        with pytest.raises(VerifyError) as caught:
            SweepStore.open(folder, WHAT)
        assert "schema version 1, got 2" in one_line(caught)
        assert contents(folder) == before


def test_another_sweep_is_refused_and_a_longer_grid_is_not(tmp_path):
    folder = filled(tmp_path / "s")
    before = contents(folder)
    with pytest.raises(VerifyError, match=r"a store of '4.2', got .* one of '3.3'"):
        SweepStore.open(folder, {"what": "4.2"})
    assert contents(folder) == before
    with SweepStore.open(folder, {"what": "3.3", "axes": {"n": [1, 2, 3]}}) as store:
        assert len(store.finished) == 12


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_to_write_is_one_line(tmp_path):
    folder = filled(tmp_path / "s")
    before = contents(folder)
    folder.chmod(0o500)
    try:
        with pytest.raises(VerifyError) as caught:
            SweepStore.open(folder / "lower", WHAT)
        assert "Permission denied" in one_line(caught)
    finally:
        folder.chmod(0o700)
    assert contents(folder) == before


@pytest.mark.parametrize("place", ["verify.sweeps.locking.os.open", "pathlib.Path.mkdir"])
def test_a_read_only_file_system_is_one_line(tmp_path, monkeypatch, place):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    folder = filled(tmp_path / "s")
    before = contents(folder)
    with monkeypatch.context() as changed:
        changed.setattr(place, refuse)
        with pytest.raises(VerifyError) as caught:
            SweepStore.open(folder, WHAT)
    assert "Read-only file system" in one_line(caught)
    assert contents(folder) == before


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_stores_nothing_and_harms_nothing(tmp_path, monkeypatch, call):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    folder = filled(tmp_path / "s")
    before = contents(folder)
    with SweepStore.open(folder, WHAT) as store:
        with monkeypatch.context() as changed:
            changed.setattr(durable.Path if call == "replace" else durable.os, call, refuse)
            with pytest.raises(VerifyError) as caught:
                store.append([row(20)])
            assert "No space left on device" in one_line(caught)
            with pytest.raises(VerifyError, match="No space left"):
                store.compact()
        assert {name: data for name, data in contents(folder).items() if name.startswith("parts")} == {
            name: data for name, data in before.items() if name.startswith("parts")
        }
        assert len(store.finished) == 12
        store.append([row(20)])
        assert list(store.table()["index"]) == [*range(12), 20]
