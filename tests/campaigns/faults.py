"""Does a sweep survive `kill -9` at any moment?

Runs sweeps with a store over and over, on processes of this machine and on a Dask cluster if `distributed` is
installed. At random moments it kills the process that drives the sweep, or one of its workers, and starts again until
the sweep is complete. After every death of a driver a copy of the store is opened: each point that the store had
acknowledged must be there, and no file may be damaged. At the end the table must equal that of an undisturbed run bit
for bit. Writes each kill and a summary; exits 1 if anything was lost, damaged or different.

    python tests/campaigns/faults.py --kills 240 --out results/reference/faults
    python tests/campaigns/faults.py --kills 8 --dask 0    # a sample
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import verify
from verify.environment import describe
from verify.sweeps import local_runner, sweeping
from verify.sweeps import store as store_module
from verify.sweeps.points import Point
from verify.sweeps.store import SweepStore

SIZES = tuple(range(20, 140))
TRIALS = 10
EARLY = 0.2
"""Share of the drivers that may die before they have written anything."""
LIVES = 60
"""A sweep that is not complete after so many lives of its driver does not advance."""


def observe(point: Point) -> dict[str, float]:
    """Observe something that takes milliseconds, whose last bits depend on threads, and that sometimes fails."""
    n = int(point["n"])
    X = point.generator("inputs").standard_normal((n, 60))
    until = time.perf_counter() + 0.004
    # At least once: on a busy machine the time may be up before the first look at the clock.
    top = np.linalg.eigvalsh(X.T @ X)[-1]
    while time.perf_counter() < until:
        top = np.linalg.eigvalsh(X.T @ X)[-1]
    if n % 37 == 0:
        raise ValueError(f"no value at n = {n}")
    return {"top": float(top), "mean": float(X.mean())}


# ------------------------------------------------------------------------------------------------ the victims


def drive(store: Path, seed: int, scheduler: str | None, said: Path, retry: bool) -> None:
    """Run the sweep, and say what the store has acknowledged.

    Args:
        store: the store.
        seed: the sweep's seed.
        scheduler: address of a Dask scheduler; None for processes.
        said: where the keys go, one a line, once they are acknowledged.
        retry: whether to run failed points again.
    """
    # More writes, so that more kills meet one.
    store_module.MANY_PARTS, store_module.SECONDS_BETWEEN_MANIFESTS, sweeping.SECONDS_UNSTORED = 6, 0.05, 0.01
    local_runner.SECONDS_PER_BATCH = 0.03
    append = SweepStore.append
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append_and_say(self: SweepStore, rows: Sequence[Any]) -> None:
        append(self, rows)
        os.write(descriptor, "".join(f"{row['key']}\n" for row in rows).encode())

    SweepStore.append = append_and_say  # type: ignore[method-assign]
    verify.sweep(
        observe,
        n=SIZES,
        trials=TRIALS,
        seed=seed,
        store=store,
        workers=None if scheduler else 2,
        scheduler=scheduler,
        retry_failed=retry,
        progress=False,
    )


def children_of(process: int) -> list[int]:
    """List the child processes of a process that run Python code of ours.

    Args:
        process: its id.

    Returns:
        Their ids; multiprocessing's own helper is none of them.
    """
    found = []
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split():
            with contextlib.suppress(OSError):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


class Cluster:
    """A Dask scheduler and two workers that are started again when they were killed.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        file = folder / "scheduler.json"
        self._scheduler = self._start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        while not file.exists() or not file.read_text():
            time.sleep(0.1)
        self.address: str = json.loads(file.read_text())["address"]
        self._workers: list[subprocess.Popen[bytes]] = []
        self.workers()

    def workers(self) -> list[int]:
        """Make sure that there are two workers.

        Returns:
            Their process ids.
        """
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        while len(self._workers) < 2:
            options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(self._folder))
            self._workers.append(self._start("worker", self.address, *options))
        return [worker.pid for worker in self._workers]

    def stop(self) -> None:
        """End everything."""
        for process in (*self._workers, self._scheduler):
            process.kill()
            process.wait()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "dask", *arguments], stdout=log, stderr=log)


# ------------------------------------------------------------------------------------------------ the campaign


@dataclass
class Trial:
    """One sweep on its way to its end.

    Attributes:
        folder: where its files are.
        seed: its seed.
        cluster: where it runs; None for processes.
        rng: what decides whom to kill, and when.
        kills: a row for each kill.
        wrong: what went wrong.
        given_up: points that were recorded as WorkerDied.
    """

    folder: Path
    seed: int
    cluster: Cluster | None
    rng: random.Random
    kills: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    given_up: int = 0

    def run(self, most: int) -> None:
        """Kill and resume until the sweep is complete, then compare.

        Args:
            most: kills at most; then the sweep may end undisturbed.
        """
        expected = self._undisturbed()
        for _ in range(LIVES):
            if self._live(kill=len(self.kills) < most):
                break
            self._check_store()
        else:
            self.wrong.append(f"not complete after {LIVES} lives")
            return
        table = self._table("store")
        died = table["error"].fillna("").str.startswith("WorkerDied")
        if died.any():
            self.given_up = int(died.sum())
            self._finish("store", retry=True)
            table = self._table("store")
        self._check_store()
        if difference := difference_of(table.drop(columns="seconds"), expected.drop(columns="seconds")):
            self.wrong.append(f"the final table differs from that of an undisturbed run: {difference}")

    def _live(self, kill: bool) -> bool:
        """Let a driver live once; say whether it came to its end."""
        if self.cluster is not None:
            self.cluster.workers()
        driver = self._start("store")
        # Some deaths come while the driver starts, most once it writes, however busy the machine is.
        dies, writes_from = math.inf, len(self._said())
        if self.rng.random() < EARLY:
            dies = time.monotonic() + self.rng.uniform(0.3, 1.5)
        while kill and driver.poll() is None:
            time.sleep(self.rng.uniform(0.02, 0.3))
            writing = len(self._said()) > writes_from
            if dies == math.inf and writing:
                dies = time.monotonic() + self.rng.uniform(0.0, 2.0)
            if time.monotonic() > dies:
                self._kill(driver.pid, "driver")
            elif writing and self.rng.random() < 0.35:
                pids = children_of(driver.pid) if self.cluster is None else self.cluster.workers()
                if pids:
                    self._kill(self.rng.choice(pids), "worker")
        _, errors = driver.communicate()
        if driver.returncode not in (0, -signal.SIGKILL):
            self.wrong.append(f"a driver ended with {driver.returncode}: {errors.decode()[-1500:]}")
        return driver.returncode == 0

    def _kill(self, process: int, who: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            store = self.folder / "store"
            self.kills.append({
                "seed": self.seed,
                "runner": "processes" if self.cluster is None else "dask",
                "killed": who,
                "points": self._said().count("\n"),
                "half_written": len(list(store.rglob(".*.part"))) if who == "driver" else 0,
            })

    def _said(self) -> str:
        said = self.folder / "store.said"
        return said.read_text() if said.exists() else ""

    def _check_store(self) -> None:
        """Open a copy of the store as it was left, and look for what was acknowledged."""
        store, copy = self.folder / "store", self.folder / "copy"
        if not store.exists():
            if self._said():
                self.wrong.append("the store is gone")
            return
        shutil.copytree(store, copy)
        acknowledged = {line for line in self._said().split("\n") if len(line) == 32}
        try:
            with SweepStore.open(copy, {}) as opened:
                if opened.set_aside:
                    self.wrong.append(f"damaged: {opened.set_aside}")
                lost = acknowledged - set(opened.table()["key"])
                lost |= acknowledged - {key.hex() for key in opened.finished}
        except ValueError as error:
            self.wrong.append(f"the store cannot be opened: {error}")
        else:
            if lost:
                self.wrong.append(f"{len(lost)} acknowledged points are lost")
        finally:
            shutil.rmtree(copy)

    def _start(self, name: str, retry: bool = False) -> subprocess.Popen[bytes]:
        scheduler = self.cluster.address if self.cluster is not None and name == "store" else ""
        command = [sys.executable, __file__, "drive", str(self.folder / name), str(self.seed), scheduler]
        said = str(self.folder / f"{name}.said")
        return subprocess.Popen([*command, said, "retry" if retry else ""], stderr=subprocess.PIPE)

    def _finish(self, name: str, retry: bool = False) -> None:
        """Let a driver go on to the end."""
        driver = self._start(name, retry)
        _, errors = driver.communicate()
        if driver.returncode:
            self.wrong.append(f"an undisturbed driver ended with {driver.returncode}: {errors.decode()[-1500:]}")

    def _undisturbed(self) -> pd.DataFrame:
        self._finish("undisturbed")
        return self._table("undisturbed")

    def _table(self, name: str) -> pd.DataFrame:
        with SweepStore.open(self.folder / name, {}) as opened:
            table = opened.table()
        if len(table) != len(SIZES) * TRIALS:
            self.wrong.append(f"{name}: expected {len(SIZES) * TRIALS} points, got {len(table)}")
        return table


def difference_of(table: pd.DataFrame, expected: pd.DataFrame) -> str:
    """Say how a table differs from the one that was expected.

    Args:
        table: the table.
        expected: what it should be, bit for bit.

    Returns:
        The difference; empty if there is none.
    """
    if table.equals(expected):
        return ""
    if table.shape != expected.shape or list(table.columns) != list(expected.columns):
        return f"{table.shape} {list(table.columns)} instead of {expected.shape} {list(expected.columns)}"
    if not table.dtypes.equals(expected.dtypes):
        return f"types {dict(table.dtypes)} instead of {dict(expected.dtypes)}"
    unlike = ~((table == expected) | (table.isna() & expected.isna()))
    rows = unlike.any(axis=1)
    return (
        f"{int(rows.sum())} rows, in {list(table.columns[unlike.any()])}: "
        f"{table[rows].head(3).to_dict('records')} instead of {expected[rows].head(3).to_dict('records')}"
    )


def campaign(kills: int, first: int, share: float) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Kill until there were enough kills.

    Args:
        kills: how many.
        first: the first seed.
        share: which share of the kills is on a Dask cluster.

    Returns:
        A row for each kill, and a summary.
    """
    rows: list[dict[str, Any]] = []
    wrong: list[str] = []
    sweeps, given_up, seed = 0, 0, first
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as end:
        cluster = None
        if share > 0:
            Path(name, "dask").mkdir()
            cluster = Cluster(Path(name, "dask"))
            end.callback(cluster.stop)
        on_dask = math.ceil(share * kills)
        while len(rows) < kills and len(wrong) < 10:
            folder = Path(name, str(seed))
            folder.mkdir()
            trial = Trial(folder, seed, cluster if len(rows) < on_dask else None, random.Random(seed))
            trial.run(most=min(40, kills - len(rows)))
            rows += trial.kills
            wrong += [f"seed {seed}: {text}" for text in trial.wrong]
            sweeps, given_up, seed = sweeps + 1, given_up + trial.given_up, seed + 1
            print(f"seed {trial.seed}: {len(trial.kills)} kills, {len(rows)} in all", *trial.wrong, flush=True)
            shutil.rmtree(folder)
    about = {
        "kills": len(rows),
        **{f"{runner}, {who}": n for (runner, who), n in Counter((r["runner"], r["killed"]) for r in rows).items()},
        "sweeps": sweeps,
        "points a sweep": len(SIZES) * TRIALS,
        "kills that left a file half-written": sum(row["half_written"] > 0 for row in rows),
        "points given up and run again": given_up,
        "wrong": wrong,
        "seconds": round(time.monotonic() - started),
    }
    return pd.DataFrame(rows), about


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign.

    Args:
        arguments: of the command line.

    Returns:
        The exit status.
    """
    has_dask = importlib.util.find_spec("distributed") is not None
    parser = argparse.ArgumentParser(description="kill -9 of sweeps")
    parser.add_argument("--kills", type=int, default=240)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--dask", type=float, default=0.25 if has_dask else 0.0, help="share of kills on Dask")
    parser.add_argument("--out", type=Path, help="folder for the rows and the summary")
    options = parser.parse_args(arguments)
    table, about = campaign(options.kills, options.first, options.dask)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out / "kills.csv", index=False)
        text = json.dumps({**about, "environment": describe()}, indent=1, ensure_ascii=False)
        (options.out / "summary.json").write_text(text + "\n", encoding="utf-8")
    print(json.dumps(about, indent=1))
    return int(bool(about["wrong"]) or about["kills"] < options.kills)


if __name__ == "__main__":
    if sys.argv[1:2] == ["drive"]:
        _, _, where, number, address, log, again = sys.argv
        drive(Path(where), int(number), address or None, Path(log), bool(again))
        sys.exit(0)
    sys.exit(main())
