"""What a store's folder holds: every file is checked before it counts, and what is no part of it is set aside."""

from __future__ import annotations

import collections
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from verify.errors import VerifyError
from verify.sweeps.durable import is_temporary, refused, sync_folder, write_durably
from verify.sweeps.locking import LOCK
from verify.sweeps.parts import SCHEMA, DamagedPartError, Part, is_part_name, read_part

MANIFEST = "manifest.json"
PARTS = "parts"
SET_ASIDE = "set-aside"
KIND = "noise-geometry sweep"


@dataclass
class Stock:
    """What is in a store.

    Attributes:
        store: the store's id, which each of its parts names.
        created: when it was created.
        description: what the manifest says of the sweep; where it was lost, what the parts say.
        parts: the parts that are whole, oldest first.
        set_aside: what was found damaged, foreign or missing, by name, and what became of it.
    """

    store: str
    created: str
    description: dict[str, Any]
    parts: list[Part] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)


@dataclass
class Survey:
    """What was found in a store, before anything is done about it.

    Attributes:
        stock: what counts; its `set_aside` is empty.
        present: names of the files that are there, broken ones included.
        broken: what is wrong with the files that do not count, by name.
        complaint: what is wrong with the manifest; None where nothing is.
        manifest: what it says; None where it is missing or damaged.
    """

    stock: Stock
    present: set[str]
    broken: dict[str, str]
    complaint: str | None
    manifest: dict[str, Any] | None

    def missing(self) -> list[str]:
        """List the parts that are gone.

        Returns:
            A text for each part that the manifest names, that is not there and that no other part has taken over.
        """
        accounted = self.present | {name for part in self.stock.parts for name in part.replaces}
        listed = self.manifest.get("parts", {}) if self.manifest else {}
        return [f"{PARTS}/{name}: missing" for name in listed if name not in accounted]


def check_folder(folder: Path) -> None:
    """Refuse a folder in which there is something else than a store, before anything in it is touched.

    Args:
        folder: where the store is to be; it need not exist.

    Raises:
        VerifyError: if it is no folder, cannot be read, or holds other things and no store.
    """
    try:
        if not folder.is_dir():
            if folder.exists() or folder.is_symlink():
                raise VerifyError(f"store: expected a folder, got {str(folder)!r}, which is none")
            return
        names = {entry.name for entry in folder.iterdir() if not is_temporary(entry.name)}
        parts = [entry.name for entry in (folder / PARTS).iterdir()] if (folder / PARTS).is_dir() else []
        manifest = _load_json(folder / MANIFEST)
    except OSError as error:
        raise VerifyError(refused(folder, error)) from None
    strange = names - {LOCK, PARTS, SET_ASIDE}
    parts = [name for name in parts if not is_temporary(name)]
    ours = isinstance(manifest, dict) and manifest.get("kind") == KIND
    if not ours and not any(map(is_part_name, parts)) and (strange or parts):
        raise VerifyError(
            f"store: expected a new or empty folder or a sweep's store, got {str(folder)!r}, which holds other files"
        )


def take_stock(folder: Path) -> Stock:
    """Check every file of a store that is locked, and set aside what does not belong or is not whole.

    Nothing is moved where the store turns out to be of another version. Nothing is ever deleted, except files that this
    package left half-written when it was killed (they were never acknowledged) and parts whose rows all are in a
    newer one.

    Args:
        folder: the store.

    Returns:
        What it holds.

    Raises:
        VerifyError: if the store is of another schema version, or a file cannot be read or moved.
    """
    try:
        for name in (MANIFEST, LOCK):
            _remove_unfinished(folder.glob(f".{name}.*.part"))
        (folder / PARTS).mkdir(exist_ok=True)
        _remove_unfinished((folder / PARTS).iterdir())
        found = survey(folder)
        stock = found.stock
        _set_aside(folder, found)
        stock.set_aside += found.missing()
        _drop_replaced(folder / PARTS, stock)
    except OSError as error:
        raise VerifyError(refused(folder, error)) from None
    return stock


def survey(folder: Path) -> Survey:
    """Read and check every file of a store; nothing is changed.

    Args:
        folder: the store.

    Returns:
        What was found.

    Raises:
        VerifyError: if the store is of another schema version.
        OSError: if a file cannot be read, or has gone meanwhile because another process merged parts.
    """
    manifest, complaint = read_manifest(folder / MANIFEST)
    whole, broken = _read_parts(folder / PARTS)
    stock = _stock_of(manifest, whole)
    present = {part.name for part in whole} | broken.keys()
    broken |= {part.name: "foreign: of another store" for part in whole if part.store != stock.store}
    stock.parts = [part for part in whole if part.store == stock.store]
    if complaint == "missing" and not whole:
        complaint = None
    return Survey(stock, present, broken, complaint, manifest)


def check_same_sweep(folder: Path, stock: Stock, description: Mapping[str, Any]) -> None:
    """Refuse a store of another sweep.

    Args:
        folder: the store.
        stock: what it holds.
        description: what the sweep is.

    Raises:
        VerifyError: if both say what they observe, and it is not the same.
    """
    before, now = stock.description.get("what"), description.get("what")
    if before is not None and now is not None and before != now:
        raise VerifyError(f"store: expected a store of {now!r}, got {str(folder)!r}, which is one of {before!r}")


def read_manifest(path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Read what a store says of itself.

    Args:
        path: the manifest.

    Returns:
        The manifest, or None and what is wrong with it.

    Raises:
        VerifyError: if the store is of another schema version.
        OSError: if it cannot be read.
    """
    if not path.exists():
        return None, "missing"
    manifest = _load_json(path)
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        return None, "damaged: not a manifest of a sweep's store"
    body = {name: value for name, value in manifest.items() if name != "sha256"}
    # Every version of the layout keeps this checksum, so that a damaged number is no other version.
    if manifest.get("sha256") != _checksum(body):
        return None, "damaged: its content does not match its checksum"
    _check_schema(path, manifest["schema"])
    return manifest, None


def write_manifest(folder: Path, stock: Stock) -> None:
    """Write down what a store holds.

    Args:
        folder: the store.
        stock: what it holds.

    Raises:
        VerifyError: if the file cannot be written; the earlier one is intact then.
    """
    body = {
        "kind": KIND,
        "schema": SCHEMA,
        "store": stock.store,
        "created": stock.created,
        "updated": datetime.now().astimezone().isoformat(timespec="seconds"),
        "description": stock.description,
        "points": sum(part.rows for part in stock.parts),
        "parts": {part.name: {"rows": part.rows} for part in stock.parts},
        "set_aside": stock.set_aside,
    }
    text = json.dumps(body | {"sha256": _checksum(body)}, indent=1, ensure_ascii=False)
    write_durably(folder / MANIFEST, text.encode() + b"\n")


def _checksum(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _load_json(path: Path) -> Any:
    """Read a JSON file; None where there is none or it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None


def _check_schema(path: Path, schema: object) -> None:
    if schema != SCHEMA:
        raise VerifyError(f"store: expected schema version {SCHEMA}, got {schema!r} in {str(path)!r}")


def _read_parts(folder: Path) -> tuple[list[Part], dict[str, str]]:
    """Return the whole parts, oldest first, and what is wrong with the other files."""
    whole: list[Part] = []
    broken: dict[str, str] = {}
    if not folder.is_dir():
        return whole, broken
    for path in sorted(path for path in folder.iterdir() if not is_temporary(path.name)):
        try:
            part, _ = read_part(path)
        except DamagedPartError as error:
            broken[path.name] = str(error)
        except IsADirectoryError:
            broken[path.name] = "not a part of a sweep's store"
        else:
            _check_schema(path, part.schema)
            whole.append(part)
    return whole, broken


def _remove_unfinished(paths: Iterable[Path]) -> None:
    """Remove what a killed process was still writing."""
    for path in [path for path in paths if is_temporary(path.name)]:
        path.unlink(missing_ok=True)


def _stock_of(manifest: dict[str, Any] | None, whole: list[Part]) -> Stock:
    """Say which store this is: what the manifest says, else most of its parts, else a new one."""
    if manifest is not None:
        return Stock(manifest["store"], manifest["created"], manifest["description"])
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    if whole:
        store, _ = collections.Counter(part.store for part in whole).most_common(1)[0]
        newest = next(part for part in reversed(whole) if part.store == store)
        return Stock(store, now, newest.about)
    return Stock(secrets.token_hex(16), now, {})


def _set_aside(folder: Path, found: Survey) -> None:
    """Move what does not belong or is not whole out of the readers' way."""
    stock = found.stock
    moves = [(folder / PARTS / name, f"{PARTS}/{name}: {reason}") for name, reason in found.broken.items()]
    if found.complaint == "missing":
        stock.set_aside.append(f"{MANIFEST}: missing, made again from the parts")
    elif found.complaint is not None:
        moves.append((folder / MANIFEST, f"{MANIFEST}: {found.complaint}, made again from the parts"))
    for path, text in moves:
        (folder / SET_ASIDE).mkdir(exist_ok=True)
        target = _free_name(folder / SET_ASIDE / path.name)
        path.rename(target)
        sync_folder(target.parent)
        stock.set_aside.append(f"{text}; moved to {SET_ASIDE}/{target.name}")


def _free_name(path: Path) -> Path:
    """Return the path, or one like it that is not taken."""
    number = 1
    free = path
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _drop_replaced(folder: Path, stock: Stock) -> None:
    """Remove parts whose rows a newer one has taken over; the process was killed before it could."""
    for newer in list(stock.parts):
        held = newer.keys | newer.failed_keys
        for older in [part for part in stock.parts if part.name in newer.replaces]:
            if older.keys | older.failed_keys <= held:
                (folder / older.name).unlink()
                stock.parts.remove(older)
