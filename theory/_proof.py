"""Proofs as chains of steps that are executed, never asserted.

What a step concludes is a fact, made of formulas; its check is a function of that fact and of the facts it uses, and of
nothing else that is claimed. A fact comes from an earlier step, from the statement's own conditions, or from another
statement, named by its id. The last step concludes the statement's own bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sympy

from theory._facts import Fact, Formulas, same

if TYPE_CHECKING:
    from theory._statement import Statement


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
        title: what the step shows, in words.
        status: what it claims to be: proved (SymPy reduces it to true), checked (exact or numeric, on the covering that
            the note states) or cited (a result of the literature).
        gives: the fact that it concludes.
        check: decides the step from the formulas of that fact and then of those it uses, in their order; of a cited
            step a numeric illustration, or None.
        uses: the names of the facts that it needs: of earlier steps, `sample_size`, `dimension`, or the id of another
            statement, for its claim, with `:sample_size`, `:dimension` or `:constant` for its conditions and constants.
        note: assumptions, covering or citation.
        remark: whether the conclusion does not rest on it.
    """

    title: str
    status: StepStatus
    gives: Fact
    check: Callable[..., bool] | None
    uses: tuple[str, ...] = ()
    note: str = ""
    remark: bool = False

    def __post_init__(self) -> None:
        if self.status is StepStatus.FAILED:
            raise ValueError(f"step {self.title!r}: a step cannot claim to have failed")
        if self.check is None and self.status is not StepStatus.CITED:
            raise ValueError(f"step {self.title!r}: expected a check unless the step is cited, got {self.status}")

    def execute(self, known: Mapping[str, Formulas]) -> StepResult:
        """Run the step.

        Args:
            known: the formulas of every fact that it may use, by name.

        Returns:
            The claimed status if the check came out true; failed if it did not, with the error if there was one.
        """
        if missing := [name for name in self.uses if name not in known]:
            return self._result(f"uses {', '.join(missing)}, which nothing before it gives")
        if self.check is None:
            return self._result()
        try:
            outcome = self.check(self.gives.formulas, *(known[name] for name in self.uses))
        except Exception as error:  # a step that breaks is a failed step, whatever broke
            return self._result(f"{type(error).__name__}: {error}")
        true = outcome is True or outcome is sympy.true
        return self._result("" if true else "the check did not come out true")

    def _result(self, error: str = "") -> StepResult:
        """Say what became of the step."""
        shown = StepStatus.FAILED if error else self.status
        return StepResult(self.title, shown, self.status, self.note, error, self.gives, self.uses, self.remark)


@dataclass(frozen=True, eq=False)
class StepResult:
    """What became of one step.

    Attributes:
        title: what the step was to show.
        status: what was shown.
        claimed: what it had claimed.
        note: assumptions, covering or citation.
        error: why it failed, empty otherwise.
        gives: the fact that it was to conclude.
        uses: the names of the facts that it needed.
        remark: whether the conclusion does not rest on it.
    """

    title: str
    status: StepStatus
    claimed: StepStatus
    note: str
    error: str
    gives: Fact
    uses: tuple[str, ...]
    remark: bool


@dataclass(frozen=True, eq=False)
class Proof:
    """The chain of steps that leads to a statement.

    Attributes:
        source: the steps, or a function that makes the proof: most who ask for a statement never look at its proof.
        origin: the statement that it proves; filled in by that statement.
    """

    source: tuple[Step, ...] | Callable[[], Proof]
    origin: Statement | None = field(default=None, repr=False)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in order; the last one concludes the statement's claim."""
        return self.source if isinstance(self.source, tuple) else self.source().steps

    def __reduce__(self) -> tuple[Any, ...]:
        # The checks of steps are functions of modules; what travels between processes is where to find them.
        if self.origin is None:
            raise TypeError("a proof without a statement cannot be pickled")
        return _proof_of, (self.origin.base,)

    def run(self) -> list[StepResult]:
        """Execute every step, also after one has failed, and check that they form a chain.

        Returns:
            One result for each step, in order. A step also fails where it needs a fact that nothing before it gives,
            gives one whose name is taken, is needed by nothing though it is no remark, or comes last without
            concluding the statement's own claim. A proof is executed once; later calls return what came out.
        """
        return list(self._executed)

    @cached_property
    def _executed(self) -> tuple[StepResult, ...]:
        """What became of every step."""
        known = dict(self._premises())
        results = []
        for step in self.steps:
            result = step.execute(known)
            if not result.error and (problem := self._misplaced(step, known)):
                result = step._result(problem)
            known.setdefault(step.gives.name, step.gives.formulas)
            results.append(result)
        return tuple(results)

    def facts(self) -> dict[str, Formulas]:
        """Collect every fact of the proof, its premises from elsewhere included.

        Returns:
            The formulas of each, by name.
        """
        return {**{step.gives.name: step.gives.formulas for step in self.steps}, **self._premises()}

    def _premises(self) -> Mapping[str, Formulas]:
        """Collect what the statement assumes: its conditions, and the statements that it depends on."""
        return {} if self.origin is None else self.origin.premises()

    def _misplaced(self, step: Step, known: Mapping[str, Formulas]) -> str:
        """Say what is wrong with a step's place in the chain."""
        if step.gives.name in known:
            return f"gives {step.gives.name} again"
        if step is not self.steps[-1]:
            later = self.steps[self.steps.index(step) + 1 :]
            needed = step.remark or any(step.gives.name in other.uses for other in later)
            return "" if needed else "nothing that follows uses it"
        if self.origin is not None and not same(step.gives.formulas, self.origin.claim()):
            return "does not conclude the statement's own claim"
        return ""


def _proof_of(id: str) -> Proof | None:
    """Find the proof of a statement of the catalogue."""
    from theory.catalogue import statement

    return statement(id).proof
