"""NVIDIA's runtime compiler, which compiles CUDA sources on machines without a GPU."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path


def library() -> Path | None:
    """Find the compiler that pip has installed; None for none."""
    found = importlib.util.find_spec("nvidia")
    places = [] if found is None else list(found.submodule_search_locations or [])
    libraries = [path for place in places for path in Path(place).glob("**/libnvrtc.so.*")]
    return max(libraries, default=None)


def compile_for(architecture: str, code: str) -> tuple[bytes, str]:
    """Compile a source.

    Args:
        architecture: such as "sm_90".
        code: the source.

    Returns:
        The machine code (empty where the source is wrong), and what the compiler and its assembler said.
    """
    nvrtc = ctypes.CDLL(str(library()))
    program = ctypes.c_void_p()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"", 0, None, None) == 0
    options = [f"-arch={architecture}".encode(), b"-std=c++17", b"--ptxas-options=-v"]
    failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    log = _read(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
    binary = b"" if failed else _read(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return binary, log.rstrip(b"\0").decode()


def _read(size_of, contents_of, program: ctypes.c_void_p) -> bytes:
    """Read something that belongs to a program."""
    size = ctypes.c_size_t()
    assert size_of(program, ctypes.byref(size)) == 0
    buffer = ctypes.create_string_buffer(size.value)
    assert contents_of(program, buffer) == 0
    return buffer.raw
