"""The innermost loop of convolutions: a small tile of a matrix product that stays in registers.

Numba's own loops keep sums in memory or in scalars; this is written in vectors of the processor's width instead. LLVM
splits them where a processor has none so wide.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_BYTES = 64 if llvm.get_host_cpu_features().get("avx512f") else 32
WIDTH = {"float32": _BYTES // 4, "float64": _BYTES // 8}
"""Entries of a vector."""
WIDE = _BYTES == 64
_CONTRACT = ("contract",)


@intrinsic(prefer_literal=True)
def tile(
    typing, y, y0, y_row, a, a0, a_row, a_outer, a_inner, b, b0, b_outer, b_inner, outer, inner, add, rows, vectors
):
    """Write, or add, a tile of a sum of products.

    y[y0 + j·y_row + v] = Σ_{s < outer, t < inner} a[a0 + j·a_row + s·a_outer + t·a_inner] b[b0 + s·b_outer +
    t·b_inner + v] for j < rows and v < vectors·WIDTH; places and steps count entries of contiguous arrays. ``rows``
    and ``vectors`` are literals; ``add`` is 0 or 1.

    Returns:
        Numba's signature, and what writes the code.
    """
    if not all(isinstance(number, types.IntegerLiteral) for number in (rows, vectors)):
        return None
    arguments = (y, y0, y_row, a, a0, a_row, a_outer, a_inner, b, b0, b_outer, b_inner, outer, inner, add)
    whole = tuple(given if isinstance(given, types.Array) else types.intp for given in arguments)
    shape = rows.literal_value, vectors.literal_value

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _Tile(context, builder, signature, values, *shape).emit()
        return context.get_dummy_value()

    return types.void(*whole, rows, vectors), generate


class _Tile:
    """The code of one tile.

    Args:
        context: Numba's.
        builder: LLVM's.
        signature: types of the arguments.
        values: the arguments.
        rows: rows of the tile.
        vectors: vectors in a row.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, values: Any, rows: int, vectors: int) -> None:
        self._builder = builder
        self._rows, self._vectors = rows, vectors
        self._add = builder.icmp_signed("!=", values[14], ir.Constant(values[14].type, 0))
        self._y, self._a, self._b = (
            context.make_array(signature.args[place])(context, builder, values[place]).data for place in (0, 3, 8)
        )
        self._numbers = values
        scalar = context.get_data_type(signature.args[0].dtype)
        self._width = WIDTH[str(signature.args[0].dtype)]
        self._vector = ir.VectorType(scalar, self._width)
        self._align = signature.args[0].dtype.bitwidth // 8

    def emit(self) -> None:
        """Write the loops."""
        builder, index = self._builder, self._numbers
        sums = [[self._begin(row, v) for v in range(self._vectors)] for row in range(self._rows)]
        outer, inner = index[12], index[13]
        with cgutils.for_range(builder, outer, intp=outer.type) as loop:
            a_start = builder.add(index[4], builder.mul(loop.index, index[6]))
            b_start = builder.add(index[9], builder.mul(loop.index, index[10]))
            with cgutils.for_range(builder, inner, intp=inner.type) as step:
                a = builder.add(a_start, builder.mul(step.index, index[7]))
                b = builder.add(b_start, builder.mul(step.index, index[11]))
                self._step(sums, a, b)
        for row in range(self._rows):
            for v in range(self._vectors):
                store = builder.store(builder.load(sums[row][v]), self._place_y(row, v))
                store.align = self._align

    def _begin(self, row: int, v: int) -> Any:
        """Make a sum; it becomes a register, as it is never pointed to."""
        held, nothing = self._load(self._place_y(row, v)), ir.Constant(self._vector, None)
        start = self._builder.select(self._add, held, nothing)
        return cgutils.alloca_once_value(self._builder, start)

    def _step(self, sums: Any, a: Any, b: Any) -> None:
        """Add one product to each sum."""
        builder = self._builder
        right = [self._load(self._pointer(self._b, b, v)) for v in range(self._vectors)]
        for row in range(self._rows):
            place = builder.add(a, builder.mul(self._number(row), self._numbers[5]))
            left = self._spread(builder.load(builder.gep(self._a, [place])))
            for v in range(self._vectors):
                product = builder.fmul(left, right[v], flags=_CONTRACT)
                builder.store(builder.fadd(builder.load(sums[row][v]), product, flags=_CONTRACT), sums[row][v])

    def _place_y(self, row: int, v: int) -> Any:
        builder = self._builder
        place = builder.add(self._numbers[1], builder.mul(self._number(row), self._numbers[2]))
        return self._pointer(self._y, place, v)

    def _pointer(self, base: Any, place: Any, v: int) -> Any:
        """Point to a vector."""
        place = self._builder.add(place, self._number(v * self._width))
        return self._builder.bitcast(self._builder.gep(base, [place]), self._vector.as_pointer())

    def _load(self, pointer: Any) -> Any:
        loaded = self._builder.load(pointer)
        loaded.align = self._align
        return loaded

    def _spread(self, scalar: Any) -> Any:
        """Repeat a number in all entries of a vector."""
        builder = self._builder
        nothing = ir.Constant(self._vector, ir.Undefined)
        first = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self._width), None)
        return builder.shuffle_vector(first, nothing, zeros)

    def _number(self, value: int) -> Any:
        return ir.Constant(self._numbers[1].type, value)
