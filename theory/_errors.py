"""The one error of the package, and the wording that all its messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class StatementError(ValueError):
    """A statement, an expression or a value that cannot be used; the message is one line."""


def shown(value: object, limit: int = 60) -> str:
    """Show what came as one short printable line.

    Args:
        value: anything.
        limit: the largest number of characters.

    Returns:
        Its representation in ASCII, cut to the limit.
    """
    text = ascii(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def suggestion(name: str, known: Iterable[str]) -> str:
    """Say which of the known names is nearest, and list them all.

    Args:
        name: what was given.
        known: what would have been accepted.

    Returns:
        A phrase for the end of a message.
    """
    names = list(known)
    by_folded = {candidate.casefold(): candidate for candidate in reversed(names)}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    hint = f"did you mean {by_folded[near[0]]!r}? " if near else ""
    return f"{hint}known: {', '.join(names)}" if names else f"{hint}none is known"
