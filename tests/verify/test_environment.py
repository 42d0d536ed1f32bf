"""What a run says about where it ran."""

from __future__ import annotations

import json
import os
import platform

import numpy as np

from verify import environment


def test_everything_that_matters_is_described(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    described = environment.describe()
    assert described["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert described["packages"]["numpy"] == np.__version__
    assert set(described["packages"]) == set(environment.DEPENDENCIES)
    assert described["variables"]["OPENBLAS_CORETYPE"] == "Haswell"
    assert any(library["user_api"] == "blas" for library in described["blas"])
    text = json.dumps(described, allow_nan=False)
    assert "hidden" not in text
    assert "filepath" not in text


def test_the_usable_cpus_follow_the_affinity_mask():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert environment.usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert 1 <= environment.usable_cpus() <= len(allowed)


def test_the_quota_of_a_container_counts(monkeypatch):
    texts = {"200000 100000\n": 2, "50000 100000\n": 1, "max 100000\n": 2**20, "nonsense": 2**20}
    for text, expected in texts.items():
        monkeypatch.setattr(environment.Path, "read_text", lambda *_, text=text, **__: text)
        assert environment._quota() == expected


def test_a_package_that_is_not_installed_is_unknown():
    assert environment._version("no-such-package-at-all") == "unknown"
