"""The handbook: every statement with its proof as it was run, what it rests on, and what runs of the suite found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verify import progress
from verify.report import statement as writing
from verify.report import wording

if TYPE_CHECKING:
    from theory import Graph, Statement, StepResult
    from verify.running import Outcome, RunResult

STANDINGS = {
    "proved": "every step of the proof, and of all that it rests on, is proved by symbolic computation",
    "checked": "proved, with some steps checked exactly on a stated covering, here or in what it rests on",
    "literature": "some steps, here or in what it rests on, are results of the literature: cited, not proved",
    "open": "it rests on a statement that is not proved here",
    "failed": "a step, here or in what it rests on, did not come out as it claims",
    "no proof": "nothing is proved: a conjecture or an assumption",
}
"""How far a statement is proved, from best to worst, and what that means."""
MEANING = (
    "A step is proved where computer algebra reduces its check, a function of the formulas that it concludes and uses, "
    "to true. Sums over samples, directions or neurons are compared as they stand, or at two or three terms, which "
    "have the form of any number; each step's note says which, and what is taken in words, like the spectral theorem."
)
"""What a reader must know of a proof by computation."""
_OF_STEPS = {"proved": "proved", "checked": "checked", "cited": "literature", "failed": "failed"}
_BELOW = {"no proof": "open"}
_JUDGED = ("lower", "upper", "probability", "sample_size", "dimension", "constants")


@dataclass(frozen=True)
class Finding:
    """What one run found about a statement.

    Attributes:
        outcome: the claim's verdict, and those of its controls.
        run: the run.
        same: whether the statement that it judged claims what the statement claims now.
    """

    outcome: Outcome
    run: RunResult
    same: bool


@dataclass(frozen=True)
class Entry:
    """One statement in the handbook.

    Attributes:
        statement: the statement.
        steps: what became of each step of its proof.
        standing: one of `STANDINGS`.
        through: the statements below it from which that standing comes; empty where it is its own.
        findings: what runs found about it.
    """

    statement: Statement
    steps: tuple[StepResult, ...]
    standing: str
    through: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Handbook:
    """Everything that the handbook says.

    Attributes:
        entries: the statements, in the catalogue's order.
        graph: which of them rests on which.
        runs: the runs whose verdicts it shows.
    """

    entries: tuple[Entry, ...]
    graph: Graph
    runs: tuple[RunResult, ...]

    @property
    def steps(self) -> list[StepResult]:
        """The steps of all proofs."""
        return [step for entry in self.entries for step in entry.steps]

    @property
    def exit_code(self) -> int:
        """1 if a step of a proof did not come out as it claims, otherwise 0."""
        return int(any(step.status == "failed" for step in self.steps))

    def entry(self, id: str) -> Entry:
        """Find a statement.

        Args:
            id: its id.

        Returns:
            Its entry.
        """
        return next(entry for entry in self.entries if entry.statement.id == id)

    def groups(self) -> list[tuple[str, list[Entry]]]:
        """Sort the entries into the groups in which a reader looks for them.

        Returns:
            For each group its title and its entries.
        """
        found = writing.grouped([entry.statement for entry in self.entries])
        return [(title, [self.entry(statement.id) for statement in members]) for title, members in found]

    def summary(self) -> str:
        """Count statements, proofs and steps.

        Returns:
            Such as "20 statements, 18 with a proof: 150 steps, 140 proved, 10 cited; verdicts on 12".
        """
        import theory

        proofs = sum(bool(entry.steps) for entry in self.entries)
        judged = sum(bool(entry.findings) for entry in self.entries)
        steps = f"{len(self.steps)} steps, {theory.tally(self.steps)}" if self.steps else "no steps"
        verdicts = f"; verdicts on {judged}" if self.runs else ""
        return f"{len(self.entries)} statements, {proofs} with a proof: {steps}{verdicts}"


def gather(
    runs: Sequence[RunResult] = (),
    statements: Sequence[Statement] | None = None,
    told: progress.Sink | None = None,
) -> Handbook:
    """Run every proof, and collect what is known about each statement.

    Args:
        runs: the runs whose verdicts it shows.
        statements: the statements, with all that they rest on; None for the whole catalogue.
        told: who hears how far it is; None for a bar after two seconds on a terminal.

    Returns:
        The handbook's content.
    """
    import theory

    chosen = theory.statements() if statements is None else list(statements)
    graph = theory.graph(chosen)
    steps: dict[str, tuple[StepResult, ...]] = {}
    with told or progress.sink_for(None, "statement") as sink:
        for number, statement in enumerate(chosen):
            sink.begin(statement.id, number, len(chosen))
            steps[statement.id] = tuple(statement.proof.run()) if statement.proof else ()
    own = {id: own_standing(results) for id, results in steps.items()}
    entries = []
    for statement in chosen:
        standing, through = inherited(statement.id, own, graph)
        found = tuple(finding for run in runs for finding in _findings(statement, run))
        entries.append(Entry(statement, steps[statement.id], standing, through, found))
    return Handbook(tuple(entries), graph, tuple(runs))


def own_standing(steps: Sequence[StepResult]) -> str:
    """Say how far a proof reaches by itself.

    Args:
        steps: its steps, executed.

    Returns:
        One of `STANDINGS`: that of its weakest step; a remark counts only where it fails.
    """
    if not steps:
        return "no proof"
    ranks = list(STANDINGS)
    found = [_OF_STEPS[step.status] for step in steps if not step.remark or step.status == "failed"]
    return max(found, key=ranks.index)


def inherited(id: str, own: Mapping[str, str], graph: Graph) -> tuple[str, tuple[str, ...]]:
    """Say how far a statement is proved, with all that it rests on.

    Args:
        id: the statement.
        own: for each statement how far its proof reaches by itself.
        graph: which statement rests on which.

    Returns:
        One of `STANDINGS`, and the statements below it from which it comes; none where it is the statement's own.
    """
    if own[id] == "no proof":
        return own[id], ()
    ranks = list(STANDINGS)
    below = {other: _BELOW.get(own[other], own[other]) for other in graph.below(id).nodes if other != id}
    worst = max([own[id], *below.values()], key=ranks.index)
    return worst, () if worst == own[id] else tuple(other for other, standing in below.items() if standing == worst)


def standing_text(entry: Entry) -> str:
    """Say how far a statement is proved, and through what.

    Args:
        entry: the statement.

    Returns:
        Such as "literature, through E.5".
    """
    return f"{entry.standing}, through {', '.join(entry.through)}" if entry.through else entry.standing


def finding_lines(finding: Finding) -> list[str]:
    """Say in words what a run found about a statement.

    Args:
        finding: what it found.

    Returns:
        The verdict's summary, each fitted constant with its interval, its controls and what repeats it.
    """
    verdict, controls = finding.outcome.verdict, finding.outcome.controls
    lines = [verdict.summary] if verdict.summary else []
    lines += [f"fitted: {line}" for line in wording.constant_lines(verdict.constant)]
    if controls:
        lines.append(f"{wording.controls_refuted(controls, ' of ')} controls refuted")
    if not finding.same:
        lines.append("the run judged an earlier form of this statement")
    return lines


def _findings(statement: Statement, run: RunResult) -> list[Finding]:
    """Find a run's verdicts on a statement; those on users' alterations of it are not about it."""
    import theory

    found = [each for each in run.outcomes if each.verdict.claim == statement.id and not each.verdict.altered]
    fields = theory.fields_dict(statement)
    now = {name: fields[name] for name in _JUDGED}
    return [Finding(outcome, run, _same(now, outcome.verdict.statement)) for outcome in found]


def _same(now: Mapping[str, Any], judged: Mapping[str, Any] | None) -> bool:
    return judged is not None and all(judged.get(name) == value for name, value in now.items())
