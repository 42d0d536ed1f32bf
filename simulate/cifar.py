"""CIFAR-10 as a regression problem, from the official binary files and from nothing else.

A record of these files is one byte of class and 3072 bytes of pixels: 1024 red, 1024 green, 1024 blue, each 32 × 32 row
by row. No file is used before its SHA-1 is the published one; pickled versions are never opened.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import streams
from .streams import Seed
from .validation import InputError, check_choice, check_integer, describe, row_blocks

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""The classes, in the order of their numbers 0 to 9."""
MEAN = (0.4914, 0.4822, 0.4465)
"""Means of the red, green and blue pixels of the training images, which lie between 0 and 1."""
DEVIATION = (0.2470, 0.2435, 0.2616)
"""Standard deviations of the red, green and blue pixels of the training images."""
PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS
"""Bytes of one image in a file, its class first."""
COMMAND = "noise-geometry data cifar10"
"""What obtains the files."""
_PICKLED = "cifar-10-batches-py"


class DataError(InputError):
    """A file of a data set is missing or is not what was published; the message is one line and names it."""


@dataclass(frozen=True)
class DataFile:
    """A file of records as it was published.

    Attributes:
        name: its name.
        sha1: its SHA-1, in hexadecimal.
        images: number of records in it.
    """

    name: str
    sha1: str
    images: int = 10_000

    @property
    def bytes(self) -> int:
        """The size of the file."""
        return self.images * RECORD


@dataclass(frozen=True)
class Release:
    """The files of a data set as it was published.

    Attributes:
        folder: name of the folder that holds them.
        train: the training images, in order.
        test: the test images, in order.
    """

    folder: str
    train: tuple[DataFile, ...]
    test: tuple[DataFile, ...]

    @property
    def files(self) -> tuple[DataFile, ...]:
        """All files, the training images first."""
        return self.train + self.test


RELEASE = Release(
    folder="cifar-10-batches-bin",
    train=(
        DataFile("data_batch_1.bin", "aadd24acce27caa71bf4b10992e9e7b2d74c2540"),
        DataFile("data_batch_2.bin", "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795"),
        DataFile("data_batch_3.bin", "1dd00a74ab1d17a6e7d73e185b69dbf31242f295"),
        DataFile("data_batch_4.bin", "aab85764eb3584312d3c7f65fd2fd016e36a258e"),
        DataFile("data_batch_5.bin", "26e2849e66a845b7f1e4614ae70f4889ae604628"),
    ),
    test=(DataFile("test_batch.bin", "67eb016db431130d61cd03c7ad570b013799c88c"),),
)
"""CIFAR-10, with the SHA-1 of each file as Apache MXNet publishes them."""

_seen: set[tuple[str, str, int, int, int]] = set()
"""Files whose SHA-1 this process has checked: path, SHA-1, size, time of change and inode."""


def cifar10(
    classes: Sequence[int | str] | None = None,
    split: str = "train",
    n: int | None = None,
    seed: Seed = 0,
    data_dir: str | os.PathLike[str] | None = None,
    dtype: type[np.floating] | np.dtype[np.floating] | str = np.float32,
) -> tuple[np.ndarray, np.ndarray]:
    """The 32 × 32 colour images of CIFAR-10, with two labels or ten.

    Pixels are divided by 255, the mean of their channel over all 50 000 training images (0.4914, 0.4822, 0.4465) is
    subtracted, and they are divided by its standard deviation (0.2470, 0.2435, 0.2616). That is the same for every
    choice of the arguments, so that training and test images match. ``X.reshape(n, -1)`` has the images as rows.

    The files are looked for in ``data_dir``, else in the folder that the environment variable ``NOISE_GEOMETRY_DATA``
    names, else in the user's cache (``$XDG_CACHE_HOME/noise-geometry`` or ``~/.cache/noise-geometry``):
    ``noise-geometry data cifar10`` puts them there. Each file's SHA-1 is checked when a process first reads it, and
    again if the file changes. O(bytes of the files of the split) time; their pixels, as bytes, are the memory needed
    beside X.

    Args:
        classes: None for all ten; or two different ones, each by its number from 0 to 9 or by its name (airplane,
            automobile, bird, cat, deer, dog, frog, horse, ship, truck).
        split: "train" for the 5000 training images of each class, "test" for the 1000 test images of each.
        n: Number of images, drawn uniformly without replacement from those of the classes, so that the classes are
            balanced only on average; kept in the order of the files. Those of a smaller n, with the same seed, are
            among those of a larger. None for all.
        seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from; unused where ``n`` is None.
        data_dir: The folder that contains ``cifar-10-batches-bin``, or that folder itself; None to look as above.
        dtype: Type of X, float32 or float64.

    Returns:
        ``(X, y)``: images, shape (n, 3, 32, 32), of type ``dtype``; and targets, float64. With two classes y has shape
        (n,), +1 for the first and −1 for the second. With all ten it has shape (n, 10), 0.9 in the column of the
        image's class and −0.1 in the others, so that rows sum to 0 and ``y.argmax(axis=1)`` is the class.

    Raises:
        InputError: If an argument is not of the form above.
        DataError: If a file of the split is missing, or is not the one that was published; an ``InputError`` too.

    Example:
        >>> X, y = simulate.cifar10(("cat", "dog"), n=1000, seed=0)  # doctest: +SKIP
        >>> X.shape, y.shape  # doctest: +SKIP
        ((1000, 3, 32, 32), (1000,))
    """
    chosen = None if classes is None else _two_classes(classes)
    split = check_choice("split", split, ("train", "test"))
    kind = _check_dtype(dtype)
    if n is not None:
        check_integer("n", n, minimum=1)
    stream = streams.from_seed(seed, "cifar10")
    folder = find(RELEASE, data_dir)
    files = RELEASE.train if split == "train" else RELEASE.test
    command = remedy(data_dir)
    pixels, numbers = _records([read(folder, file, command) for file in files], chosen)
    if n is not None:
        n = check_integer("n", n, minimum=1, maximum=numbers.size)
        kept = np.sort(stream.permutation(numbers.size)[:n])
        pixels, numbers = pixels[kept], numbers[kept]
    return _standardised(pixels, kind), _targets(numbers, chosen)


def root(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Say which folder holds data sets; it need not exist.

    Args:
        data_dir: The folder, or None for the one that ``NOISE_GEOMETRY_DATA`` names, else the user's cache.

    Returns:
        The folder.

    Raises:
        InputError: If ``data_dir`` or the environment variable is not the name of a folder.
    """
    if data_dir is not None:
        return _named("data_dir", data_dir)
    if given := os.environ.get("NOISE_GEOMETRY_DATA"):
        return _named("NOISE_GEOMETRY_DATA", given)
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
    except RuntimeError:
        raise InputError("data_dir: expected a folder, got None, and this user has no home folder") from None
    return Path(cache) / "noise-geometry"


def find(release: Release, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Say which folder holds the files of a data set; it need not exist.

    Args:
        release: The data set.
        data_dir: The folder that contains the data set's folder, or that folder itself; None as in `root`.

    Returns:
        The data set's folder.

    Raises:
        InputError: If ``data_dir`` or the environment variable is not the name of a folder.
    """
    folder = root(data_dir)
    return folder if folder.name == release.folder else folder / release.folder


def remedy(data_dir: str | os.PathLike[str] | None = None) -> str:
    """Write the command that puts the files of CIFAR-10 where they are looked for.

    Args:
        data_dir: Where they are looked for, as in `root`.

    Returns:
        A line for a shell.
    """
    return COMMAND if data_dir is None else f"{COMMAND} --data-dir {shlex.quote(os.fspath(data_dir))}"


def read(folder: Path, file: DataFile, command: str = COMMAND) -> np.ndarray:
    """Read a file, and check that it is the one that was published.

    Args:
        folder: The data set's folder.
        file: Which file.
        command: What obtains it, for the message.

    Returns:
        Its records, shape (images, 3073), uint8.

    Raises:
        DataError: If it is missing, cannot be read, or has another size or SHA-1.
    """
    data, defect = _attempt(folder, file)
    if data is None:
        path = " ".join(str(folder / file.name).split())
        raise DataError(f"{path}: {defect}; get it with: {command}")
    return data.reshape(file.images, RECORD)


def find_defect(folder: Path, file: DataFile) -> str:
    """Say what is wrong with a file.

    Args:
        folder: The data set's folder.
        file: Which file.

    Returns:
        What was expected and what came, in a line; empty if the file is the one that was published.
    """
    return _attempt(folder, file)[1]


def _attempt(folder: Path, file: DataFile) -> tuple[np.ndarray | None, str]:
    """Read a file; return its bytes, or None and what is wrong with it."""
    try:
        return _read(folder / file.name, file), ""
    except FileNotFoundError:
        if folder.parent.name == _PICKLED or os.path.lexists(folder.parent / _PICKLED):
            return None, f"expected the binary version, got the pickled one in {_PICKLED}, which is never opened"
        return None, f"expected a file of {file.bytes} bytes, got none"
    except OSError as error:
        return None, f"expected a file that can be read, got: {os.strerror(error.errno or 0)}"
    except _UnlikeError as error:
        return None, f"expected {error}"


class _UnlikeError(Exception):
    """A file is not the one that was published: what was expected and what came."""


def _read(path: Path, file: DataFile) -> np.ndarray:
    """Read a file's bytes, and check them unless this process has done so before."""
    # Asked before it is opened: opening a pipe would wait for a writer.
    if not stat.S_ISREG(path.stat().st_mode):
        raise _UnlikeError(f"a file of {file.bytes} bytes, got something that is no file")
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        if status.st_size != file.bytes:
            raise _UnlikeError(f"a file of {file.bytes} bytes, got {status.st_size}")
        # One byte more than it should have, in case it grows meanwhile.
        content = stream.read(file.bytes + 1)
    if len(content) != file.bytes:
        raise _UnlikeError(f"a file of {file.bytes} bytes, got one that changes")
    key = (str(path.absolute()), file.sha1, status.st_size, status.st_mtime_ns, status.st_ino)
    if key not in _seen:
        found = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        if found != file.sha1:
            raise _UnlikeError(f"SHA-1 {file.sha1}, got {found}")
        _seen.add(key)
    return np.frombuffer(content, dtype=np.uint8)


def _named(name: str, folder: object) -> Path:
    """Check the name of a folder; what is there is looked at later."""
    if not isinstance(folder, str | os.PathLike) or not isinstance(os.fspath(folder), str) or not os.fspath(folder):
        raise InputError(f"{name}: expected the name of a folder, got {describe(folder)}")
    if "\0" in os.fspath(folder):
        raise InputError(f"{name}: expected the name of a folder, got one with a NUL character")
    return Path(folder)


def _two_classes(classes: object) -> tuple[int, int]:
    """Check a pair of classes; return their numbers."""
    expected = f"None or two different classes (0 to 9, or {', '.join(CLASSES)})"
    if isinstance(classes, str) or not isinstance(classes, Sequence | np.ndarray) or len(classes) != 2:
        raise InputError(f"classes: expected {expected}, got {describe(classes)}")
    first, second = (_class(name, expected) for name in classes)
    if first == second:
        raise InputError(f"classes: expected {expected}, got {CLASSES[first]} twice")
    return first, second


def _class(name: object, expected: str) -> int:
    """Return the number of a class that is given by number or name."""
    if isinstance(name, str):
        if name not in CLASSES:
            raise InputError(f"classes: expected {expected}, got {describe(name)}")
        return CLASSES.index(name)
    return check_integer("classes", name, minimum=0, maximum=len(CLASSES) - 1)


def _check_dtype(dtype: object) -> np.dtype[np.floating]:
    """Check the type of X."""
    try:
        kind = np.dtype(dtype)  # type: ignore[call-overload]
    except TypeError:
        kind = None
    if dtype is None or kind not in {np.dtype(np.float32), np.dtype(np.float64)}:
        raise InputError(f"dtype: expected float32 or float64, got {describe(dtype)}")
    return kind


def _records(parts: list[np.ndarray], chosen: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Join the records of the chosen classes: pixels, shape (m, 3072), and classes, shape (m,), both uint8."""
    if chosen is not None:
        parts = [part[np.isin(part[:, 0], chosen)] for part in parts]
    return np.concatenate([part[:, 1:] for part in parts]), np.concatenate([part[:, 0] for part in parts])


def _standardised(pixels: np.ndarray, dtype: np.dtype[np.floating]) -> np.ndarray:
    """Turn bytes of shape (n, 3072) into standardised images, shape (n, 3, 32, 32)."""
    # A byte has 256 values: each is standardised once, in float64, and rounded once.
    values = ((np.arange(256) / 255 - np.array(MEAN)[:, None]) / np.array(DEVIATION)[:, None]).astype(dtype)
    X = np.empty((pixels.shape[0], 3, 32, 32), dtype=dtype)
    for rows in row_blocks(pixels.shape[0], PIXELS):
        images = pixels[rows].reshape(-1, 3, 32, 32)
        for channel in range(3):
            # A byte is never out of range, and "clip" is the mode that does not look for it.
            X[rows, channel] = values[channel].take(images[:, channel], mode="clip")
    return X


def _targets(numbers: np.ndarray, chosen: tuple[int, int] | None) -> np.ndarray:
    """Turn classes into the targets of a regression."""
    if chosen is not None:
        return np.where(numbers == chosen[0], 1.0, -1.0)
    targets = np.full((numbers.size, len(CLASSES)), -1.0 / len(CLASSES))
    targets[np.arange(numbers.size), numbers] += 1.0
    return targets
