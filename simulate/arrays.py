"""Which array library and device an argument belongs to, and moving arrays between host and device.

Functions of this package work in the array library, on the device and in the floating dtype of their arguments.
Lists and tuples join the library of the array arguments they come with, or become NumPy float64.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import array_api_compat
import numpy as np

from .validation import Array, InputError, MissingDependencyError, check_choice, check_finite, describe

Namespace = Any
"""An array namespace as returned by ``array_api_compat.array_namespace``."""


def real_arrays(**named: object) -> tuple[Namespace, list[Array]]:
    """Turn arguments into finite real floating arrays of one library, one device and one dtype.

    Integers become float64; float32 and float64 keep their dtype (mixed: the wider of the two). Nothing is copied
    when an argument is already right. O(total entries).

    Args:
        **named: Arguments by the name that error messages use: arrays, numbers, or nested sequences of numbers.

    Returns:
        The common namespace and the arrays in the order given.

    Raises:
        InputError: If the arguments mix libraries or devices, are complex, boolean, ragged or not numeric, are masked
            arrays, or hold NaN or infinite entries.
    """
    xp, device = _common_home(named)
    arrays = [_real_array(name, value, xp, device) for name, value in named.items()]
    dtype = xp.result_type(*arrays)
    arrays = [x if x.dtype == dtype else xp.astype(x, dtype) for x in arrays]
    for name, x in zip(named, arrays, strict=True):
        if math.prod(x.shape):
            check_finite(name, x, xp)
    return xp, arrays


def real_arrays_on(device: object, **named: object) -> tuple[Namespace, list[Array]]:
    """As ``real_arrays``, on a device of the caller's choice.

    Args:
        device: "auto" leaves arrays where they are; "cpu" and "cuda" move them to NumPy and to CuPy.
        **named: Arguments by the name that error messages use.

    Returns:
        The common namespace and the arrays in the order given.

    Raises:
        InputError: If the device is none of these or not there, or an argument is refused by ``real_arrays``.
        MissingDependencyError: If CuPy is needed and not installed.
    """
    choice = check_choice("device", device, ("auto", "cpu", "cuda"))
    if choice == "auto":
        return real_arrays(**named)
    move = to_host if choice == "cpu" else _to_cuda()
    return real_arrays(**{name: move(real_arrays(**{name: value})[1][0]) for name, value in named.items()})


def _to_cuda() -> Callable[[Array], Array]:
    """Find CuPy and a device, and say how arrays get there; those of CuPy stay where they are.

    Returns:
        A function of an array.

    Raises:
        InputError: If there is no CUDA device.
        MissingDependencyError: If CuPy is not installed.
    """
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        raise MissingDependencyError(
            "cupy: expected to be installed for device='cuda', got none; pip install cupy-cuda13x"
        ) from None
    if not cupy.cuda.is_available():
        raise InputError("device: expected a CUDA device for 'cuda', got none")
    return lambda x: x if array_api_compat.is_cupy_array(x) else cupy.asarray(to_host(x))


def _common_home(named: dict[str, object]) -> tuple[Namespace, Any]:
    """Find the one library and device that the array arguments share.

    Args:
        named: Arguments by name.

    Returns:
        Namespace and device; NumPy's where no argument is an array.

    Raises:
        InputError: If the arguments mix libraries or devices.
    """
    home: tuple[Namespace, Any] | None = None
    first = ""
    for name, value in named.items():
        if not array_api_compat.is_array_api_obj(value) or isinstance(value, np.generic):
            continue
        here = array_api_compat.array_namespace(value), array_api_compat.device(value)
        if home is None:
            home, first = here, name
        elif here != home:
            raise InputError(
                f"{name}: expected an array of the library and device of {first} ({_home_name(home)}), "
                f"got {_home_name(here)}"
            )
    return home if home is not None else (array_api_compat.array_namespace(np.empty(0)), "cpu")


def _home_name(home: tuple[Namespace, Any]) -> str:
    """Name a library and device for a message.

    Args:
        home: Namespace and device.

    Returns:
        Such as "numpy on cpu".
    """
    library = home[0].__name__.removeprefix("array_api_compat.")
    return f"{library} on {home[1]}"


def _real_array(name: str, value: object, xp: Namespace, device: Any) -> Array:
    """Turn one argument into a real floating array.

    Args:
        name: The argument's name, for the message.
        value: An array, a number, or a nested sequence of numbers.
        xp: The namespace wanted.
        device: The device wanted.

    Returns:
        The array, not copied when it is already right.

    Raises:
        InputError: If the argument is complex, boolean, ragged, masked or not numeric.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{name}: expected an array without a mask, got a masked array")
    if not array_api_compat.is_array_api_obj(value):
        try:
            value = np.asarray(value)
        except (ValueError, TypeError, OverflowError):
            raise InputError(f"{name}: expected an array of real numbers, got {describe(value)}") from None
        _check_numeric(name, value, array_api_compat.array_namespace(value))
        return xp.asarray(np.asarray(value, dtype=np.float64), device=device)
    _check_numeric(name, value, xp)
    # Subclasses such as numpy.matrix multiply differently.
    array: Array = np.asarray(value) if array_api_compat.is_numpy_array(value) else value
    # Not "in {...}": NumPy's dtypes equal, but do not hash like, the types that name them.
    kept = array.dtype == xp.float32 or array.dtype == xp.float64
    return array if kept else xp.astype(array, xp.float64)


def _check_numeric(name: str, x: Array, xp: Namespace) -> None:
    """Check that an array's dtype is integer or real floating.

    Args:
        name: The argument's name, for the message.
        x: The array.
        xp: Its namespace.

    Raises:
        InputError: If the dtype is boolean, complex, or not numeric.
    """
    try:
        numeric = xp.isdtype(x.dtype, ("integral", "real floating"))
    except TypeError:
        numeric = False
    if not numeric:
        raise InputError(f"{name}: expected an array of real numbers, got dtype {x.dtype}")


def to_host(x: Array) -> np.ndarray:
    """Copy an array to the host as NumPy; a NumPy array is returned as it is.

    Args:
        x: An array of any supported library on any device.

    Returns:
        A NumPy array of the same shape and dtype.

    Raises:
        InputError: If the argument is not an array.
    """
    if array_api_compat.is_numpy_array(x):
        return x
    if not array_api_compat.is_array_api_obj(x):
        raise InputError(f"x: expected an array, got {describe(x)}")
    xp = array_api_compat.array_namespace(x)
    if array_api_compat.is_array_api_strict_namespace(xp):
        return np.asarray(array_api_compat.to_device(x, xp.Device("CPU_DEVICE")))
    return np.asarray(array_api_compat.to_device(x, "cpu"))


def to_device_of(host: np.ndarray, like: Array) -> Array:
    """Move a NumPy array to the library and device of another array; the dtype is kept.

    Args:
        host: A NumPy array.
        like: The array whose library and device to use.

    Returns:
        The array; ``host`` itself where ``like`` is NumPy.
    """
    if array_api_compat.is_numpy_array(like):
        return host
    xp = array_api_compat.array_namespace(like)
    return xp.asarray(host, device=array_api_compat.device(like))


def power_of_two(xp: Namespace, magnitudes: Array) -> Array:
    """Round magnitudes down to powers of two, so that dividing by them commits no rounding error.

    Args:
        xp: The namespace.
        magnitudes: Non-negative finite array.

    Returns:
        Array of the same shape; 1 where the magnitude is 0.
    """
    ones = xp.ones_like(magnitudes)
    positive = magnitudes > 0
    exponent = xp.floor(xp.log2(xp.where(positive, magnitudes, ones)))
    return xp.where(positive, xp.pow(2 * ones, exponent), ones)


def rescaled(xp: Namespace, x: Array) -> tuple[Array, float]:
    """Divide an array by a power of two that brings its largest absolute entry to [1, 2).

    Args:
        xp: The namespace.
        x: Non-empty finite array.

    Returns:
        The rescaled array (``x`` itself where its largest entry needs no rescaling: 0, or between 2^-20 and 2^20)
        and the power of two.
    """
    largest = max(float(xp.max(x)), -float(xp.min(x)))
    if largest == 0 or 2.0**-20 <= largest <= 2.0**20:
        return x, 1.0
    scale = 2.0 ** math.floor(math.log2(largest))
    return x / scale, scale
