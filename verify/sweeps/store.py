"""The folder of a sweep: a point that was acknowledged stays finished, whatever ends the process afterwards.

    STORE/manifest.json    what the sweep is, which parts there are
    STORE/parts/*.parquet  the points, in parts that are written whole and never changed
    STORE/set-aside/       what was found damaged or foreign
    STORE/lock             who writes

The parts are plain Parquet: pandas, Polars and DuckDB read `STORE/parts/*.parquet` as they are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.errors import VerifyError
from verify.sweeps.durable import refused, write_durably
from verify.sweeps.locking import StoreLock
from verify.sweeps.parts import (
    SCHEMA,
    DamagedPartError,
    Part,
    concatenate,
    decoded,
    encode_table,
    read_part,
    table_of,
    table_of_rows,
)
from verify.sweeps.recovery import PARTS, check_folder, check_same_sweep, take_stock, write_manifest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MANY_PARTS = 256
"""As many small parts are merged into one."""
LARGE_PART = 100_000
"""A part of so many rows is never merged again."""
SECONDS_BETWEEN_MANIFESTS = 5.0
"""A part counts with or without the manifest, which need not be written each time."""

_FIRST = ("key", "index", "trial", "seed")
_LAST = ("error", "seconds")


class SweepStore:
    """A sweep's points on disk, open for writing by this process alone; a context manager.

    Use `SweepStore.open`.

    Attributes:
        path: the folder.
        finished: the 16-byte keys of all acknowledged points, those that failed included.
        failed: the keys of those whose newest row has an error.
        set_aside: what was found damaged, foreign or missing on opening, by name, and what became of it.
    """

    def __init__(self, path: Path, lock: StoreLock, description: Mapping[str, Any]) -> None:
        self.path = path
        self._lock = lock
        self._stock = take_stock(path)
        check_same_sweep(path, self._stock, description)
        self._stock.description = dict(description)
        self.set_aside = list(self._stock.set_aside)
        self.finished: set[bytes] = set()
        self.failed: set[bytes] = set()
        for part in self._stock.parts:
            self._count(part.keys, part.failed_keys)
        self._sequence = max((part.sequence for part in self._stock.parts), default=0)
        self._write_manifest()

    @classmethod
    def open(cls, path: str | os.PathLike[str], description: Mapping[str, Any]) -> SweepStore:
        """Open a store, or create it.

        Every file is read and checked. Damaged and foreign ones are moved into the folder `set-aside` and named in
        `set_aside`; their points count as unfinished.

        Args:
            path: the folder; it is created where it is missing.
            description: what the sweep is, in values that JSON can hold; it replaces what the manifest said. An entry
                "what" may not change in the life of a store.

        Returns:
            The store.

        Raises:
            VerifyError: if another process holds the store (the message names it), if it is of another schema version
                or another sweep's, if the folder holds other things, or cannot be read or written.
        """
        folder = Path(path)
        check_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VerifyError(refused(folder, error)) from None
        lock = StoreLock(folder)
        try:
            return cls(folder, lock, description)
        except BaseException:
            lock.release()
            raise

    def __enter__(self) -> SweepStore:
        """Return the store."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the store; after an exception without merging parts."""
        self.close(tidy=kind is None)

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store finished points in one part; when this returns they are acknowledged.

        Args:
            rows: a row for each point, with its `key` (32 hexadecimal digits), `error` (None or a text) and any other
                columns, whose values are as `values.plain_value` allows. A column `index` orders the table; sweeps
                wrote the place in the grid there once, which is another one in a grid that has grown.

        Raises:
            VerifyError: if the file cannot be written (nothing is stored then, and all that was before is intact), or
                the lock was lost.
            TypeError: if a value cannot be stored.
        """
        if not rows:
            return
        self._lock.check()
        table = table_of_rows([row if "error" in row else {**row, "error": None} for row in rows])
        keys = [(bytes.fromhex(row["key"]), row.get("error") is not None) for row in rows]
        part, data = self._next_part(table, dict(keys), ())
        path = self.path / PARTS / part.name
        try:
            write_durably(path, data)
        finally:
            # The interrupt key may come when the part is there already.
            if path.exists():
                self._stock.parts.append(part)
                self._count(part.keys, part.failed_keys)
        if len(self._small_parts()) >= MANY_PARTS:
            self.compact()
        elif time.monotonic() - self._written > SECONDS_BETWEEN_MANIFESTS:
            self._write_manifest()

    def table(self, keys: Sequence[bytes] | None = None) -> pd.DataFrame:
        """Read the points; the newest row of each key counts.

        Args:
            keys: the points that are wanted, in their order; those that are not finished are left out. None for all,
                sorted by index (where rows have one), trial and key.

        Returns:
            A row for each point: `key`, `index` (where rows have one), `trial`, `seed`, the other columns in the order
            of their first values, `error` and `seconds`.

        Raises:
            VerifyError: if a part was damaged since the store was opened.
        """
        import pandas as pd

        joined = self._joined(self._stock.parts)
        if joined is None:
            return pd.DataFrame(columns=["key", "error", "seconds"])
        frame: pd.DataFrame = joined.to_pandas()
        for name, values in decoded(joined).items():
            frame[name] = pd.Series(values, index=frame.index, dtype=object)
        by = [name for name in ("index", "trial", "key") if name in frame]
        frame = frame.sort_values(by, kind="stable", ignore_index=True)
        frame = frame[_ordered_columns(frame)]
        if keys is None:
            return frame
        rows = pd.Index(frame["key"]).get_indexer([key.hex() for key in keys])
        return frame.iloc[rows[rows >= 0]].reset_index(drop=True)

    def compact(self) -> None:
        """Merge the newest small parts into one.

        Raises:
            VerifyError: if it cannot be written, or the lock was lost; nothing is lost then.
        """
        self._lock.check()
        small = self._small_parts()
        joined = self._joined(small) if len(small) > 1 else None
        if joined is not None:
            names = [part.name for part in small]
            errors = joined["error"].is_valid().to_pylist()
            keys = [bytes.fromhex(key) for key in joined["key"].to_pylist()]
            merged, data = self._next_part(joined, dict(zip(keys, errors, strict=True)), names)
            write_durably(self.path / PARTS / merged.name, data)
            self._stock.parts = [part for part in self._stock.parts if part.name not in merged.replaces] + [merged]
            self._write_manifest()
            for name in names:
                (self.path / PARTS / name).unlink(missing_ok=True)
        else:
            self._write_manifest()

    def close(self, tidy: bool = True) -> None:
        """Write the manifest and let other processes in; a second time it does nothing.

        Args:
            tidy: whether to merge small parts. Without, a manifest that cannot be written is let pass: the parts count
                without it.

        Raises:
            VerifyError: if `tidy` and something cannot be written; nothing is lost then.
        """
        if self._lock.released:
            return
        try:
            if tidy:
                self.compact()
            else:
                self._write_manifest()
        except VerifyError:
            if tidy:
                raise
        finally:
            self._lock.release()

    def _count(self, keys: Iterable[bytes], failed_keys: Iterable[bytes]) -> None:
        self.finished.update(keys, failed_keys)
        self.failed.difference_update(keys)
        self.failed.update(failed_keys)

    def _next_part(self, table: pa.Table, failed: Mapping[bytes, bool], replaces: Sequence[str]) -> tuple[Part, bytes]:
        """Make a part, and the content of its file."""
        about = {"what": self._stock.description.get("what")}
        self._sequence += 1
        name, data = encode_table(table, self._sequence, self._stock.store, about, replaces)
        part = Part(
            name=name,
            rows=len(table),
            keys=frozenset(key for key, has_error in failed.items() if not has_error),
            failed_keys=frozenset(key for key, has_error in failed.items() if has_error),
            store=self._stock.store,
            schema=SCHEMA,
            replaces=tuple(replaces),
            about=about,
        )
        return part, data

    def _write_manifest(self) -> None:
        write_manifest(self.path, self._stock)
        self._written = time.monotonic()

    def _small_parts(self) -> list[Part]:
        """List the newest parts back to the last large one: so no merged part overtakes a newer row."""
        small: list[Part] = []
        for part in reversed(self._stock.parts):
            if part.rows >= LARGE_PART:
                break
            small.append(part)
        return small[::-1]

    def _joined(self, parts: Sequence[Part]) -> pa.Table | None:
        """Read parts, and of rows with one key the newest; None where there are no parts."""
        tables = []
        for part in parts:
            path = self.path / PARTS / part.name
            try:
                tables.append(table_of(read_part(path, description_only=True)[1]))
            except DamagedPartError as error:
                raise VerifyError(f"store: expected {str(path)!r} as it was written, got: {error}") from None
            except OSError as error:
                raise VerifyError(refused(path, error)) from None
        if not tables:
            return None
        joined = concatenate(tables)
        newest = {key: row for row, key in enumerate(joined["key"].to_pylist())}
        return joined if len(newest) == len(joined) else joined.take(sorted(newest.values()))


def _ordered_columns(frame: pd.DataFrame) -> list[str]:
    """Order the columns in a way that does not depend on which points were finished together."""

    def first_value(name: str) -> tuple[int, int]:
        present = frame[name].notna().to_numpy()
        return (int(present.argmax()) if present.any() else len(frame), names.index(name))

    names = list(frame.columns)
    others = sorted((name for name in names if name not in _FIRST + _LAST), key=first_value)
    return [*(n for n in _FIRST if n in names), *others, *(n for n in _LAST if n in names)]
