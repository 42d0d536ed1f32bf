"""Why a mutant of a proof that survives, and is not implied by the original formula alone, is no wrong step."""

from __future__ import annotations

# Statement, fact and changed formula → the reason.
REASONS: dict[tuple[str, str, str], str] = {
    ("3.3", "one sample", "Eq(mu**2, 1)"): "true: μ = 1 has the square 1",
}
