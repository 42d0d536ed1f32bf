"""The public surface and what importing it costs."""

import subprocess
import sys

import simulate


def test_public_names_exist_and_are_sorted():
    assert simulate.__all__ == sorted(simulate.__all__)
    for name in simulate.__all__:
        assert getattr(simulate, name).__doc__


def test_import_loads_nothing_heavy():
    code = "import sys, simulate; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"scipy", "sympy", "pandas", "matplotlib", "sklearn", "numba", "cupy", "torch", "theory", "verify", "rich"}
    assert not heavy & set(loaded.replace("'", "").strip("[]\n").split(", "))
