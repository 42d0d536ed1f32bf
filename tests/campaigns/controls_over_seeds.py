"""Does the quick profile reach the same verdicts for every seed?

For each seed: every statement with all its controls, then conjectures that are false in subtle ways and true
weakenings. Writes a table and a summary; exits 1 if anything came out otherwise than it must.

    python tests/campaigns/controls_over_seeds.py --seeds 20 --out results/reference/controls-over-seeds
    python tests/campaigns/controls_over_seeds.py --seeds 1 --first 7 --conjectures 0 --claims 3.5 4.3    # a sample
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

import theory
import verify
from verify.claims import STATEMENTS as CLAIMS
from verify.environment import describe

SEARCHED = ("4.2-lower",)
"""Claims that no certificate can support: they must come out `not refuted`."""
ESCAPE = theory.statement("5.2").to_dict()["lower"]
LARGE_STEP, SMALL_STEP = "A1*S_Y/(S_X*(1 + A2))", "A1*S_Y/(2*A2*S_X)"
"""The lower bound of 5.2, and what it is in its two cases."""
FALSE: dict[str, tuple[str, dict[str, object]]] = {
    "3.3, d_eff only like log(n/δ)/ε": ("3.3", {"dimension": "log(n/delta)/eps"}),
    "3.3, no log n in the condition on d_eff": ("3.3", {"dimension": "log(1/delta)/eps**2"}),
    "3.3, upper bound 1 + ε^(3/2)": ("3.3", {"upper": "1 + eps**1.5"}),
    "3.3, no δ in the conditions": ("3.3", {"sample_size": "log(n)/eps**2", "dimension": "log(n)/eps**2"}),
    "3.3★, d_eff only like 1/ε and log(1/δ)": ("3.3-star", {"dimension": ["1/eps", "log(1/delta)"]}),
    "3.5, upper bound (β/α)⁴ (1 + ε^(3/2))": ("3.5", {"upper": "(beta/alpha)**4*(1 + eps**1.5)"}),
    "4.2, n like d^(3/2)": (
        "4.2",
        {
            "sample_size": [
                "(d**1.5*log(1/eps)**2 + log(1/delta)**2)/eps",
                "(d*log(1/eps) + log(1/delta))/eps**2",
            ]
        },
    ),
    "4.2, no δ in the conditions": ("4.2", {"sample_size": ["d**2*log(1/eps)**2/eps", "d*log(1/eps)/eps**2"]}),
    "4.2, second condition only like 1/ε": (
        "4.2",
        {"sample_size": ["(d**2*log(1/eps)**2 + log(1/delta)**2)/eps", "(d*log(1/eps) + log(1/delta))/eps"]},
    ),
    "3.2, upper bound 3 + ε²": ("3.2", {"upper": "3 + eps**2"}),
    "4.3, n ≥ C d without the logarithm": ("4.3", {"sample_size": ["d", "(d + log(K/delta))*log(K/delta)"]}),
    "4.3, upper bound exactly 3": ("4.3", {"upper": "3"}),
    "4.3, upper bound 3 + ε − ε^(1/2)/50": ("4.3", {"upper": "3 + eps - sqrt(eps)/50"}),
    "5.1, A₂ less a hundredth of the gap": ("5.1", {"upper": "A2 - (A2 - A1)/100"}),
    "5.1, A₁ and a hundredth of the gap": ("5.1", {"lower": "A1 + (A2 - A1)/100"}),
    "5.2, second case from β > 1 on": ("5.2", {"lower": ESCAPE.replace("sqrt(1 + 2/A1)", "1")}),
    "5.2, half of S_Y/S_X in the second case": ("5.2", {"lower": ESCAPE.replace(SMALL_STEP, "S_Y/(2*S_X)")}),
    "5.2, half of S_Y/S_X in the first case": ("5.2", {"lower": ESCAPE.replace(LARGE_STEP, "S_Y/(2*S_X)")}),
    "5.2, upper bound 2 S_Y/S_X after a step": ("5.2", {"upper": "where(t < 1, 1/t, 2*S_Y/S_X)"}),
    "5.2-growth, mean of the constants": ("5.2-growth", {"lower": "beta**2*(A1 + A2)/2"}),
    "5.2-growth, a thousandth more": ("5.2-growth", {"lower": "beta**2*A1*1001/1000"}),
    "5.2-parameters, a power just above one": ("5.2-parameters", {"lower": "(lambda_k/lambda_next)**1.01*D"}),
    "5.2-threshold, at most 1/√A₂": ("5.2-threshold", {"upper": "1/sqrt(A2)"}),
    "5.2-threshold, at least 1/(1 + A₂)": ("5.2-threshold", {"lower": "1/(1 + A2)"}),
    "5.2-threshold-sharp, a thousandth less above": ("5.2-threshold-sharp", {"upper": "999/(1000*A1)"}),
    "5.3, one step more": ("5.3", {"upper": "R*(q/(beta - 1)**2)**(t + 1)"}),
    "5.3, β in place of β − 1": ("5.3", {"upper": "R*(q/beta**2)**t"}),
}
TRUE: dict[str, tuple[str, dict[str, object]]] = {
    "3.3, bounds 1 ± 2ε": ("3.3", {"lower": "1 - 2*eps", "upper": "1 + 2*eps"}),
    "3.3, d_eff like log(n/δ)/ε³": ("3.3", {"dimension": "log(n/delta)/eps**3"}),
    "3.5, bounds twice as wide in ε": (
        "3.5",
        {"lower": "(alpha/beta)**4*(1 - 2*eps)", "upper": "(beta/alpha)**4*(1 + 2*eps)"},
    ),
    "4.2, n like d³": (
        "4.2",
        {"sample_size": ["(d**3*log(1/eps)**2 + log(1/delta)**2)/eps", "(d*log(1/eps) + log(1/delta))/eps**2"]},
    ),
    "3.2, bounds 1 − 4ε and 4 + ε": ("3.2", {"lower": "1 - 4*eps", "upper": "4 + eps"}),
    "4.3, n like d^(3/2)": ("4.3", {"sample_size": ["d**1.5", "(d + log(K/delta))*log(K/delta)"]}),
    "4.3, upper bound 4 + ε": ("4.3", {"upper": "4 + eps"}),
    "5.1, twice the gap": ("5.1", {"lower": "2*A1 - A2", "upper": "2*A2 - A1"}),
    "5.2, half of the bound": ("5.2", {"lower": f"({ESCAPE})/2"}),
    "5.2, a third in the second case": ("5.2", {"lower": ESCAPE.replace(SMALL_STEP, "A1*S_Y/(3*A2*S_X)")}),
    "5.2-growth, half of it": ("5.2-growth", {"lower": "beta**2*A1/2"}),
    "5.2-parameters, D_k itself": ("5.2-parameters", {"lower": "D"}),
    "5.2-threshold, 3 in place of 2": ("5.2-threshold", {"upper": "sqrt(1 + 3/A1)"}),
    "5.2-threshold-sharp, twice as wide": ("5.2-threshold-sharp", {"lower": "1/(2*A2)", "upper": "2/A1"}),
    "5.3, twice the bound": ("5.3", {"upper": "2*R*(q/(beta - 1)**2)**t"}),
}


def main() -> int:
    """Run the campaign.

    Returns:
        0 if every verdict is as it must be, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="number of seeds")
    parser.add_argument("--conjectures", type=int, default=4, help="number of these seeds that judge conjectures too")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--claims", nargs="+", choices=CLAIMS, default=CLAIMS, help="claims to judge")
    parser.add_argument("--out", type=Path, default=None, help="folder for the table and the summary")
    options = parser.parse_args()
    rows = []
    for seed in range(options.first, options.first + options.seeds):
        rows += judge_seed(seed, options.claims, conjectures=seed < options.first + options.conjectures)
    table = pd.DataFrame(rows)
    wrong = table[table["state"] != table["expected"]]
    counts = table.groupby(["claim", "expected", "state"]).agg(runs=("seed", "size"), seconds=("seconds", "median"))
    print(counts.to_string())
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out / "verdicts.csv", index=False)
        about = {"seeds": options.seeds, "first": options.first, "wrong": len(wrong), "environment": describe()}
        (options.out / "summary.json").write_text(json.dumps(about, indent=1) + "\n")
    print(f"{len(table) - len(wrong)} passed, {len(wrong)} failed")
    return int(len(wrong) > 0)


def judge_seed(seed: int, claims: Sequence[str], conjectures: bool) -> list[dict[str, object]]:
    """Judge everything once.

    Args:
        seed: the seed.
        claims: the claims.
        conjectures: whether to judge conjectures as well.

    Returns:
        A row for each statement: what came out and what must.
    """
    chosen = (FALSE | TRUE).items() if conjectures else ()
    altered = [(name, theory.statement(base).replace(**changes)) for name, (base, changes) in chosen]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = verify.run([*claims, *(statement for _, statement in altered)], seed=seed, out=Path(folder) / "run")
    names = [*claims, *(name for name, _ in altered)]
    rows = []
    for name, verdict in zip(names, result.verdicts, strict=True):
        expected = "violated" if name in FALSE else "not refuted" if name in SEARCHED else "holds"
        rows.append({
            "seed": seed,
            "claim": name,
            "expected": expected,
            "state": str(verdict.state),
            "seconds": verdict.seconds,
        })
    rows += [
        {"seed": seed, "claim": c.claim, "expected": "violated", "state": str(c.state), "seconds": float("nan")}
        for c in result.controls
    ]
    bad = [row for row in rows if row["state"] != row["expected"]]
    print(f"seed {seed}: {time.perf_counter() - started:.0f} s, {len(bad)} unexpected", *bad, sep="\n  ", flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
