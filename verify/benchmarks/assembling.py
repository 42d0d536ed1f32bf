"""What the benchmark report says, before it is written as anything."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verify.benchmarks.growth import Growth, growths
from verify.benchmarks.races import FASTER, MISSED, SLOWER, Race, races
from verify.benchmarks.reading import Session, Timing, read
from verify.benchmarks.roofline import PROCESSOR, Floor, Machine, floors, machines
from verify.errors import VerifyError
from verify.verdict import plain

SCHEMA = 1


@dataclass(frozen=True)
class Extract:
    """What is taken from one file.

    Attributes:
        session: the file.
        timings: its benchmarks, without the groups that another file has more of.
        rates: of the machine that ran it and of its cards, from the file itself, as `machines` finds them.
    """

    session: Session
    timings: tuple[Timing, ...]
    rates: Mapping[str, Machine]


@dataclass(frozen=True)
class Report:
    """The benchmark report.

    Attributes:
        extracts: one for each file.
        races: beside peers.
        beside_parts: beside the parts that a path consists of.
        floors: the time that the machine allows.
        growths: exponents.
        seed: what fixed the resampling behind their intervals.
    """

    extracts: tuple[Extract, ...]
    races: tuple[Race, ...]
    beside_parts: tuple[Race, ...]
    floors: tuple[Floor, ...]
    growths: tuple[Growth, ...]
    seed: int = field(default=0)

    @property
    def timings(self) -> list[Timing]:
        """Every benchmark that is reported."""
        return [timing for extract in self.extracts for timing in extract.timings]

    @property
    def on_gpu(self) -> list[Timing]:
        """The benchmarks that name a GPU."""
        return [timing for timing in self.timings if timing.facts.get("device")]

    def headline(self) -> str:
        """Say on one line how the races came out.

        Returns:
            Such as "bench: 10 races — 8 faster, 2 slower; 1 aim missed; GPU not measured".
        """
        counted = Counter(race.conclusion for race in self.races)
        words = [f"{counted[each]} {each}" for each in (FASTER, SLOWER, *sorted(set(counted) - {FASTER, SLOWER}))]
        tally = ", ".join(word for word in words if not word.startswith("0 "))
        number = f"{len(self.races)} race{'' if len(self.races) == 1 else 's'}"
        missed = sum(race.aim_reached == MISSED for race in self.races)
        unexplained = sum(race.needs_reason and not race.reason for race in self.races)
        parts = [f"{number} — {tally}" if self.races else "no races"]
        parts += [f"{missed} aim{'' if missed == 1 else 's'} missed"] if missed else []
        parts += [f"{unexplained} without a reason"] if unexplained else []
        parts += [] if self.on_gpu else ["GPU not measured"]
        return f"bench: {'; '.join(parts)}"

    def to_dict(self) -> dict[str, Any]:
        """Describe the report in values that JSON can hold.

        Returns:
            `schema`, `files`, `races`, `parts`, `floors`, `growth` and `gpu` ("not measured", or its timings).
        """
        described = {
            "schema": SCHEMA,
            "files": [_file(extract) for extract in self.extracts],
            "races": [_race(race) for race in self.races],
            "parts": [_race(race) for race in self.beside_parts],
            "floors": [_floor(floor) for floor in self.floors],
            "growth": [dataclasses.asdict(growth) for growth in self.growths],
            "gpu": [_timing(timing) for timing in self.on_gpu] or "not measured",
        }
        found: dict[str, Any] = plain(described)
        return found


def report(files: Sequence[str | os.PathLike[str]], seed: int = 0) -> Report:
    """Assemble the report of one run, which may have written several files.

    A ratio compares benchmarks of one file alone. A group that several files have is taken from the one that has most
    of it. Linear in the number of benchmarks, but for the pairs of rounds.

    Args:
        files: JSON of pytest-benchmark.
        seed: fixes the resampling behind the exponents' intervals.

    Returns:
        The report.

    Raises:
        VerifyError: if no file is given, or one is not what it should be.
    """
    if not files:
        raise VerifyError("json: expected at least one file that pytest --benchmark-json has written, got none")
    sessions = [read(file) for file in files]
    extracts = tuple(
        Extract(session, timings, machines(session.timings))
        for session, timings in zip(sessions, _shared_out(sessions), strict=True)
    )
    return Report(
        extracts=extracts,
        races=_joined(races(extract.timings) for extract in extracts),
        beside_parts=_joined(races(extract.timings, "part") for extract in extracts),
        floors=_joined(floors(extract.timings, extract.rates) for extract in extracts),
        growths=_joined(growths(extract.timings, seed) for extract in extracts),
        seed=seed,
    )


def _joined(lists: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(each for one in lists for each in one)


def _shared_out(sessions: Sequence[Session]) -> list[tuple[Timing, ...]]:
    """Give each group to the file that has most of it; of equals to the first."""
    owner: dict[str, tuple[int, int]] = {}
    for number, session in enumerate(sessions):
        for group, count in Counter(_key(timing) for timing in session.timings).items():
            if group not in owner or count > owner[group][0]:
                owner[group] = count, number
    return [
        tuple(timing for timing in session.timings if owner[_key(timing)][1] == number)
        for number, session in enumerate(sessions)
    ]


def _key(timing: Timing) -> str:
    return timing.group or f"alone: {timing.name}"


def _file(extract: Extract) -> dict[str, Any]:
    return {
        "file": extract.session.file,
        "when": extract.session.when,
        "environment": extract.session.environment,
        "gemm_flops": extract.rates[PROCESSOR].gemm,
        "bandwidth_bytes": extract.rates[PROCESSOR].bandwidth,
        "cards": {name: dataclasses.asdict(rates) for name, rates in extract.rates.items() if name != PROCESSOR},
    }


def _timing(timing: Timing) -> dict[str, Any]:
    return {
        "name": timing.name,
        "path": timing.path,
        "by": timing.by,
        "sizes": dict(timing.sizes),
        "median": timing.median,
        "quartiles": timing.spread,
        "rounds": timing.seconds.size,
        **timing.facts,
    }


def _race(race: Race) -> dict[str, Any]:
    return {
        "group": race.group,
        "ours": _timing(race.ours),
        "other": _timing(race.other),
        "ratio": race.ratio._asdict(),
        "conclusion": race.conclusion,
        "aim": race.aim,
        "aim_reached": race.aim_reached,
        "memory_ratio": race.memory_ratio,
        "reason": race.reason,
        "reason_missing": race.needs_reason and not race.reason,
    }


def _floor(floor: Floor) -> dict[str, Any]:
    return {**_timing(floor.timing), "floor": floor.seconds, "bound": floor.bound, "fraction": floor.fraction}
