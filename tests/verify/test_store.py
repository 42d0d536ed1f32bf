"""The run's folder: refused before any work, every file whole or absent, the manifest true."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verify import store
from verify.errors import VerifyError
from verify.store import RunFolder

RUN = {"seed": 7, "profile": "quick"}


def table(rows: int = 5) -> pd.DataFrame:
    return pd.DataFrame({"n": np.arange(rows), "ε": np.random.default_rng(0).standard_normal(rows)})


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def manifest(folder: Path) -> dict:
    return json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))


def check_manifest(folder: Path) -> None:
    """Check that the manifest lists exactly the files that are there, with their checksums."""
    listed = {name: entry["sha256"] for name, entry in manifest(folder)["files"].items()}
    present = {name: hashlib.sha256(data).hexdigest() for name, data in files(folder).items() if name != store.MANIFEST}
    assert listed == present


def test_a_run_is_stored_whole(tmp_path):
    folder = RunFolder.create(tmp_path / "deep" / "run", RUN)
    assert manifest(folder.path)["status"] == "running"
    file = folder.write_observations("3.3", table())
    folder.write_text(store.VERDICTS, "{}\n")
    folder.write_text(store.VERDICTS, '{"ε": 1}\n')
    folder.finish("complete")
    assert file == tmp_path / "deep" / "run" / "observations" / "3.3.parquet"
    pd.testing.assert_frame_equal(pd.read_parquet(file), table())
    assert pd.read_parquet(file).attrs == {"claim": "3.3", "seed": 7, "profile": "quick"}
    assert (folder.path / store.VERDICTS).read_text(encoding="utf-8") == '{"ε": 1}\n'
    described = manifest(folder.path)
    assert (described["schema"], described["status"], described["seed"]) == (1, "complete", 7)
    assert described["started"] <= described["ended"]
    check_manifest(folder.path)


def test_the_manifest_is_true_after_every_step(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RUN)
    check_manifest(folder.path)
    for claim in ("C.1", "C.2", "digits"):
        folder.write_observations(claim, table())
        check_manifest(folder.path)


def test_the_table_of_the_caller_is_left_alone(tmp_path):
    mine = table()
    RunFolder.create(tmp_path / "run", RUN).write_observations("3.3", mine)
    assert mine.attrs == {}


def test_every_claim_gets_its_own_safe_file(tmp_path):
    folder = RunFolder.create(tmp_path / "run", RUN)
    claims = ["3.3", "3.3*", "3.3*-2", "C.2-centred", "../../evil", "a/b", "c.2-CENTRED", "...", "ε≤1", "3.3*"]
    names = [folder.write_observations(claim, table()).name for claim in claims]
    assert names[:4] == ["3.3.parquet", "3.3-altered.parquet", "3.3-altered-2.parquet", "C.2-centred.parquet"]
    assert len({name.casefold() for name in names}) == len(claims)
    assert all(name.isascii() and not name.startswith(".") and "/" not in name for name in names)
    check_manifest(folder.path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_the_default_is_a_new_folder_every_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: RunFolder.create(None, RUN).path, range(8)))
    assert len(set(folders)) == 8
    assert all(folder.parent == Path("results") for folder in folders)
    assert all(folder.name.split("-")[2] == "7" for folder in folders)


def test_a_flat_folder_holds_its_manifest_and_what_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(None, RUN, prefix="figure-1-", flat=True)
    assert folder.path.parent == Path("results")
    assert folder.path.name.startswith("figure-1-")
    assert [path.name for path in folder.path.iterdir()] == [store.MANIFEST]
    folder.write_bytes("figure.png", b"\x89PNG")
    assert files(folder.path)["figure.png"] == b"\x89PNG"
    check_manifest(folder.path)
    with pytest.raises(VerifyError, match="which holds 2 entries"):
        RunFolder.create(folder.path, RUN, flat=True)


def test_only_one_of_many_gets_a_flat_folder(tmp_path):
    (tmp_path / "run").mkdir()

    def create(_: int) -> str:
        try:
            RunFolder.create(tmp_path / "run", RUN, flat=True)
        except VerifyError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(create, range(8)))
    assert outcomes.count("") == 1
    check_manifest(tmp_path / "run")


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "run").mkdir()
    assert RunFolder.create(tmp_path / "run", RUN).path == tmp_path / "run"


@pytest.mark.parametrize("kind", ["holding", "file", "link to nowhere", "earlier run"])
def test_what_is_in_use_is_refused_and_left_alone(tmp_path, kind):
    path = tmp_path / "used"
    if kind == "holding":
        path.mkdir()
        (path / "precious.txt").write_text("keep me")
    elif kind == "file":
        path.write_text("keep me")
    elif kind == "link to nowhere":
        path.symlink_to(tmp_path / "nowhere")
    else:
        RunFolder.create(path, RUN).finish("complete")
    before = files(tmp_path)
    with pytest.raises(VerifyError, match="out: expected a new or empty folder, got") as caught:
        RunFolder.create(path, RUN)
    assert str(path) in str(caught.value)
    assert files(tmp_path) == before


def test_only_one_of_many_runs_gets_an_empty_folder(tmp_path):
    (tmp_path / "run").mkdir()

    def attempt(_: int) -> bool:
        try:
            RunFolder.create(tmp_path / "run", RUN)
        except VerifyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


@pytest.mark.parametrize("path", ["/proc/noise-geometry/run", "FILE/run", "x" * 300])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, path):
    (tmp_path / "file").write_text("")
    path = path.replace("FILE", str(tmp_path / "file"))
    with pytest.raises(VerifyError) as caught:
        RunFolder.create(path, RUN)
    message = str(caught.value)
    assert message.startswith(f"out: expected to write {path!r}, got: ")
    assert "\n" not in message


def test_nothing_is_left_of_a_folder_whose_manifest_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(store.os, "fsync", no_space)
    with pytest.raises(VerifyError, match=r"manifest.json', got: No space left on device"):
        RunFolder.create(tmp_path / "new" / "run", RUN)
    assert list(tmp_path.iterdir()) == []


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("moment", ["write", "sync", "rename"])
def test_a_disk_that_fills_up_loses_nothing(tmp_path, monkeypatch, moment):
    folder = RunFolder.create(tmp_path / "run", RUN)
    folder.write_observations("C.1", table())
    folder.write_text(store.VERDICTS, "earlier")
    before = files(folder.path)
    with monkeypatch.context() as patch:
        if moment == "write":
            patch.setattr(pd.DataFrame, "to_parquet", lambda self, file, **_: (file.write(b"PAR1 half"), no_space()))
        elif moment == "sync":
            patch.setattr(store.os, "fsync", no_space)
        else:
            patch.setattr(Path, "replace", no_space)
        with pytest.raises(VerifyError, match=r"3\.3\.parquet', got: No space left on device"):
            folder.write_observations("3.3", table())
        if moment != "write":
            with pytest.raises(VerifyError, match=r"verdicts\.json', got: No space left on device"):
                folder.write_text(store.VERDICTS, "later")
    assert files(folder.path) == before
    folder.write_observations("3.3", table())
    check_manifest(folder.path)


def test_an_interrupt_in_the_middle_of_a_file_leaves_none(tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "run", RUN)
    before = files(folder.path)

    def interrupted(_: pd.DataFrame, file, **__: object) -> None:
        file.write(b"PAR1 half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_parquet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.write_observations("3.3", table())
    assert files(folder.path) == before


def fill_a_small_disk(path: str) -> str:
    """Write under a real limit of the kernel on the size of files."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    folder = RunFolder.create(path, RUN)
    folder.write_observations("C.1", table(100))
    try:
        folder.write_observations("3.3", table(100_000))
    except VerifyError as error:
        return str(error)
    return "no error"


def test_the_kernels_own_refusal_is_one_line_and_loses_nothing(tmp_path):
    path = tmp_path / "run"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        message = pool.apply(fill_a_small_disk, (str(path),))
    assert message == f"out: expected to write '{path}/observations/3.3.parquet', got: File too large"
    assert sorted(files(path)) == ["manifest.json", "observations/C.1.parquet"]
    check_manifest(path)
    assert len(pd.read_parquet(path / "observations" / "C.1.parquet")) == 100
