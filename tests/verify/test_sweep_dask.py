"""Sweeps as a whole on a Dask cluster: the same table as on this machine."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import verify
from verify import cli
from verify.sweeps import sweeping

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None and os.environ.get("NOISE_GEOMETRY_DASK") != "required",
    reason="distributed is not installed",
)
ROOT = Path(verify.__file__).parents[1]
CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Start a scheduler with two worker processes, in a process of its own."""
    folder = tmp_path_factory.mktemp("dask")
    (folder / "cluster.py").write_text(CLUSTER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "cluster.py"], cwd=folder, env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        yield process.stdout.readline().strip()
        process.communicate("", timeout=300)


def test_claims_and_functions_give_the_same_bits_on_a_cluster(address, tmp_path):
    here = verify.sweep("4.3", d=[3, 5], n=[20, 40], trials=3, seed=2, workers=1)
    there = verify.sweep("4.3", d=[3, 5], n=[20, 40], trials=3, seed=2, scheduler=address, store=tmp_path / "store")
    pd.testing.assert_frame_equal(here.drop(columns="seconds"), there.drop(columns="seconds"), check_exact=True)
    # What the cluster finished is finished for processes of this machine.
    again = verify.sweep("4.3", d=[3, 5], n=[20, 40], trials=3, seed=2, workers=1, store=tmp_path / "store")
    pd.testing.assert_frame_equal(there, again, check_exact=True)
    factor = 3.0
    table = verify.sweep(lambda point: factor * point["a"], a=[1, 2], scheduler=address)
    assert list(table["value"]) == [3, 6]


def test_a_dry_run_does_not_guess_the_size_of_a_cluster(address):
    row = verify.sweep("4.3", d=3, n=[20, 40], scheduler=address, dry_run=True).iloc[0]
    assert (row["workers"], row["seconds"]) == (None, None) and row["work"] > 0


def test_a_scheduler_that_does_not_answer_leaves_a_store_intact(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "DaskRunner", partial(sweeping.DaskRunner, timeout=1.0))
    table = verify.sweep("4.3", d=3, n=[20, 40], workers=1, store=tmp_path / "store")
    with pytest.raises(verify.VerifyError, match=r"^scheduler: .*127\.0\.0\.1:1'"):
        verify.sweep("4.3", d=3, n=[20, 40, 80], scheduler="tcp://127.0.0.1:1", store=tmp_path / "store")
    pd.testing.assert_frame_equal(table, verify.sweep("4.3", d=3, n=[20, 40], workers=1, store=tmp_path / "store"))


@pytest.fixture
def silent():
    """Listen at a port, take connections, and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("called", ["silent", "closed", "no-address", "worker"])
def test_what_is_no_scheduler_is_refused_in_time_and_nothing_is_created(
    called, silent, address, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweeping, "DaskRunner", partial(sweeping.DaskRunner, timeout=1.0))
    (tmp_path / "my.toml").write_text('claim = "3.3"\n[axes]\nd = 2\nn = 9\n')
    where, got = {
        "silent": (silent, "no answer"),
        "closed": ("tcp://127.0.0.1:1", "no answer"),
        "no-address": ("banana", "missing port number"),
        "worker": (ask_for_workers(address)[0] if called == "worker" else "", "the answer of a Worker"),
    }[called]
    started = time.monotonic()
    with pytest.raises(SystemExit) as left:
        cli.main(["sweep", "my.toml", "--scheduler", where])
    assert time.monotonic() - started < 15
    out, complaint = capsys.readouterr()
    assert (left.value.code, out, complaint.count("\n")) == (2, "", 1)
    assert f"scheduler: expected a Dask scheduler that answers at {where!r} within 1 s, got " in complaint
    assert got in complaint
    assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]


def ask_for_workers(address: str) -> list[str]:
    """List the addresses of a cluster's workers."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return list(client.scheduler_info()["workers"])
