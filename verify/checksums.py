"""Whether the files of a finished run are those that the run wrote."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from verify.errors import VerifyError
from verify.store import MANIFEST, OBSERVATIONS, REPORT, VERDICTS

_REWRITTEN = (VERDICTS, REPORT)


def check_files(folder: Path, name: str, only: Iterable[str] | None = None) -> list[str]:
    """Compare the files of a run with the checksums in its manifest.

    Linear in the size of the files.

    Args:
        folder: the run's folder; one without a manifest passes.
        name: what messages call the run.
        only: the files to look at; None for all.

    Returns:
        What is missing or no file of this run, a text for each; hidden files do not count.

    Raises:
        VerifyError: if files have changed since the run wrote them (the message names them), or the manifest is no
            manifest.
    """
    manifest = _manifest(folder / MANIFEST, name)
    if manifest is None:
        return []
    written: dict[str, dict[str, Any]] = manifest["files"]
    wanted = written if only is None else [file for file in only if file in written]
    # A run that was killed has not always entered its last verdicts.
    growing = _REWRITTEN if manifest.get("status") == "running" else ()
    there = {file for file in wanted if (folder / file).is_file()}
    changed = [
        file
        for file in wanted
        if file in there and file not in growing and _differs(folder / file, written[file], name)
    ]
    if changed:
        shown = ", ".join(map(repr, changed[:3])) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        raise VerifyError(
            f"{name}: expected the files of {str(folder)!r} as the run wrote them, got another checksum of {shown}"
        )
    strange = [] if only is not None else _strange(folder, written)
    return [
        *(f"{name}: {str(folder / file)!r} is missing" for file in wanted if file not in there),
        *(f"{name}: {str(folder / file)!r} is no file of this run" for file in strange),
    ]


def _manifest(path: Path, name: str) -> dict[str, Any] | None:
    """Read a manifest; None where there is none."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VerifyError(f"{name}: expected to read {str(path)!r}, got: {os.strerror(error.errno or 0)}") from None
    except (ValueError, RecursionError):
        manifest = None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or not all(
        isinstance(entry, dict) and "sha256" in entry for entry in files.values()
    ):
        raise VerifyError(f"{name}: expected the manifest of a run, got {str(path)!r}, which is damaged")
    checked: dict[str, Any] = manifest
    return checked


def _differs(path: Path, entry: dict[str, Any], name: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() != entry["sha256"]
    except OSError as error:
        raise VerifyError(f"{name}: expected to read {str(path)!r}, got: {os.strerror(error.errno or 0)}") from None


def _strange(folder: Path, written: dict[str, Any]) -> list[str]:
    """List what stands among a run's files and was not written by it."""
    places = [folder, *([folder / OBSERVATIONS] if (folder / OBSERVATIONS).is_dir() else [])]
    found = [entry.relative_to(folder).as_posix() for place in places for entry in sorted(place.iterdir())]
    return [
        file
        for file in found
        if file not in written and file not in (MANIFEST, OBSERVATIONS) and not Path(file).name.startswith(".")
    ]
