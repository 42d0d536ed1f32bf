"""The package itself: cheap to import, small on the outside, examples that run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import theory

MODULES = [theory.__name__, *(module.name for module in pkgutil.walk_packages(theory.__path__, "theory."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_documentation(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_every_file_is_short():
    for name in MODULES:
        text = Path(importlib.import_module(name).__file__).read_text(encoding="utf-8")
        assert text.count("\n") <= 400, name


def test_public_names():
    assert set(theory.__all__) >= {
        *("Control", "Proof", "Statement", "StatementError", "Step", "StepStatus"),
        *("parse", "parse_replacement", "statement", "statements"),
    }
    assert all(hasattr(theory, name) for name in theory.__all__)
    assert set(theory.__all__) <= set(dir(theory))
    assert issubclass(theory.StatementError, ValueError)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = theory.nothing


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_importing_theory_imports_nothing_else():
    loaded = run(
        "import sys, theory; print(*[m for m in ('sympy', 'numpy', 'scipy', 'simulate', 'verify') if m in sys.modules])"
    )
    assert loaded.split() == []


def test_statements_need_neither_simulate_nor_verify():
    program = (
        "import sys, theory\n"
        "[s.proof.run() for s in theory.statements()[:3]]\n"
        "theory.statement('3.3').required_n(eps=.1, delta=.1)\n"
        "print(*[m for m in ('simulate', 'verify', 'scipy', 'pandas') if m in sys.modules])"
    )
    assert run(program).split() == []


def test_building_the_catalogue_costs_little_beyond_sympy():
    program = (
        "import sympy, numpy, time\n"
        "start = time.perf_counter()\n"
        "import theory\n"
        "theory.statements()\n"
        "print(time.perf_counter() - start)"
    )
    # About 0.07 s on an idle machine.
    assert min(float(run(program)) for _ in range(3)) < 1
