"""What a claim is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Mapper(Protocol):
    """Applies a module-level function to items, in order, perhaps on several processes."""

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any], long: bool = False) -> list[Any]:
        """Apply it; see `verify.execution.Executor.map`.

        Args:
            function: what to apply.
            items: its arguments, one for each call.
            long: whether each call takes so long that workers pay from the first one on.

        Returns:
            The results, in the order of the items.
        """
        ...


@dataclass(frozen=True)
class Context:
    """The circumstances of one run.

    Attributes:
        profile: "quick" (about 15 seconds a claim on two cores) or "full" (up to 10 minutes, tighter intervals).
        seed: the run's seed; it fixes every number.
        mapper: ordered map over processes.
        progress: told how far the claim is (0 to 1) and what it is doing.
        shared: observations that several claims of a run use, by name.
    """

    profile: str
    seed: int
    mapper: Mapper
    progress: Callable[[float, str], None]
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def quick(self) -> bool:
        """Whether this is the quick profile."""
        return self.profile == "quick"
