"""Names that are taken, and names that were misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

RESERVED = ("key", "index", "trial", "seed", "error", "seconds")
"""Columns of the table that no axis and no observation may be called."""


def nearest(name: object, known: Iterable[str]) -> str:
    """Suggest the known name that may have been meant.

    Args:
        name: what was given.
        known: the names there are.

    Returns:
        Text such as " (did you mean 'trials'?)"; empty where nothing is near.
    """
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
