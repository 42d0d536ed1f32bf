"""The tables behind docs/findings.md, one for each question.

python tests/campaigns/findings.py                      # list the questions
python tests/campaigns/findings.py upper-bound          # print one table
python tests/campaigns/findings.py all --out results/reference/findings
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import simulate
from verify.figures import escape

SEED = 0
SLOPES = (0.9, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01, 0.0)


def upper_bound() -> pd.DataFrame:
    """Is there an O(1) upper bound, and is it tight? Extremes over all θ and v against n/d and n/d².

    Returns:
        Found and certified extremes of g, isotropic inputs, medians of three data sets.
    """
    rows = []
    for d, shares in ((8, (0.5, 2, 8, 32, 128, 512)), (16, (0.5, 2, 8, 32)), (32, (0.125, 0.5, 2, 8))):
        for share in shares:
            n = round(share * d * d)
            found = [
                simulate.uniform_alignment_range(simulate.gaussian_inputs(n, np.ones(d), seed), seed, most_starts=32)
                for seed in range(SEED, SEED + 3)
            ]
            rows.append({
                "d": d,
                "n": n,
                "n/d": n / d,
                "n/d^2": share,
                "inf certified": np.median([f.inf_certified or 0.0 for f in found]),
                "inf found": np.median([f.inf_found for f in found]),
                "sup found": np.median([f.sup_found for f in found]),
                "sup certified": np.median([f.sup_certified for f in found]),
            })
    return pd.DataFrame(rows)


def worst_theta() -> pd.DataFrame:
    """Which θ is worst, and what does it look like? Residual and derivative at the extremes of g over all θ and v.

    Returns:
        For each extreme: the cosine between u and v (whitened), the share of the residual's energy on its largest
        sample, the effective number of samples it lives on, and the rank of that sample by its (whitened) length.
    """
    rows = []
    for d, n in ((16, 128), (16, 2048), (32, 512)):
        X = simulate.gaussian_inputs(n, np.ones(d), SEED)
        found = simulate.uniform_alignment_range(X, SEED)
        lengths = np.linalg.norm(np.linalg.solve(np.linalg.cholesky(X.T @ X / n), X.T), axis=0)
        for name, (u, v), value in (
            ("inf", found.inf_witness, found.inf_found),
            ("sup", found.sup_witness, found.sup_found),
        ):
            r, j = X @ u, X @ v
            energy = r**2 / np.sum(r**2)
            rows.append({
                "d": d,
                "n": n,
                "extreme": name,
                "g": value,
                "cosine of u and v": abs(r @ j) / (np.linalg.norm(r) * np.linalg.norm(j)),
                "largest share of r^2": energy.max(),
                "effective samples of r": 1 / np.sum(energy**2),
                "rank by length of that sample": int(np.sum(lengths > lengths[np.argmax(energy)])) + 1,
            })
    return pd.DataFrame(rows)


def exponent() -> pd.DataFrame:
    """Is the factor (β/α)⁴ real? The worst μ that a search over weights, outer weights and labels finds.

    Returns:
        For each slope and design: the extremes found, and the exponents log μ/log(1/slope).
    """
    rows = []
    for n, d, width, starts in ((16, 32, 8, 6), (16, 400, 4, 4), (64, 16, 8, 4), (256, 8, 6, 2)):
        X = simulate.gaussian_inputs(n, np.ones(d), SEED)
        linear = simulate.label_free_range(X)
        for slope in SLOPES:
            model = simulate.TwoLayer(d, width, slope)
            found = simulate.adversarial_alignment(model, X, SEED, starts, outer="free")
            scale = np.log(1 / slope) if 0 < slope < 1 else np.nan
            rows.append({
                "n": n,
                "d": d,
                "slope": slope,
                "inf found": found.inf_found,
                "sup found": found.sup_found,
                "sup of the linear model": linear.sup,
                "exponent": np.log(found.sup_found / linear.sup) / scale,
                "bound": linear.sup / slope**4 if slope else np.inf,
                "n (largest possible)": n,
            })
    return pd.DataFrame(rows)


def spectra() -> pd.DataFrame:
    """What do anisotropic inputs change? Exact ranges of the linear model, and the range over every OLM.

    Returns:
        For each spectrum: effective dimension, the exact range of μ, its population limit, and the extremes over OLMs.
    """
    d, n = 24, 2400
    families = {
        "isotropic": np.ones(d),
        "power law 1/2": simulate.power_law(d, 0.5),
        "power law 1": simulate.power_law(d, 1.0),
        "power law 2": simulate.power_law(d, 2.0),
        "one spike of 10": simulate.spiked(d, 1, 10.0),
        "one spike of 100": simulate.spiked(d, 1, 100.0),
    }
    rows = []
    stream = simulate.generator(SEED, "student t")
    tails = np.sqrt(stream.chisquare(3, (n, 1)) / 3)
    designs = {name: (simulate.gaussian_inputs(n, spectrum, SEED), spectrum) for name, spectrum in families.items()}
    designs["Student t (3), outside the theorems"] = (stream.standard_normal((n, d)) / tails, np.ones(d))
    for name, (X, spectrum) in designs.items():
        inf, sup, _ = simulate.loss_alignment_range(X)
        every = simulate.uniform_alignment_range(X, SEED, most_starts=32)
        d_eff = simulate.effective_dimension(spectrum)
        rows.append({
            "spectrum": name,
            "d_eff": d_eff,
            "inf mu (linear)": inf,
            "sup mu (linear)": sup,
            "population sup 1 + 2/d_eff": 1 + 2 / d_eff,
            "inf (every OLM)": every.inf_found,
            "sup (every OLM)": every.sup_found,
            "sup certified": every.sup_certified,
        })
    return pd.DataFrame(rows)


def centring() -> pd.DataFrame:
    """Does Σ instead of Σ₁ matter? Exact ranges of g along a fixed direction, and μ at initialisation, both ways.

    Returns:
        For each design: ranges over all θ, uncentred and centred, and μ of a two-layer network at initialisation.
    """
    rows = []
    for n, d in ((64, 8), (512, 8), (4096, 8), (1000, 100)):
        X = simulate.gaussian_inputs(n, np.ones(d), SEED)
        v = simulate.generator(SEED, "direction").standard_normal(d)
        plain = simulate.directional_alignment_range(X, v)
        centred = simulate.directional_alignment_range(X, v, centred=True)
        model = simulate.TwoLayer(d, 256, 0.0, train_outer=True)
        theta = model.init(SEED)
        residual = model.predict(theta, X) - simulate.teacher_targets(X, np.ones(d) / d**0.5)
        gram = model.gram(theta, X)
        rows.append({
            "n": n,
            "d": d,
            "g range": f"[{plain.inf:.3f}, {plain.sup:.3f}]",
            "g range, centred": f"[{centred.inf:.3f}, {centred.sup:.3f}]",
            "mu, two-layer ReLU": simulate.loss_alignment(gram, residual),
            "centred": simulate.loss_alignment(gram, residual, centred=True),
        })
    return pd.DataFrame(rows)


def depth() -> pd.DataFrame:
    """Does depth matter? μ of deep linear networks at initialisation, at their worst, and at the worst for one teacher.

    Returns:
        For each depth: mean and spread over 20 initialisations, and extremes.
    """
    n, d, width = 96, 16, 16
    X = simulate.gaussian_inputs(n, np.ones(d), SEED)
    teacher = np.ones(d) / d**0.5
    every = simulate.uniform_alignment_range(X, SEED)
    linear = simulate.loss_alignment_range(X)
    rows = []
    for layers in (1, 2, 3, 4, 6, 8):
        model = simulate.DeepLinear(d, (width,) * (layers - 1))
        values = []
        for seed in range(20):
            theta = model.init(seed)
            values.append(simulate.loss_alignment(model.gram(theta, X), model.predict(theta, X) - X @ teacher))
        fixed = simulate.deep_linear_alignment_search(model, X, teacher, SEED, starts=4)
        worst = (linear.inf, linear.sup) if layers == 1 else (every.inf_found, every.sup_found)
        rows.append({
            "layers": layers,
            "mu at initialisation": np.mean(values),
            "standard deviation": np.std(values, ddof=1),
            "inf over theta and teacher": worst[0],
            "sup over theta and teacher": worst[1],
            "inf found, one teacher": fixed.inf_found,
            "sup found, one teacher": fixed.sup_found,
        })
    return pd.DataFrame(rows)


def sampled_intervals() -> pd.DataFrame:
    """How far can sampled runs of SGD be trusted? Coverage of 95 % intervals for D_1(t) and E L(t) of Figure 3.

    Returns:
        By the effective number of runs that carry the means: how many intervals (25 data sets, four effective ranks,
        two learning rates, up to 8 steps, 40 000 runs), and which shares of them hold the exact value.
    """
    settings = escape.SIZES["default"]._replace(steps=8, replicas=40_000)
    rows = []
    for seed in range(SEED, SEED + 25):
        for point in ((rank, which) for rank in settings.ranks for which in (escape.PAPER, escape.LARGER)):
            run = escape.follow(seed, settings, point).iloc[1:]
            rows.append(
                pd.DataFrame({
                    "effective runs": pd.cut(run["effective_runs"], [0, 20, 100, 400, np.inf], right=False),
                    "intervals": 1,
                    "trusted": run["reliable"],
                    "hold D_1": run["D"].between(run["D_sampled_low"], run["D_sampled_high"]),
                    "hold E L": run["loss"].between(run["loss_sampled_low"], run["loss_sampled_high"]),
                })
            )
    groups = pd.concat(rows).groupby("effective runs", observed=True)
    table = groups.agg({"intervals": "sum", "trusted": "sum", "hold D_1": "mean", "hold E L": "mean"})
    return table.reset_index()


QUESTIONS: dict[str, Callable[[], pd.DataFrame]] = {
    "upper-bound": upper_bound,
    "worst-theta": worst_theta,
    "exponent": exponent,
    "spectra": spectra,
    "centring": centring,
    "depth": depth,
    "sampled-intervals": sampled_intervals,
}


def main() -> int:
    """Print tables.

    Returns:
        0, or 2 for an unknown question.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", choices=[*QUESTIONS, "all"], help="which table")
    parser.add_argument("--out", type=Path, default=None, help="folder for CSV files")
    options = parser.parse_args()
    if options.question is None:
        for name, question in QUESTIONS.items():
            print(f"{name:18} {(question.__doc__ or '').splitlines()[0]}")
        return 0
    for name in QUESTIONS if options.question == "all" else [options.question]:
        started = time.perf_counter()
        table = QUESTIONS[name]()
        print(
            f"\n{name} ({time.perf_counter() - started:.0f} s)\n{table.to_string(index=False, float_format='%.4g')}",
            flush=True,
        )
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            table.to_csv(options.out / f"{name}.csv", index=False, float_format="%.6g")
    return 0


if __name__ == "__main__":
    sys.exit(main())
