"""Time and peak memory of a piece of code in a process of its own."""

from __future__ import annotations

import json
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


def seconds_and_memory(code: str) -> dict[str, float]:
    """Run code that calls `begin()`, and learn how much memory its process had then and at its peak.

    By a process in between, as above.

    Args:
        code: what to run; it calls `begin()` once, when its data are there and the work starts.

    Returns:
        `seconds` from there to the end; `start_gigabytes` and `peak_gigabytes`, the highest memory (10⁹ bytes) that
        the process had held by then and in all.
    """
    counted = f"""
import json, resource, time
def highest(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
def begin(): begun.extend([time.perf_counter(), highest()])
begun = []
exec({code!r})
seconds = time.perf_counter() - begun[0]
print(json.dumps(dict(seconds=seconds, start_gigabytes=begun[1], peak_gigabytes=highest())))
"""
    between = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', sys.argv[1]]).returncode)"
    # What goes wrong is said on the standard error stream.
    done = subprocess.run([sys.executable, "-c", between, counted], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
