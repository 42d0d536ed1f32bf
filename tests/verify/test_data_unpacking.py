"""What is taken out of an archive and a package: the wanted files, and nothing of another name, kind or content."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import fake_cifar
import pytest

from verify.errors import VerifyError
from verify.obtaining import data_sets

RECORDS = fake_cifar.records()
ARCHIVE = fake_cifar.archive()
MEMBERS = fake_cifar.package_members()
PACKAGE = fake_cifar.tar(MEMBERS)
FOLDER = "cifar-10-batches-bin"


def unpack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, archive: bool = True) -> Path:
    """Obtain the files from a file that has the right digest; return their folder."""
    file = tmp_path / "mine"
    file.write_bytes(content)
    fake_cifar.install(monkeypatch, "http://127.0.0.1:9", *((content, PACKAGE) if archive else (ARCHIVE, content)))
    return Path(data_sets.obtain("cifar10", tmp_path / "data", str(file)).folder)


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member that is no file."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def archive_with(**changes: bytes | tarfile.TarInfo | None) -> bytes:
    """The archive with other members."""
    members: dict[str, bytes | tarfile.TarInfo] = {f"{FOLDER}/{name}": rows.tobytes() for name, rows in RECORDS.items()}
    for name, content in changes.items():
        members.pop(name, None)
        if content is not None:
            members[name] = content
    return fake_cifar.tar(members)


BATCH = f"{FOLDER}/data_batch_1.bin"
BAD_ARCHIVES = {
    "a missing file": (archive_with(**{BATCH: None}), f"expected {BATCH} in it, got none"),
    "a link": (archive_with(**{BATCH: member(BATCH, tarfile.SYMTYPE, "/etc/passwd")}), "in it, got none"),
    "a short file": (archive_with(**{BATCH: b"short"}), f"expected {BATCH} of 122920 bytes, got 5"),
    "a long file": (archive_with(**{BATCH: bytes(122_921)}), "in it, got none"),
    "another file": (archive_with(**{BATCH: bytes(122_920)}), "expected data_batch_1.bin with SHA-1 "),
    "no archive": (b"\x1f\x8b nothing", "expected an archive that can be read, got: "),
    "a torn archive": (ARCHIVE[:-100_000], "expected an archive that can be read, got: "),
}  # fmt: skip


@pytest.mark.parametrize(("content", "why"), BAD_ARCHIVES.values(), ids=BAD_ARCHIVES)
def test_archives_with_the_right_digest_and_the_wrong_content(monkeypatch, tmp_path, content, why):
    with pytest.raises(VerifyError) as error:
        unpack(monkeypatch, tmp_path, content)
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data").exists()


def test_members_that_reach_outside_go_nowhere(monkeypatch, tmp_path):
    outside = dict.fromkeys(("../evil", f"{tmp_path}/evil", f"{FOLDER}/../../evil", f"{FOLDER}/evil"), b"evil")
    content = archive_with(**outside, **{f"{FOLDER}/link": member(f"{FOLDER}/link", tarfile.SYMTYPE, "..")})
    folder = unpack(monkeypatch, tmp_path, content)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: rows.tobytes() for name, rows in RECORDS.items()
    }
    assert not list(tmp_path.rglob("evil"))


BAD_PACKAGES = {
    "a missing sheet": ({"package/data_batch_3.png": None}, "expected package/data_batch_3.png in it, got none"),
    "a missing list": ({"package/test_lables.json": None}, "expected package/test_lables.json in it, got none"),
    "no image": ({"package/data_batch_3.png": b"GIF89a"}, "package/data_batch_3.png: expected a PNG image, got: "),
    "a torn image": (
        {"package/data_batch_3.png": MEMBERS["package/data_batch_3.png"][:5000]}, "expected a PNG image, got: "
    ),
    "no list": ({"package/test_lables.json": b"{}"}, "expected a list of 40 classes from 0 to 9, got something else"),
    "a short list": ({"package/test_lables.json": b"[1, 2]"}, "expected a list of 40 classes from 0 to 9"),
    "no class": ({"package/test_lables.json": json.dumps([10] * 40).encode()}, "expected a list of 40 classes"),
    "deep": ({"package/test_lables.json": b"[" * 100_000}, "expected a list of 40 classes from 0 to 9"),
    "other classes": ({"package/test_lables.json": json.dumps([1] * 40).encode()}, "test_batch.bin with SHA-1 "),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "why"), BAD_PACKAGES.values(), ids=BAD_PACKAGES)
def test_packages_with_the_right_digest_and_the_wrong_content(monkeypatch, tmp_path, changes, why):
    content = fake_cifar.tar({name: data for name, data in {**MEMBERS, **changes}.items() if data is not None})
    with pytest.raises(VerifyError) as error:
        unpack(monkeypatch, tmp_path, content, archive=False)
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data").exists()
