"""What a benchmark's JSON says about the machine."""

from __future__ import annotations

import contextlib
from importlib import metadata
from typing import Any

COMPILERS_AND_PEERS = (
    *("numba", "jax", "torch", "curvlinops-for-pytorch", "backpack-for-pytorch", "nngeometry", "pyhessian"),
)


def pytest_benchmark_update_machine_info(config: object, machine_info: dict[str, Any]) -> None:
    """Record versions, BLAS libraries and their settings with every benchmark."""
    from verify.environment import describe

    machine_info["noise_geometry"] = found = describe()
    for name in COMPILERS_AND_PEERS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found["packages"][name] = metadata.version(name)
