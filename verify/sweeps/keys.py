"""Keys of points: what a point's numbers depend on, in 128 bits.

A key is the BLAKE2b hash of a canonical encoding of the function's name and code (`verify.sweeps.dependencies`), of
what the function captured, of the seed, the names and values of the axes, and the trial. The order of the axes, the
size of the grid and the module's name do not enter, so a point keeps its key when a grid grows. With n keys two are
equal by chance with probability below n²/2¹²⁸.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import types
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from verify.errors import VerifyError
from verify.sweeps.dependencies import code_hash
from verify.sweeps.grids import Position, Value

SCHEME = "sweep key 1"


class Keys:
    """Makes the keys of a grid's points.

    Args:
        function: what a sweep observes: `function_identity` of it.
        seed: the sweep's seed.
        names: the axes, in the order in which positions give their values.
    """

    def __init__(self, function: bytes, seed: int, names: Sequence[str]) -> None:
        self._order = sorted(range(len(names)), key=lambda place: names[place])
        head = (SCHEME, function, seed, tuple(names[place] for place in self._order))
        self._prefix = hashlib.blake2b(encoded(head), digest_size=16)
        self._encoded: list[dict[Value, bytes]] = [{} for _ in names]

    def __call__(self, position: Position) -> bytes:
        """Make the key of one point: about two microseconds.

        Args:
            position: the point.

        Returns:
            16 bytes.
        """
        parts = []
        for place in self._order:
            known, value = self._encoded[place], position.values[place]
            part = known.get(value)
            if part is None:
                part = known[value] = encoded(value)
            parts.append(part)
        parts.append(b"%d" % position.trial)
        total = self._prefix.copy()
        total.update(b"".join(parts))
        return total.digest()


def function_identity(function: Callable[..., Any]) -> bytes:
    """Hash a function: its name, the code that it runs, its defaults and what it captured.

    Args:
        function: a function, a method, a partial or an object that can be called.

    Returns:
        16 bytes. Where there is no source file (an interactive session) the function's own bytecode stands for the
        code, and what it calls does not count.

    Raises:
        VerifyError: if something that it captured can neither be encoded nor pickled, or its file is not readable.
    """
    return hashlib.blake2b(encoded(_described(function, ())), digest_size=16).digest()


def encoded(item: Any) -> bytes:
    """Encode nested values so that different ones differ and numbers that are equal (5 and 5.0) do not.

    Args:
        item: None, a bool, an integer, a float, a string, bytes, or a sequence or dict of these.

    Returns:
        The encoding: for each item a tag, the payload's length and the payload.

    Raises:
        TypeError: for anything else.
    """
    if item is None or isinstance(item, bool):
        return _tagged(b"c", str(item).encode())
    if isinstance(item, str):
        return _tagged(b"s", item.encode("utf-8", "surrogatepass"))
    if isinstance(item, bytes):
        return _tagged(b"b", item)
    if isinstance(item, float) and not item.is_integer():
        return _tagged(b"f", item.hex().encode())
    if isinstance(item, int | float):
        return _tagged(b"i", format(int(item), "x").encode())
    if isinstance(item, list | tuple):
        return _tagged(b"t", b"".join(encoded(part) for part in item))
    if isinstance(item, dict):
        return _tagged(b"d", b"".join(sorted(encoded(pair) for pair in item.items())))
    raise TypeError(f"expected values that can be encoded, got {type(item).__name__}")


def _tagged(tag: bytes, payload: bytes) -> bytes:
    return tag + b"%d:" % len(payload) + payload


def _described(function: Any, outer: tuple[int, ...]) -> Any:
    """Describe a function in values that can be encoded."""
    if id(function) in outer:
        return "itself"
    outer = (*outer, id(function))
    if isinstance(function, partial):
        bound = [_captured(value, outer) for value in function.args]
        named = {name: _captured(value, outer) for name, value in function.keywords.items()}
        return ["partial", _described(function.func, outer), bound, named]
    if isinstance(function, types.MethodType):
        return ["method", _described(function.__func__, outer), _captured(function.__self__, outer)]
    if not isinstance(function, types.FunctionType) and hasattr(function, "__wrapped__"):
        # Compiled by Numba, cached, …: what they wrap is what they do.
        return ["wrapped", type(function).__qualname__, _described(function.__wrapped__, outer)]
    if not isinstance(function, types.FunctionType):
        if isinstance(function, types.BuiltinFunctionType | type):
            return ["name", function.__module__, function.__qualname__]
        return ["object", _code_of(type(function)), type(function).__qualname__, _pickled(function)]
    cells = [_captured(_content(cell), outer) for cell in function.__closure__ or ()]
    defaults = [_captured(value, outer) for value in function.__defaults__ or ()]
    named = {name: _captured(value, outer) for name, value in (function.__kwdefaults__ or {}).items()}
    return ["function", function.__qualname__, _code_of(function), cells, defaults, named]


def _content(cell: types.CellType) -> Any:
    """Read what a closure holds; nothing where it is not filled yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _captured(value: Any, outer: tuple[int, ...]) -> Any:
    """Describe a value that a function carries along."""
    if isinstance(value, types.ModuleType):
        return ["module", value.__name__]
    if isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType | type | partial):
        return _described(value, outer)
    try:
        return ["value", encoded(value)]
    except TypeError:
        return ["pickle", type(value).__qualname__, _pickled(value)]


def _pickled(value: Any) -> bytes:
    """Pickle a value, to hash it."""
    try:
        return pickle.dumps(value, protocol=4)
    except Exception:
        raise VerifyError(
            f"function: expected it to hold values that can be pickled, got one of type {type(value).__name__}"
        ) from None


def _code_of(function: Any) -> list[Any]:
    """Hash the code behind a function or class."""
    try:
        file = inspect.getsourcefile(function)
    except (TypeError, OSError):
        file = None
    anonymous = [_bytecode(function.__code__)] if getattr(function, "__name__", "") == "<lambda>" else []
    if file is None or not Path(file).is_file():
        return anonymous or [_bytecode(function.__code__)] if hasattr(function, "__code__") else []
    try:
        return [code_hash(_module_name(function.__module__), Path(file)), *anonymous]
    except SyntaxError as error:
        raise VerifyError(f"{file}: expected Python, got a syntax error at line {error.lineno}") from None
    except OSError as error:
        raise VerifyError(f"{error.filename}: expected a readable file, got: {error.strerror}") from None


def _module_name(name: str) -> str:
    """Name a module; one that runs as `python -m` by the name it was found by."""
    import sys

    spec = getattr(sys.modules.get(name), "__spec__", None)
    return spec.name if spec is not None else name


def _bytecode(code: types.CodeType) -> list[Any]:
    """List what a compiled function does, without its place in a file."""
    constants = [_bytecode(part) if isinstance(part, types.CodeType) else repr(part) for part in code.co_consts]
    return [code.co_code, constants, list(code.co_names), list(code.co_varnames)]
