"""Kernels on their first use: compiled once, kept on disk, and never by two processes at a time."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..validation import MissingDependencyError

_TIME = 2**30
"""Time of the copied sources, in seconds since 1970: any, but always the same."""


def available() -> bool:
    """Say whether kernels can be compiled here.

    Returns:
        Whether Numba is installed.
    """
    return importlib.util.find_spec("numba") is not None


class Kernel:
    """A compiled function, found and compiled when it is first called.

    Numba's cache on disk may be corrupted by processes that fill it at the same time (numba#4807), so that one process
    compiles a kernel while the others that need it wait, and then read what it has written.

    Args:
        module: module of this package.
        name: the function's name in it.

    Raises:
        MissingDependencyError: on the first call, where Numba is not installed.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._seen: set[tuple[Any, ...]] = set()

    def __call__(self, *arguments: Any) -> Any:
        """Call the compiled function."""
        function = getattr(_module(self._module), self._name)
        numba = importlib.import_module("numba")
        kinds = tuple(map(_kind, arguments))
        if kinds not in self._seen:
            with _one_process(f"{self._module}.{self._name}"):
                function.compile(tuple(numba.typeof(argument) for argument in arguments))
            self._seen.add(kinds)
        with _launch(numba):
            return function(*arguments)


def _kind(argument: Any) -> Any:
    """Say of which kind an argument is, for the compiler: in a tenth of the time that Numba takes for its type.

    Args:
        argument: an array, a number or a tuple of numbers.

    Returns:
        What arguments of one type have in common.
    """
    if isinstance(argument, np.ndarray):
        flags = argument.flags
        return argument.dtype, argument.ndim, flags.c_contiguous, flags.f_contiguous, flags.aligned, flags.writeable
    if isinstance(argument, tuple):
        return tuple(map(_kind, argument))
    return type(argument)


_one_at_a_time = threading.RLock()


@functools.cache
def _first_process() -> int:
    """Remember the process that ran a kernel first; a forked one inherits the answer."""
    return os.getpid()


@contextlib.contextmanager
def _launch(numba: ModuleType) -> Iterator[None]:
    """Keep from Numba's threads what would end the process.

    Its own pool of threads (layer "workqueue") serves one caller at a time, and GNU's OpenMP does not survive a fork.

    Args:
        numba: the module.

    Yields:
        Nothing.

    Raises:
        RuntimeError: in a forked process, where its parent has used OpenMP.
    """
    try:
        layer = numba.threading_layer()
    except ValueError:  # None was needed before.
        layer = None
    forked = _first_process() != os.getpid()
    if forked and layer == "omp" and sys.platform == "linux":
        raise RuntimeError(
            "simulate: expected a process started by spawn or forkserver, got one forked from a process that has run "
            "kernels, which OpenMP does not allow"
        )
    with contextlib.nullcontext() if layer in {"omp", "tbb"} else _one_at_a_time:
        yield


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Limit the threads that kernels use.

    Args:
        count: number of threads; None leaves it as it is.

    Yields:
        Nothing.
    """
    if count is None or not available():
        yield
        return
    numba = importlib.import_module("numba")
    before = numba.get_num_threads()
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        numba.set_num_threads(before)


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread, for products between kernels.

    Its threads wait for more work by running, for milliseconds after a product, and so do those of the kernels: where
    the two alternate, each takes the processor from the other. The limit holds for the whole process.

    Yields:
        Nothing; without a limit where threadpoolctl is not installed.
    """
    blas = _blas()
    with contextlib.nullcontext() if blas is None else blas.limit(limits=1):
        yield


@functools.cache
def _blas() -> Any:
    """Find the BLAS libraries of this process; looking takes longer than a small product."""
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ImportError:
        return None
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


@functools.cache
def _module(name: str) -> ModuleType:
    """Import a module of kernels from the folder where compiled ones are kept.

    Numba keeps what it compiles by the source file's path and time, and compares with that file only. From copies in
    a folder that is named after what all kernels contain, every installation finds what one has compiled, and a change
    in one kernel never meets what was compiled from its predecessor.

    Args:
        name: module of this package.

    Returns:
        The module.

    Raises:
        MissingDependencyError: where Numba is not installed.
    """
    try:
        config = importlib.import_module("numba").config
    except ImportError:
        raise MissingDependencyError("numba: expected to be installed, got none; pip install numba") from None
    sources, package = str(_copied_sources()), sys.modules[__package__]
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_cache_folder())
    package.__path__.insert(0, sources)
    try:
        return importlib.import_module(f"{__package__}.{name}")
    finally:
        package.__path__.remove(sources)
        config.CACHE_DIR = before


def _sources() -> list[Path]:
    """List the files of the kernels."""
    return [source for source in sorted(Path(__file__).parent.glob("*.py")) if source.name != "__init__.py"]


@functools.cache
def _copied_sources() -> Path:
    """Copy the kernels' sources to where compiled ones are kept, all with the same time.

    Returns:
        Their folder.
    """
    folder = _cache_folder() / "sources"
    with _one_process("sources"):
        folder.mkdir(exist_ok=True)
        for source in _sources():
            copy, content = folder / source.name, source.read_bytes()
            if copy.exists() and copy.read_bytes() == content:
                continue
            # A name of its own, as there are systems without locks.
            part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
            part.write_bytes(content)
            os.utime(part, (_TIME, _TIME))
            part.replace(copy)
    return folder


def _numba_version() -> str:
    """Numba's version: one throws away what another has compiled."""
    try:
        return metadata.version("numba")
    except metadata.PackageNotFoundError:
        return ""


@functools.cache
def _cache_folder() -> Path:
    """Find a folder that can be written to, for these kernels and this version of Numba.

    Returns:
        The folder: in NUMBA_CACHE_DIR where that is set, else in the user's cache, else one of the user's
        own in the system's temporary folder.
    """
    digest = hashlib.blake2b(_numba_version().encode(), digest_size=8)
    for source in _sources():
        digest.update(source.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~").expanduser() / ".cache")
    name = f"kernels-{digest.hexdigest()}"
    for candidate in filter(None, [os.environ.get("NUMBA_CACHE_DIR"), home]):
        folder = Path(candidate) / "noise-geometry" / name
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    shared = Path(tempfile.gettempdir()) / f"noise-geometry-{name}"
    with contextlib.suppress(OSError):
        shared.mkdir(mode=0o700, exist_ok=True)
        if _is_mine(shared):
            return shared
    return Path(tempfile.mkdtemp(prefix="noise-geometry-kernels-"))


def _is_mine(folder: Path) -> bool:
    """Whether a folder in a place that all users share belongs to this one alone: code will be run from it."""
    status = folder.stat()
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


@contextlib.contextmanager
def _one_process(name: str) -> Iterator[None]:
    """Let one process of this machine at a time write files of a name; others may compile another kernel meanwhile.

    Args:
        name: of the kernel, or "sources".

    Yields:
        Nothing; without a lock where the system has none.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (_cache_folder() / f"{name}.lock").open("w") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kernel(module: str, name: str) -> Callable[..., Any]:
    """Name a kernel without compiling it.

    Args:
        module: module of this package.
        name: the function's name in it.

    Returns:
        A function that compiles it on its first call.
    """
    return Kernel(module, name)
