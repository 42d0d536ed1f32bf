"""Which statement rests on which: a graph without cycles, in layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theory._errors import StatementError, shown

if TYPE_CHECKING:
    from theory._statement import Statement


@dataclass(frozen=True)
class Graph:
    """Statements, and what the proof of each rests on.

    Attributes:
        nodes: the ids, in the catalogue's order.
        edges: pairs of ids, the first of which rests on the second.
        layers: the ids by the longest way down; what rests on nothing comes first.
    """

    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    layers: tuple[tuple[str, ...], ...]

    def rests_on(self, id: str) -> tuple[str, ...]:
        """List what a statement rests on directly.

        Args:
            id: the statement.

        Returns:
            Ids, in the order of `nodes`.
        """
        return tuple(node for node in self.nodes if (id, node) in self.edges)

    def needed_by(self, id: str) -> tuple[str, ...]:
        """List what rests on a statement directly.

        Args:
            id: the statement.

        Returns:
            Ids, in the order of `nodes`.
        """
        return tuple(node for node in self.nodes if (node, id) in self.edges)

    def below(self, id: str) -> Graph:
        """Cut out what a statement rests on, directly or not.

        Args:
            id: the statement.

        Returns:
            The graph of that statement and of all below it.

        Raises:
            StatementError: where there is none of that id.
        """
        if id not in self.nodes:
            raise StatementError(f"graph: expected one of its statements, got {shown(id)}")
        found = {id}
        while more := {used for user, used in self.edges if user in found} - found:
            found |= more
        needs = {node: list(self.rests_on(node)) for node in self.nodes if node in found}
        return layered(needs)

    def to_dict(self) -> dict[str, Any]:
        """Describe the graph in values that JSON can hold.

        Returns:
            `nodes`, `edges` (pairs: the first rests on the second) and `layers`.
        """
        return {
            "nodes": list(self.nodes),
            "edges": [list(edge) for edge in self.edges],
            "layers": [list(layer) for layer in self.layers],
        }


def graph(statements: Iterable[Statement] | None = None) -> Graph:
    """Collect which statement rests on which.

    Args:
        statements: the statements; None for the whole catalogue.

    Returns:
        The graph: an edge for each id in a statement's `depends_on`, and for each statement that a step of its proof
        uses.

    Raises:
        StatementError: where a statement rests on one that is not among them, or, in the end, on itself.

    Example:
        >>> import theory
        >>> theory.graph().rests_on("3.3")
        ('C.4',)
    """
    if statements is None:
        from theory.catalogue import statements as catalogue

        statements = catalogue()
    return layered({statement.id: needs(statement) for statement in statements})


def needs(statement: Statement) -> list[str]:
    """List the statements that a statement's proof rests on.

    Args:
        statement: the statement.

    Returns:
        What it says that it depends on, then whatever else of the catalogue its steps name.
    """
    from theory.catalogue import _BUILDERS

    steps = statement.proof.steps if statement.proof else ()
    used = [name.partition(":")[0] for step in steps for name in step.uses]
    return list(dict.fromkeys([*statement.depends_on, *(id for id in used if id in _BUILDERS)]))


def layered(needs: Mapping[str, Sequence[str]]) -> Graph:
    """Put statements in layers.

    Args:
        needs: for each id what it rests on.

    Returns:
        The graph; a statement lies one layer above the highest that it rests on.

    Raises:
        StatementError: where one rests on an id that is not among them, or, in the end, on itself.
    """
    for id, used in needs.items():
        if unknown := [other for other in used if other not in needs]:
            raise StatementError(f"statement {id}: expected to depend on known statements, got {', '.join(unknown)}")
    layers: list[tuple[str, ...]] = []
    placed: set[str] = set()
    while len(placed) < len(needs):
        layer = tuple(id for id, used in needs.items() if id not in placed and placed.issuperset(used))
        if not layer:
            raise StatementError(f"statements: expected no cycle of dependencies, got {_cycle(needs, placed)}")
        layers.append(layer)
        placed.update(layer)
    edges = tuple((id, other) for id, used in needs.items() for other in used)
    return Graph(tuple(needs), edges, tuple(layers))


def graph_text(graph: Graph, titles: Mapping[str, str]) -> str:
    """Draw a graph as text, layer by layer.

    Args:
        graph: the graph.
        titles: what each statement is about.

    Returns:
        A line for each statement: its id, its title and what it rests on.
    """
    ids = max(map(len, graph.nodes), default=0)
    words = max((len(titles[node]) for node in graph.nodes), default=0)
    blocks = []
    for number, layer in enumerate(graph.layers):
        head = "rests on nothing" if number == 0 else f"layer {number}: rests on what is above"
        lines = [head]
        for node in layer:
            below = graph.rests_on(node)
            arrow = f"  ← {', '.join(below)}" if below else ""
            lines.append(f"  {node.ljust(ids)}  {titles[node].ljust(words) if below else titles[node]}{arrow}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _cycle(needs: Mapping[str, Sequence[str]], placed: set[str]) -> str:
    """Follow what rests on itself around, once."""
    way = [next(id for id in needs if id not in placed)]
    while way[-1] not in way[:-1]:
        way.append(next(other for other in needs[way[-1]] if other not in placed))
    return " → ".join(way[way.index(way[-1]) :])
