"""What a figure needs to know about its run, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from verify.claims._context import Mapper


@dataclass(frozen=True)
class Context:
    """A run, as seen by a figure.

    Attributes:
        seed: the run's seed; it fixes every number.
        mapper: ordered map over processes.
        begin: told what the next map is for, and at which fractions of the figure (0 to 1) it begins and ends.
        size: name of the settings: "default", or "tiny" for tests.
    """

    seed: int
    mapper: Mapper
    begin: Callable[[str, float, float], None]
    size: str


@dataclass(frozen=True)
class Made:
    """A figure that is ready to be stored.

    Attributes:
        drawing: the figure.
        table: every number behind it.
        caption: what it shows, and with which settings.
        finding: what it says, in one line.
        settings: what it was made with, in values that JSON can hold.
        fits: what was fitted to the numbers, with intervals; None where nothing was.
    """

    drawing: Figure
    table: pd.DataFrame
    caption: str
    finding: str
    settings: dict[str, Any] = field(default_factory=dict)
    fits: pd.DataFrame | None = None
