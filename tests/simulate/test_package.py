"""The public surface and what importing it costs."""

import subprocess
import sys

import simulate


def test_public_names_exist_and_are_sorted():
    assert simulate.__all__ == sorted(simulate.__all__)
    for name in simulate.__all__:
        assert getattr(simulate, name).__doc__


def test_import_loads_nothing_heavy():
    # Of SciPy the linear algebra at most: scipy.stats alone takes most of a second.
    code = "import sys, simulate; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {"sympy", "pandas", "matplotlib", "sklearn", "numba", "cupy", "torch", "theory", "verify", "rich"}
    assert not loaded & (heavy | {"scipy.stats", "scipy.optimize", "scipy.sparse"})
