"""The code that a function runs: the syntax trees of its module and of what that imports, without docstrings.

Imports are followed into `simulate`, `theory` and `verify`, and for a function of the user's into modules of its own
package or folder. A package that only passes names on (`simulate.gaussian_inputs`) is followed to the module that
defines the name, so that an edit elsewhere in the package changes nothing here. Names that are imported by other means
than an import statement (`importlib`) are not seen.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from verify.errors import VerifyError

ROOTS = ("simulate", "theory", "verify")
"""Packages whose modules are part of what is hashed."""


class Source(NamedTuple):
    """A module's code.

    Attributes:
        name: the module's full name.
        path: its file.
        tree: its syntax tree without docstrings.
        package: whether it is a package's `__init__`.
    """

    name: str
    path: Path
    tree: ast.Module
    package: bool


def code_hash(module: str, path: Path | None = None) -> bytes:
    """Hash the code of a module and of what it imports, directly or not.

    Comments, docstrings and layout do not count. The hash depends on the version of Python, whose syntax trees differ.

    Args:
        module: the module's full name.
        path: its file where the name does not lead to it, as for a script.

    Returns:
        16 bytes.

    Raises:
        SyntaxError: if a file is no Python.
        OSError: if a file cannot be read.
        VerifyError: if a file has changed since this process hashed it and the module was not imported again: what runs
            here would be other code than what is hashed.
    """
    sources = {source.name: source for source in reachable(module, path)}
    total = hashlib.blake2b(digest_size=16, person=b"sweep code")
    for name in sorted(sources):
        _check_imported(sources[name])
        # A script is the same code whatever name it runs under.
        shown = "" if name == module and path is not None else name
        total.update(f"{shown}\0".encode())
        total.update(_tree_hash(sources[name].path, _stamp(sources[name].path)))
    return total.digest()


def reachable(module: str, path: Path | None = None) -> Iterator[Source]:
    """List a module and the modules that it imports, directly or not.

    Args:
        module: the module's full name.
        path: its file where the name does not lead to it.

    Yields:
        Each module once, the given one first.
    """
    first = _load(module, path)
    if first is None:
        return
    own = _Own(module.partition(".")[0], first.path.parent)
    waiting, seen = [first], {first.name}
    while waiting:
        source = waiting.pop()
        yield source
        for name in sorted(_imported(source, own)):
            if name not in seen:
                seen.add(name)
                if (found := _load(name)) is not None:
                    waiting.append(found)


# What was hashed before: for each module that is loaded its specification, which importing it again replaces.
_HASHED: dict[str, tuple[object, bytes]] = {}


def _check_imported(source: Source) -> None:
    """Refuse a file that has changed under a module that is loaded."""
    module = sys.modules.get(source.name)
    if module is None:
        return
    loaded, code = module.__spec__ or module, _tree_hash(source.path, _stamp(source.path))
    before = _HASHED.setdefault(source.name, (loaded, code))
    if before[0] is loaded and before[1] != code:
        raise VerifyError(
            f"function: expected the code that was imported, got a change in {source.path} since; import it again "
            "(importlib.reload) or restart Python"
        )
    _HASHED[source.name] = (loaded, code)


class _Own(NamedTuple):
    """What belongs to the user: a package, and the folder of the script."""

    root: str
    folder: Path

    def holds(self, module: str) -> bool:
        """Whether an import is followed."""
        root = module.partition(".")[0]
        return (
            root in ROOTS
            or (root == self.root and root != "__main__")
            or (self.folder / f"{root}.py").is_file()
            or (self.folder / root / "__init__.py").is_file()
        )


def _imported(source: Source, own: _Own) -> set[str]:
    """Name the modules that one imports, wherever in it the import stands."""
    found: set[str] = set()
    packages: set[tuple[str, str]] = set()
    outline = _outline(source.path, _stamp(source.path))
    for node in outline.imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                if own.holds(alias.name):
                    # `import a.b` loads a.b, and what it binds is a.
                    found |= {alias.name} if "." in alias.name else set()
                    packages.add((alias.asname, alias.name) if alias.asname else (root, root))
        else:
            base = _absolute(source, node)
            if base and own.holds(base):
                for alias in node.names:
                    found |= _homes(base, alias.name)
    return found.union(*(_used(outline, name, module) for name, module in packages))


def _used(outline: _Outline, name: str, module: str) -> set[str]:
    """Follow `import module` and `module.attribute` to each attribute's home, or to all that is passed on."""
    found = {module} if name in outline.alone else set()
    return found.union(*(_homes(module, attribute) for attribute in outline.attributes.get(name, ())))


def _homes(module: str, name: str) -> set[str]:
    """Find the module that a name of a module comes from; the module itself if it defines it, or all for `*`."""
    if _exists(f"{module}.{name}"):
        return {f"{module}.{name}"}
    source = _load(module)
    if source is None or not source.package or name == "*":
        return {module}
    for node in source.tree.body:
        # Names that load on first use are imported for type checkers at least.
        body = node.body if isinstance(node, ast.If) else [node]
        for inner in body:
            if isinstance(inner, ast.ImportFrom) and (base := _absolute(source, inner)):
                for alias in inner.names:
                    if (alias.asname or alias.name) == name:
                        return _homes(base, alias.name)
    return {module}


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    """Write the module of `from … import` in full."""
    if node.level == 0:
        return node.module or ""
    parts = source.name.split(".")
    parts = parts[: len(parts) - node.level + (1 if source.package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _exists(module: str) -> bool:
    return _path_of(module) is not None


def _load(module: str, path: Path | None = None) -> Source | None:
    """Read a module; None where it has no source."""
    path = path or _path_of(module)
    if path is None:
        return None
    return Source(module, path, _tree(path, _stamp(path)), path.name == "__init__.py")


def _path_of(module: str) -> Path | None:
    """Find a module's file without running the module; None for what is no Python module."""
    root, _, rest = module.partition(".")
    try:
        loaded = sys.modules.get(root)
        spec = getattr(loaded, "__spec__", None) or importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    if not rest:
        return path
    if path.name != "__init__.py":
        return None
    inner = path.parent.joinpath(*rest.split("."))
    candidates = (inner.with_suffix(".py"), inner / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _stamp(path: Path) -> tuple[int, int]:
    """Tell versions of a file apart."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@cache
def _tree(path: Path, stamp: tuple[int, int]) -> ast.Module:
    """Parse a file and take the docstrings out."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return tree


class _Outline(NamedTuple):
    """What a syntax tree imports, and how it uses names: with which attributes, and alone."""

    imports: list[ast.Import | ast.ImportFrom]
    attributes: dict[str, set[str]]
    alone: set[str]


@cache
def _outline(path: Path, stamp: tuple[int, int]) -> _Outline:
    """Go through a file's syntax tree once."""
    found = _Outline([], {}, set())
    owners: set[int] = set()
    names: list[ast.Name] = []
    for node in ast.walk(_tree(path, stamp)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.imports.append(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.attributes.setdefault(node.value.id, set()).add(node.attr)
            owners.add(id(node.value))
        elif isinstance(node, ast.Name):
            names.append(node)
    found.alone.update(name.id for name in names if id(name) not in owners)
    return found


@cache
def _tree_hash(path: Path, stamp: tuple[int, int]) -> bytes:
    """Hash a file's syntax tree."""
    return hashlib.blake2b(ast.dump(_tree(path, stamp)).encode(), digest_size=16).digest()
