"""Dry runs look at a store: without its lock, without changing a byte, and while another process writes it."""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

import verify
from verify import VerifyError, cli
from verify.sweeps import looking, recovery, sweeping
from verify.sweeps.looking import look
from verify.sweeps.store import SweepStore

WHAT = {"what": "half"}
TOML = 'claim = "3.3"\nstore = "kept"\nworkers = 1\n[axes]\nd = [2, 3]\nn = 20\n'


def half(point):
    """Fail at one point."""
    if point["a"] == 3:
        raise ValueError("three")
    return point["a"] / 2


@cache
def original(stop: int) -> tempfile.TemporaryDirectory[str]:
    """Make a store once for all tests; it is removed when Python ends."""
    kept = tempfile.TemporaryDirectory()
    store = Path(kept.name) / "store"
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("verify.sweeps.batches.LARGEST", 1)
        changed.setattr(sweeping, "SECONDS_UNSTORED", -1.0)
        changed.setattr(SweepStore, "compact", lambda self: self._write_manifest())
        verify.sweep(half, a=range(stop), workers=1, store=store)
    assert len(small_parts(store)) == stop
    return kept


def swept(store: Path, stop: int = 6) -> Path:
    """Copy a store of several parts, each with one point; that of a = 3 has failed."""
    return Path(shutil.copytree(Path(original(stop).name) / "store", store))


def small_parts(folder: Path) -> list[Path]:
    return sorted((folder / "parts").glob("*.parquet"))


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Read every file, with the time of its last change; and the folders."""
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [folder, *folder.rglob("*")]
    }


def dry(store: Path, **changes: object) -> dict[str, object]:
    arguments = {"a": range(10), "workers": 1, "store": store, "dry_run": True, **changes}
    return dict(verify.sweep(half, **arguments).iloc[0])


def test_a_dry_run_changes_nothing_and_names_what_is_damaged(tmp_path):
    store = swept(tmp_path / "store")
    assert dry(store)["damaged"] == []
    damaged, gone, *_ = small_parts(store)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    gone.unlink()
    (store / "parts" / "notes.txt").write_text("mine")
    (store / "parts" / f".{damaged.name}.1.part").write_text("half-written by a process that may still live")
    manifest = store / "manifest.json"
    before = state(store)
    found = dry(store)
    assert state(store) == before
    assert (found["finished"], found["to_run"], found["tried"]) == (4, 6, False)
    assert sorted(name.split(":")[0] for name in found["damaged"]) == sorted([
        f"parts/{damaged.name}",
        f"parts/{gone.name}",
        "parts/notes.txt",
    ])
    manifest.write_text("{")
    found = dry(store)
    assert (found["finished"], manifest.read_text()) == (4, "{")
    assert found["damaged"][-1].startswith("manifest.json: damaged")
    assert not (store / "set-aside").exists()


def test_points_that_failed_would_run_again_if_that_is_asked_for(tmp_path):
    store = swept(tmp_path / "store")
    assert (dry(store)["finished"], dry(store, retry_failed=True)["finished"]) == (6, 5)
    assert dry(store, retry_failed=True)["timed"] == 6


def test_a_dry_run_works_while_another_process_holds_the_store(tmp_path):
    store = swept(tmp_path / "store")
    with SweepStore.open(store, WHAT):
        before = state(store)
        assert dry(store)["finished"] == 6
        assert state(store) == before


def test_a_dry_run_needs_no_right_to_write(tmp_path, monkeypatch):
    store = swept(tmp_path / "store")
    opened, mkdir = Path.open, Path.mkdir

    def refuse(path: Path, mode: str = "r", *arguments: object, **options: object) -> object:
        if mode != "r" and mode != "rb":
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, mode, *arguments, **options)

    def refuse_folder(path: Path, *arguments: object, **options: object) -> None:
        if store in (path, *path.parents):
            raise OSError(30, "Read-only file system", str(path))
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse_folder)
    monkeypatch.setattr("verify.sweeps.locking.os.open", refuse)
    assert dry(store)["finished"] == 6
    with pytest.raises(VerifyError, match="Read-only file system"):
        verify.sweep(half, a=range(10), workers=1, store=store)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_look_begins_again_when_parts_are_merged_meanwhile(tmp_path, monkeypatch, moment):
    store = swept(tmp_path / "store")
    taken = looking.survey
    calls = []

    def interfering(folder: Path) -> recovery.Survey:
        calls.append(1)
        found = taken(folder) if moment == "after" else None
        if len(calls) == 1:
            writer = SweepStore.open(store, WHAT)
            writer.close()
        return found or taken(folder)

    monkeypatch.setattr(looking, "survey", interfering)
    found = look(store, WHAT)
    assert len(small_parts(store)) == 1
    assert (len(found.seconds), len(found.failed), found.damaged) == (6, 1, [])
    assert len(calls) == 2


def test_a_store_that_never_rests_is_looked_at_at_last(tmp_path, monkeypatch):
    store = swept(tmp_path / "store", stop=2)
    numbers = iter(range(1000))
    monkeypatch.setattr(looking, "read_manifest", lambda path: ({"number": next(numbers)}, None))
    assert len(look(store, WHAT).seconds) == 2
    assert next(numbers) == 2 * looking.LOOKS


def test_what_is_no_store_of_this_sweep_is_refused_as_when_it_runs(tmp_path, monkeypatch):
    store = swept(tmp_path / "store", stop=1)
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data.csv").touch()
    for folder, message in (
        (tmp_path / "file", "which is none"),
        (tmp_path / "file" / "store", "Not a directory"),
        (tmp_path / "other", "holds other files"),
    ):
        with pytest.raises(VerifyError, match=f"^store: expected .*{message}"):
            dry(folder)
    with pytest.raises(VerifyError, match=r"expected a store of '3.3', got .* one of 'half'"):
        verify.sweep("3.3", d=2, n=9, store=store, dry_run=True)
    before = state(store)
    with monkeypatch.context() as later:
        later.setattr(recovery, "SCHEMA", 2)
        with pytest.raises(VerifyError, match="schema version 2, got 1"):
            dry(store)
    assert state(store) == before


def test_the_command_says_what_is_damaged(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_text(TOML)

    def said(*options: str) -> str:
        with pytest.raises(SystemExit) as left:
            cli.main(["sweep", "my.toml", *options])
        assert left.value.code == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    said()
    (part,) = small_parts(tmp_path / "kept")
    shutil.copy(part, tmp_path / "kept" / "parts" / "mine.parquet")
    assert json.loads(said("--dry-run", "--json"))["damaged"] == ["parts/mine.parquet: not a part of a sweep's store"]
    assert (
        "damaged in the store, 1, to be set aside when the sweep runs:\n"
        "  parts/mine.parquet: not a part of a sweep's store\n"
    ) in said("--dry-run")
    assert said("--dry-run", "--quiet") == (
        "3.3: 2 points, 2 of them finished in kept, 0 to run; 1 damaged in the store\n"
    )
    assert (tmp_path / "kept" / "parts" / "mine.parquet").exists()
