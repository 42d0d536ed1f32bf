"""One process at a time on a store, and who it is.

The system's own file lock decides on one machine and on file systems that share locks: it ends with its process,
however that ends, so nothing stale can stay behind. File systems of clusters do not always share locks among machines.
Therefore the owner also writes its name into the file and touches it while it lives; a lock that another machine left
is taken over only after the touches have stopped.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import platform
import secrets
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from verify.errors import VerifyError
from verify.sweeps.durable import refused

LOCK = "lock"
TOUCHES = 10.0
"""Seconds between two signs of life."""
SILENCE = 60.0
"""Seconds without one after which a process on another machine is taken for dead."""


class StoreLock:
    """The right to write in a store, from its creation to `release`.

    Args:
        folder: the store's folder, which exists.

    Raises:
        VerifyError: if another process has it (the message names its process id, machine and start), or the file system
            refuses the lock.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._token = secrets.token_hex(8)
        self._stop = threading.Event()
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise VerifyError(refused(self._path, error)) from None
        try:
            self._acquire()
            self._write(_owner(self._token))
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, OSError):
                raise VerifyError(refused(self._path, error)) from None
            raise
        threading.Thread(target=self._touch, name="sweep-store-lock", daemon=True).start()

    @property
    def released(self) -> bool:
        """Whether it was given back."""
        return self._stop.is_set()

    def check(self) -> None:
        """Check that the lock is still ours: the file may have been removed, or another machine may have taken it over.

        Raises:
            VerifyError: if it is not.
        """
        owner = _read(self._path)
        if owner.get("token") != self._token:
            raise VerifyError(f"store: expected to hold {str(self._path)!r} until the end, got {_named(owner)}")

    def release(self) -> None:
        """Give the lock back."""
        if self.released:
            return
        self._stop.set()
        try:
            if _read(self._path).get("token") == self._token:
                self._write({})
        except OSError:
            pass
        finally:
            # The file stays: removing it would let two processes hold locks on two files of one name.
            os.close(self._descriptor)

    def _acquire(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise
            raise self._held(_read_soon(self._path)) from None
        owner = _read(self._path)
        if owner and owner.get("host") != platform.node() and self._alive():
            raise self._held(owner)

    def _alive(self) -> bool:
        """Whether the file was touched lately, by the file system's own clock."""
        before = os.fstat(self._descriptor).st_mtime
        probe = self._path.with_name(f".{LOCK}.{os.getpid()}.part")
        try:
            probe.touch()
            return probe.stat().st_mtime - before < SILENCE
        finally:
            probe.unlink(missing_ok=True)

    def _held(self, owner: dict[str, Any]) -> VerifyError:
        folder = str(self._path.parent)
        return VerifyError(
            f"store: expected a store that no other process writes, got {folder!r}, held by {_named(owner)}"
        )

    def _write(self, owner: dict[str, Any]) -> None:
        text = json.dumps(owner).encode() + b"\n"
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def _touch(self) -> None:
        while not self._stop.wait(TOUCHES):
            with contextlib.suppress(OSError):
                os.utime(self._descriptor)


def _owner(token: str) -> dict[str, Any]:
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "since": since, "token": token}


def _named(owner: dict[str, Any]) -> str:
    if not owner:
        return "an unknown process"
    return f"process {owner.get('pid')} on {owner.get('host')} since {owner.get('since')}"


def _read(path: Path) -> dict[str, Any]:
    """Read the owner; empty where there is none."""
    try:
        owner = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _read_soon(path: Path) -> dict[str, Any]:
    """Read the owner of a lock that is held; it writes its name just after it has taken the lock."""
    for _ in range(20):
        if owner := _read(path):
            break
        time.sleep(0.01)
    return owner
