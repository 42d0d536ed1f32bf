"""Work that is repeated on the same arrays, captured in a CUDA graph: one launch in place of hundreds.

What is captured must ask nothing of the device, and take nothing from the host but numbers that stay the same.
It has not run on a GPU yet; tests run it against stand-ins for CuPy and cuBLAS.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import array_api_compat

from .products import Products

Body = Callable[[Any], None]
"""Work on arrays that stay where they are, given the namespace to do it with."""


def repeated(xp: Any, like: Any, body: Body) -> Callable[[], None]:
    """Prepare work that will be done many times.

    Args:
        xp: The namespace.
        like: An array of the library that the work is done with.
        body: The work.

    Returns:
        A function that does it once: through a CUDA graph for arrays of CuPy, directly for others.
    """
    if array_api_compat.is_cupy_array(like):
        return Captured(importlib.import_module("cupy"), xp, body)
    return lambda: body(xp)


@contextlib.contextmanager
def own_stream() -> Iterator[None]:
    """Do all that follows on a stream of its own, since CUDA captures none of the default stream."""
    cuda = importlib.import_module("cupy").cuda
    cuda.get_current_stream().synchronize()
    stream = cuda.Stream(non_blocking=True)
    with stream:
        try:
            yield
        finally:
            stream.synchronize()


class Captured:
    """Work of CuPy that the first call does as it is, the second captures, and all from then on replay.

    The first call compiles kernels and fills a memory pool that nothing else uses: what the graph writes to while it
    is replayed must never be given to others. If the work cannot be captured, a warning says why, and every call does
    it as the first did.

    Args:
        cupy: The module.
        xp: The namespace of its arrays.
        body: The work.
    """

    def __init__(self, cupy: Any, xp: Any, body: Body) -> None:
        self._cupy = cupy
        self._body = body
        self._xp = xp
        self._pool = cupy.cuda.MemoryPool()
        self._graph: Any = None
        self._ready = self._refused = False

    def __call__(self) -> None:
        """Do the work on the current stream, without waiting for it."""
        if self._graph is None and self._ready and not self._refused:
            self._capture()
        if self._graph is not None:
            self._graph.launch()
            return
        with self._cupy.cuda.using_allocator(self._pool.malloc):
            if not self._ready:
                self._prepare()
            self._body(self._xp)

    def _prepare(self) -> None:
        """Make the matrix products ones that can be captured."""
        self._ready = True
        try:
            self._xp = _WithProducts(self._xp, Products(self._cupy))
        except (OSError, RuntimeError, AttributeError) as error:
            self._refuse(error)

    def _capture(self) -> None:
        """Capture the work, which is not done meanwhile."""
        stream = self._cupy.cuda.get_current_stream()
        try:
            stream.begin_capture()
            try:
                with self._cupy.cuda.using_allocator(self._pool.malloc):
                    self._body(self._xp)
            finally:
                graph = stream.end_capture()
            self._graph = graph
        except (RuntimeError, NotImplementedError, ValueError) as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        """Go on without a graph."""
        self._refused = True
        warnings.warn(f"no CUDA graph: {error}; kernels are launched one by one", RuntimeWarning, stacklevel=2)


class _WithProducts:
    """A namespace with other matrix products.

    Args:
        xp: The namespace.
        matmul: Product of two matrices.
    """

    def __init__(self, xp: Any, matmul: Callable[[Any, Any], Any]) -> None:
        self._xp = xp
        self.matmul = matmul

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)
