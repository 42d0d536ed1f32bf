"""Functions of a point whose work is fixed, and what the same work takes without a runner."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import verify

# Additions in a loop: no memory, no library, so that two processes do not slow each other down.
ADDITIONS_PER_MS = 16_000


def observe(point: verify.Point) -> int:
    """Work for about as many milliseconds as the point says.

    Args:
        point: with the axes `ms` and `number`.

    Returns:
        What the work came to.
    """
    return work(float(point["ms"])) + int(point["number"])


def work(ms: float) -> int:
    """Add numbers for about `ms` milliseconds.

    Args:
        ms: how long, on a core of 2025.

    Returns:
        The sum.
    """
    total = 0
    for number in range(round(ADDITIONS_PER_MS * ms)):
        total += number
    return total


def bare(points: int, ms: float, processes: int) -> float:
    """Time the same work in processes that do nothing else.

    Args:
        points: in all.
        ms: the size of a point.
        processes: which share the points.

    Returns:
        Seconds from the moment when all are ready until the last has finished.
    """
    command = [sys.executable, __file__, "bare", str(points // processes), str(ms)]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(processes)]
    for process in running:
        _stream(process.stdout).readline()
    started = time.perf_counter()
    for process in running:
        _stream(process.stdin).write("go\n")
        _stream(process.stdin).flush()
    for process in running:
        _stream(process.stdout).readline()
    seconds = time.perf_counter() - started
    for process in running:
        process.communicate()
    return seconds


def sweep_in_own_process(points: int, ms: float, workers: int, store: bool = True) -> dict[str, float]:
    """Run a sweep in a process of its own, twice: the second time everything is finished.

    Args:
        points: in all.
        ms: the size of a point.
        workers: processes.
        store: whether points are kept; without, there is no second time.

    Returns:
        seconds and resumed (seconds of the second time), driver (processor seconds of the driving process in the first
        time), own (seconds that the points took, summed), peak_mb (memory of the driving process after both).
    """
    with tempfile.TemporaryDirectory() as folder:
        where = str(Path(folder, "store")) if store else ""
        command = [sys.executable, __file__, "sweep", str(points), str(ms), str(workers), where]
        # By a process in between: on Linux the peak of a new process starts at the memory of its parent.
        between = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"]
        done = subprocess.run([*between, *command], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _stream(stream: Any) -> Any:
    """Say that a pipe is there."""
    return stream


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _bare(points: int, ms: float) -> None:
    _say("ready")
    sys.stdin.readline()
    for _ in range(points):
        work(ms)
    _say("done")


def _sweep(points: int, ms: float, workers: int, store: str) -> None:
    import resource

    # Workers find the function by its module, which is not __main__.
    sys.path.insert(0, str(Path(__file__).parent))
    from swept_points import observe as function

    def run() -> tuple[float, Any]:
        started = time.perf_counter()
        table = verify.sweep(
            function, ms=ms, number=range(points), store=store or None, workers=workers, progress=False
        )
        return time.perf_counter() - started, table

    begun = time.process_time()
    seconds, table = run()
    driver = time.process_time() - begun
    resumed = run()[0] if store else float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    own = float(table["seconds"].sum())
    _say(json.dumps({"seconds": seconds, "resumed": resumed, "driver": driver, "own": own, "peak_mb": peak}))


if __name__ == "__main__":
    _, _what, _points, _ms, *_rest = sys.argv
    if _what == "bare":
        _bare(int(_points), float(_ms))
    else:
        _sweep(int(_points), float(_ms), int(_rest[0]), _rest[1])
