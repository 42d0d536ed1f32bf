"""How far a long call is that an executor has made, told from within it, from worker processes too."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext

_listener: Callable[[float], None] | None = None


def tell(fraction: float) -> None:
    """Say how far the call is that an executor has made; for functions that take long. Elsewhere nobody hears it.

    Args:
        fraction: 0 to 1; a few times a second at most.
    """
    if _listener is not None:
        _listener(float(fraction))


@contextlib.contextmanager
def heard_by(listener: Callable[[float], None]) -> Iterator[None]:
    """Let a function hear what is told inside the block.

    Args:
        listener: called with each fraction.

    Yields:
        Nothing.
    """
    global _listener  # noqa: PLW0603 (a call has one listener)
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


class Speaker:
    """A worker's end of a channel; it can be handed to a process that starts.

    Args:
        pipe: what it writes to.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def send(self, call: tuple[int, int], fraction: float) -> None:
        """Send how far a call is, or nothing: news may not hold up the work.

        Args:
            call: which map it belongs to, and its item.
            fraction: 0 to 1.
        """
        # In one piece, as they are shorter than what a pipe splits. The pipe may be full, or its reader gone.
        with contextlib.suppress(OSError):
            self._pipe.send((call, fraction))


class Channel:
    """News of calls from worker processes.

    Args:
        context: what starts them.

    Attributes:
        speaker: the workers' end.
    """

    def __init__(self, context: SpawnContext) -> None:
        self._reader, writer = context.Pipe(duplex=False)
        os.set_blocking(writer.fileno(), False)
        self.speaker = Speaker(writer)

    def news(self) -> dict[tuple[int, int], float]:
        """Read what was told since the last time.

        Returns:
            The latest fraction of each call.
        """
        found = {}
        while self._reader.poll():
            call, fraction = self._reader.recv()
            found[call] = fraction
        return found
