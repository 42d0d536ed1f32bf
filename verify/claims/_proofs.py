"""Executed proofs as evidence."""

from __future__ import annotations

from collections import Counter

import theory
from verify.verdict import Evidence, State


def proof_evidence(statement: theory.Statement) -> list[Evidence]:
    """Run the proof of a catalogue statement.

    A proof that rests on cited steps is no evidence for `holds` on its own; a failed step leaves the claim open.

    Args:
        statement: the statement; altered ones have no proof.

    Returns:
        One piece of evidence, or none.
    """
    if statement.proof is None:
        return []
    results = statement.proof.run()
    counts = Counter(str(result.status) for result in results)
    finding = ", ".join(f"{count} {status}" for status, count in counts.items())
    if "failed" in counts:
        failed = next(result.title for result in results if str(result.status) == "failed")
        state, finding = State.INCONCLUSIVE, f"{finding}; failed: {failed}"
    else:
        state = State.HOLDS if set(counts) == {"proved"} else State.OBSERVED
    figures = {"steps": [{"title": r.title, "status": str(r.status), "note": r.note} for r in results]}
    return [Evidence("proof, step by step", finding, state, figures)]
