"""Work that is repeated on the same arrays, captured in a CUDA graph: one launch in place of hundreds.

What is captured must ask nothing of the device, and take nothing from the host but numbers that stay the same.
It has not run on a GPU yet; tests run it against stand-ins for CuPy and cuBLAS.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import array_api_compat

from .products import Products

Body = Callable[[Any], None]
"""Work on arrays that stay where they are, given the namespace to do it with."""

_ATTEMPTS = 3
"""A capture during which the pool grew is thrown away, this many times at most."""


def repeated(xp: Any, like: Any, body: Body) -> Repeated:
    """Prepare work that will be done many times.

    Args:
        xp: The namespace.
        like: An array of the library that the work is done with.
        body: The work.

    Returns:
        What does it once when it is called: through a CUDA graph for arrays of CuPy, directly for others.
    """
    if array_api_compat.is_cupy_array(like):
        return Captured(importlib.import_module("cupy"), xp, body)
    return Repeated(xp, body)


@contextlib.contextmanager
def own_stream(like: Any) -> Iterator[None]:
    """Do all that follows on a stream of its own, since CUDA captures none of the default stream.

    Args:
        like: An array of CuPy; the stream is on its card.

    Yields:
        Nothing.
    """
    cupy = importlib.import_module("cupy")
    with like.device:
        cupy.cuda.get_current_stream().synchronize()
        stream = cupy.cuda.Stream(non_blocking=True)
        with stream:
            try:
                yield
            finally:
                stream.synchronize()
                # CuPy keeps free memory apart by streams, and this one ends here.
                cupy.get_default_memory_pool().free_all_blocks(stream=stream)


class Repeated:
    """Work that is done as it is.

    Args:
        xp: The namespace.
        body: The work.
    """

    def __init__(self, xp: Any, body: Body) -> None:
        self._xp, self._body = xp, body

    def __call__(self) -> None:
        """Do the work."""
        self._body(self._xp)

    def close(self) -> None:
        """Give back what was kept for it."""

    @property
    def pool_bytes(self) -> int:
        """Memory on the device that is its own."""
        return 0


class Captured(Repeated):
    """Work of CuPy that the first call does as it is, the second captures, and all from then on replay.

    The first call compiles kernels and fills a memory pool that nothing else uses: what the graph writes to while it
    is replayed must never be given to others. If the work cannot be captured, a warning says why, and every call does
    it as the first did. CuPy does not give a pool's memory back by itself, so that ``close`` must be called.

    Args:
        cupy: The module.
        xp: The namespace of its arrays.
        body: The work.
    """

    def __init__(self, cupy: Any, xp: Any, body: Body) -> None:
        super().__init__(xp, body)
        self._cupy = cupy
        self._pool = cupy.cuda.MemoryPool()
        self._graph: Any = None
        self._ready = False
        self._attempts = _ATTEMPTS

    def __call__(self) -> None:
        """Do the work on the current stream, without waiting for it."""
        if self._graph is None and self._ready and self._attempts:
            self._capture()
        if self._graph is not None:
            self._graph.launch()
            return
        with self._cupy.cuda.using_allocator(self._pool.malloc):
            if not self._ready:
                self._prepare()
            self._body(self._xp)

    def close(self) -> None:
        """Wait for the current stream, and give back the graph and its memory."""
        self._cupy.cuda.get_current_stream().synchronize()
        self._graph = None
        if isinstance(self._xp, _WithProducts):
            self._xp.matmul.close()
        self._pool.free_all_blocks()
        self._attempts = 0

    @property
    def pool_bytes(self) -> int:
        """Memory on the card that is its own."""
        return int(self._pool.total_bytes())

    def _prepare(self) -> None:
        """Make the matrix products ones that can be captured."""
        self._ready = True
        try:
            self._xp = _WithProducts(self._xp, Products(self._cupy))
        except (OSError, RuntimeError, AttributeError, ImportError) as error:
            self._refuse(error)

    def _capture(self) -> None:
        """Capture the work, which is not done meanwhile."""
        stream, size = self._cupy.cuda.get_current_stream(), self._pool.total_bytes()
        self._attempts -= 1
        try:
            with _without_collection():
                stream.begin_capture()
                try:
                    with self._cupy.cuda.using_allocator(self._pool.malloc):
                        self._body(self._xp)
                finally:
                    graph = stream.end_capture()
        except (RuntimeError, NotImplementedError, ValueError, MemoryError) as error:
            self._refuse(error)
            return
        # Where the pool had to grow it may have freed blocks that the graph writes to.
        if self._pool.total_bytes() == size:
            self._graph = graph

    def _refuse(self, error: Exception) -> None:
        """Go on without a graph."""
        self._attempts = 0
        warnings.warn(f"no CUDA graph: {error}; kernels are launched one by one", RuntimeWarning, stacklevel=2)


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Keep the garbage collector from giving back things of CUDA during a capture, which would invalidate it."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _WithProducts:
    """A namespace with other matrix products.

    Args:
        xp: The namespace.
        matmul: Product of two matrices.
    """

    def __init__(self, xp: Any, matmul: Products) -> None:
        self._xp = xp
        self.matmul = matmul

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)
