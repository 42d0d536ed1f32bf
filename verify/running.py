"""Judging claims: from what a user asked for to verdicts in a folder."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.arguments import check_out, check_seed
from verify.commands import PROGRAM, command
from verify.environment import describe
from verify.errors import VerifyError
from verify.execution import Executor, check_workers
from verify.progress import Sink, sink_for
from verify.store import REPORT, SCHEMA, VERDICTS, RunFolder
from verify.verdict import State, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from theory import Statement

PROFILES = ("quick", "full")
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one claim.

    Attributes:
        verdict: the claim's verdict.
        controls: the verdicts on its false variants.
        command: what judges it again; empty where the command line cannot express the statement.
        latex: the statement in LaTeX; empty for observations.
    """

    verdict: Verdict
    controls: tuple[Verdict, ...]
    command: str
    latex: str = ""


@dataclass(frozen=True)
class RunResult:
    """The outcome of a run.

    Attributes:
        outcomes: one for each claim that was judged, in the order of the request.
        profile: the run's profile.
        seed: the run's seed.
        folder: where everything is stored.
        command: what repeats the run, a line for each command.
        environment: what it ran on.
        started: when it began, as an ISO date and time.
        seconds: how long it took.
        interrupted: whether it was stopped before all claims were judged.
    """

    outcomes: tuple[Outcome, ...]
    profile: str
    seed: int
    folder: Path
    command: str
    environment: dict[str, Any]
    started: str
    seconds: float
    interrupted: bool = False

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts, one for each claim."""
        return [outcome.verdict for outcome in self.outcomes]

    @property
    def controls(self) -> list[Verdict]:
        """The verdicts on all false variants, which should all be violated."""
        return [control for outcome in self.outcomes for control in outcome.controls]

    @property
    def exit_code(self) -> int:
        """0 if no theorem and no statement of a user is violated and every control is; 1 otherwise."""
        failed = any(is_failure(verdict) for verdict in self.verdicts)
        survived = any(control.state is not State.VIOLATED for control in self.controls)
        return int(failed or survived)

    def to_dict(self) -> dict[str, Any]:
        """Describe the run in values that JSON can hold.

        Returns:
            `claims` (each with its id, kind, state, basis, constant, witness, evidence, controls and command),
            `environment`, and how the run was made.
        """
        claims = [
            {
                **outcome.verdict.to_dict(),
                "controls": [control.to_dict() for control in outcome.controls],
                "command": outcome.command,
            }
            for outcome in self.outcomes
        ]
        return {
            "schema": SCHEMA,
            "profile": self.profile,
            "seed": self.seed,
            "exit_code": self.exit_code,
            "interrupted": self.interrupted,
            "folder": str(self.folder),
            "command": self.command,
            "started": self.started,
            "seconds": round(self.seconds, 3),
            "claims": claims,
            "environment": self.environment,
        }

    def to_json(self) -> str:
        """Write the run as JSON.

        Returns:
            What `to_dict` returns, as text.
        """
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)


class Interrupted(KeyboardInterrupt):
    """The interrupt key ended a run; what was judged before is stored.

    Attributes:
        result: the part of the run that is finished.
        requested: how many claims were asked for.
    """

    def __init__(self, result: RunResult, requested: int) -> None:
        super().__init__(f"interrupted; {len(result.outcomes)} of {requested} claims are kept in {result.folder}")
        self.result = result
        self.requested = requested


def is_failure(verdict: Verdict) -> bool:
    """Say whether a verdict makes a run fail.

    Args:
        verdict: the verdict on a claim, not on a control.

    Returns:
        Whether a theorem or a user's own statement is violated; a refuted conjecture of the catalogue or an observation
        is a finding.
    """
    judged = verdict.altered or verdict.kind not in {"conjecture", "observation"}
    return judged and verdict.state is State.VIOLATED


def run(
    claims: str | Statement | Sequence[str | Statement] | None = None,
    profile: str = "quick",
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | Callable[[str, float, str], None] | None = None,
) -> RunResult:
    """Judge claims, and store verdicts, observations and a report in a new folder.

    Args:
        claims: ids such as "3.3" or statements, altered ones included; None for every claim there is.
        profile: "quick" (about 15 seconds a claim on two cores) or "full" (at most 10 minutes a claim).
        seed: what fixes every random number of the run, at least 0.
        out: the folder for the results, which must not exist or be empty; None for `results/<time>-<seed>`.
        workers: how many processes work, at least 1; None for one on each usable CPU. It does not change any result.
        progress: whether to show a bar on the standard error stream; None shows one on a terminal after two seconds. Or
            a function, which is called with the claim, how far it is (0 to 1) and what it is doing.

    Returns:
        The verdicts, in the order of the request, and where they are stored.

    Raises:
        VerifyError: for an argument that cannot be used, before anything is created; for a file that cannot be written
            or a worker that dies, after which what was stored before is intact.
        Interrupted: at the interrupt key, once what was finished is stored; a `KeyboardInterrupt`.

    Example:
        >>> result = run(["C.1", "3.3"], seed=1, out="my-run")  # doctest: +SKIP
        >>> [str(verdict.state) for verdict in result.verdicts]  # doctest: +SKIP
        ['holds', 'holds']
    """
    job = _Job(_check_claims(claims), _check_profile(profile), check_seed(seed))
    workers = None if workers is None else check_workers(workers)
    return job.run(check_out(out), workers, sink_for(progress))


class _Job:
    """One run on its way."""

    def __init__(self, claims: list[str | Statement], profile: str, seed: int) -> None:
        self._claims = claims
        self._profile = profile
        self._seed = seed
        self._commands = [command(claim, profile, seed) for claim in claims]
        self._outcomes: list[Outcome] = []
        self._shared: dict[str, Any] = {}
        self._environment = describe()
        self._begun = time.perf_counter()

    def run(self, out: str | os.PathLike[str] | None, workers: int | None, sink: Sink) -> RunResult:
        """Do the work; see `run`."""
        executor = Executor(workers, sink.points)
        description = {
            "command": self._command(),
            "profile": self._profile,
            "seed": self._seed,
            "claims": [_identifier(claim) for claim in self._claims],
            "workers": executor.workers,
            "blas_threads_per_point": 1,
            "environment": self._environment,
        }
        folder = RunFolder.create(out, description)
        _LOGGER.info("%s, up to %d workers, into %s", self._command(), executor.workers, folder.path)
        try:
            with sink, executor:
                for index, claim in enumerate(self._claims):
                    sink.begin(_identifier(claim), index, len(self._claims))
                    self._judge(index, executor, sink, folder)
            return self._finish(folder, "complete")
        except KeyboardInterrupt:
            raise Interrupted(self._finish(folder, "interrupted"), len(self._claims)) from None
        except BaseException:
            # The error that ended the run is the one to report, whatever becomes of the manifest.
            with contextlib.suppress(VerifyError):
                folder.finish("failed")
            raise

    def _judge(self, index: int, executor: Executor, sink: Sink, folder: RunFolder) -> None:
        """Judge one claim and store what came out."""
        from verify import claims

        claim = self._claims[index]
        _LOGGER.info("claim %s, %d of %d", _identifier(claim), index + 1, len(self._claims))
        started = time.perf_counter()
        context = _context(self._profile, self._seed, executor, sink, self._shared)
        verdict, controls, observations = claims.judge(claim, context)
        seconds = verdict.seconds or time.perf_counter() - started
        verdict = dataclasses.replace(verdict, claim=self._unique(verdict.claim), seconds=seconds)
        refuted = sum(control.state is State.VIOLATED for control in controls)
        _LOGGER.info("%s %s, %d of %d controls refuted", verdict.claim, verdict.state, refuted, len(controls))
        folder.write_observations(verdict.claim, _table(observations))
        self._outcomes.append(Outcome(verdict, tuple(controls), self._commands[index], _latex(claim)))
        folder.write_text(VERDICTS, self._result(folder).to_json() + "\n")

    def _unique(self, identifier: str) -> str:
        """Tell different alterations of one statement apart."""
        taken = {outcome.verdict.claim for outcome in self._outcomes}
        names = [identifier, *(f"{identifier}-{number}" for number in range(2, len(taken) + 2))]
        return next(name for name in names if name not in taken)

    def _finish(self, folder: RunFolder, status: str) -> RunResult:
        """Write what the whole run says."""
        from verify.report.html import render

        result = self._result(folder, interrupted=status == "interrupted")
        folder.write_text(VERDICTS, result.to_json() + "\n")
        folder.write_text(REPORT, render(result))
        folder.finish(status)
        return result

    def _result(self, folder: RunFolder, interrupted: bool = False) -> RunResult:
        return RunResult(
            outcomes=tuple(self._outcomes),
            profile=self._profile,
            seed=self._seed,
            folder=folder.path,
            command=self._command(),
            environment=self._environment,
            started=folder.manifest["started"],
            seconds=time.perf_counter() - self._begun,
            interrupted=interrupted,
        )

    def _command(self) -> str:
        """Write what repeats the whole run."""
        if all(isinstance(claim, str) for claim in self._claims):
            names = " ".join(str(claim) for claim in self._claims)
            return f"{PROGRAM} verify {names} --profile {self._profile} --seed {self._seed}"
        return "\n".join(line for line in self._commands if line)


def _context(profile: str, seed: int, executor: Executor, sink: Sink, shared: dict[str, Any]) -> Any:
    from verify.claims._context import Context

    return Context(profile=profile, seed=seed, mapper=executor.map, progress=sink.update, shared=shared)


def _table(observations: pd.DataFrame | None) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame() if observations is None else observations


def _identifier(claim: str | Statement) -> str:
    return claim if isinstance(claim, str) else claim.id


def _latex(claim: str | Statement) -> str:
    """Write the claim's statement in LaTeX, where it has one."""
    import theory

    try:
        return (theory.statement(claim) if isinstance(claim, str) else claim).latex()
    except theory.StatementError:
        return ""


def _check_claims(claims: Any) -> list[str | Statement]:
    """Check which claims to judge."""
    import theory
    from verify import claims as known

    if claims is None:
        return list(known.claim_ids())
    given = [claims] if isinstance(claims, str | theory.Statement) else claims
    if not isinstance(given, Sequence) or not given:
        raise VerifyError(f"claims: expected ids or statements, got {claims!r}")
    seen = set()
    for claim in given:
        if not isinstance(claim, str | theory.Statement):
            raise VerifyError(f"claims: expected an id such as '3.3' or a statement, got {claim!r}")
        known.check(claim)
        key = json.dumps(claim.to_dict()) if not isinstance(claim, str) and claim.altered else _identifier(claim)
        if key in seen:
            raise VerifyError(f"claims: expected each claim once, got {_identifier(claim)!r} twice")
        seen.add(key)
    return list(given)


def _check_profile(profile: Any) -> str:
    """Check the name of a profile."""
    if isinstance(profile, str) and profile in PROFILES:
        return profile
    near = difflib.get_close_matches(str(profile), PROFILES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise VerifyError(f"profile: expected 'quick' or 'full', got {profile!r}{hint}")
