"""A file from the web, which goes on where an earlier run was stopped and is whole or refused."""

from __future__ import annotations

import contextlib
import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from verify.obtaining.sources import Source, SourceError, Told, digest

_LOGGER = logging.getLogger(__name__)
_CHUNK = 2**18
_CONNECTIONS = 5


def download(source: Source, folder: Path, told: Told, timeout: float = 10.0) -> Path:
    """Download a file into a folder.

    What came so far is in a file whose name ends in `.part`; the next call asks for the rest, and for everything if the
    two do not fit together.

    Args:
        source: which file, and where it is.
        folder: the folder, which exists; no other process uses it.
        told: hears how far it is.
        timeout: seconds without an answer after which the connection is given up.

    Returns:
        The file, whose digest is the published one.

    Raises:
        SourceError: if it cannot be had, or is another file, which is removed.
    """
    whole = folder / source.file
    if source.is_file(whole):
        return whole
    part = whole.with_name(f"{whole.name}.part")
    continued = _size(part) > 0
    _complete(source, part, told, timeout)
    found = digest(part, source.algorithm)
    if found != source.digest and continued:
        _LOGGER.info("what was there before does not fit %s: from the beginning", source.place)
        part.unlink()
        _complete(source, part, told, timeout)
        found = digest(part, source.algorithm)
    if found != source.digest:
        part.unlink()
        raise SourceError(f"{source.place}: expected {source.algorithm} {source.digest}, got {found}")
    part.replace(whole)
    return whole


def _complete(source: Source, part: Path, told: Told, timeout: float) -> None:
    """Connect until everything has come; give up when a connection brings nothing new."""
    for left in reversed(range(_CONNECTIONS)):
        before = _size(part)
        try:
            _continue(source, part, told, timeout)
            return
        except SourceError as error:
            if _size(part) <= before or not left:
                raise
            _LOGGER.info("%s; connecting again", error)


def _continue(source: Source, part: Path, told: Told, timeout: float) -> None:
    """Ask for what is missing, and append it."""
    start = _size(part)
    headers = {"User-Agent": "noise-geometry"} | ({"Range": f"bytes={start}-"} if start else {})
    _LOGGER.info("asking for %s from byte %d", source.place, start)
    with _failures(source):
        try:
            response = urllib.request.urlopen(urllib.request.Request(source.place, headers=headers), timeout=timeout)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                return  # Nothing is missing; the digest decides.
            raise
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.unlink(missing_ok=True)
            raise SourceError(f"{source.place}: expected the rest of the file, got another part of it")
        total = start + int(response.headers.get("Content-Length") or 0)
        _append(source, response, part, start, total, told)


def _append(source: Source, response: Any, part: Path, done: int, total: int, told: Told) -> None:
    """Write what comes; `total` is the size of the whole file as far as the server says it."""
    # Nothing waits in a buffer, so that a killed process keeps what has come.
    with part.open("r+b" if done else "wb", buffering=0) as file:
        file.seek(done)
        file.truncate()
        while True:
            with _failures(source):
                chunk = response.read1(_CHUNK)
            if not chunk:
                break
            file.write(chunk)
            done += len(chunk)
            if max(done, total) > source.bytes:
                part.unlink()
                raise SourceError(f"{source.place}: expected at most {source.bytes} bytes, got {max(done, total)}")
            told(done / (total or source.bytes), f"{source.name}: {done // 10**6} of {total // 10**6} MB")
    if done < total:
        raise SourceError(f"{source.place}: expected {total} bytes, got {done}")


@contextlib.contextmanager
def _failures(source: Source) -> Iterator[None]:
    """Say in one line what went wrong on the way."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise SourceError(f"{source.place}: expected to download it, got: HTTP status {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise SourceError(f"{source.place}: expected to download it, got: {' '.join(str(text).split())}") from None


def _size(path: Path) -> int:
    """The bytes that are there."""
    return path.stat().st_size if path.exists() else 0
