"""Files that are there whole or not at all, and still there after the power has failed."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from verify.errors import VerifyError

_TEMPORARY = re.compile(r"\.[^/]+\.\d+\.part")


def write_durably(path: Path, data: bytes) -> None:
    """Write a file, in place of an earlier one, so that it survives from the moment this returns.

    Args:
        path: the file.
        data: its content.

    Raises:
        VerifyError: if the system refuses; an earlier file is intact then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise VerifyError(refused(path, error)) from None
        raise


def is_temporary(name: str) -> bool:
    """Say whether a file is what a killed `write_durably` leaves behind.

    Args:
        name: its name.

    Returns:
        Whether it is.
    """
    return _TEMPORARY.fullmatch(name) is not None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the file system can.

    Args:
        folder: the folder.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def refused(path: Path, error: OSError) -> str:
    """Say which file of a store the system refused, and why.

    Args:
        path: the file.
        error: what the system said.

    Returns:
        The message.
    """
    reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
    return f"store: expected to use {str(path)!r}, got: {reason}"
