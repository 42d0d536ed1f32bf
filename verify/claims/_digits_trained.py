"""What the digits claim says about trained networks: evidence, plots and table from the checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from verify.digits_training import END, INTERPOLATION, LEVELS, STAGES, START, Checkpoint, Training
from verify.verdict import Evidence, Plot, State

QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


def evidence(model: str, training: Training, checkpoints: list[Checkpoint]) -> Evidence:
    """Summarise one network at the three stages.

    Args:
        model: its name.
        training: what was spent.
        checkpoints: of all its initialisations.

    Returns:
        What was observed.
    """
    figures: dict[str, Any] = {
        "width": training.width,
        "images": training.images,
        "interpolation_loss": INTERPOLATION,
        "steps": [c.steps for c in checkpoints if c.stage == END],
        "reached": [c.reached for c in checkpoints if c.stage == END],
        "largest_rounding_error_of_residual": max(c.rounding for c in checkpoints),
    }
    parts = []
    for stage in STAGES.values():
        chosen = [c for c in checkpoints if c.stage == stage]
        figures[stage] = _stage(chosen)
        mu, g = [c.alignment for c in chosen], np.concatenate([c.uncentred for c in chosen])
        k, count = _largest(chosen)
        parts.append(
            f"{stage}: μ {min(mu):.2f} … {max(mu):.2f}, g [{g.min():.2f}, {g.max():.3g}], largest in direction {k} of "
            f"{count}, median {np.median(g):.2f}, within a factor 3 of 1 in "
            f"{figures[stage]['share_within_a_factor_3']:.0%}"
        )
    ended = figures["reached"]
    test = f"{model}, trained by SGD (batch 1); {len(ended)} initialisations, {sum(ended)} reach loss {INTERPOLATION:g}"
    return Evidence(test, "; ".join(parts), State.OBSERVED, figures)


def _stage(checkpoints: list[Checkpoint]) -> dict[str, Any]:
    """Numbers of one stage over the initialisations."""
    g, c = (np.concatenate([getattr(one, name) for one in checkpoints]) for name in ("uncentred", "centred"))
    sharper = np.concatenate([one.uncentred[: len(one.uncentred) // 2] for one in checkpoints])
    names = [f"{quantile:g}" for quantile in QUANTILES]
    return {
        "loss": [one.loss for one in checkpoints],
        "mu": [one.alignment for one in checkpoints],
        "mu_centred": [one.alignment_centred for one in checkpoints],
        "g_quantiles": dict(zip(names, np.quantile(g, QUANTILES).tolist(), strict=True)),
        "g_quantiles_sharper_half": dict(zip(names, np.quantile(sharper, QUANTILES).tolist(), strict=True)),
        "g_centred_quantiles": dict(zip(names, np.quantile(c, QUANTILES).tolist(), strict=True)),
        "share_within_a_factor_3": float(np.mean((g >= 1 / 3) & (g <= 3))),
    }


def _largest(checkpoints: list[Checkpoint]) -> tuple[int, int]:
    """Find the direction of the largest g, and the number of directions there."""
    one = max(checkpoints, key=lambda checkpoint: float(checkpoint.uncentred.max()))
    return int(np.argmax(one.uncentred)) + 1, len(one.uncentred)


def direction_plot(model: str, checkpoints: list[Checkpoint]) -> Plot:
    """Draw g along the eigen-directions at the three stages, first initialisation.

    Args:
        model: name of the network.
        checkpoints: of all its initialisations.

    Returns:
        The plot.
    """
    shown = [c for c in checkpoints if c.stage and c.initialisation == 0]
    series: list[dict[str, Any]] = [
        {
            "label": c.stage,
            "x": np.arange(1, len(c.uncentred) + 1).tolist(),
            "y": c.uncentred.tolist(),
            "style": "points",
        }
        for c in shown
    ]
    longest = max(len(c.uncentred) for c in shown)
    series.append({"label": "perfect alignment", "x": [1, longest], "y": [1.0, 1.0], "style": "bound"})
    return Plot(
        title=f"Directional alignment g through training (digits, {model})",
        alt="Points scatter around 1 at initialisation and in training; at interpolation they leave 1 in the flattest "
        "directions, where g grows.",
        x_label="k, from the sharpest direction to the flattest",
        y_label="g(θ; v_k)",
        series=series,
    )


def loss_plot(checkpoints: list[Checkpoint]) -> Plot:
    """Draw μ along training, against the loss.

    Args:
        checkpoints: of all networks and initialisations.

    Returns:
        The plot.
    """
    series: list[dict[str, Any]] = []
    for model in dict.fromkeys(c.model for c in checkpoints):
        curve: dict[str, list[float]] = {"x": [], "y": [], "low": [], "high": []}
        for level in (np.inf, *LEVELS):
            chosen = [c for c in checkpoints if c.model == model and c.level == level]
            mu = [c.alignment for c in chosen]
            curve["x"].append(float(np.exp(np.mean(np.log([c.loss for c in chosen])))))
            curve["y"].append(float(np.mean(mu)))
            curve["low"].append(min(mu))
            curve["high"].append(max(mu))
        series.append({"label": model, **curve, "style": "line"})
    ends = [max(max(one["x"]) for one in series), INTERPOLATION]
    series.append({"label": "perfect alignment", "x": ends, "y": [1.0, 1.0], "style": "bound"})
    return Plot(
        title="Loss alignment μ through training (digits)",
        alt="μ stays near 1 from initialisation, at the right, to interpolation, at the left.",
        x_label="loss (training runs from right to left)",
        y_label="μ(θ), mean and range over initialisations",
        series=series,
        y_log=False,
    )


def table(checkpoints: list[Checkpoint]) -> pd.DataFrame:
    """List every eigen-direction at every stage, and μ at the levels between.

    Args:
        checkpoints: of all networks and initialisations.

    Returns:
        A row for each direction; one row with k = 0 for each level between the stages.
    """
    return pd.concat([_rows(one) for one in checkpoints], ignore_index=True)


def _rows(checkpoint: Checkpoint) -> pd.DataFrame:
    """List one checkpoint."""
    measured = bool(checkpoint.stage)
    nothing = np.full(1, np.nan)
    return pd.DataFrame({
        "model": checkpoint.model,
        "initialisation": checkpoint.initialisation,
        "k": np.arange(1, len(checkpoint.eigenvalues) + 1) if measured else [0],
        "eigenvalue": checkpoint.eigenvalues if measured else nothing,
        "directional_alignment": checkpoint.uncentred if measured else nothing,
        "directional_alignment_centred": checkpoint.centred if measured else nothing,
        "loss_alignment": checkpoint.alignment,
        "loss_alignment_centred": checkpoint.alignment_centred,
        "part": "training",
        "stage": checkpoint.stage or f"training, loss {checkpoint.level:g}",
        "loss": checkpoint.loss,
        "steps": checkpoint.steps,
    })


def headline(checkpoints: list[Checkpoint]) -> str:
    """Say in one clause what training does to μ.

    Args:
        checkpoints: of all networks and initialisations.

    Returns:
        The clause.
    """
    ends = [(c.alignment, c.reached) for c in checkpoints if c.stage == END]
    starts = [c.alignment for c in checkpoints if c.stage == START]
    mu = [alignment for alignment, _ in ends]
    reached = sum(done for _, done in ends)
    return (
        f"trained by SGD, μ is {min(mu):.2f} … {max(mu):.2f} at interpolation (loss {INTERPOLATION:g}, reached by "
        f"{reached} of {len(ends)} runs) after {min(starts):.2f} … {max(starts):.2f} at the start"
    )
