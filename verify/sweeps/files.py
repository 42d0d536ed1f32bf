"""Sweeps described in TOML files.

Example of a file::

    claim = "4.2"                 # or function = "module:name", with the file's folder on the path
    trials = 5
    seed = 0
    store = "results/uniform"     # relative to the file
    zipped = ["d", "n"]

    [axes]
    d = [10, 20, 40]
    n = { from = 1000, to = 16000, count = 3, spacing = "log" }
    eps = 0.5
"""

from __future__ import annotations

import codecs
import importlib
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify.errors import VerifyError
from verify.execution import check_workers
from verify.sweeps.names import nearest
from verify.sweeps.pointwise import one_line
from verify.sweeps.requests import Request, check_scheduler, make_request

KEYS = ("claim", "function", "trials", "seed", "store", "workers", "scheduler", "zipped", "axes")


@dataclass(frozen=True)
class SweepFile:
    """What a file describes.

    Attributes:
        path: the file.
        request: the sweep.
        store: the folder for the points; None where the file names none.
        workers: processes on this machine; None where the file says nothing, as for the next.
        scheduler: address of a Dask scheduler.
    """

    path: Path
    request: Request
    store: Path | None
    workers: int | None
    scheduler: str | None


def read_sweep(path: str) -> SweepFile:
    """Read a sweep from a file.

    The file's folder is put on the path of modules where the sweep is one of a function.

    Args:
        path: the file.

    Returns:
        The sweep, checked.

    Raises:
        VerifyError: for a file that cannot be read or is no TOML, or that describes no sweep; with the file's name and,
            where it is known, line and column.
    """
    file = Path(path)
    text = _text(file)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise VerifyError(f"{file}: {_malformed(text, error)}") from None
    except RecursionError:
        raise VerifyError(f"{file}: expected TOML, got brackets in brackets beyond all measure") from None
    try:
        _check_keys(content)
        what = _what(content, file)
        request = make_request(
            what,
            content["axes"],
            trials=content.get("trials", 1),
            seed=content.get("seed", 0),
            zipped=_zipped(content.get("zipped", [])),
        )
        store = content.get("store")
        if store is not None and (not isinstance(store, str) or not store or "\0" in store):
            raise VerifyError(f"store: expected the name of a folder, got {store!r:.60}")
        if (workers := content.get("workers")) is not None:
            check_workers(workers)
        scheduler = check_scheduler(content.get("scheduler"), None)
    except VerifyError as error:
        raise VerifyError(f"{file}: {_located(text, str(error))}") from None
    return SweepFile(
        path=file,
        request=request,
        store=None if store is None else file.parent / store,
        workers=workers,
        scheduler=scheduler,
    )


def _text(file: Path) -> str:
    """Read a file."""
    try:
        # Some editors begin a file with a mark that is no part of the text.
        content = file.read_bytes().removeprefix(codecs.BOM_UTF8)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VerifyError(f"{file}: expected a TOML file that can be read, got: {reason}") from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        raise VerifyError(f"{file}: {_place(before)}: expected UTF-8, got byte {content[error.start]:#04x}") from None


def _place(before: str) -> str:
    """Say where a text ends."""
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _malformed(text: str, error: tomllib.TOMLDecodeError) -> str:
    """Put the parser's complaint behind the place, in one manner for every version of Python."""
    message = str(error)
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if found is None:
        return f"expected TOML, got: {message}"
    place = f"line {found[1]}, column {found[2]}" if found[1] else f"{_place(text)} (the end)"
    return f"{place}: expected TOML, got: {message[: found.start()]}"


def _located(text: str, message: str) -> str:
    """Add the line on which the key that a message begins with is set."""
    name = message.partition(":")[0]
    # Keys may stand on a line of their own, in an inline table, or head a table.
    found = re.search(rf"""^[ \t]*(?:\[[ \t]*)?["']?({re.escape(name)})["']?[ \t]*[=\].]""", text, re.MULTILINE)
    return message if found is None else f"{_place(text[: found.start(1)])}: {message}"


def _check_keys(content: dict[str, Any]) -> None:
    """Refuse unknown keys and a file without axes."""
    for key in content:
        if key not in KEYS:
            raise VerifyError(f"{key}: expected one of {', '.join(KEYS)}, got an unknown key{nearest(key, KEYS)}")
    if ("claim" in content) == ("function" in content):
        raise VerifyError(
            f"claim: expected one of claim and function, got {'both' if 'claim' in content else 'neither'}"
        )
    if not isinstance(content.get("axes"), dict):
        raise VerifyError("axes: expected a table [axes] with values for each axis, got none")


def _zipped(given: Any) -> Sequence[Any]:
    """Check the type of a list of names, or of lists of them."""
    if not isinstance(given, list):
        raise VerifyError(f"zipped: expected a list of axes that advance together, got {given!r:.60}")
    return given


def _what(content: dict[str, Any], file: Path) -> str | Callable[..., Any]:
    """Find what is to be observed."""
    if "claim" in content:
        claim = content["claim"]
        if not isinstance(claim, str):
            raise VerifyError(f'claim: expected an id in quotes such as "4.2", got {claim!r:.60}')
        return claim
    named = content["function"]
    parts = named.split(":") if isinstance(named, str) else []
    if len(parts) != 2 or not all(part and all(name.isidentifier() for name in part.split(".")) for part in parts):
        raise VerifyError(f'function: expected "module:name", got {named!r:.60}')
    folder = str(file.parent.resolve())
    # Worker processes of this machine look for modules where this one does.
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return _imported(*parts)


def _imported(module: str, name: str) -> Callable[..., Any]:
    """Import a function."""
    try:
        found: Any = importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() in a user's module
        shown = one_line(error)
        raise VerifyError(f"function: expected a module {module} that can be imported, got {shown:.300}") from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise VerifyError(f"function: expected {module} to have {name!r}, got none{nearest(part, dir(found))}")
        found = getattr(found, part)
    if not callable(found):
        raise VerifyError(f"function: expected something to call, got {module}:{name} = {found!r:.60}")
    checked: Callable[..., Any] = found
    return checked
