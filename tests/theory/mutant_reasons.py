"""Why a mutant of a proof that survives, and is not implied by the original formula alone, is no wrong step."""

from __future__ import annotations

# Statement, fact and changed formula → the reason.
REASONS: dict[tuple[str, str, str], str] = {
    (
        "E.6",
        "entries",
        "Eq(squared_inner_product, Sum(-u[i]*v[i], (i, 1, d))**2)",
    ): "true: the square of a sum does not change with its sign",
    ("5.3", "flat is slower", "3 < beta"): "true: the remark speaks of fewer β, and nothing rests on it",
}
