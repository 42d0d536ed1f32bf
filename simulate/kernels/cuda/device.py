"""The CUDA card that CuPy arrays are on."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

_WITHOUT_ASKING = 48 * 1024
"""Bytes of shared memory that a block gets without having asked for more."""


class Card:
    """One CUDA card, through CuPy.

    Args:
        number: its number among the cards that this process sees.

    Attributes:
        multiprocessors: number of multiprocessors.
        shared_bytes: most shared memory that a block may have.
    """

    def __init__(self, number: int) -> None:
        self._cupy = importlib.import_module("cupy")
        self._modules: dict[str, Any] = {}
        attributes = self._cupy.cuda.Device(number).attributes
        self.multiprocessors = int(attributes["MultiProcessorCount"])
        self.shared_bytes = int(attributes["MaxSharedMemoryPerBlockOptin"])

    def launch(
        self, code: str, name: str, grid: int, block: tuple[int, int, int], shared: int, arguments: Sequence[Any]
    ) -> None:
        """Run a kernel on CuPy's current stream, without waiting for it. The card must be the current one.

        Args:
            code: its source, compiled on its first launch for this card; CuPy keeps what it compiled on disk.
            name: its name there.
            grid: number of blocks.
            block: threads of a block along x, y and z.
            shared: bytes of dynamic shared memory of a block.
            arguments: arrays on the card, and NumPy scalars of the types that the kernel has.
        """
        kernel = self._kernel(code, name)
        if shared > _WITHOUT_ASKING:
            kernel.max_dynamic_shared_size_bytes = shared
        kernel((grid,), block, tuple(arguments), shared_mem=shared)

    def _kernel(self, code: str, name: str) -> Any:
        """Find a kernel."""
        if code not in self._modules:
            self._modules[code] = self._cupy.RawModule(code=code, options=("-std=c++17",), backend="nvrtc")
        return self._modules[code].get_function(name)


@functools.cache
def card(number: int) -> Card:
    """Find a card.

    Args:
        number: its number among those that this process sees.

    Returns:
        The card; always the same object, which keeps what was compiled for it.
    """
    return Card(number)
