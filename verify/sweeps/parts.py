"""One part of a store: rows as a Parquet file whose name is its checksum and whose footer says which store it is of.

So a part can be told from a damaged or foreign file without asking anything else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.sweeps.values import plain_row

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = 1
_FOOTER = b"noise-geometry"
_ENCODING = b"encoding"
_NAME = re.compile(r"(\d{8})-([0-9a-f]{32})\.parquet")
_EXACT_IN_DOUBLE = 2**53


@dataclass(frozen=True)
class Part:
    """A whole part of a store.

    Attributes:
        name: its file's name.
        rows: how many rows it has.
        keys: the keys of its points that gave values, in the order of its rows.
        failed_keys: the keys of its points that gave an error.
        store: the id of the store that it is of.
        schema: the version of the layout it is written in.
        replaces: names of the parts whose rows it has taken over.
        about: what its footer says of the sweep.
    """

    name: str
    rows: int
    keys: frozenset[bytes]
    failed_keys: frozenset[bytes]
    store: str
    schema: int
    replaces: tuple[str, ...]
    about: dict[str, Any]

    @property
    def sequence(self) -> int:
        """The number that orders the parts by age."""
        return int(self.name[:8])


class DamagedPartError(Exception):
    """A file that is no whole part of any store; the text says why."""


def is_part_name(name: str) -> bool:
    """Say whether a file is named like a part.

    Args:
        name: the name.

    Returns:
        Whether it is.
    """
    return _NAME.fullmatch(name) is not None


def encode_table(
    table: pa.Table, sequence: int, store: str, about: Mapping[str, Any], replaces: Sequence[str] = ()
) -> tuple[str, bytes]:
    """Turn rows into a part.

    Args:
        table: the rows.
        sequence: its number, above those of all older parts.
        store: the store's id.
        about: what the footer is to say of the sweep.
        replaces: names of the parts that it takes the place of.

    Returns:
        The file's name and content.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    footer = {"schema": SCHEMA, "store": store, "replaces": list(replaces), "about": dict(about)}
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({_FOOTER: json.dumps(footer)}), buffer, compression="zstd")
    data = buffer.getvalue().to_pybytes()
    return f"{sequence:08d}-{_checksum(data)}.parquet", data


def read_part(path: Path, description_only: bool = False) -> tuple[Part, bytes]:
    """Read and check a part.

    Args:
        path: its file.
        description_only: whether only the footer is wanted, as of a part of another schema.

    Returns:
        What it holds, and the file's content.

    Raises:
        DamagedPartError: if it is not a whole part.
        OSError: if it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    matched = _NAME.fullmatch(path.name)
    if matched is None:
        raise DamagedPartError("not a part of a sweep's store")
    data = path.read_bytes()
    if _checksum(data) != matched[2]:
        raise DamagedPartError(f"damaged: its {len(data)} bytes do not match the checksum in its name")
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        footer = json.loads(file.schema_arrow.metadata[_FOOTER])
        schema = int(footer["schema"])
        keys: list[list[bytes]] = [[], []]
        if schema == SCHEMA and not description_only:
            columns = file.read(columns=["key", "error"])
            for key, error in zip(columns["key"].to_pylist(), columns["error"].is_valid().to_pylist(), strict=True):
                keys[error].append(bytes.fromhex(key))
        part = Part(
            name=path.name,
            rows=file.metadata.num_rows,
            keys=frozenset(keys[0]),
            failed_keys=frozenset(keys[1]),
            store=str(footer["store"]),
            schema=schema,
            replaces=tuple(footer["replaces"]),
            about=dict(footer["about"]),
        )
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedPartError(f"not a part of a sweep's store ({type(error).__name__})") from None
    return part, data


def table_of(data: bytes, columns: list[str] | None = None) -> pa.Table:
    """Read the rows of a part that was checked.

    Args:
        data: its file's content.
        columns: the columns that are wanted, of which those are read that there are; None for all.

    Returns:
        The rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(data), columns=columns).replace_schema_metadata(None)


def table_of_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Turn rows into a table whose columns are all names that occur; a value that a row lacks is null.

    Args:
        rows: the rows, with values as `values.plain_value` allows.

    Returns:
        The table.

    Raises:
        TypeError: if a value is of another kind.
    """
    plain = [plain_row(row) for row in rows]
    names = dict.fromkeys(name for row in plain for name in row)
    return _from_columns({name: [row.get(name) for row in plain] for name in names})


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """Join tables; a column may be of several types.

    Args:
        tables: at least one.

    Returns:
        All rows in order. A column whose values have no common type without loss holds JSON texts, see `decoded`.
    """
    import pyarrow as pa

    names = dict.fromkeys(name for table in tables for name in table.column_names)
    columns, fields = [], []
    for name in names:
        kinds = {table.field(name).type for table in tables if name in table.column_names} - {pa.null()}
        encoded = any(_is_encoded(table.field(name)) for table in tables if name in table.column_names)
        if len(kinds) > 1 or encoded:
            values = [value for table in tables for value in _values(table, name)]
            column, field = _column(name, values)
        else:
            kind = kinds.pop() if kinds else pa.null()
            chunks = [
                chunk
                for table in tables
                for chunk in (
                    table[name].cast(kind).chunks if name in table.column_names else [pa.nulls(len(table), kind)]
                )
            ]
            column, field = pa.chunked_array(chunks, kind), pa.field(name, kind)
        columns.append(column)
        fields.append(field)
    return pa.table(columns, schema=pa.schema(fields))


def decoded(table: pa.Table) -> dict[str, list[Any]]:
    """Read the columns that hold JSON texts because their values have no common type.

    Args:
        table: from `concatenate` or a part.

    Returns:
        Their values by name.
    """
    return {field.name: _values(table, field.name) for field in table.schema if _is_encoded(field)}


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _is_encoded(field: pa.Field) -> bool:
    return bool((field.metadata or {}).get(_ENCODING) == b"json")


def _values(table: pa.Table, name: str) -> list[Any]:
    """Read a column as Python values; nulls where there is none."""
    if name not in table.column_names:
        return [None] * len(table)
    values: list[Any] = table[name].to_pylist()
    if _is_encoded(table.field(name)):
        return [None if value is None else json.loads(value) for value in values]
    return values


def _from_columns(columns: Mapping[str, list[Any]]) -> pa.Table:
    import pyarrow as pa

    built = [_column(name, values) for name, values in columns.items()]
    return pa.table([column for column, _ in built], schema=pa.schema([field for _, field in built]))


def _column(name: str, values: list[Any]) -> tuple[pa.Array, pa.Field]:
    """Build a column, exactly: integers and floats share one only where no integer is rounded."""
    import pyarrow as pa

    kinds = {type(value) for value in values} - {type(None)}
    if name == "error":
        # Other readers want one type in all parts, also in those without errors.
        return pa.array(values, pa.string()), pa.field(name, pa.string())
    if kinds == {int, float} and all(abs(v) <= _EXACT_IN_DOUBLE for v in values if type(v) is int):
        values = [None if value is None else float(value) for value in values]
        kinds = {float}
    # Seeds fill 64 bits without a sign.
    unsigned = kinds == {int} and max(v for v in values if v is not None) >= 2**63
    if len(kinds) <= 1:
        try:
            column = pa.array(values, pa.uint64() if unsigned else None)
        except (pa.ArrowException, OverflowError):
            pass
        else:
            return column, pa.field(name, column.type)
    texts = [None if value is None else json.dumps(value) for value in values]
    return pa.array(texts, pa.string()), pa.field(name, pa.string(), metadata={_ENCODING: b"json"})
