"""The table of a sweep: one row a point, in the order of its grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verify.sweeps.names import RESERVED

if TYPE_CHECKING:
    import pandas as pd

    from verify.sweeps.requests import Request


def row_of(task: Any, result: Any) -> dict[str, Any]:
    """Write what came of a point as a row for the store.

    Args:
        task: the point.
        result: values, error and seconds.

    Returns:
        key, trial and seed, the axes, what was observed, error and seconds.
    """
    point = task.point
    return {
        "key": task.key.hex(),
        "trial": point.trial,
        "seed": point.seed,
        **point.axes,
        **result.values,
        "error": result.error,
        "seconds": result.seconds,
    }


def table_of(request: Request, stored: pd.DataFrame) -> pd.DataFrame:
    """Take a sweep's points out of everything that is stored, in the order of its grid.

    Args:
        request: the sweep.
        stored: rows as `row_of` makes them, those of other grids, seeds and versions of the code included; one a key.

    Returns:
        One row for each point that is stored: the axes, trial, what was observed, error and seconds.
    """
    import pandas as pd

    rows = {key: row for row, key in enumerate(stored["key"])} if "key" in stored else {}
    keyed = ((request.keys(position).hex(), position) for position in request.grid)
    found = [(rows[key], position) for key, position in keyed if key in rows]
    own = stored.iloc[[row for row, _ in found]].reset_index(drop=True)
    columns: dict[str, Any] = {
        name: pd.Series([position.values[place] for _, position in found], dtype=_dtype(request.grid.axes[name]))
        for place, name in enumerate(request.grid.names)
    }
    columns["trial"] = pd.Series([position.trial for _, position in found], dtype="int64")
    observed = [str(name) for name in own if name not in RESERVED and name not in columns]
    # Another grid's columns are empty here, and the order must not depend on which points were finished together.
    first = {name: int(own[name].notna().to_numpy().argmax()) for name in observed if own[name].notna().any()}
    columns |= {name: own[name] for name in sorted(first, key=lambda name: first[name])}
    error = own["error"] if "error" in own else pd.Series(dtype=object)
    columns["error"] = error.astype(object).where(error.notna(), None)
    columns["seconds"] = own["seconds"] if "seconds" in own else pd.Series(dtype="float64")
    return pd.DataFrame(columns)


def _dtype(values: list[Any]) -> str:
    """Name the type of an axis's column."""
    kinds = {str: "object", int: "int64", float: "float64"}
    return kinds[type(values[0])]
