"""What a point may return and a store can hold: plain numbers, texts and lists of them."""

from __future__ import annotations

from typing import Any

_PLAIN = frozenset((type(None), bool, float, str))
_LEAST, _MOST = -(2**63), 2**64 - 1


def plain_value(value: object) -> Any:
    """Turn a value into one of Python's own types, exactly.

    Args:
        value: None, a bool, an integer that 64 bits hold, a float, a text, a NumPy scalar or array of these, or a list
            or tuple of them.

    Returns:
        The same value as None, bool, int, float, str or a list of these.

    Raises:
        TypeError: if it is anything else; the message says what.
    """
    # Nearly all values are plain already.
    if type(value) in _PLAIN:
        return value
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    if type(value) in _PLAIN:
        return value
    if isinstance(value, int):
        return _within_64_bits(value)
    for kind in (float, str):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"expected numbers, texts or lists of them, got {type(value).__name__}")


def _within_64_bits(value: int) -> int:
    if not _LEAST <= value <= _MOST:
        raise TypeError(f"expected integers that 64 bits hold, got {value.bit_length()} bits")
    return int(value)


def plain_row(row: object) -> dict[str, Any]:
    """Turn a mapping of names to values into a dictionary of plain values.

    Args:
        row: the mapping.

    Returns:
        The dictionary, in the mapping's order.

    Raises:
        TypeError: if it is not a mapping, a name is not a text, or a value is not plain; the message names the value.
    """
    if not hasattr(row, "items"):
        raise TypeError(f"expected a dictionary of names and values, got {type(row).__name__}")
    plain = {}
    for name, value in row.items():
        if not isinstance(name, str):
            raise TypeError(f"expected texts as names, got {name!r}")
        if type(value) in _PLAIN or (type(value) is int and _LEAST <= value <= _MOST):
            plain[name] = value
            continue
        try:
            plain[name] = plain_value(value)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
    return plain
