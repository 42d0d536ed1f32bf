"""The races use what the benchmarks use."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))


def pytest_benchmark_update_machine_info(config: object, machine_info: dict[str, Any]) -> None:
    """Record what the benchmarks record of the machine."""
    specification = importlib.util.spec_from_file_location("benchmarks_conftest", BENCHMARKS / "conftest.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.pytest_benchmark_update_machine_info(config, machine_info)
