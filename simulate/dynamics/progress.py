"""A progress bar for the simulators, in a line of text."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

_SECONDS_BEFORE, _SECONDS_BETWEEN, _CELLS = 2.0, 0.2, 30


def progress_bar(label: str = "", stream: TextIO | None = None) -> Callable[[float], None]:
    """Make a bar to pass as ``progress`` to a simulator.

    It appears once a run has lasted two seconds, on a terminal only, and erases itself at the end.

    Args:
        label: What to write before the bar.
        stream: Where to draw; None for the standard error stream.

    Returns:
        A function that is told which fraction of the work is done.
    """
    terminal = sys.stderr if stream is None else stream
    begun, drawn = time.monotonic(), 0.0

    def show(fraction: float) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - begun < _SECONDS_BEFORE or not terminal.isatty():
            return
        if fraction >= 1:
            terminal.write("\r\x1b[K")
        elif now - drawn >= _SECONDS_BETWEEN:
            drawn = now
            full = int(fraction * _CELLS)
            left = (now - begun) * (1 - fraction) / max(fraction, 1e-9)
            bar = f"[{'=' * full}{' ' * (_CELLS - full)}] {fraction:4.0%}, {left:.0f} s left"
            terminal.write(f"\r{label}{' ' if label else ''}{bar}\x1b[K")
        terminal.flush()

    return show
