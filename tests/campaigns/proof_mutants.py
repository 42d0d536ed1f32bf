"""Are wrong proofs rejected? Every sign, exponent, constant and direction in every executed step is changed.

A mutant is rejected by the check of its own step, or by a step that uses what it concludes. Those that survive are
looked at one by one: a survivor that is true wherever the original is (tested at random points where the original
holds) is a weaker conclusion that is right as well, and so no wrong step; for every other one a reason is written down
in `REASONS`. Writes a table and a summary; exits 1 where a survivor is not explained.

    python tests/campaigns/proof_mutants.py --out results/reference/proof-mutants
    python tests/campaigns/proof_mutants.py 3.3 5.2      # some statements
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import sympy
from rich.progress import track
from sympy.core.relational import Relational

sys.path.insert(0, str(Path(__file__).parents[1] / "theory"))

from mutant_reasons import REASONS
from proof_mutation import Mutant, mutants

import theory
from verify.environment import describe

POINTS, ENOUGH = 4000, 20
WEAKER = "true wherever the original is"
LARGER = "a larger constant asks for more"


def explained(mutant: Mutant, seed: int) -> str:
    """Say why a survivor is no wrong step.

    Args:
        mutant: a survivor.
        seed: what fixes the points.

    Returns:
        The reason; empty where there is none.
    """
    if implied(mutant.original, mutant.changed, seed):
        return WEAKER
    if larger_constant(mutant, seed):
        return LARGER
    return REASONS.get((mutant.id, mutant.fact, str(mutant.changed)), "")


def implied(original: Relational, changed: Relational, seed: int) -> bool:
    """Test at random points whether one inequality holds wherever another does.

    Args:
        original: the premise.
        changed: the conclusion.
        seed: what fixes the points.

    Returns:
        Whether it does at every point where the premise holds, of which there must be enough. Sums over indexed
        entries are not evaluated, and never implied.
    """
    if isinstance(original, sympy.Equality) or any(r.has(sympy.Sum, sympy.Indexed) for r in (original, changed)):
        return False
    holds, also = at_points([original, changed], seed)
    return int(holds.sum()) >= ENOUGH and bool(also[holds].all())


def larger_constant(mutant: Mutant, seed: int) -> bool:
    """Say whether a mutant is a constant of the conditions that is nowhere smaller than the proof's.

    Args:
        mutant: a survivor.
        seed: what fixes the points.

    Returns:
        Whether it is, at random points of ε.
    """
    if mutant.fact != "constant" or mutant.original.lhs != mutant.changed.lhs:
        return False
    (larger,) = at_points([sympy.GreaterThan(mutant.changed.rhs, mutant.original.rhs, evaluate=False)], seed)
    return bool(larger.all())


def at_points(relations: Sequence[Relational], seed: int) -> list[np.ndarray]:
    """Evaluate relations at random points, the same for all.

    Args:
        relations: relations without sums.
        seed: what fixes the points.

    Returns:
        For each relation where it holds, shape (number of points,). Symbols that may be negative take both signs; ε and
        δ lie between 0 and 1, others there or anywhere between 10⁻³ and 10³.
    """
    symbols = sorted(set().union(*(relation.free_symbols for relation in relations)), key=str)
    rng = np.random.default_rng(seed)
    values = []
    for name in symbols:
        near = (rng.random(POINTS) < 0.5) | (str(name) in {"eps", "delta"})
        size = np.where(near, rng.random(POINTS), 10 ** rng.uniform(-3, 3, POINTS))
        values.append(size if name.is_nonnegative else size * rng.choice([-1.0, 1.0], POINTS))
    with np.errstate(all="ignore"):
        results = [sympy.lambdify(symbols, relation, "numpy")(*values) for relation in relations]
    return [np.array(np.broadcast_to(result, POINTS), dtype=bool) for result in results]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign.

    Args:
        arguments: the command line; None for the program's own.

    Returns:
        0 if every survivor is explained, 1 otherwise.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ids", nargs="*", metavar="ID", help="statements (default: all that have a proof)")
    parser.add_argument("--seed", type=int, default=0, help="what fixes the random points (default 0)")
    parser.add_argument("--out", type=Path, help="folder for mutants.csv and summary.json")
    options = parser.parse_args(arguments)
    chosen = [theory.statement(id) for id in options.ids] or [s for s in theory.statements() if s.proof]
    start, rows = time.perf_counter(), []
    for statement in track(chosen, "changing one thing at a time", disable=not sys.stdout.isatty()):
        for mutant in mutants(statement):
            reason = "" if mutant.rejected else explained(mutant, options.seed)
            rows.append({**mutant.row(), "reason": reason})
    table = pd.DataFrame(rows)
    open_ = table[(table.rejected == "") & (table.reason == "")]
    summary = _summary(table, len(open_), time.perf_counter() - start)
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    sys.stdout.write(
        "".join(f"not explained: {r.id}, {r.fact}: {r.before}  →  {r.after}\n" for r in open_.itertuples())
    )
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out / "mutants.csv", index=False)
        (options.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return int(len(open_) > 0)


def _summary(table: pd.DataFrame, open_: int, seconds: float) -> dict[str, object]:
    """Count."""
    return {
        "mutants": len(table),
        "kinds": dict(Counter(table.kind)),
        "rejected by their step": int((table.rejected == "by its step").sum()),
        "rejected further down": int((table.rejected == "further down").sum()),
        "survivors": int((table.rejected == "").sum()),
        "survivors that are weaker conclusions": int(table.reason.isin([WEAKER, LARGER]).sum()),
        "survivors with a reason": int((~table.reason.isin(["", WEAKER, LARGER])).sum()),
        "not explained": open_,
        "steps": int(table.groupby(["id", "fact"]).ngroups),
        "seconds": round(seconds, 1),
        "environment": describe(),
    }


if __name__ == "__main__":
    sys.exit(main())
