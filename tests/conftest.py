"""Fixtures that every package's tests share."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Test processes that run side by side share the cores: threads of OpenBLAS that wait for each other take most of the
# time otherwise. It reads this when NumPy is loaded.
if side_by_side := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // side_by_side)))
    # Threads of Numba's kernels, too, are to sleep while they wait.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import array_api_compat
import numpy as np
import pytest

# The benchmarks' environment has neither hypothesis nor array-api-strict; the tests import both by themselves.
if importlib.util.find_spec("hypothesis") is not None:
    import hypothesis

    # The same examples at every run, and no failure because a machine is busy.
    hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("steady")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m gpu``, leave out what has no such tests, or imports what a machine with a GPU need not have."""
    if config.option.markexpr != "gpu":
        return None
    files = collection_path.rglob("test_*.py") if collection_path.is_dir() else [collection_path]
    return None if any(map(_has_gpu_tests, files)) else True


def _has_gpu_tests(path: Path) -> bool:
    """Whether a file has tests for a GPU, by themselves or through the fixture, and all that it imports is there."""
    text = path.read_text(encoding="utf-8")
    if "pytest.mark.gpu" not in text and "(backend" not in text:
        return False
    statements = ast.parse(text).body
    modules = [alias.name for one in statements if isinstance(one, ast.Import) for alias in one.names]
    modules += [one.module for one in statements if isinstance(one, ast.ImportFrom) and one.module]
    packages = {module.partition(".")[0] for module in modules}
    return all((path.parent / f"{name}.py").exists() or importlib.util.find_spec(name) for name in packages)


@dataclass(frozen=True)
class Backend:
    """An array library and one of its devices.

    Attributes:
        name: Name in the test's id.
        xp: The namespace.
        device: The device.
    """

    name: str
    xp: Any
    device: Any

    def asarray(self, values: Any) -> Any:
        """Put values on the device as float64."""
        return self.xp.asarray(np.asarray(values, dtype=np.float64), device=self.device)

    def owns(self, x: Any) -> bool:
        """Whether an array is of this library and on this device."""
        return array_api_compat.array_namespace(x) == self.xp and array_api_compat.device(x) == self.device


def _backends() -> list[Any]:
    """NumPy, array-api-strict on two devices (the second refuses silent host copies), and CuPy where a GPU is."""
    numpy = array_api_compat.array_namespace(np.empty(0))
    found = [pytest.param(Backend("numpy", numpy, "cpu"), id="numpy")]
    if importlib.util.find_spec("array_api_strict") is not None:
        import array_api_strict

        for name in ("CPU_DEVICE", "device1"):
            device = array_api_strict.Device(name)
            found.append(pytest.param(Backend(f"strict-{name}", array_api_strict, device), id=f"strict-{name}"))
    if importlib.util.find_spec("cupy") is not None:
        import cupy

        if cupy.cuda.is_available():
            library = array_api_compat.array_namespace(cupy.empty(0))
            found.append(pytest.param(Backend("cupy", library, cupy.cuda.Device(0)), id="cupy", marks=pytest.mark.gpu))
    return found


@pytest.fixture(params=_backends())
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each array library and device present, in turn."""
    return request.param


@pytest.fixture
def interrupt_key():
    """Let the interrupt key work, also where the tests were started with it ignored (as a job in the background)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
