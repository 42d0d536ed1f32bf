"""Reading a run back from its folder."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verify.checksums import check_files
from verify.errors import VerifyError
from verify.running import Outcome, RunResult
from verify.store import SCHEMA, VERDICTS
from verify.verdict import Basis, Evidence, State, Verdict

_LOGGER = logging.getLogger(__name__)

_RUN_FIELDS: dict[str, type | tuple[type, ...]] = {
    "profile": str,
    "seed": int,
    "command": str,
    "started": str,
    "seconds": (int, float),
    "interrupted": bool,
    "claims": list,
    "environment": dict,
}
_CLAIM_FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "title": str,
    "kind": str,
    "state": str,
    "basis": str,
    "summary": str,
    "constant": (dict, type(None)),
    "witness": (dict, type(None)),
    "evidence": list,
    "altered": bool,
    "change_note": str,
    "seconds": (int, float),
    "statement": (dict, type(None)),
}
_EVIDENCE_FIELDS: dict[str, type | tuple[type, ...]] = {"test": str, "finding": str, "state": str, "figures": dict}


def load(run: str | os.PathLike[str], name: str = "run") -> RunResult:
    """Read the run that a folder holds.

    Args:
        run: the folder, or its `verdicts.json`, or a file with what `noise-geometry verify --json` printed.
        name: what messages call it.

    Returns:
        The run, with `folder` as it was given; figures and LaTeX statements are not stored as data and are missing.
        Files of the folder that are missing or that the run did not write are logged as warnings.

    Raises:
        VerifyError: if there is no run, or one of another schema version, or a damaged one, or if files of the folder
            do not have the checksums that its manifest gives them.

    Example:
        >>> load("my-run").exit_code  # doctest: +SKIP
        0
    """
    given = _check_path(run, name)
    path = given / VERDICTS if given.is_dir() else given
    described = _read(path, given, name)
    folder = given if given.is_dir() else given.parent
    try:
        result = _result(described, folder)
    except _DamagedError as damage:
        raise VerifyError(f"{name}: expected the verdicts of a run, got {str(path)!r}, where {damage}") from None
    if given.is_dir() or given.name == VERDICTS:
        for complaint in check_files(folder, name, None if given.is_dir() else [VERDICTS]):
            _LOGGER.warning("%s", complaint)
    return result


class _DamagedError(Exception):
    """What is wrong in a file."""


def _check_path(run: Any, name: str) -> Path:
    if not isinstance(run, str | os.PathLike) or not isinstance(os.fspath(run), str) or not os.fspath(run):
        raise VerifyError(f"{name}: expected the name of a run's folder, got {run!r:.60}")
    path = Path(run)
    with contextlib.suppress(OSError, ValueError):
        if path.exists():
            return path
    raise VerifyError(f"{name}: expected a run's folder, got {str(path)!r}, which does not exist")


def _read(path: Path, given: Path, name: str) -> dict[str, Any]:
    """Read the file, and check that it is of this program's schema."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VerifyError(
            f"{name}: expected a run's folder, got {str(given)!r}, which holds no {VERDICTS} (is it finished?)"
        ) from None
    except OSError as error:
        raise VerifyError(f"{name}: expected to read {str(path)!r}, got: {os.strerror(error.errno or 0)}") from None
    except (ValueError, RecursionError):
        raise VerifyError(f"{name}: expected the verdicts of a run, got {str(path)!r}, which is not JSON") from None
    if not isinstance(described, dict) or "claims" not in described or "schema" not in described:
        raise VerifyError(f"{name}: expected the verdicts of a run, got {str(path)!r}, which holds something else")
    found = described["schema"]
    if found != SCHEMA or isinstance(found, bool):
        raise VerifyError(
            f"{name}: expected a run of schema version {SCHEMA}, got version {found!r:.30} in {str(path)!r}"
        )
    return described


def _result(described: dict[str, Any], folder: Path) -> RunResult:
    _check(described, _RUN_FIELDS, "the run")
    claims = [_outcome(claim, f"claim {number}") for number, claim in enumerate(described["claims"], start=1)]
    return RunResult(
        outcomes=tuple(claims),
        profile=described["profile"],
        seed=described["seed"],
        folder=folder,
        command=described["command"],
        environment=described["environment"],
        started=described["started"],
        seconds=float(described["seconds"]),
        interrupted=described["interrupted"],
    )


def _outcome(described: Any, place: str) -> Outcome:
    _check(described, {"controls": list, "command": str}, place)
    controls = [
        _verdict(control, f"control {number} of {place}")
        for number, control in enumerate(described["controls"], start=1)
    ]
    return Outcome(_verdict(described, place), tuple(controls), described["command"])


def _verdict(described: Any, place: str) -> Verdict:
    _check(described, _CLAIM_FIELDS, place)
    fields = {field: described[field] for field in _CLAIM_FIELDS if field not in {"id", "state", "basis", "evidence"}}
    _check_constant(described["constant"], place)
    evidence = []
    for number, item in enumerate(described["evidence"], start=1):
        _check(item, _EVIDENCE_FIELDS, f"test {number} of {place}")
        evidence.append(Evidence(item["test"], item["finding"], _state(item["state"], place), item["figures"]))
    try:
        basis = Basis(described["basis"])
    except ValueError:
        raise _DamagedError(f"{place} has an unknown basis {described['basis']!r:.30}") from None
    return Verdict(
        claim=described["id"], state=_state(described["state"], place), basis=basis, evidence=evidence, **fields
    )


def _check_constant(constant: dict[str, Any] | None, place: str) -> None:
    """Check the numbers of a fitted constant, and of those for other ε in it."""
    if not constant:
        return
    every = constant.get("by_eps") or []
    for each in [constant, *every] if isinstance(every, list) else [every]:
        _check(each, {}, f"the constant of {place}")
        for name in ("estimate", "low", "high", "eps"):
            value = each.get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise _DamagedError(f"the constant of {place} has a wrong {name!r}")


def _state(text: str, place: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise _DamagedError(f"{place} has an unknown state {text!r:.30}") from None


def _check(described: Any, fields: Mapping[str, type | tuple[type, ...]], place: str) -> None:
    """Check that the fields are there, and of the right types."""
    if not isinstance(described, dict):
        raise _DamagedError(f"{place} is no object")
    for field, kinds in fields.items():
        if field not in described:
            raise _DamagedError(f"{place} has no {field!r}")
        value = described[field]
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise _DamagedError(f"{place} has a wrong {field!r}")
