"""A look at a store: what is finished there, without its lock and without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify.errors import VerifyError
from verify.sweeps.durable import refused
from verify.sweeps.parts import DamagedPartError, read_part, table_of
from verify.sweeps.recovery import MANIFEST, PARTS, Survey, check_folder, check_same_sweep, read_manifest, survey

LOOKS = 20
"""So often a look begins again where another process changes the store meanwhile."""


@dataclass(frozen=True)
class Look:
    """What a store holds.

    Attributes:
        seconds: how long each finished point took, by its key, those that failed included; the newest row counts.
        failed: the keys of the points whose newest row has an error.
        damaged: what is damaged, foreign or missing in the store, by name.
    """

    seconds: dict[bytes, float]
    failed: set[bytes]
    damaged: list[str]


def look(folder: Path, description: Mapping[str, Any]) -> Look:
    """Check every file of a store and read what is finished; it may be read-only, and another process may write it.

    Args:
        folder: the store.
        description: what the sweep is, as for `SweepStore.open`.

    Returns:
        What it holds. Memory grows with the number of its points.

    Raises:
        VerifyError: if it is no store, another sweep's or of another schema version, or cannot be read.
    """
    check_folder(folder)
    try:
        found, points = _steady(folder)
    except DamagedPartError as error:
        raise VerifyError(f"store: expected {str(folder)!r} as it was written, got: {error}") from None
    except OSError as error:
        raise VerifyError(refused(folder, error)) from None
    check_same_sweep(folder, found.stock, description)
    damaged = [f"{PARTS}/{name}: {reason}" for name, reason in found.broken.items()] + found.missing()
    if found.complaint is not None:
        damaged.append(f"{MANIFEST}: {found.complaint}")
    seconds: dict[bytes, float] = {}
    failed: set[bytes] = set()
    for key, taken, has_error in points:
        seconds[key] = taken
        (failed.add if has_error else failed.discard)(key)
    return Look(seconds, failed, damaged)


def _steady(folder: Path) -> tuple[Survey, list[tuple[bytes, float, bool]]]:
    """Read everything while no other process removes parts that it has merged."""
    for left in reversed(range(LOOKS)):
        # A store in a folder that is a file, say.
        next(folder.iterdir(), None)
        before = read_manifest(folder / MANIFEST)
        try:
            found = survey(folder)
            points = [point for part in found.stock.parts for point in _points(folder / PARTS / part.name)]
        except FileNotFoundError:
            if not left:
                raise
            continue
        # Merged parts are in the manifest before those that they replace are gone.
        if before == read_manifest(folder / MANIFEST):
            break
    return found, points


def _points(path: Path) -> Iterator[tuple[bytes, float, bool]]:
    """Read the key of each row of a part, its seconds, and whether it has an error."""
    table = table_of(read_part(path, description_only=True)[1], ["key", "seconds", "error"])
    seconds = table["seconds"].to_pylist() if "seconds" in table.column_names else [None] * len(table)
    for key, taken, has_error in zip(
        table["key"].to_pylist(), seconds, table["error"].is_valid().to_pylist(), strict=True
    ):
        yield bytes.fromhex(key), float("nan") if taken is None else float(taken), has_error
