"""Where the statements stand in a drawing of what rests on what: in columns, with lines that pass between the boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theory import Graph

_SWEEPS = 12


@dataclass(frozen=True)
class Drawing:
    """A graph in the plane, in units of a column and of a row.

    Attributes:
        places: for each id that is joined to another its column and its height.
        lines: for each edge (user, used) its way from the used to the user: a column and a height for every column
            that it meets, ends included.
        alone: the ids that are joined to nothing, which are not drawn.
    """

    places: dict[str, tuple[int, float]]
    lines: dict[tuple[str, str], list[tuple[int, float]]]
    alone: tuple[str, ...]

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return 1 + max((column for column, _ in self.places.values()), default=-1)

    @property
    def rows(self) -> float:
        """The largest height, boxes and lines included, plus one."""
        every = [height for way in self.lines.values() for _, height in way]
        return 1 + max([*every, *(height for _, height in self.places.values())], default=-1.0)


def layout(graph: Graph) -> Drawing:
    """Place statements in columns by what they rest on, and lead the lines between them.

    Args:
        graph: which statement rests on which.

    Returns:
        The drawing. A line that passes a column without ending there has a row of its own in it, so that it meets no
        box; the order within the columns is that of repeated means of neighbours, which keeps crossings few.
    """
    joined = {id for edge in graph.edges for id in edge}
    column = {id: number for number, layer in enumerate(graph.layers) for id in layer if id in joined}
    columns: list[list[str]] = [[] for _ in range(1 + max(column.values(), default=-1))]
    for id in graph.nodes:
        if id in joined:
            columns[column[id]].append(id)
    ways = {}
    for user, used in graph.edges:
        between = [f"{used} {user} {number}" for number in range(column[used] + 1, column[user])]
        for number, passing in enumerate(between, start=column[used] + 1):
            columns[number].append(passing)
        ways[user, used] = [used, *between, user]
    _order(columns, list(ways.values()))
    heights = _heights(columns)
    number_of = {id: number for number, held in enumerate(columns) for id in held}
    return Drawing(
        {id: (column[id], heights[id]) for id in graph.nodes if id in joined},
        {edge: [(number_of[id], heights[id]) for id in way] for edge, way in ways.items()},
        tuple(id for id in graph.nodes if id not in joined),
    )


def _order(columns: list[list[str]], ways: Sequence[Sequence[str]]) -> None:
    """Sort each column by the mean place of the neighbours in the column before, and after, again and again."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for way in ways:
        for left, right in pairwise(way):
            before.setdefault(right, []).append(left)
            after.setdefault(left, []).append(right)
    best, fewest = [list(held) for held in columns], _crossings(columns, after)
    for sweep in range(_SWEEPS):
        # To the right by the column before, then to the left by the column after.
        step = 1 if sweep % 2 == 0 else -1
        for number in range(len(columns))[::step][1:]:
            beside = columns[number - step]
            place = {id: index / max(1, len(beside) - 1) for index, id in enumerate(beside)}
            _sort(columns[number], before if step == 1 else after, place)
        if (found := _crossings(columns, after)) < fewest:
            best, fewest = [list(held) for held in columns], found
    columns[:] = best


def _sort(held: list[str], neighbours: dict[str, list[str]], place: dict[str, float]) -> None:
    """Sort one column; what has no neighbour in the column beside keeps its place."""
    rank = {id: index / max(1, len(held) - 1) for index, id in enumerate(held)}
    for id in held:
        if known := [place[other] for other in neighbours.get(id, ()) if other in place]:
            rank[id] = sum(known) / len(known)
    held.sort(key=rank.__getitem__)


def _crossings(columns: Sequence[Sequence[str]], after: dict[str, list[str]]) -> int:
    """Count the pairs of lines that cross between neighbouring columns."""
    count = 0
    for left, right in pairwise(columns):
        place = {id: index for index, id in enumerate(right)}
        ends = [(start, place[other]) for start, id in enumerate(left) for other in after.get(id, ()) if other in place]
        count += sum(a[0] < b[0] and a[1] > b[1] for a in ends for b in ends)
    return count


def _heights(columns: Sequence[Sequence[str]]) -> dict[str, float]:
    """Stack each column, in the middle of the highest."""
    tallest = max(map(len, columns), default=0)
    return {id: index + (tallest - len(held)) / 2 for held in columns for index, id in enumerate(held)}
