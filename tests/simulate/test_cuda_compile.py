"""Every CUDA source compiles for Hopper, without a GPU; `tox -e cuda-compile` installs what that needs."""

from __future__ import annotations

import os
import re
import sys

import nvrtc
import pytest

from simulate.kernels.cuda.launches import FAMILIES, source

REQUIRED = os.environ.get("NOISE_GEOMETRY_NVRTC") == "required"
KERNELS = {"advance", "advance_online", "outputs", "project"}
LARGEST_SPILL = 32
"""Bytes that a thread may store because registers are too few."""


@pytest.fixture(autouse=True)
def compiler():
    if nvrtc.library() is None:
        assert not REQUIRED, "nvidia-cuda-nvrtc is required, but not installed"
        pytest.skip("nvidia-cuda-nvrtc is not installed")


def resources(log: str) -> dict[str, tuple[int, int, int]]:
    """Registers, bytes of the stack and bytes of spilled registers of each kernel."""
    pattern = r"entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores.*?Used (\d+) registers"
    found = re.findall(pattern, log, re.DOTALL)
    return {name: (int(registers), int(stack), int(spilled)) for name, stack, spilled, registers in found}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("real", ["double", "float"])
def test_sources_compile_for_hopper(family, real, capsys):
    binary, log = nvrtc.compile_for("sm_90", source(family, real))
    assert binary.startswith(b"\x7fELF"), log
    used = resources(log)
    assert used.keys() == KERNELS, log
    with capsys.disabled():
        for name, (registers, stack, spilled) in used.items():
            line = f"{family} {real} {name}: {registers} registers, {stack} bytes of stack, {spilled} spilled"
            sys.stdout.write(f"\n{line}")
    for name, (registers, _, spilled) in used.items():
        assert registers <= 128, name
        assert spilled <= LARGEST_SPILL, name


def test_a_wrong_source_is_refused():
    binary, log = nvrtc.compile_for("sm_90", source("LINEAR", "double") + "\nint wrong = missing;\n")
    assert binary == b""
    assert 'identifier "missing" is undefined' in log
