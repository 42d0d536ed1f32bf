"""Products of NumPy matrices between compiled kernels, whose threads those of BLAS would hold up."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from ..kernels import loading
from .compiled_convolutions import runs_compiled

P = ParamSpec("P")
R = TypeVar("R")


class Convolving(Protocol):
    """What may run convolutions.

    Attributes:
        convolves: Whether it does.
    """

    convolves: bool


C = TypeVar("C", bound=Convolving)


def between_kernels(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Keep BLAS to one thread in a method of a network whose convolutions run in compiled kernels.

    Args:
        method: The method.

    Returns:
        A method that does the same.
    """

    @functools.wraps(method)
    def run(self: C, /, *arguments: P.args, **named: P.kwargs) -> R:
        compiled = self.convolves and any(map(runs_compiled, [*arguments, *named.values()]))
        with loading.one_blas_thread() if compiled else nullcontext():
            return method(self, *arguments, **named)

    return run
