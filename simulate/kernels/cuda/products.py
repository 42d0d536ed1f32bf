"""Products of CuPy's matrices by cuBLAS on a stream that may be capturing a graph, which CuPy's own products refuse."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

_WORKSPACE = 2**25
"""Bytes that cuBLAS asks for on Hopper; given to it, it allocates nothing during a capture."""
_ROUTINES = {"float32": ("cublasSgemm_v2", ctypes.c_float), "float64": ("cublasDgemm_v2", ctypes.c_double)}


class Products:
    """Products of two matrices on the stream that was current when this was made.

    Args:
        cupy: The module.

    Raises:
        OSError: If there is no cuBLAS.
        ImportError: If CuPy finds none.
        RuntimeError: If cuBLAS does not start.
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        # CuPy knows where cuBLAS is, and loads it when it is first asked for.
        cupy.cuda.device.get_cublas_handle()
        self._library = ctypes.CDLL(f"libcublas.so.{cupy.cuda.runtime.runtimeGetVersion() // 1000}")
        self._handle = ctypes.c_void_p()
        # The stream must not end before the handle does.
        self._stream = cupy.cuda.get_current_stream()
        self._workspace = cupy.cuda.alloc(_WORKSPACE)
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        self._destroy = weakref.finalize(self, self._library.cublasDestroy_v2, self._handle)
        # Not while the interpreter ends, when CUDA may be gone already.
        self._destroy.atexit = False
        # The workspace comes last: a new stream takes it away.
        self._call("cublasSetStream_v2", self._handle, ctypes.c_void_p(self._stream.ptr))
        workspace = ctypes.c_void_p(self._workspace.ptr)
        self._call("cublasSetWorkspace_v2", self._handle, workspace, ctypes.c_size_t(_WORKSPACE))

    def __call__(self, a: Any, b: Any) -> Any:
        """Multiply two matrices, in their floating type.

        Args:
            a: Shape (m, k), float32 or float64.
            b: Shape (k, n), of the same type.

        Returns:
            a b, shape (m, n). O(m n k).

        Raises:
            ValueError: If these are not such matrices.
            RuntimeError: If cuBLAS refuses them.
        """
        kind = str(a.dtype)
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or kind not in _ROUTINES or b.dtype != a.dtype:
            raise ValueError(
                f"products: expected matrices (m, k) and (k, n) of float32 or float64, got {a.dtype} {a.shape} and "
                f"{b.dtype} {b.shape}"
            )
        m, n, k = a.shape[0], b.shape[1], a.shape[1]
        product = self._cupy.empty((m, n), dtype=a.dtype)
        if min(m, n, k) == 0:
            product.fill(0)
            return product
        name, real = _ROUTINES[kind]
        a, across_a, rows_a = self._laid_out(a)
        b, across_b, rows_b = self._laid_out(b)
        one, zero = real(1.0), real(0.0)
        # cuBLAS counts by columns: what it reads is bᵀ and aᵀ, and what it writes is (a b)ᵀ.
        self._call(
            name, self._handle, across_b, across_a, n, m, k, ctypes.byref(one), ctypes.c_void_p(b.data.ptr), rows_b,
            ctypes.c_void_p(a.data.ptr), rows_a, ctypes.byref(zero), ctypes.c_void_p(product.data.ptr), n,
        )  # fmt: skip
        return product

    def close(self) -> None:
        """Give back the handle and the workspace; no product may follow."""
        self._destroy()
        self._workspace = None

    def _laid_out(self, matrix: Any) -> tuple[Any, int, int]:
        """The matrix or a copy of it, whether its columns lie together (1) or its rows (0), and how far apart."""
        item = matrix.dtype.itemsize
        rows, columns = matrix.shape
        by_row, by_column = matrix.strides
        if (columns == 1 or by_column == item) and (rows == 1 or by_row >= columns * item):
            return matrix, 0, by_row // item if rows > 1 else columns
        if (rows == 1 or by_row == item) and (columns == 1 or by_column >= rows * item):
            return matrix, 1, by_column // item if columns > 1 else rows
        return self._cupy.ascontiguousarray(matrix), 0, columns

    def _call(self, name: str, *arguments: Any) -> None:
        """Call cuBLAS."""
        status = getattr(self._library, name)(*arguments)
        if status != 0:
            raise RuntimeError(f"{name}: expected status 0 of cuBLAS, got {status}")
