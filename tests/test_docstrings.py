"""Public names are documented in full: every argument, return value and raised error, every attribute of a class."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import simulate
import theory
import verify

PACKAGES = (simulate, theory, verify)
SECTIONS = ("Args", "Returns", "Yields", "Raises", "Attributes", "Example", "Examples")


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def public_functions() -> dict[str, Any]:
    """Functions of every module and methods of the public classes, by their full names."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if not name.startswith("_") and inspect.isfunction(value) and value.__module__ == module.__name__:
                found[f"{module.__name__}.{name}"] = value
    for owner, value in public_names():
        if inspect.isclass(value):
            for name, member in vars(value).items():
                function = (
                    member.fget if isinstance(member, property) else inspect.unwrap(getattr(member, "__func__", member))
                )
                if (
                    not name.startswith("_")
                    and inspect.isfunction(function)
                    and function.__qualname__.startswith(value.__name__)
                ):
                    found[f"{owner}.{name}"] = member
    return found


def public_names() -> list[tuple[str, Any]]:
    """What the packages export."""
    return [(f"{package.__name__}.{name}", getattr(package, name)) for package in PACKAGES for name in package.__all__]


def sections(documentation: str) -> dict[str, str]:
    """Cut a docstring into its sections."""
    parts = re.split(rf"^({'|'.join(SECTIONS)}):[ ]*$", inspect.cleandoc(documentation), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(section: str) -> dict[str, str]:
    """Names that a section describes, with what it says of them."""
    lines = inspect.cleandoc(section).splitlines()
    text = "\n".join(lines)
    found = re.findall(r"^\*{0,2}([A-Za-z_]\w*)(?: \([^)]*\))?:\s*((?:.|\n(?=\s))*)", text, flags=re.MULTILINE)
    return {name: said.strip() for name, said in found}


class Body(ast.NodeVisitor):
    """What a function does itself, without the functions inside it."""

    def __init__(self, function: Any) -> None:
        self.returns = False
        self.raised: set[str] = set()
        source = inspect.cleandoc("\n" + inspect.getsource(function))
        tree = ast.parse(source).body[0]
        assert isinstance(tree, ast.FunctionDef)
        if getattr(function, "__isabstractmethod__", False):
            self.returns = ast.unparse(tree.returns or ast.Constant(None)) != "None"
        for statement in tree.body:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        pass

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def visit_Return(self, node: ast.Return) -> None:
        self.returns |= node.value is not None and not (
            isinstance(node.value, ast.Constant) and node.value.value is None
        )

    def visit_Raise(self, node: ast.Raise) -> None:
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(error, ast.Name | ast.Attribute):
            self.raised.add(error.id if isinstance(error, ast.Name) else error.attr)


FUNCTIONS = public_functions()
NAMES = dict(public_names())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_is_documented_in_full(name):
    member = FUNCTIONS[name]
    function = member.fget if isinstance(member, property) else inspect.unwrap(getattr(member, "__func__", member))
    assert function.__doc__, "no docstring"
    said, body = sections(function.__doc__), Body(function)
    assert said[""].strip(), "no summary"
    parameters = [p for p in inspect.signature(function).parameters if p not in {"self", "cls"}]
    described = entries(said.get("Args", ""))
    assert [p for p in parameters if not described.get(p)] == [], "parameters that are not described"
    assert [p for p in described if p not in parameters] == [], "described parameters that do not exist"
    if isinstance(member, property):
        return
    assert ("Returns" in said) == (body.returns and "Yields" not in said), "returns a value and says so"
    assert said.get("Returns", "x").strip(), "empty section"
    described = entries(said.get("Raises", ""))
    raised = {error for error in body.raised if error[0].isupper()}
    assert [error for error in sorted(raised) if not described.get(error)] == [], "errors that are not described"


@pytest.mark.parametrize("name", [name for name, value in NAMES.items() if inspect.isclass(value)])
def test_a_public_class_describes_what_it_holds(name):
    value = NAMES[name]
    assert value.__doc__
    assert value.__dict__["__doc__"], "inherited"
    said = sections(value.__doc__)
    if dataclasses.is_dataclass(value):
        held = [field.name for field in dataclasses.fields(value)]
    else:
        held = list(getattr(value, "_fields", ()))
    described = entries(said.get("Attributes", "") + said.get("Args", ""))
    assert [one for one in held if not described.get(one)] == [], "fields that are not described"
    own = vars(value).get("__init__")
    if own is not None and not dataclasses.is_dataclass(value) and not held and not issubclass(value, BaseException):
        parameters = [p for p in inspect.signature(own).parameters if p != "self"]
        assert [p for p in parameters if not described.get(p)] == [], "arguments that are not described"


@pytest.mark.parametrize("name", NAMES)
def test_public_names_have_a_docstring_of_their_own(name):
    value = NAMES[name]
    if inspect.isclass(value) or inspect.isroutine(value):
        assert inspect.cleandoc(value.__doc__ or "").strip()


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__)
def test_modules_say_what_they_are_for(module):
    assert (module.__doc__ or "").strip()


def test_exports_exist_and_are_sorted():
    for package in PACKAGES:
        assert list(package.__all__) == sorted(package.__all__)
        assert len(set(package.__all__)) == len(package.__all__)
        assert set(package.__all__) <= set(dir(package))


def test_the_checks_see_what_is_missing():
    def incomplete(first: int, second: int) -> int:
        """Add.

        Args:
            first: a number.

        Raises:
            TypeError: never.
        """
        if second < 0:
            raise ValueError
        return first + second

    said = sections(incomplete.__doc__ or "")
    assert entries(said["Args"]) == {"first": "a number."}
    assert list(entries(said["Raises"])) == ["TypeError"]
    body = Body(incomplete)
    assert body.returns
    assert body.raised == {"ValueError"}
    assert "Returns" not in said
