"""Rows of a sweep's store, and the other process of its tests, which starts several times and so imports little."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

from verify.errors import VerifyError
from verify.sweeps import store as store_module
from verify.sweeps.store import SweepStore

WHAT = {"what": "3.3", "axes": {"n": [1, 2]}}


def key(index: int) -> bytes:
    return hashlib.blake2b(b"%d" % index, digest_size=16).digest()


def row(index: int, **columns: object) -> dict[str, object]:
    base = {"key": key(index).hex(), "index": index, "trial": 0, "seed": 7, "n": 10 * index}
    return {**base, "value": index / 3, "error": None, "seconds": 0.5, **columns}


def act(what: str, folder: Path) -> None:
    """Be the other process of a test."""
    store = SweepStore.open(folder, WHAT)
    if what == "hold":
        store.append([row(0)])
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(600)
    elif what == "limit":
        store.append([row(0)])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        try:
            with store:
                store.append([row(index, noise=os.urandom(20).hex()) for index in range(1, 900)])
        except VerifyError as error:
            sys.stdout.write(str(error))
    elif what == "write":
        # Imports at the first row would take the time in which this process is killed.
        with tempfile.TemporaryDirectory() as other, SweepStore.open(Path(other) / "s", WHAT) as warm:
            warm.append([row(0)])
        store_module.MANY_PARTS, store_module.SECONDS_BETWEEN_MANIFESTS = 8, 0.05
        sys.stdout.write("open\n")
        sys.stdout.flush()
        first = len(store.finished) + 1
        for index in range(first, first + 10**6):
            store.append([row(index)])
            os.write(1, b"%d\n" % index)


if __name__ == "__main__":
    act(sys.argv[1], Path(sys.argv[2]))
