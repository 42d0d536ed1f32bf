"""Time and peak memory of a piece of code in a process of its own."""

from __future__ import annotations

import subprocess
import sys


def seconds_and_peak(code: str) -> tuple[float, float]:
    """Run code that prints a number of seconds, and measure the memory of its process.

    By a process in between: on Linux the peak of a new process starts at the memory of its parent.

    Args:
        code: what to run; the last line it prints is a number.

    Returns:
        That number, and the peak memory in GB (10⁹ bytes).
    """
    measured = f"""
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-c", {code!r}], capture_output=True, text=True, check=True)
print(done.stdout.split()[-1], resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9)
"""
    done = subprocess.run([sys.executable, "-c", measured], capture_output=True, text=True, check=True)
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)
