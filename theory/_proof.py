"""Proofs as steps that are executed, never asserted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import sympy


class StepStatus(StrEnum):
    """What executing a step has shown."""

    PROVED = "proved"
    CHECKED = "checked"
    CITED = "cited"
    FAILED = "failed"


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a proof.

    Attributes:
        title: what the step shows.
        status: what it claims to be: proved (SymPy reduces it to true), checked (exact or numeric, on the covering that
            the note states) or cited (a result of the literature, not executed).
        run: decides the step by computing; None exactly where the step is cited.
        note: assumptions, covering or citation.
    """

    title: str
    status: StepStatus
    run: Callable[[], bool] | None
    note: str = ""

    def __post_init__(self) -> None:
        if self.status is StepStatus.FAILED:
            raise ValueError(f"step {self.title!r}: a step cannot claim to have failed")
        if (self.run is None) != (self.status is StepStatus.CITED):
            raise ValueError(f"step {self.title!r}: expected a check unless the step is cited, got {self.status}")

    def execute(self) -> StepResult:
        """Run the step.

        Returns:
            The claimed status if the check came out true; failed if it did not, with the error if there was one.
        """
        if self.run is None:
            return StepResult(self.title, StepStatus.CITED, self.status, self.note)
        try:
            outcome = self.run()
        except Exception as error:  # a step that breaks is a failed step, whatever broke
            return StepResult(self.title, StepStatus.FAILED, self.status, self.note, f"{type(error).__name__}: {error}")
        if outcome is True or outcome is sympy.true:
            return StepResult(self.title, self.status, self.status, self.note)
        return StepResult(self.title, StepStatus.FAILED, self.status, self.note, "the check did not come out true")


@dataclass(frozen=True)
class StepResult:
    """What became of one step.

    Attributes:
        title: what the step was to show.
        status: what was shown.
        claimed: what it had claimed.
        note: assumptions, covering or citation.
        error: why it failed, empty otherwise.
    """

    title: str
    status: StepStatus
    claimed: StepStatus
    note: str = ""
    error: str = ""


@dataclass(frozen=True, eq=False)
class Proof:
    """The steps that lead to a statement, in order.

    Attributes:
        steps: the steps; what one concludes the next may use.
    """

    steps: tuple[Step, ...]

    def run(self) -> list[StepResult]:
        """Execute every step, also after one has failed.

        Returns:
            One result for each step, in order.
        """
        return [step.execute() for step in self.steps]
