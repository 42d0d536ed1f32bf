"""Kernels load on their first use, from a cache that parallel processes do not race on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import simulate
from simulate.kernels import loading

# Two of the kernels that take the least time to compile. Neither the import nor a descent needs any.
RUN = """
import sys, numpy as np, simulate
from simulate.kernels import loading
simulate.gd(simulate.Linear(1), [1.0], [[1.0]], [0.0], 0.5, 3)
before = "numba" in sys.modules
out, found = np.empty(3), np.empty((2, 1))
loading.kernel("pointwise", "gate")(np.array([-1.0, 0.0, 2.0]), np.ones(3), 0.1, out)
loading.kernel("ensemble", "project")(np.ones((2, 8)), np.ones((1, 8)), found)
kernels = [getattr(loading._module(module), name) for module, name in (("pointwise", "gate"), ("ensemble", "project"))]
print(before, *out, *found[:, 0], sum(len(kernel.stats.cache_misses) for kernel in kernels))
"""


def _start(cache, folder=None):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", RUN]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, cwd=folder, **pipes)


def _entries(cache):
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.suffix in {".nbi", ".nbc"}}


def _installed_again(folder):
    """Copy the package elsewhere, with other times of its files."""
    package = Path(simulate.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, folder / "simulate", copy_function=shutil.copyfile, ignore=ignored)
    return folder


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_compilation(tmp_path):
    processes = [_start(tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert all(process.returncode == 0 for process in processes), outputs
    results, compiled = zip(*[out.rsplit(maxsplit=1) for out, _ in outputs], strict=True)
    assert set(results) == {"False 0.1 0.1 1.0 8.0 8.0"}
    assert sum(map(int, compiled)) == 2
    written = _entries(tmp_path)
    assert {path.name.split("-")[0] for path in written} == {"ensemble.project", "pointwise.gate"}
    assert sorted(path.suffix for path in written) == [".nbc", ".nbc", ".nbi", ".nbi"]
    # What one installation has compiled serves all others of the same kernels.
    elsewhere = _start(tmp_path, _installed_again(tmp_path / "elsewhere"))
    assert elsewhere.communicate(timeout=300)[0] == f"{results[0]} 0\n"
    assert _entries(tmp_path) == written


def test_a_damaged_copy_of_the_sources_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    for cached in (loading._cache_folder, loading._copied_sources):
        cached.cache_clear()
    try:
        folder = loading._copied_sources()
        assert folder.is_relative_to(tmp_path)
        for damage in (b"", b"raise RuntimeError"):
            (folder / "rows.py").write_bytes(damage)
            loading._copied_sources.cache_clear()
            loading._copied_sources()
            copied = {path.name: path.read_bytes() for path in folder.glob("*.py")}
            assert copied == {path.name: path.read_bytes() for path in loading._sources()}
            assert {path.stat().st_mtime for path in folder.glob("*.py")} == {loading._TIME}
    finally:
        for cached in (loading._cache_folder, loading._copied_sources):
            cached.cache_clear()


def test_changed_kernels_get_a_cache_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    loading._cache_folder.cache_clear()
    try:
        first = loading._cache_folder()
        assert first.is_relative_to(tmp_path)
        fake = tmp_path / "source"
        fake.mkdir()
        (fake / "loading.py").write_text("changed")
        monkeypatch.setattr(loading, "__file__", str(fake / "loading.py"))
        loading._cache_folder.cache_clear()
        assert loading._cache_folder() != first
    finally:
        loading._cache_folder.cache_clear()


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    loading._cache_folder.cache_clear()
    try:
        assert loading._cache_folder().is_relative_to(tmp_path / "home")
    finally:
        loading._cache_folder.cache_clear()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are POSIX's")
def test_a_temporary_folder_that_others_can_write_to_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    monkeypatch.setattr(loading.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(loading.tempfile, "mkdtemp", lambda prefix: str(tmp_path / f"{prefix}fresh"))
    try:
        found = []
        for mode in (None, 0o777, 0o700):
            loading._cache_folder.cache_clear()
            if mode is not None:
                found[0].chmod(mode)
            found.append(loading._cache_folder())
        assert found[0].parent == tmp_path
        assert found[0].stat().st_mode & 0o077 == 0
        assert found[1].name == "noise-geometry-kernels-fresh"
        assert found[2] == found[0]
    finally:
        loading._cache_folder.cache_clear()


def test_without_numba_kernels_say_so(monkeypatch):
    loading._module.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    try:
        with pytest.raises(simulate.MissingDependencyError, match=r"numba: expected to be installed, got none"):
            loading.kernel("ensemble", "project")(np.zeros((1, 8)))
    finally:
        loading._module.cache_clear()


TOGETHER = """
import os, threading, numpy as np, simulate
model, X = simulate.Linear(3), np.eye(3)
def run(): return simulate.sgd(model, np.ones(3), X, np.zeros(3), 0.01, 20_000, replicas=8).theta
expected, found = run(), []
threads = [threading.Thread(target=lambda: found.append(run())) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found) == 4 and all(np.array_equal(expected, one) for one in found), flush=True)
"""
FORKED = """
child = os.fork()
if child == 0:
    try:
        run()
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def _run(program, layer):
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_threads_that_run_sgd_at_once_do_not_abort():
    done = _run(TOGETHER, "workqueue")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="OpenMP refuses forks on Linux")
def test_a_forked_process_is_told_why_it_cannot_run():
    done = _run(TOGETHER + FORKED, "omp")
    if "omp" in done.stderr:
        pytest.skip("this Numba has no OpenMP")
    lines = done.stdout.splitlines()
    assert lines[0] == "True"
    assert lines[1].startswith("simulate: expected a process started by spawn or forkserver")
    assert lines[2] == "0"
