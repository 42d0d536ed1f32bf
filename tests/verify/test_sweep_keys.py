"""Keys of points: what they depend on, and what not."""

from __future__ import annotations

import functools
import importlib
import subprocess
import sys
from functools import partial
from pathlib import Path

import numba
import numpy as np
import pytest

from verify.errors import VerifyError
from verify.sweeps import dependencies
from verify.sweeps.grids import Grid, Position
from verify.sweeps.keys import Keys, encoded, function_identity
from verify.sweeps.observables import OBSERVABLES

ROOT = Path(dependencies.__file__).parents[2]


def test_a_key_names_function_seed_axes_and_trial():
    names, position = ("a", "b"), Position(0, (1, "x"), 0)
    key = Keys(b"f", 0, names)(position)
    assert len(key) == 16
    others = [
        Keys(b"g", 0, names)(position),
        Keys(b"f", 1, names)(position),
        Keys(b"f", 0, ("a", "c"))(position),
        Keys(b"f", 0, ("b", "a"))(position),
        Keys(b"f", 0, names)(Position(0, (2, "x"), 0)),
        Keys(b"f", 0, names)(Position(0, (1, "1"), 0)),
        Keys(b"f", 0, names)(Position(0, (1, "x"), 1)),
    ]
    assert len({key, *others}) == len(others) + 1


def test_a_key_does_not_depend_on_the_rest_of_the_grid():
    key = Keys(b"f", 0, ("a", "b"))(Position(0, (1, 2), 3))
    # Neither place nor order of the axes, and 1.0 is 1.
    assert Keys(b"f", 0, ("b", "a"))(Position(9, (2.0, 1), 3)) == key


def test_keys_of_many_points_differ():
    grid = Grid({"a": range(40), "b": [0.1 * k for k in range(10)], "c": ["1", "2", "12"]}, trials=12)
    keys = Keys(b"f", 0, grid.names)
    assert len({keys(position) for position in grid}) == len(grid)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        ([[1], 2], [1, [2]]),
        ("1", 1),
        (None, "None"),
        (True, 1),
        (b"a", "a"),
        (0.5, (0.5).hex()),
    ],
)
def test_different_values_are_encoded_differently(one, other):
    assert encoded(one) != encoded(other)


def test_equal_values_are_encoded_alike():
    assert encoded([5, 0.0, {"b": 1, "a": 2}]) == encoded((5.0, -0.0, {"a": 2, "b": 1}))
    with pytest.raises(TypeError):
        encoded(object())


def write(folder: Path, **modules: str) -> None:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


def identity(folder: Path, function: str = "f") -> str:
    """Hash a function of the module `main_part` in a process of its own, as a later run would."""
    code = f"""
import sys
sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]
import main_part
from verify.sweeps.keys import function_identity
print(function_identity(main_part.{function}).hex())
"""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


MAIN = '''
"""A module."""
import helper_part
from simulate import loss_alignment_range


def f(point):
    """Say what it does."""
    return helper_part.double(point["a"])  # twice
'''
HELPER = "def double(x):\n    return 2 * x\n"


def test_the_code_counts_and_its_comments_do_not(tmp_path):
    write(tmp_path, main_part=MAIN, helper_part=HELPER, other_part="x = 1")
    first = identity(tmp_path)
    write(tmp_path, main_part=MAIN.replace("Say what it does.", "Say it otherwise.").replace("# twice", "# 2 a\n\n"))
    write(tmp_path, other_part="x = 2", helper_part='"""New."""\n' + HELPER)
    assert identity(tmp_path) == first
    write(tmp_path, helper_part=HELPER.replace("2", "3"))
    changed = identity(tmp_path)
    write(tmp_path, helper_part=HELPER, main_part=MAIN.replace('"a"', '"b"'))
    assert len({first, changed, identity(tmp_path)}) == 3


def test_a_claims_code_is_its_own_modules_and_those_of_simulate_and_theory_that_it_uses():
    found = {source.name for source in dependencies.reachable("verify.sweeps.observables.loss_range")}
    used = {
        "verify.sweeps.observables.loss_range",
        "verify.sweeps.observables.bounds",
        "simulate.inputs",
        "simulate.streams",
        "simulate.extremes.linear",
        "simulate.extremes.gram_route",
        "theory.catalogue.theorem_3_3",
        "theory._statement",
    }
    assert used <= found
    assert not {"verify.sweeps.observables.escape", "simulate.extremes.uniform", "simulate"} & found
    assert "theory.catalogue.theorem_5_2" not in found


def test_every_module_that_a_claim_loads_on_the_way_is_counted():
    """Against Python itself: of simulate's modules, those whose functions run must be among those that are hashed."""
    code = """
import sys
from verify.sweeps.observables import OBSERVABLES
from verify.sweeps.points import Point
from verify.sweeps.dependencies import reachable
for name, entry in OBSERVABLES.items():
    function = entry.function()
    more = {"5.2": {"beta": 1.5}, "3.5": {"width": 1}}.get(name, {})
    point = Point(entry.completed(name, {"d": 2, "n": 5, **more}), 0, 0)
    function(point)
    called = set()
    def trace(frame, event, argument):
        module = frame.f_globals.get("__name__", "")
        if module.startswith(("simulate.", "theory.")) or module.startswith("verify.sweeps.observables."):
            called.add(module)
    sys.setprofile(trace)
    function(point)
    sys.setprofile(None)
    missed = called - {source.name for source in reachable(function.__module__)}
    assert len(called) > 5 and not missed, (name, missed)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_relative_imports_aliases_and_whole_packages_are_followed(tmp_path, monkeypatch):
    package = tmp_path / "pack_of_sweep"
    package.mkdir()
    write(
        package,
        __init__="from .inner import used as renamed\nfrom .far import unused",
        start="from . import near\nimport pack_of_sweep as p\n\ndef f():\n    return p.renamed()",
        near="import pack_of_sweep.deep",
        inner="def used():\n    return 1",
        far="unused = 1",
        deep="",
        whole="import pack_of_sweep\nkept = [pack_of_sweep]",
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def names(module: str) -> set[str]:
        return {source.name.removeprefix("pack_of_sweep.") for source in dependencies.reachable(module)}

    assert names("pack_of_sweep.start") == {"start", "near", "inner", "deep"}
    assert names("pack_of_sweep.whole") == {"whole", "pack_of_sweep", "inner", "far"}


def make(factor):
    return lambda point: factor * point["a"]


def test_what_a_function_captured_counts():
    def shift(point, by=1):
        return point["a"] + by

    def shifted(point, by=2):
        return point["a"] + by

    shifted.__qualname__ = shift.__qualname__
    identities = [
        function_identity(function)
        for function in (
            make(2),
            make(3),
            make(np.arange(3)),
            make(np.arange(4)),
            make(make(1)),
            make(make(2)),
            shift,
            shifted,
            partial(shift, by=5),
            partial(shift, by=6),
            lambda point: point["a"],
            lambda point: -point["a"],
        )
    ]
    assert len(set(identities)) == len(identities)
    assert function_identity(make(2)) == identities[0]
    assert function_identity(partial(shift, by=5)) == identities[8]


def test_a_function_that_calls_itself_has_an_identity():
    def countdown(point):
        return countdown({"a": point["a"] - 1}) if point["a"] else 0

    assert function_identity(countdown) == function_identity(countdown)


def test_without_a_source_file_the_bytecode_counts():
    spaces = [{}, {}, {}]
    for space, text in zip(spaces, ["return p + 1", "return p + 1  # one", "return p + 2"], strict=True):
        exec(f"def f(p):\n    {text}", space)  # noqa: S102
    first, same, other = (function_identity(space["f"]) for space in spaces)
    assert first == same != other


def test_a_file_that_changed_under_a_loaded_module_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, edited_part="def f(p):\n    return 1")
    import edited_part

    first = function_identity(edited_part.f)
    write(tmp_path, edited_part="# nothing new\ndef f(p):\n    return 1")
    assert function_identity(edited_part.f) == first
    write(tmp_path, edited_part="def f(p):\n    return 2 # as long")
    with pytest.raises(
        VerifyError, match=r"^function: expected the code that was imported, got a change in .*edited_part"
    ):
        function_identity(edited_part.f)
    importlib.reload(edited_part)
    assert function_identity(edited_part.f) != first


def test_what_is_wrapped_counts():
    compiled = [numba.njit(function) for function in (lambda x: x + 1, lambda x: x + 2)]
    kept = [functools.cache(make(2)), functools.cache(make(3))]
    assert len({function_identity(function) for function in (*compiled, *kept)}) == 4
    assert function_identity(functools.cache(make(2))) == function_identity(kept[0])


def test_claims_have_different_identities():
    identities = {function_identity(entry.function()) for entry in OBSERVABLES.values()}
    assert len(identities) == len(OBSERVABLES)
