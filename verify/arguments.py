"""What users give to a run, checked before anything is created."""

from __future__ import annotations

import os
from typing import Any

from verify.errors import VerifyError


def check_seed(seed: Any) -> int:
    """Check a seed.

    Args:
        seed: what was given.

    Returns:
        The seed.

    Raises:
        VerifyError: if it is not an integer of at least 0; a bool is refused.
    """
    import numpy as np

    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise VerifyError(f"seed: expected an integer of at least 0, got {seed!r}")
    return int(seed)


def check_out(out: Any) -> str | os.PathLike[str] | None:
    """Check that a folder can be named like this.

    Args:
        out: what was given.

    Returns:
        The name; None for the default.

    Raises:
        VerifyError: if it is neither None nor a name that a folder can have.
    """
    if out is None:
        return None
    if not isinstance(out, str | os.PathLike) or not str(out) or "\0" in str(out):
        raise VerifyError(f"out: expected the name of a folder, got {out!r}")
    return out
