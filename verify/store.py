"""The folder of a run: created before any work, every file whole or absent, described by its manifest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from verify.errors import VerifyError

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
MANIFEST = "manifest.json"
VERDICTS = "verdicts.json"
REPORT = "report.html"
OBSERVATIONS = "observations"
_LOGGER = logging.getLogger(__name__)


class RunFolder:
    """A folder that takes the results of one run.

    Use `RunFolder.create`; the manifest is written with it and again after every file, so that at any moment it lists
    exactly the files that are whole, each with its SHA-256.

    Attributes:
        path: the folder.
        manifest: what its manifest says.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def create(
        cls, out: str | os.PathLike[str] | None, description: Mapping[str, Any], prefix: str = "", flat: bool = False
    ) -> RunFolder:
        """Create the folder of a new run.

        Args:
            out: where; it must not exist or be empty. None for `results/<time>-<seed>` under the current folder.
            description: what the manifest is to say about the run; it needs a `seed`.
            prefix: what the default's name begins with.
            flat: whether the run has no observations, so that the folder needs none in it.

        Returns:
            The folder, with its manifest in it.

        Raises:
            VerifyError: if the folder holds something already or cannot be written; nothing is left behind then.
        """
        now = datetime.now().astimezone()
        name = f"{prefix}{now:%Y%m%d-%H%M%S}-{description['seed']}"
        mark = MANIFEST if flat else OBSERVATIONS
        path, made = _claim_default(name, mark) if out is None else _claim_given(Path(out), mark)
        manifest = {
            "schema": SCHEMA,
            "status": "running",
            "started": now.isoformat(timespec="seconds"),
            "ended": None,
            **description,
            "arguments": sys.orig_argv,
            "files": {},
        }
        folder = cls(path, manifest)
        try:
            folder._write_manifest()
        except BaseException:
            _remove(made)
            raise
        return folder

    def write_observations(self, claim: str, table: pd.DataFrame) -> Path:
        """Store the observations behind a verdict as Parquet.

        Args:
            claim: the claim's id; the file is named after it.
            table: the observations.

        Returns:
            The file.

        Raises:
            VerifyError: if the file cannot be written; what was stored before is intact.
        """
        name = self._free_name(claim)
        table = table.copy(deep=False)
        table.attrs = {"claim": claim, "seed": self.manifest["seed"], "profile": self.manifest.get("profile")}
        return self._write(f"{OBSERVATIONS}/{name}", lambda file: table.to_parquet(file, engine="pyarrow", index=False))

    def write_text(self, name: str, text: str) -> Path:
        """Store a text, in place of an earlier one of that name.

        Args:
            name: the file's name in the folder.
            text: its content.

        Returns:
            The file.

        Raises:
            VerifyError: if the file cannot be written; an earlier one is intact.
        """
        return self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, data: bytes) -> Path:
        """Store a file, in place of an earlier one of that name.

        Args:
            name: the file's name in the folder.
            data: its content.

        Returns:
            The file.

        Raises:
            VerifyError: if the file cannot be written; an earlier one is intact.
        """
        return self._write(name, lambda file: file.write(data))

    def finish(self, status: str) -> None:
        """Say in the manifest how the run ended, and when.

        Args:
            status: "complete", "interrupted" or "failed".

        Raises:
            VerifyError: if the manifest cannot be written.
        """
        self.manifest |= {"status": status, "ended": datetime.now().astimezone().isoformat(timespec="seconds")}
        self._write_manifest()

    def _write(self, name: str, fill: Callable[[IO[bytes]], object]) -> Path:
        """Write a file and enter it in the manifest."""
        path = self.path / name
        entry = write_whole(path, fill)
        self.manifest["files"][name] = entry
        self._write_manifest()
        _LOGGER.debug("wrote %s, %d bytes", path, entry["bytes"])
        return path

    def _write_manifest(self) -> None:
        text = json.dumps(self.manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        write_whole(self.path / MANIFEST, lambda file: file.write(text.encode()))

    def _free_name(self, claim: str) -> str:
        """Name the Parquet file of a claim, different from those of the other claims on any file system."""
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", claim.replace("*", "-altered")).strip(".") or "claim"
        taken = {Path(name).name.casefold() for name in self.manifest["files"]}
        names = (f"{stem}{suffix}.parquet" for suffix in _suffixes())
        return next(name for name in names if name.casefold() not in taken)


def _suffixes() -> Iterator[str]:
    """Yield nothing, then -2, -3 and so on."""
    yield ""
    number = 2
    while True:
        yield f"-{number}"
        number += 1


def _claim_default(name: str, mark: str) -> tuple[Path, list[Path]]:
    """Create a folder under `results` that did not exist before; return it, and everything that was created."""
    suffixes = _suffixes()
    while True:
        path = Path("results", f"{name}{next(suffixes)}")
        if not os.path.lexists(path):
            # Another run may have started in the same second with the same seed.
            with contextlib.suppress(FileExistsError):
                return path, _claim(path, mark)


def _claim_given(path: Path, mark: str) -> tuple[Path, list[Path]]:
    """Create the folder that was asked for, or take it over where it is empty; return it, and what was created."""
    try:
        _check_empty(path)
        return path, _claim(path, mark)
    except FileExistsError:
        raise VerifyError(f"out: expected a new or empty folder, got {str(path)!r}, which is in use") from None
    except OSError as error:
        raise _refusal(path, error) from None


def _claim(path: Path, mark: str) -> list[Path]:
    """Create the folder where it is missing, and the mark in it; return what was created, outermost first."""
    # Only one run can create the mark (the observations' folder, or the manifest): that settles whose the folder is.
    missing = [folder for folder in reversed([path, *path.parents]) if not os.path.lexists(folder)]
    made: list[Path] = []
    try:
        for folder in missing:
            # Another run may create a common parent at the same moment.
            with contextlib.suppress(FileExistsError) if folder in path.parents else contextlib.nullcontext():
                folder.mkdir()
                made.append(folder)
        if mark == OBSERVATIONS:
            (path / mark).mkdir()
        else:
            (path / mark).touch(exist_ok=False)
        made.append(path / mark)
    except BaseException as error:
        _remove(made)
        if isinstance(error, OSError) and not isinstance(error, FileExistsError):
            raise _refusal(path, error) from None
        raise
    return made


def _check_empty(path: Path) -> None:
    """Refuse a path at which there is anything but an empty folder."""
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise VerifyError(f"out: expected a new or empty folder, got {str(path)!r}, which is not a folder")
    entries = sum(1 for _ in path.iterdir())
    if entries:
        held = "1 entry" if entries == 1 else f"{entries} entries"
        raise VerifyError(f"out: expected a new or empty folder, got {str(path)!r}, which holds {held}")


def _remove(made: list[Path]) -> None:
    """Remove what was created for a run that could not start."""
    for entry in reversed(made):
        with contextlib.suppress(OSError):
            if entry.is_dir():
                entry.rmdir()
            else:
                entry.unlink()


def write_whole(path: Path, fill: Callable[[IO[bytes]], object]) -> dict[str, Any]:
    """Write a file so that it is there whole or, after any failure, as before.

    Args:
        path: the file.
        fill: writes the content to an open file.

    Returns:
        The file's size and SHA-256, as `bytes` and `sha256`.

    Raises:
        VerifyError: if the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("xb+") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise VerifyError(str(_refusal(path, error))) from None
        raise
    return {"bytes": size, "sha256": digest}


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refusal(path: Path, error: OSError) -> VerifyError:
    """Say which file the system refused, and why."""
    # pyarrow raises the system's errors with longer texts of its own.
    reason = os.strerror(error.errno) if error.errno else str(error)
    return VerifyError(f"out: expected to write {str(path)!r}, got: {' '.join(reason.split())}")
