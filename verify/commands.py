"""The command that judges a claim again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory import Statement

PROGRAM = "noise-geometry"
_BOUNDS = ("lower", "upper", "probability")
_LISTS = ("sample_size", "dimension", "hypotheses")
_WORDS = ("constants", "kind")


def command(claim: str | Statement, profile: str, seed: int) -> str:
    """Write the shell command that judges one claim as a run did.

    Args:
        claim: an id, or a statement, altered or not.
        profile: the run's profile.
        seed: the run's seed.

    Returns:
        One line for a shell; empty for a statement that the command line cannot express, because it was not made by
        `replace` from one of the catalogue.
    """
    if isinstance(claim, str):
        identifier, changes = claim, []
    else:
        derived = _derive(claim)
        if derived is None:
            return ""
        identifier, changes = claim.base, derived
    replacements = [part for change in changes for part in ("--replace", change)]
    return shlex.join([PROGRAM, "verify", identifier, *replacements, "--profile", profile, "--seed", str(seed)])


def _derive(statement: Statement) -> list[str] | None:
    """Find the replacements that make this statement from the catalogue's; None if there are none."""
    import theory

    try:
        original = theory.statement(statement.base)
        wanted, before = _judged(statement), _judged(original)
        changes = [_replacement(name, wanted[name]) for name in wanted if wanted[name] != before[name]]
        if not changes:
            return [] if not statement.altered else None
        made = original.replace(**dict(theory.parse_replacement(change) for change in changes))
    except theory.StatementError:
        return None
    return changes if _judged(made) == wanted else None


def _judged(statement: Statement) -> dict[str, Any]:
    """Return the fields that a replacement may change and a verdict may depend on."""
    described = statement.to_dict()
    return {name: described[name] for name in (*_BOUNDS, *_LISTS, *_WORDS)}


def _replacement(name: str, value: Any) -> str:
    """Write one changed field as `--replace` takes it."""
    if value is None:
        return f"{name}="
    return f"{name}={'; '.join(value)}" if isinstance(value, list) else f"{name}={value}"
