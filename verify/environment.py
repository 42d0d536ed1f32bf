"""What a run ran on: versions, processor, BLAS libraries and the variables that steer them."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

DISTRIBUTION = "noise-geometry"
DEPENDENCIES = (
    "array-api-compat",
    "jinja2",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "rich",
    "scikit-learn",
    "scipy",
    "sympy",
    "threadpoolctl",
    "typer",
)
_PREFIXES = ("OPENBLAS_", "OMP_", "MKL_", "BLIS_", "NUMBA_", "GOTO_")


def program_version() -> str:
    """Return the installed version of this program.

    Returns:
        The version, or "unknown" where it runs from a source tree that is not installed.
    """
    return _version(DISTRIBUTION)


def describe() -> dict[str, Any]:
    """Describe this process's environment in values that JSON can hold.

    Returns:
        `program`, `python`, `platform`, `processor`, `cpus` (usable ones), `packages`, `blas` and `variables`.
    """
    return {
        "program": program_version(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": usable_cpus(),
        "packages": {name: _version(name) for name in DEPENDENCIES},
        "blas": _libraries(),
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith(_PREFIXES)},
    }


def usable_cpus() -> int:
    """Count the CPUs that this process may use.

    Returns:
        The number of CPUs of its affinity mask, less where its control group has a smaller quota; at least 1.
    """
    if hasattr(os, "process_cpu_count"):
        count = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    return max(1, min(count or 1, _quota()))


def _quota() -> int:
    """Read how many CPUs the control group of a container grants."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            return max(1, int(quota) // int(period))
    return 2**20


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def _processor() -> str:
    """Name the processor's model."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _libraries() -> list[dict[str, Any]]:
    """List the BLAS and OpenMP libraries that are loaded; paths stay out, they name the user's folders."""
    import scipy.linalg  # noqa: F401 (so that the libraries are loaded)
    from threadpoolctl import threadpool_info

    wanted = ("user_api", "internal_api", "version", "num_threads", "architecture", "threading_layer")
    found = [{key: library.get(key) for key in wanted if library.get(key)} for library in threadpool_info()]
    return sorted(found, key=str)
