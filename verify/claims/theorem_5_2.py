"""Theorem 5.2: SGD leaves a minimum along its flat directions.

Problem:
    The lower bound on D_k(t) is claimed for every start, every k and every t past a waiting time, on any inputs.

Method:
    Over all starts the extremes of D_k(t) are generalised eigenvalues of the exact second moments
    (`simulate.worst_flat_to_sharp`; online they are attained at single eigen-directions). They are compared with the
    bound at the exact constants A₁ and A₂, at every k and t, at learning rates that meet both cases of the theorem: β
    just above c₁ and larger, and η²S_X ≥ 1 at small β. The theorem itself is compared along single runs as well, with
    the tighter constants of the run, which is all that its proof needs.

Guarantee:
    `holds` rests on the proof, executed step by step, and on no start below the bound. A violation is recomputed from
    its start, sample by sample. How far the bound is from the worst start is reported for every data set; where A₁ = 0
    (no more samples than dimensions) the theorem says nothing, and so does the line about it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

import theory
from verify.claims._context import Context
from verify.claims._points import Again, Points, judge_points
from verify.escape_data import Constants, EscapeData, Run, WorstStarts, flat_to_sharp_range
from verify.escape_designs import EscapeDesign
from verify.escape_witness import plain_model
from verify.verdict import Plot, Verdict

LONGEST_START = 64
"""Entries of a start that a witness writes out."""
DRAWN = EscapeDesign("isotropic", 1000, 20)
LAST_DRAWN = 10
"""Steps that are drawn: by then every start looks alike."""
MOST_DRAWN = 6


def judge(statement: theory.Statement, context: Context, data: EscapeData, stop_early: bool) -> Verdict:
    """Judge Theorem 5.2 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        data: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    context.progress(0.1, "worst starts of every data set")
    found = data.worst_starts()
    points = [_points(one, data.seed) for one in found]
    if not statement.altered:
        context.progress(0.4, "single runs")
        # A variant claims nothing for the constants of a run: its hypotheses are about every θ.
        points += [_run_points(run, data.seed) for run in data.runs()]
    plots = [] if stop_early else [*_time_plots(found, statement), _room_plot(found, statement)]
    return judge_points(statement, context, points, plots)


def table(data: EscapeData) -> pd.DataFrame:
    """List the observations.

    Args:
        data: the data sets.

    Returns:
        One row for each data set, learning rate, k and t ≥ 1; of more than 30 values of k every few are listed.
    """
    rows = []
    for one in data.worst_starts():
        columns = range(0, len(one.ks), -(-len(one.ks) // 30))
        shared = (*one.constants.design, one.constants.A1, one.constants.A2, one.beta)
        rows += [
            (*shared, one.ks[c], t, one.low[t, c], one.high[t, c]) for c in columns for t in range(1, len(one.low))
        ]
    return pd.DataFrame(rows, columns=["family", "n", "d", "A1", "A2", "beta", "k", "t", "inf_D", "sup_D"])


def symbols_at(constants: Constants, beta: float, ks: np.ndarray, steps: int) -> dict[str, Any]:
    """Give the symbols of the theorem at every k and t.

    Args:
        constants: the data set.
        beta: η‖G‖_F.
        ks: the k, shape (K,).
        steps: the last t.

    Returns:
        Values that broadcast to shape (steps + 1, K).
    """
    return {
        "A1": constants.A1,
        "A2": constants.A2,
        "beta": beta,
        "S_X": constants.sharp_squares(ks)[None],
        "S_Y": constants.flat_squares(ks)[None],
        "t": np.arange(steps + 1.0)[:, None],
    }


def _points(one: WorstStarts, seed: int) -> Points:
    """Make the points of one data set and learning rate."""
    design, steps = one.constants.design, len(one.low) - 1
    # Before the first step D_k is whatever the start makes it: a later witness says more.
    times = np.arange(steps + 1)[:, None] + np.where(np.arange(steps + 1)[:, None] == 0, 1e6, 0)
    return Points(
        name=f"{design.name}: every start and learning rate, {len(one.ks)} k, t = 0…{steps}",
        symbols=symbols_at(one.constants, one.beta, one.ks, steps),
        low=one.low,
        high=one.high,
        again=partial(_again, one, seed),
        cost=times * max(design.n, design.d) * design.d**2,
    )


def _again(one: WorstStarts, seed: int, index: tuple[int, ...], side: str) -> Again:
    """Follow the worst start of one k and t, sample by sample."""
    design, (time, column) = one.constants.design, index
    k, rate = int(one.ks[column]), one.beta / one.constants.norm
    model = plain_model(design, seed)
    if time == 0 and side == "upper":
        start: object = f"the eigenvector of G of eigenvalue number {k + 1}: no loss along sharp directions"
        value = np.inf
    else:
        w = _start(one, seed, time, k, side)
        start = _described(w, one, side, time, k)
        losses = model.moments(w, rate, time)[time] * model.eigenvalues
        value = float(losses[k:].sum() / losses[:k].sum())
    squares, (A1, A2) = model.eigenvalues**2, model.constants()
    symbols = {
        "A1": A1,
        "A2": A2,
        "beta": rate * model.norm,
        "S_X": float(squares[:k].sum()),
        "S_Y": float(squares[k:].sum()),
        "t": float(time),
    }
    recipe = {
        **design.recipe(seed),
        "lr": rate,
        "k": k,
        "t": time,
        "start": start,
        "recompute": "model.moments(start, lr, t)[t] times the eigenvalues of G",
    }
    return Again(symbols, value, recipe)


def _start(one: WorstStarts, seed: int, time: int, k: int, side: str) -> np.ndarray:
    """Find the worst start."""
    found = flat_to_sharp_range(one.constants, seed, one.beta, time, [k])
    chosen = (found.inf_witnesses if side == "lower" else found.sup_witnesses)[time, 0]
    return np.eye(one.constants.design.d)[int(chosen)] if one.constants.design.online else np.asarray(chosen)


def _described(w: np.ndarray, one: WorstStarts, side: str, time: int, k: int) -> object:
    """Write a start, or say how to get it where it is long."""
    if len(w) <= LONGEST_START:
        return w.tolist()
    if one.constants.design.online:
        return f"unit vector of coordinate {int(np.argmax(w))}, from 0"
    end = "inf" if side == "lower" else "sup"
    return f"simulate.worst_flat_to_sharp(draw, lr, {time}, [{k}]).{end}_witnesses[{time}, 0]"


def _run_points(run: Run, seed: int) -> Points:
    """Make the points of one run, with the constants along it."""
    ks, steps = np.arange(1, run.D.shape[1] + 1), len(run.D) - 1
    known = np.isfinite(run.D)
    return Points(
        name=f"{run.constants.design.name}: single runs, with the constants along each run",
        symbols={**symbols_at(run.constants, run.beta, ks, steps), "A1": run.A1, "A2": run.A2},
        low=np.where(known, run.D, np.inf),
        high=np.where(known, run.D, 0.0),
        again=partial(_run_again, run, seed),
        cost=run.constants.design.n,
    )


def _run_again(run: Run, seed: int, index: tuple[int, ...], side: str) -> Again:
    """Follow one run sample by sample; its constants come from the recursion."""
    del side
    (time, column), k = index, index[1] + 1
    rate = run.beta / run.constants.norm
    model = plain_model(run.constants.design, seed)
    losses = model.moments(run.w, rate, time)[time] * model.eigenvalues
    at = symbols_at(run.constants, run.beta, np.arange(1, run.D.shape[1] + 1), time)
    symbols = {name: float(np.broadcast_to(x, (time + 1, run.D.shape[1]))[time, column]) for name, x in at.items()}
    recipe = {**run.constants.design.recipe(seed), "lr": rate, "k": k, "t": time, "start": run.w.tolist()}
    return Again({**symbols, "A1": run.A1, "A2": run.A2}, float(losses[k:].sum() / losses[:k].sum()), recipe)


def _time_plots(found: list[WorstStarts], statement: theory.Statement) -> list[Plot]:
    """Draw worst case and bound against time for one data set: both cases of the theorem."""
    here = [one for one in found if one.constants.design == DRAWN] or found[:1]
    plots = []
    for one, column in ((here[0], 0), (here[0], len(here[0].ks) // 2)):
        times = np.arange(1, min(len(one.low), LAST_DRAWN + 1))
        bound = _points(one, 0).bound(statement, "lower")[times, column]
        series = [
            {"label": "smallest over all starts", "x": times.tolist(), "y": one.low[times, column].tolist()},
            {"label": "largest over all starts", "x": times.tolist(), "y": one.high[times, column].tolist()},
            {"label": "lower bound", "x": times.tolist(), "y": bound.tolist(), "style": "bound"},
        ]
        k = int(one.ks[column])
        plots.append(
            Plot(
                title=f"D_k(t) over all starts, k = {k}, β = {one.beta:.3g}: {one.constants.design.name}",
                alt="Smallest and largest ratio of flat to sharp loss over all starts, against the number of steps, "
                "with the lower bound of the theorem.",
                x_label="number of steps t",
                y_label="D_k(t)",
                series=series,
                x_log=False,
            )
        )
    return plots


def _room_plot(found: list[WorstStarts], statement: theory.Statement) -> Plot:
    """Draw how loose the bound is for every k, at each data set's learning rates together."""
    chosen: dict[tuple[str, bool], EscapeDesign] = {}
    for design in (one.constants.design for one in found):
        # One of each kind, where samples are many.
        if design.online or design.family == "digits" or design.n >= 20 * design.d:
            chosen[design.family, design.online] = design
    series = []
    for design in list(chosen.values())[:MOST_DRAWN]:
        ratios: dict[int, float] = {}
        for one in found:
            if one.constants.design != design:
                continue
            bound = _points(one, 0).bound(statement, "lower")
            with np.errstate(divide="ignore", invalid="ignore"):
                room = np.where(bound > 0, one.low / bound, np.inf).min(axis=0)
            for k, ratio in zip(one.ks.tolist(), room.tolist(), strict=True):
                ratios[k] = min(ratio, ratios.get(k, np.inf))
        finite = {k: ratio for k, ratio in ratios.items() if np.isfinite(ratio)}
        if finite:
            shares = [k / design.rank for k in finite]
            series.append({"label": design.name, "x": shares, "y": list(finite.values()), "style": "line"})
    return Plot(
        title="How loose the lower bound is: worst start over bound",
        alt="Smallest ratio of the worst case to the lower bound over all t and learning rates, against k over rank.",
        x_label="k / rank of G",
        y_label="worst D_k over bound",
        series=series,
        x_log=False,
    )
