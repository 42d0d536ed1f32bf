"""Functions of a point that workers run in tests of the runners, and what was collected from them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import verify
from verify.sweeps import pointwise
from verify.sweeps.runners import Result, Runner

PYTHONPATH = os.pathsep.join([
    str(Path(verify.__file__).parents[1]),
    str(Path(__file__).parent),
    os.environ.get("PYTHONPATH", ""),
])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PYTHONPATH}


def linear_algebra(point: dict[str, int]) -> dict[str, object]:
    """Use every kind of operation whose rounding depends on how the work is split."""
    X = np.random.default_rng(point["seed"]).standard_normal((200, 80))
    from scipy.linalg import svdvals

    return {"gram": (X @ X.T).sum(), "top": np.linalg.eigvalsh(X.T @ X)[-1], "sharp": svdvals(X), "pid": os.getpid()}


def square(point: int) -> dict[str, int]:
    return {"square": point * point}


def square_slowly(point: int) -> dict[str, int]:
    time.sleep(0.004)
    return {"square": point * point, "pid": os.getpid()}


def wait_long(point: float) -> dict[str, float]:
    time.sleep(point)
    return {"pid": os.getpid()}


def misbehave(point: int) -> object:
    """Fail in every way but one."""
    if point == 1:
        raise ValueError("two\nlines")
    if point == 2:
        sys.exit("bye")
    if point == 3:
        return {"x": object()}
    if point == 4:
        return [1.0]
    if point == 5:
        raise RuntimeError("\udcff")
    return {"x": float(point)}


def die_at_three(point: int) -> dict[str, int]:
    if point == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(point)


def count_threads(_: int) -> dict[str, list[int]]:
    import numba
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    blas = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    return {"threads": [*blas, numba.get_num_threads()]}


def collect(runner: Runner, function: pointwise.Observe, points: Iterable[object]) -> dict[object, Result]:
    """Run points and check that every one comes exactly once."""
    found: dict[object, Result] = {}
    for batch, results in runner.run(function, points):
        for point, result in zip(batch, results, strict=True):
            name = json.dumps(point)
            assert name not in found
            found[name] = result
    return found


def values(found: dict[object, Result]) -> dict[object, object]:
    """What the points gave, without the process they ran in."""
    return {p: {k: v for k, v in result.values.items() if k != "pid"} for p, result in found.items()}


def seeds(count: int) -> list[dict[str, int]]:
    return [{"seed": seed} for seed in range(count)]
