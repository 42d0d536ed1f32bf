"""Grids of points: axes of values, their product, and several trials a point, enumerated without being held.

An axis is a value, a sequence, a range, an array, or a table such as ``{"from": 10, "to": 1000, "count": 5, "spacing":
"log"}``. Axes that are zipped advance together. The last axis given varies fastest, and trials faster still.
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from verify.errors import VerifyError
from verify.sweeps.names import RESERVED, nearest

Value = int | float | str

MOST_POINTS = 10**8
MOST_TRIALS = 10**8
LARGEST = 2**63 - 1
"""Largest integer on an axis and largest seed: columns of integers have 64 bits."""
TABLE_KEYS = ("from", "to", "count", "step", "spacing")
SPACINGS = ("linear", "log")


class Position(NamedTuple):
    """One point of a grid.

    Attributes:
        place: its number, from 0.
        values: a value for each axis, in the order of the grid's names.
        trial: the repetition, from 0.
    """

    place: int
    values: tuple[Value, ...]
    trial: int


class Grid:
    """A product of axes, with several trials a point.

    Args:
        axes: the values of each axis by its name.
        trials: repetitions of each point, at least 1.
        zipped: names of axes that advance together: one group, or several.
        integers: axes whose values are whole; spaced values are rounded there.

    Raises:
        VerifyError: for an axis that is empty, holds a value twice or something else than numbers or strings; for
            groups that do not fit the axes; for more than 10⁸ points, before any of them is made.

    Example:
        >>> grid = Grid({"d": [2, 3], "n": {"from": 10, "to": 1000, "count": 3, "spacing": "log"}}, trials=4)
        >>> len(grid), grid.names
        (24, ('d', 'n'))
    """

    def __init__(
        self, axes: Mapping[str, Any], trials: int = 1, zipped: Sequence[Any] = (), integers: Container[str] = ()
    ) -> None:
        self.trials = check_trials(trials)
        if not axes:
            raise VerifyError("axes: expected at least one axis such as d=[10, 20], got none")
        for name in axes:
            _check_name(name)
        groups = _groups(list(axes), zipped)
        lengths = {name: _length(name, spec) for name, spec in axes.items()}
        count = math.prod(max(lengths[name] for name in group) for group in groups) * self.trials
        if count > MOST_POINTS:
            raise VerifyError(f"grid: expected at most {MOST_POINTS:,} points, got {count:,}")
        for group in groups:
            # Spaced integers may come together, so that their number is not known yet.
            _check_equal({name: lengths[name] for name in group if not _is_spaced(axes[name])})
        self.names = tuple(axes)
        self.axes = {name: _values(name, spec, name in integers) for name, spec in axes.items()}
        for group in groups:
            _check_equal({name: len(self.axes[name]) for name in group})
        self._pools = [list(zip(*(self.axes[name] for name in group), strict=True)) for group in groups]
        for group, pool in zip(groups, self._pools, strict=True):
            _check_distinct(group, pool)
        flat = [name for group in groups for name in group]
        self._order = [flat.index(name) for name in self.names]
        self._length = math.prod(len(pool) for pool in self._pools) * self.trials

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Position]:
        """Make the points one after the other: O(axes) memory beyond the axes' values."""
        straight = self._order == list(range(len(self._order)))
        trials = range(self.trials)
        index = 0
        for parts in itertools.product(*self._pools):
            flat = tuple(itertools.chain.from_iterable(parts))
            values = flat if straight else tuple(flat[place] for place in self._order)
            for trial in trials:
                yield Position(index, values, trial)
                index += 1

    def at(self, index: int) -> Position:
        """Make one point.

        Args:
            index: its number, from 0.

        Returns:
            The point that iteration meets at that place.

        Raises:
            IndexError: if there is no such point.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"expected an index below {len(self)}, got {index}")
        rest, trial = divmod(index, self.trials)
        parts: list[tuple[Value, ...]] = []
        for pool in reversed(self._pools):
            rest, place = divmod(rest, len(pool))
            parts.append(pool[place])
        flat = tuple(itertools.chain.from_iterable(reversed(parts)))
        return Position(index, tuple(flat[place] for place in self._order), trial)


def check_trials(trials: Any) -> int:
    """Check a number of trials.

    Args:
        trials: what was given.

    Returns:
        The number.

    Raises:
        VerifyError: if it is not an integer from 1 to 10⁸; a bool is refused.
    """
    if isinstance(trials, bool) or not isinstance(trials, numbers.Integral) or not 1 <= int(trials) <= MOST_TRIALS:
        raise VerifyError(f"trials: expected an integer from 1 to {MOST_TRIALS:,}, got {trials!r:.60}")
    return int(trials)


def _check_name(name: Any) -> None:
    """Check the name of an axis."""
    if not isinstance(name, str) or not name.isidentifier():
        raise VerifyError(f"axes: expected names such as 'd', got {name!r:.60}")
    if name in RESERVED:
        raise VerifyError(f"{name}: expected another name for an axis, got one of the columns {', '.join(RESERVED)}")


def _groups(names: list[str], zipped: Any) -> list[tuple[str, ...]]:
    """Gather zipped axes, each group at the place of its first axis, and leave the others alone."""
    refusal = VerifyError(f"zipped: expected names of axes that advance together, got {zipped!r:.60}")
    if isinstance(zipped, str) or not isinstance(zipped, Sequence):
        raise refusal
    given = [zipped] if zipped and all(isinstance(name, str) for name in zipped) else list(zipped)
    owner: dict[str, tuple[str, ...]] = {}
    for group in given:
        if isinstance(group, str) or not isinstance(group, Sequence):
            raise refusal
        for name in group:
            if name not in names:
                raise VerifyError(f"zipped: expected names of axes, got {name!r:.60}{nearest(name, names)}")
            if name in owner or list(group).count(name) > 1:
                raise VerifyError(f"zipped: expected each axis once, got {name!r} twice")
        owner.update(dict.fromkeys(group, tuple(group)))
    return list(dict.fromkeys(owner.get(name, (name,)) for name in names))


def _check_equal(lengths: Mapping[str, int]) -> None:
    """Check that zipped axes are equally long."""
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} of {length}" for name, length in lengths.items())
        raise VerifyError(f"zipped: expected axes of the same length, got {shown}")


def _is_spaced(spec: Any) -> bool:
    """Whether an axis is given by a number of values between two ends."""
    return isinstance(spec, Mapping) and "count" in spec


def _length(name: str, spec: Any) -> int:
    """Count an axis's values before they are made."""
    if isinstance(spec, Mapping):
        return _table_length(name, spec)
    if isinstance(spec, str | numbers.Real):
        return 1
    # A set has no order, and bytes would be numbers.
    length = None if isinstance(spec, bytes | set | frozenset) else getattr(spec, "__len__", lambda: None)()
    if length is None:
        raise VerifyError(
            f"{name}: expected a value, a sequence of values or a table with 'from' and 'to', got {spec!r:.60}"
        )
    if length == 0:
        raise VerifyError(f"{name}: expected at least one value, got none: the grid is empty")
    return length


def _values(name: str, spec: Any, whole: bool) -> list[Value]:
    """Make an axis's values: integers, floats or strings, all of one kind."""
    if isinstance(spec, Mapping):
        values = _table_values(name, spec, whole)
    else:
        values = [_value(name, value) for value in ([spec] if isinstance(spec, str | numbers.Real) else spec)]
    texts = sum(isinstance(value, str) for value in values)
    if 0 < texts < len(values):
        raise VerifyError(f"{name}: expected numbers or strings, got both")
    if whole:
        return [_whole(name, value) for value in values]
    return [float(value) for value in values] if any(isinstance(value, float) for value in values) else values


def _whole(name: str, value: Value) -> int:
    """Read an integer, such as 1e4."""
    if isinstance(value, str) or value != int(value):
        raise VerifyError(f"{name}: expected integers, got {value!r:.60}")
    return int(value)


def _value(name: str, value: Any) -> Value:
    """Check one value of an axis and take it out of NumPy."""
    if isinstance(value, str):
        return str(value)
    # Neither Python's booleans nor NumPy's are meant: True would be the same point as 1.
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        if abs(int(value)) <= LARGEST:
            return int(value)
        raise VerifyError(f"{name}: expected integers of at most 64 bits, got {value}")
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise VerifyError(f"{name}: expected finite numbers or strings, got {value!r:.60}")


def _table_length(name: str, table: Mapping[str, Any]) -> int:
    """Count the values that a table of ends asks for."""
    for key in table:
        if key not in TABLE_KEYS:
            raise VerifyError(f"{name}: expected {', '.join(TABLE_KEYS)}, got {key!r:.60}{nearest(key, TABLE_KEYS)}")
    if missing := [key for key in ("from", "to") if key not in table]:
        raise VerifyError(f"{name}: expected 'from' and 'to', got no {missing[0]!r}")
    if ("count" in table) == ("step" in table):
        raise VerifyError(
            f"{name}: expected one of 'count' and 'step', got {'both' if 'count' in table else 'neither'}"
        )
    _check_spacing(name, table)
    return _count(name, table) if "count" in table else _steps(name, table)


def _check_spacing(name: str, table: Mapping[str, Any]) -> None:
    """Check how the values of a table are spaced."""
    spacing = table.get("spacing", "linear")
    if spacing not in SPACINGS:
        raise VerifyError(
            f"{name}: expected a spacing of 'linear' or 'log', got {spacing!r:.60}{nearest(spacing, SPACINGS)}"
        )
    least = min(_end(name, table, "from"), _end(name, table, "to"))
    if spacing == "log" and ("step" in table or least <= 0):
        got = "'step'" if "step" in table else repr(least)
        raise VerifyError(f"{name}: expected positive ends and a 'count' for logarithmic spacing, got {got}")


def _count(name: str, table: Mapping[str, Any]) -> int:
    """Read the number of values of a table."""
    count = table["count"]
    if isinstance(count, bool) or not isinstance(count, numbers.Integral) or int(count) < 1:
        raise VerifyError(f"{name}: expected a 'count' of at least 1, got {count!r:.60}")
    if count == 1 and table["from"] != table["to"]:
        raise VerifyError(f"{name}: expected a 'count' of at least 2 for different ends, got 1")
    return int(count)


def _steps(name: str, table: Mapping[str, Any]) -> int:
    """Count the values of a table with a step."""
    first, last, step = (_end(name, table, key) for key in ("from", "to", "step"))
    if step == 0 or (last - first) / step < 0:
        raise VerifyError(f"{name}: expected a 'step' that leads from {first} to {last}, got {step}: the grid is empty")
    if isinstance(first, int) and isinstance(last, int) and isinstance(step, int):
        return (last - first) // step + 1
    # Ten steps of 0.1 lead to 1, whatever rounding makes of it.
    steps = (last - first) / step * (1 + 1e-12) + 1e-12
    return math.floor(min(steps, float(LARGEST))) + 1


def _end(name: str, table: Mapping[str, Any], key: str) -> int | float:
    """Read a number of a table of ends."""
    value = _value(name, table[key])
    if isinstance(value, str):
        raise VerifyError(f"{name}: expected a number as {key!r}, got {value!r:.60}")
    return value


def _table_values(name: str, table: Mapping[str, Any], whole: bool) -> list[Value]:
    """Make the values that a table of ends asks for: integers where both ends (and the step) are, or must be."""
    import numpy as np

    first, last = _end(name, table, "from"), _end(name, table, "to")
    count = _table_length(name, table)
    if "step" in table:
        step = _end(name, table, "step")
        return [first + step * place for place in range(count)]
    if count == 1:
        return [first]
    spaced = np.geomspace if table.get("spacing") == "log" else np.linspace
    values = spaced(float(first), float(last), count)
    if whole or (isinstance(first, int) and isinstance(last, int)):
        # Rounding may bring neighbours together where the ends are close.
        return list(dict.fromkeys(int(value) for value in np.rint(values)))
    return [float(value) for value in values]


def _check_distinct(group: tuple[str, ...], pool: list[tuple[Value, ...]]) -> None:
    """Refuse a value that an axis, or a group of zipped ones, holds twice: it would name the same point."""
    seen: set[tuple[Value, ...]] = set()
    for entry in pool:
        if entry in seen:
            shown = ", ".join(f"{value!r:.40}" for value in entry)
            raise VerifyError(f"{', '.join(group)}: expected each value once, got {shown} twice")
        seen.add(entry)
