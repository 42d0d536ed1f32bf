"""Where a data set is prepared, and how it gets to its place: whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from simulate.cifar import DataFile
from verify.errors import VerifyError
from verify.obtaining.sources import SourceError
from verify.sweeps.durable import sync_folder

_LOCK = "lock"
_READY = "ready"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """Open the hidden folder beside a data set's own in which one process at a time prepares it.

    What a killed, interrupted or failed run left there, such as half a download, is found by the next one. The folder
    is removed at the end of the block, after an error only where nothing of use is left in it or the disk is full.

    Args:
        target: the data set's folder.

    Yields:
        The folder.

    Raises:
        VerifyError: if another process is at it, or the system refuses to write.
    """
    folder = target.with_name(f".{target.name}.part")
    missing = [parent for parent in (folder, *folder.parents) if not os.path.lexists(parent)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            for leftover in folder.glob("npm-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            try:
                yield folder
            except BaseException as error:
                shutil.rmtree(folder / _READY, ignore_errors=True)
                full = isinstance(error, OSError) and error.errno in _FULL
                if full or {entry.name for entry in folder.iterdir()} <= {_LOCK}:
                    shutil.rmtree(folder, ignore_errors=True)
                raise
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise VerifyError(_refused(target, error)) from None
    finally:
        # Innermost first: what was made for nothing goes.
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()


def check_room(folder: Path, needed: int) -> None:
    """Check that the disk has room, before anything is fetched.

    Args:
        folder: a folder on that disk.
        needed: bytes.

    Raises:
        VerifyError: if there are fewer.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise VerifyError(
            f"data_dir: expected {needed / 1e6:.0f} MB free in {str(folder.parent)!r}, got {free / 1e6:.0f} MB"
        )


def place(
    files: Iterable[tuple[DataFile, bytes]], folder: Path, target: Path, defects: Iterable[str], source: str
) -> None:
    """Verify files, write them beside their place, and move them there.

    A folder that is not there yet appears at once with all of its files. In one that is there, each defective file is
    replaced whole, and the others stay as they are.

    Args:
        files: each file with its content.
        folder: the workplace.
        target: the data set's folder.
        defects: names of the files that are missing or damaged there.
        source: where the content is from, for messages.

    Raises:
        SourceError: if a content has another SHA-1 than the published one; nothing was moved then.
    """
    ready = folder / _READY
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir()
    for file, content in files:
        found = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        if found != file.sha1:
            raise SourceError(f"{source}: expected {file.name} with SHA-1 {file.sha1}, got {found}")
        with (ready / file.name).open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    sync_folder(ready)
    if os.path.lexists(target):
        for name in defects:
            (ready / name).replace(target / name)
        sync_folder(target)
    else:
        ready.rename(target)
    sync_folder(target.parent)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder; its lock ends with the process."""
    path = folder / _LOCK
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one who had it may have removed the folder in between.
            held = os.path.samestat(os.fstat(file.fileno()), path.stat())
        except (BlockingIOError, FileNotFoundError):
            held = False
        if not held:
            raise VerifyError(f"data_dir: expected a folder that no other process fills, got {str(folder.parent)!r}")
        yield


def _refused(target: Path, error: OSError) -> str:
    """Say in one line what the system refused."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"data_dir: expected to write {str(target)!r}, got: {' '.join(reason.split())}"
