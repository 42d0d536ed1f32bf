"""After Theorem 5.2: from the loss along flat directions to the parameters.

Problem:
    P_k ≥ (λ_k/λ_{k+1}) D_k is claimed for all eigenvalues λ₁ ≥ λ₂ ≥ … > 0 and all E wᵢ² ≥ 0.

Method:
    For given eigenvalues, k and D_k, P_k is a ratio of linear functions of the E wᵢ², so its extremes are attained
    where one sharp and one flat direction have all the weight: all such pairs are tried. Besides, P_k and D_k are
    compared along runs of SGD.

Guarantee:
    `holds` rests on the proof, executed step by step, and on no pair below the bound.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._points import Again, Points, judge_points
from verify.escape_data import EscapeData, Run
from verify.escape_witness import plain_model
from verify.verdict import Plot, Verdict

RATIOS = (0.0, 1e-6, 1e-3, 0.1, 0.5, 1.0, 2.0, 10.0, 1e3, 1e6)
"""Values of D_k that are tried."""


def judge(statement: theory.Statement, context: Context, data: EscapeData, stop_early: bool) -> Verdict:
    """Judge the comparison of P_k with D_k or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        data: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    context.progress(0.1, "spectra and runs of every data set")
    points = [_points(name, values) for name, values in _spectra(data).items()]
    points += [_run_points(run, data.seed) for run in data.runs()]
    plots = [] if stop_early else [_plot(statement, data)]
    return judge_points(statement, context, points, plots)


def table(data: EscapeData) -> pd.DataFrame:
    """List the observations.

    Args:
        data: the data sets.

    Returns:
        One row for each run, k and t.
    """
    rows = [
        (*run.constants.design, run.beta, run.start, k, t, run.D[t, k - 1], run.P[t, k - 1])
        for run in data.runs()
        for k in range(1, run.D.shape[1] + 1)
        for t in range(len(run.D))
    ]
    return pd.DataFrame(rows, columns=["family", "n", "d", "beta", "start", "k", "t", "D", "P"])


def _spectra(data: EscapeData) -> dict[str, np.ndarray]:
    """Collect spectra: those of the data sets, and random ones, some with wide gaps and some with equal eigenvalues."""
    spectra = {one.design.name: one.eigenvalues for one in data.constants() if 1 < len(one.eigenvalues) <= 70}
    stream = streams.generator(data.seed, "spectra")
    for number in range(8):
        logarithms = stream.standard_normal(2 + number) * (1, 10)[number % 2]
        spectra[f"random spectrum {number + 1}"] = np.sort(np.exp(logarithms))[::-1]
    spectra["equal eigenvalues"] = np.array([2.0, 2.0, 1.0, 1.0, 1.0])
    return spectra


def _points(name: str, values: np.ndarray) -> Points:
    """Make the points of one spectrum: one for each k and D_k, with the extremes over all pairs of directions."""
    D, ks = np.array(RATIOS)[:, None], np.arange(1, len(values))
    pairs = [np.divide.outer(values[:k], values[k:]) for k in ks]
    least, most = (np.array([end(pair) for pair in pairs]) for end in (np.min, np.max))
    return Points(
        name=f"{name}: all energies, every k, {len(RATIOS)} values of D_k",
        symbols={"lambda_k": values[:-1][None], "lambda_next": values[1:][None], "D": D},
        low=least * D,
        high=most * D,
        again=partial(_again, values),
        cost=float(len(values)),
    )


def _again(values: np.ndarray, index: tuple[int, ...], side: str) -> Again:
    """Put all weight on the worst pair of directions, and take the sums."""
    D, k = RATIOS[index[0]], index[1] + 1
    pick = np.argmin if side == "lower" else np.argmax
    i, j = np.unravel_index(int(pick(np.divide.outer(values[:k], values[k:]))), (k, len(values) - k))
    energies = np.zeros(len(values))
    energies[i], energies[k + j] = 1 / values[i], D / values[k + j]
    losses = values * energies
    symbols = {"lambda_k": values[k - 1], "lambda_next": values[k], "D": losses[k:].sum() / losses[:k].sum()}
    recipe = {"k": k, "eigenvalues": values.tolist(), "energies": energies.tolist()}
    recipe["recompute"] = "sum(energies[k:]) / sum(energies[:k]), with factors eigenvalues for D"
    symbols = {name: float(value) for name, value in symbols.items()}
    return Again(symbols, float(energies[k:].sum() / energies[:k].sum()), recipe)


def _run_points(run: Run, seed: int) -> Points:
    """Make the points of one run."""
    values = run.constants.eigenvalues
    known = np.isfinite(run.D) & np.isfinite(run.P)
    return Points(
        name=f"{run.constants.design.name}: single runs",
        symbols={
            "lambda_k": values[:-1][None],
            "lambda_next": values[1:][None],
            "D": np.where(known, run.D, 0.0),
        },
        low=np.where(known, run.P, np.inf),
        high=np.where(known, run.P, 0.0),
        again=partial(_run_again, run, seed),
        cost=float(run.constants.design.n),
    )


def _run_again(run: Run, seed: int, index: tuple[int, ...], side: str) -> Again:
    """Follow one run sample by sample."""
    del side
    (time, column), rate = index, run.beta / run.constants.norm
    model, k = plain_model(run.constants.design, seed), column + 1
    energies = model.moments(run.w, rate, time)[time]
    losses = energies * model.eigenvalues
    symbols = {
        "lambda_k": float(model.eigenvalues[k - 1]),
        "lambda_next": float(model.eigenvalues[k]),
        "D": float(losses[k:].sum() / losses[:k].sum()),
    }
    recipe = {**run.constants.design.recipe(seed), "lr": rate, "k": k, "t": time, "start": run.w.tolist()}
    recipe["recompute"] = "sums of model.moments(start, lr, t)[t]"
    return Again(symbols, float(energies[k:].sum() / energies[:k].sum()), recipe)


def _plot(statement: theory.Statement, data: EscapeData) -> Plot:
    """Draw P_k against the bound for runs on the data set of widest spectrum."""
    runs = data.runs()
    widest = max(runs, key=lambda run: float(run.constants.eigenvalues[0] / run.constants.eigenvalues[-1]))
    chosen = [run for run in runs if run.constants is widest.constants and run.beta == widest.beta]
    series = []
    for run in chosen:
        bound = _run_points(run, data.seed).bound(statement, "lower")
        series.append({
            "label": f"start: {run.start}",
            "x": bound[1:].ravel().tolist(),
            "y": run.P[1:].ravel().tolist(),
            "style": "points",
        })
    drawn = np.concatenate([one["x"] for one in series])
    ends = [float(drawn[drawn > 0].min()), float(drawn.max())] if np.any(drawn > 0) else [1.0, 1.0]
    series.append({"label": "P_k equal to the bound", "x": ends, "y": ends, "style": "bound"})
    return Plot(
        title=f"Parameters against the bound, every k and t: {widest.constants.design.name}, β = {widest.beta:.3g}",
        alt="Ratio of flat to sharp squared distances along runs of SGD against its lower bound, all above the line.",
        x_label="lower bound",
        y_label="P_k(t)",
        series=series,
    )
