"""Two runs of the benchmarks: whether their conclusions agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from verify.benchmarks.assembling import Report
from verify.benchmarks.races import FASTER, MISSED, REACHED, SLOWER, Race
from verify.verdict import plain

AGREE, CONTRADICT, UNDECIDED, ONCE = "agree", "contradict", "undecided", "in one run only"
_OPPOSITES = ({FASTER, SLOWER}, {REACHED, MISSED})


@dataclass(frozen=True)
class Agreement:
    """One race in two runs.

    Attributes:
        group: what is raced.
        other: the peer's name.
        before: the race in the first run; None where it has none.
        after: the race in the repeat; None where it has none.
    """

    group: str
    other: str
    before: Race | None
    after: Race | None

    @property
    def state(self) -> str:
        """Whether the runs "agree", "contradict" each other, are "undecided" (one tells less) or it is "in one run".

        The aim counts as the conclusion does.
        """
        if self.before is None or self.after is None:
            return ONCE
        pairs = [
            {self.before.conclusion, self.after.conclusion},
            {self.before.aim_reached, self.after.aim_reached},
        ]
        if any(pair in _OPPOSITES for pair in pairs):
            return CONTRADICT
        return AGREE if all(len(pair) == 1 for pair in pairs) else UNDECIDED


@dataclass(frozen=True)
class Repeat:
    """A run of the benchmarks and its repeat.

    Attributes:
        before: the first run.
        after: the repeat.
        agreements: one for each race of either.
    """

    before: Report
    after: Report
    agreements: tuple[Agreement, ...]

    @property
    def exit_code(self) -> int:
        """1 if the runs contradict each other anywhere, 0 otherwise."""
        return int(any(each.state == CONTRADICT for each in self.agreements))

    def to_dict(self) -> dict[str, Any]:
        """Describe the comparison in values that JSON can hold.

        Returns:
            `files` of the repeat, `exit_code` and `agreements`.
        """
        described = {
            "files": [extract.session.file for extract in self.after.extracts],
            "exit_code": self.exit_code,
            "agreements": [
                {
                    "group": each.group,
                    "other": each.other,
                    "state": each.state,
                    "before": each.before.ratio._asdict() if each.before else None,
                    "after": each.after.ratio._asdict() if each.after else None,
                }
                for each in self.agreements
            ],
        }
        found: dict[str, Any] = plain(described)
        return found

    def headline(self) -> str:
        """Say on one line whether the conclusions agree.

        Returns:
            Such as "repeat: 10 races — 9 agree, 1 undecided".
        """
        counted = Counter(each.state for each in self.agreements)
        words = [f"{counted[state]} {state}" for state in (CONTRADICT, AGREE, UNDECIDED, ONCE) if counted[state]]
        return f"repeat: {len(self.agreements)} races — {', '.join(words) or 'nothing to compare'}"


def repeat(before: Report, after: Report) -> Repeat:
    """Lay two runs beside each other. Linear in the number of races.

    Args:
        before: the first run.
        after: the repeat.

    Returns:
        The races of both, those of the first run first.
    """
    old, new = _by_key(before), _by_key(after)
    keys = dict.fromkeys([*old, *new])
    return Repeat(before, after, tuple(Agreement(*key[:2], old.get(key), new.get(key)) for key in keys))


def _by_key(run: Report) -> dict[tuple[str, str, str], Race]:
    return {(race.group, race.other.by, race.other.name): race for race in run.races}
