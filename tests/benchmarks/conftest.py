"""What a benchmark's JSON says about the machine."""

from __future__ import annotations

from typing import Any


def pytest_benchmark_update_machine_info(config: object, machine_info: dict[str, Any]) -> None:
    """Record versions, BLAS libraries and their settings with every benchmark."""
    from verify.environment import describe

    machine_info["noise_geometry"] = describe()
