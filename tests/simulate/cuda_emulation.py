"""A stand-in for a CUDA card: the very sources of the kernels, compiled by g++ and run on the CPU, thread by thread."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HEADER = Path(__file__).parent / "cuda_on_cpu.hpp"
PROBLEMS = {1: "threads wait for each other", 2: "a write beyond shared memory", 3: "arguments of other types"}
_KERNEL = re.compile(r'^extern "C" __global__ void (?:__launch_bounds__\(.*?\) )?(\w+)\(', re.MULTILINE)

OPTIONS = ["-std=c++17", "-O1", "-fPIC", "-Wall", "-Werror", "-Wno-unknown-pragmas"]

compiler = shutil.which("g++")


class EmulatedCard:
    """Runs launches on the CPU, with NumPy arrays as the arrays of the device.

    Args:
        folder: where what is compiled goes.
        multiprocessors: what the card claims to have.
        shared_bytes: the same.
        backwards: whether the threads of a block run from the last to the first.
    """

    def __init__(
        self, folder: Path, multiprocessors: int = 2, shared_bytes: int = 200_000, backwards: bool = False
    ) -> None:
        self._folder = folder
        self.multiprocessors, self.shared_bytes, self._backwards = multiprocessors, shared_bytes, backwards
        self.launches: list[tuple[str, int, tuple[int, int, int], int]] = []

    def launch(
        self, code: str, name: str, grid: int, block: tuple[int, int, int], shared: int, arguments: Sequence[Any]
    ) -> None:
        self.launches.append((name, grid, block, shared))
        held = [_bytes(argument) for argument in arguments]
        addresses = (ctypes.c_void_p * len(held))(*(one.ctypes.data for one in held))
        sizes = (ctypes.c_int * len(held))(*(one.nbytes for one in held))
        library = ctypes.CDLL(str(self._compiled(code)))
        found = library[f"launch_{name}"](
            grid, *block, ctypes.c_size_t(shared), self._backwards, len(held), addresses, sizes
        )
        assert found == 0, f"{name}: {PROBLEMS[found]}"

    def _compiled(self, code: str) -> Path:
        """Compile a source once, whatever the number of processes that share the folder."""
        library = self._folder / f"{hashlib.blake2b(code.encode(), digest_size=8).hexdigest()}.so"
        with _one_process(library):
            if not library.exists():
                header = self._header()
                unit = library.with_suffix(".cpp")
                unit.write_text(
                    f'#include "{header}"\n{code}\n#line 1 "launchers"\n{launchers(code)}', encoding="utf-8"
                )
                # A name such as "advance" is the kernel's, not that of a function of the C library.
                _compile([*OPTIONS, "-shared", "-Wl,-Bsymbolic", str(unit)], library)
        return library

    def _header(self) -> Path:
        """Compile the header once: that takes as long as a kernel does, and g++ looks for the result beside a copy."""
        copy = self._folder / HEADER.name
        compiled = copy.with_suffix(".hpp.gch")
        with _one_process(copy):
            if not compiled.exists():
                copy.write_bytes(HEADER.read_bytes())
                _compile([*OPTIONS, "-x", "c++-header", str(copy)], compiled)
        return copy


def _compile(arguments: Sequence[str], result: Path) -> None:
    """Call the compiler; a file that is there is whole."""
    part = result.with_suffix(".part")
    done = subprocess.run([compiler, *arguments, "-o", str(part)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    part.replace(result)


@contextlib.contextmanager
def _one_process(result: Path) -> Iterator[None]:
    """Let one process make a file while others wait."""
    import fcntl

    with result.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _bytes(argument: Any) -> np.ndarray:
    """The bytes of an argument: the address of an array, or the number itself."""
    if isinstance(argument, np.ndarray):
        assert argument.flags.c_contiguous
        return np.array([argument.ctypes.data], dtype=np.uint64)
    assert isinstance(argument, np.generic), f"expected an array or a NumPy number, got {type(argument)}"
    return np.array([argument])


def launchers(code: str) -> str:
    """Functions that ctypes can call, one for each kernel of a source."""
    template = """extern "C" int launch_{name}(
    int grid, int x, int y, int z, size_t shared, int backwards, int count, void** arguments, const int* sizes) {{
    return emulation::launch(
        {name}, Dimensions{{grid, 1, 1}}, Dimensions{{x, y, z}}, shared, backwards, count, arguments, sizes);
}}
"""
    return "".join(template.format(name=name) for name in _KERNEL.findall(code))
