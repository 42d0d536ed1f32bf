"""How far a run is: a bar on the standard error stream, or a function of the user's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from verify.errors import VerifyError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 2.0


class Sink(Protocol):
    """Takes the news of a run; a context manager around it."""

    def __enter__(self) -> Sink:
        """Begin."""
        ...

    def __exit__(self, *_: object) -> None:
        """End, and leave nothing behind on the screen."""
        ...

    def begin(self, claim: str, index: int, total: int) -> None:
        """Hear that a claim begins.

        Args:
            claim: its id.
            index: how many claims are done.
            total: how many there are.
        """
        ...

    def update(self, fraction: float, text: str) -> None:
        """Hear how far the claim is.

        Args:
            fraction: 0 to 1.
            text: what is being done.
        """
        ...

    def points(self, done: float, total: int) -> None:
        """Hear how many points of the current map are done.

        Args:
            done: finished points, and parts of those in progress where these are known.
            total: all points.
        """
        ...


def sink_for(progress: bool | Callable[[str, float, str], None] | None, noun: str = "claim") -> Sink:
    """Choose who hears how far a run is.

    Args:
        progress: True for a bar, False for nobody, None for a bar after two seconds if the standard error stream is a
            terminal, or a function of claim, fraction and text.
        noun: what the bar counts; empty where there is one thing to do.

    Returns:
        The sink.

    Raises:
        VerifyError: if it is none of these.
    """
    if progress is None:
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        return Bar(PATIENCE, noun) if on_terminal else Silent()
    if isinstance(progress, bool):
        return Bar(noun=noun) if progress and sys.stderr is not None else Silent()
    if not callable(progress):
        raise VerifyError(f"progress: expected True, False, None or a function, got {progress!r}")
    return Told(progress)


class Silent:
    """Keeps the news to itself."""

    def __enter__(self) -> Silent:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def begin(self, claim: str, index: int, total: int) -> None:
        """See `Sink.begin`."""

    def update(self, fraction: float, text: str) -> None:
        """See `Sink.update`."""

    def points(self, done: float, total: int) -> None:
        """See `Sink.points`."""


class Told(Silent):
    """Tells a function of the user's.

    Args:
        function: called with the claim, a fraction between 0 and 1 and a text.
    """

    def __init__(self, function: Callable[[str, float, str], None]) -> None:
        self._function = function
        self._claim = ""

    def begin(self, claim: str, index: int, total: int) -> None:
        """See `Sink.begin`."""
        self._claim = claim
        self.update(0.0, "starting")

    def update(self, fraction: float, text: str) -> None:
        """See `Sink.update`."""
        self._function(self._claim, min(1.0, max(0.0, fraction)), text)


class Bar(Silent):
    """A bar that vanishes when the run ends.

    Args:
        patience: seconds that a run may last before the bar appears.
        noun: what it counts; empty where there is one thing to do.
    """

    def __init__(self, patience: float = 0.0, noun: str = "claim") -> None:
        self._noun = noun
        self._appears = time.monotonic() + patience
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._claim = ""
        self._index = 0
        self._total = 1
        self._fraction = 0.0
        self._text = ""
        self._points = ""

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def begin(self, claim: str, index: int, total: int) -> None:
        """See `Sink.begin`."""
        self._claim, self._index, self._total = claim, index, total
        self.update(0.0, "starting")

    def update(self, fraction: float, text: str) -> None:
        """See `Sink.update`."""
        self._fraction, self._text, self._points = min(1.0, max(0.0, fraction)), text, ""
        self._show()

    def points(self, done: float, total: int) -> None:
        """See `Sink.points`."""
        counted = [f"{int(done)}/{total}"] if total > 1 else []
        within = [f"{done / total:.0%}"] if done != int(done) else []
        self._points = ", ".join(counted + within)
        self._show()

    def _show(self) -> None:
        if self._bar is None:
            if time.monotonic() < self._appears:
                return
            self._bar = _bar()
            self._task = self._bar.add_task("", total=1.0, claim="", count="", text="")
            self._bar.start()
        assert self._task is not None
        self._bar.update(
            self._task,
            completed=(self._index + self._fraction) / self._total,
            claim=self._claim,
            count=f"{self._noun} {self._index + 1} of {self._total}" if self._noun else "",
            text=f"{self._text} {self._points}".strip(),
        )


def _bar() -> Progress:
    """Make the bar."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.fields[claim]}", style="bold", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[count]}", markup=False),
        TextColumn("{task.fields[text]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
