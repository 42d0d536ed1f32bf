"""A point as the function of a sweep sees it."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from verify.sweeps.names import RESERVED

if TYPE_CHECKING:
    import numpy as np

    from verify.sweeps.grids import Value


@dataclass(frozen=True, slots=True)
class Point(Mapping[str, Any]):
    """One point of a sweep: a mapping from the names of the axes to their values, with its own random streams.

    Attributes:
        axes: a value for each axis.
        trial: the repetition, from 0.
        seed: the sweep's seed.

    Example:
        >>> point = Point({"d": 3, "n": 50}, trial=0, seed=7)
        >>> point["d"], point.generator("inputs").standard_normal() == point.generator("inputs").standard_normal()
        (3, True)
    """

    axes: dict[str, Value]
    trial: int
    seed: int

    def __getitem__(self, name: str) -> Any:
        return self.axes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def __reduce__(self) -> tuple[type[Point], tuple[dict[str, Value], int, int]]:
        """Say how to make the point again: a third of the time that a frozen data class takes by itself."""
        return Point, (self.axes, self.trial, self.seed)

    def generator(self, purpose: str, *axes: str) -> np.random.Generator:
        """Open a random stream that is the same wherever and whenever the point runs.

        Args:
            purpose: what the numbers are for, such as "inputs".
            *axes: the axes that the draw depends on, so that points which differ elsewhere share it; none for all.

        Returns:
            The stream of (seed, purpose, values of the axes, trial).

        Raises:
            KeyError: if the point has no axis of such a name.
        """
        from simulate import streams

        name = tuple((axis, self.axes[axis]) for axis in sorted(axes or self.axes))
        return streams.generator(self.seed, purpose, name, self.trial)


class Task(NamedTuple):
    """A point on its way to a worker.

    Attributes:
        key: its key.
        point: what the function gets.
    """

    key: bytes
    point: Point


def observe_task(function: Callable[[Point], object], task: Task) -> dict[str, object]:
    """Run a sweep's function at a point; this is what workers call.

    Args:
        function: what maps a point to names and values, or to a single number.
        task: the point.

    Returns:
        Names and values; a single number is called `value`.

    Raises:
        TypeError: if the function returned something else.
        ValueError: if a name is that of an axis or of another column of the table.
    """
    found = function(task.point)
    if isinstance(found, numbers.Real):
        return {"value": found}
    if not isinstance(found, Mapping):
        raise TypeError(f"expected the function to return names and values or a number, got {type(found).__name__}")
    for name in found:
        if name in RESERVED or name in task.point:
            raise ValueError(f"expected names that are no axes and none of {', '.join(RESERVED)}, got {name!r}")
    return dict(found)
