"""JSON of pytest-benchmark, checked: a file of another program, or one cut short, is refused in one line."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verify.errors import VerifyError

OURS = "noise-geometry"
ROLES = ("ours", "peer", "part", "variant", "machine")
SIZES = ("n", "d", "width", "batch", "replicas", "steps", "samples", "directions")
_NUMBERS = ("flops", "bytes", "peak_gigabytes", "start_gigabytes", "pool_gigabytes", "aim", "difference", "tolerance")
_TEXTS = ("precision", "note", "device")


@dataclass(frozen=True)
class Timing:
    """One benchmark.

    Attributes:
        name: the test's name.
        group: what it is compared with has the same group; empty for none.
        path: the hot path; empty where the benchmark does not say.
        by: the software that was timed.
        role: "ours", "peer", "part", "variant" or "machine"; "alone" where the benchmark does not say.
        seconds: of every round, in the order in which they ran, for one unit of work, shape (rounds,).
        sizes: such as n and d.
        facts: what else is known: flops and bytes (of a unit of work), peak_gigabytes, start_gigabytes,
            pool_gigabytes, aim, difference, tolerance, precision, note, device.
    """

    name: str
    group: str
    path: str
    by: str
    role: str
    seconds: np.ndarray
    sizes: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Median of the rounds, seconds for a unit of work."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> tuple[float, float]:
        """First and third quartile of the rounds, relative to the median."""
        low, high = np.quantile(self.seconds, (0.25, 0.75)) / self.median
        return float(low), float(high)


@dataclass(frozen=True)
class Session:
    """One run of pytest-benchmark.

    Attributes:
        file: where it was read from.
        when: when it ended, as the file says; empty where it does not.
        environment: what it ran on, as `verify.environment.describe` says; empty where the file has none.
        timings: its benchmarks, in order.
    """

    file: str
    when: str
    environment: Mapping[str, Any]
    timings: tuple[Timing, ...]


def read(path: str | os.PathLike[str]) -> Session:
    """Read the JSON of a run of pytest-benchmark.

    Args:
        path: the file, as `--benchmark-json` writes it, with every round.

    Returns:
        The run; linear in the size of the file.

    Raises:
        VerifyError: if the file cannot be read or is not what it should be.
    """
    where = str(path)
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise VerifyError(f"json: expected to read {where!r}, got: {os.strerror(error.errno or 0)}") from None
    except (ValueError, RecursionError):
        raise VerifyError(_wrong(where, "JSON", "something else")) from None
    if not isinstance(content, dict) or not isinstance(content.get("benchmarks"), list):
        raise VerifyError(_wrong(where, "what pytest --benchmark-json writes", "JSON without a list of benchmarks"))
    if not content["benchmarks"]:
        raise VerifyError(_wrong(where, "at least one benchmark", "none"))
    machine = content.get("machine_info")
    environment = machine.get("noise_geometry") if isinstance(machine, dict) else None
    return Session(
        file=where,
        when=content["datetime"] if isinstance(content.get("datetime"), str) else "",
        environment=environment if isinstance(environment, dict) else {},
        timings=tuple(_timing(where, entry) for entry in content["benchmarks"]),
    )


def _timing(where: str, entry: Any) -> Timing:
    """Check one benchmark."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise VerifyError(_wrong(where, "benchmarks with names", f"{entry!r:.60}"))
    name, extra = entry["name"], entry.get("extra_info") or {}
    if not isinstance(extra, dict):
        raise VerifyError(_wrong(where, f"an object as extra_info of {name!r}", f"{extra!r:.60}"))
    work = _number(where, name, "work", extra.get("work", 1), positive=True)
    group = entry.get("group") or ""
    described = "by" in extra
    role = _text(where, name, "role", extra.get("role", "ours")) if described else "alone"
    if described and role not in ROLES:
        raise VerifyError(_wrong(where, f"one of {', '.join(ROLES)} as role of {name!r}", f"{role!r:.60}"))
    facts = {key: _number(where, name, key, extra[key]) for key in _NUMBERS if extra.get(key) is not None}
    for key in ("flops", "bytes"):
        if key in facts:
            facts[key] /= work
    texts = {key: _text(where, name, key, extra[key]) for key in _TEXTS if extra.get(key) is not None}
    return Timing(
        name=name,
        group=_text(where, name, "group", group),
        path=_text(where, name, "path", extra.get("path", "")),
        by=_text(where, name, "by", extra.get("by", OURS)),
        role=role,
        seconds=_rounds(where, name, entry.get("stats")) / work,
        sizes={key: _number(where, name, key, extra[key]) for key in SIZES if extra.get(key) is not None},
        facts={**facts, **texts},
    )


def _rounds(where: str, name: str, stats: Any) -> np.ndarray:
    """Return the seconds of every round."""
    data = stats.get("data") if isinstance(stats, dict) else None
    if not isinstance(data, list) or not data:
        raise VerifyError(_wrong(where, f"the rounds' data of {name!r} (written by --benchmark-json)", "none"))
    return np.array([_number(where, name, "a round", value, positive=True) for value in data])


def _number(where: str, name: str, key: str, value: Any, positive: bool = False) -> float:
    """Check a number: finite, and not negative."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    if not number or not math.isfinite(value) or value < 0 or (positive and value == 0):
        kind = "a positive number" if positive else "a number of at least 0"
        raise VerifyError(_wrong(where, f"{kind} as {key} of {name!r}", f"{value!r:.60}"))
    return float(value)


def _text(where: str, name: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise VerifyError(_wrong(where, f"a text as {key} of {name!r}", f"{value!r:.60}"))
    return value


def _wrong(where: str, expected: str, got: str) -> str:
    """Say what is wrong with a file, in one line whatever the file holds."""
    return " ".join(f"json: expected {expected} in {where!r}, got {got}".split())
