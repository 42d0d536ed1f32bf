"""How often the explicit interval of Theorem 3.3 fails, and how wide it is beside the range that data have.

python tests/campaigns/explicit_coverage.py --draws 100                          # a sample, printed
python tests/campaigns/explicit_coverage.py --out results/reference/explicit     # all: four minutes, one BLAS thread

For each design the exact range of μ over all θ and labels of every draw is compared with both intervals of
`theory.explicit_bounds` at δ = 0.05, and with the control: the brackets of a single sample at δ = 0.5. Exit status: 1
if an interval fails more often than δ, or not surely less often than twice δ, or a control survives.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import simulate
import theory
from simulate import streams
from verify.environment import describe
from verify.statistics import clopper_pearson
from verify.verdict import plain

DELTA = 0.05
DRAWS = 2000
METHODS = ("chi-square", "laurent-massart")
FALSE_ALARM = 1e-6
"""Probability with which a true interval is called false."""


class Design(NamedTuple):
    """A design whose interval is not vacuous and whose draws cost little.

    Attributes:
        name: the family.
        n: number of samples.
        spectrum: eigenvalues of the covariance, shape (d,).
    """

    name: str
    n: int
    spectrum: np.ndarray


DESIGNS = (
    Design("isotropic, n = d", 400, simulate.isotropic(400)),
    Design("isotropic, n > d", 2000, simulate.isotropic(150)),
    Design("power law, exponent 1/4", 200, simulate.power_law(1500, 0.25)),
    Design("spiked, ten eigenvalues 3", 200, simulate.spiked(600, 10, 3.0)),
)


def observed(design: Design, draws: int, seed: int) -> np.ndarray:
    """Compute the exact range of μ over all θ and labels on every draw.

    Args:
        design: the design.
        draws: number of data sets.
        seed: what fixes them.

    Returns:
        inf and sup, shape (draws, 2).
    """
    found = []
    for trial in range(draws):
        stream = streams.generator(seed, "coverage", (design.n, design.spectrum.size, design.name), trial)
        found.append(simulate.label_free_range(simulate.gaussian_inputs(design.n, design.spectrum, stream))[:2])
    return np.array(found)


def coverage(design: Design, extremes: np.ndarray, delta: float = DELTA) -> list[dict[str, Any]]:
    """Compare a design's intervals, and its control, with what was observed.

    Args:
        design: the design.
        extremes: inf and sup of μ, shape (draws, 2).
        delta: δ.

    Returns:
        One row for each interval: failures with their 95 % interval, whether δ is refuted (error 1e-6), and quantiles
        of the interval's width over the observed one, and of what each side uses of the room.
    """
    rows = []
    for name, method, union, level in (
        *((method, method, True, delta) for method in METHODS),
        ("control: one sample, δ = 0.5", METHODS[0], False, 0.5),
    ):
        interval = theory.explicit_bounds(
            "3.3", n=design.n, spectrum=design.spectrum, delta=level, method=method, union=union
        )
        failures = int(np.sum((extremes[:, 0] < interval.lower) | (extremes[:, 1] > interval.upper)))
        share = clopper_pearson(failures, len(extremes))
        refuted = clopper_pearson(failures, len(extremes), 1 - 2 * FALSE_ALARM).low > delta
        tightness = np.quantile((interval.upper - interval.lower) / np.diff(extremes)[:, 0], [0.05, 0.5, 0.95])
        rows.append({
            "design": design.name,
            "n": design.n,
            "d": design.spectrum.size,
            "d_eff": simulate.effective_dimension(design.spectrum),
            "interval": name,
            "lower": interval.lower,
            "upper": interval.upper,
            "observed inf, median": np.median(extremes[:, 0]),
            "observed sup, median": np.median(extremes[:, 1]),
            "draws": len(extremes),
            "failures": failures,
            "share, low": share.low,
            "share, high": share.high,
            "delta refuted": refuted,
            **{f"width ratio, {level} %": value for level, value in zip((5, 50, 95), tightness, strict=True)},
            "room used below, most": np.max((1 - extremes[:, 0]) / (1 - interval.lower)),
            "room used above, most": np.max((extremes[:, 1] - 1) / (interval.upper - 1)),
        })
    return rows


def as_expected(rows: list[dict[str, Any]], delta: float = DELTA) -> bool:
    """Say whether every interval holds and every control is refuted.

    Args:
        rows: what `coverage` returns.
        delta: δ.

    Returns:
        Whether no interval is refuted, each fails in a share that is surely below twice δ, and each control is refuted.
    """
    controls = [row["delta refuted"] for row in rows if row["interval"].startswith("control")]
    intervals = [row for row in rows if not row["interval"].startswith("control")]
    held = all(not row["delta refuted"] and row["share, high"] < 2 * delta for row in intervals)
    return held and bool(intervals) and bool(controls) and all(controls)


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign.

    Args:
        arguments: what follows the program's name; None for the process's own.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for coverage.csv and summary.json")
    chosen = parser.parse_args(arguments)
    started, rows = time.perf_counter(), []
    for design in DESIGNS:
        before = time.perf_counter()
        rows += coverage(design, observed(design, chosen.draws, chosen.seed))
        print(f"{design.name}: {chosen.draws} draws in {time.perf_counter() - before:.0f} s", flush=True)
    table, good = pd.DataFrame(rows), as_expected(rows)
    columns = ["design", "interval", "lower", "upper", "failures", "share, high", "width ratio, 50 %"]
    print(table[columns].to_string(index=False))
    print("every interval holds and every control is refuted" if good else "NOT AS EXPECTED")
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(chosen.out / "coverage.csv", index=False)
        options = f"--draws {chosen.draws} --seed {chosen.seed} --out {chosen.out}"
        summary = {
            "command": f"python tests/campaigns/explicit_coverage.py {options}",
            "delta": DELTA,
            "as_expected": good,
            "seconds": round(time.perf_counter() - started),
            "rows": rows,
            "environment": describe(),
        }
        (chosen.out / "summary.json").write_text(json.dumps(plain(summary), indent=2, ensure_ascii=False) + "\n")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
