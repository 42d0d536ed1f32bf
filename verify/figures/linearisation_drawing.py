"""The figure on linearisation, drawn: losses of single runs, and where and when the linear path is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from verify.figures import drawing, linearisation
from verify.figures._context import Made
from verify.figures.escape_paths import DEEP, FROZEN, GRADIENT, LEAKY, MODELS, SLOPE, SMOOTH, TEACHER, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {
    SMOOTH: drawing.BLUE,
    LEAKY: drawing.VERMILION,
    FROZEN: drawing.ORANGE,
    TEACHER: drawing.PURPLE,
    DEEP: drawing.GREEN,
}
_MARKERS = {SMOOTH: "o", LEAKY: "s", FROZEN: "D", TEACHER: "v", DEEP: "^"}
_NO_TREND = 0.1
"""An exponent this small counts as none."""
_DASHED, _DOTTED = (0, (4, 2)), (0, (1, 1.4))
_SHADES = (drawing.SKY, drawing.BLUE, drawing.PURPLE)


def draw(settings: linearisation.Settings, table: pd.DataFrame) -> Made:
    """Draw the figure.

    Args:
        settings: what it was measured with.
        table: what was measured.

    Returns:
        The figure.
    """
    figure, axes = drawing.panels(2, 3, 13.0, 8.0)
    for panel, model, letter in zip(axes[0], (SMOOTH, LEAKY, DEEP), "abc", strict=True):
        _paths(panel, _of(table, linearisation.PATH, model))
        panel.set_title(f"({letter}) {model}, ε = {drawing.number(settings.shown)}")
    _ends(axes[1, 0], settings, table)
    axes[1, 0].set_title("(d) distance where linearisation ends")
    _steps(axes[1, 1], table)
    axes[1, 1].set_title("(e) steps until linearisation ends")
    _closeness(axes[1, 2], table)
    axes[1, 2].set_title("(f) difference against distance")
    caption = _caption(settings, table)
    drawing.finish(figure, caption, _legend(), 4)
    return Made(figure, table, caption, finding(table), settings._asdict())


def _of(table: pd.DataFrame, kind: str, model: str) -> pd.DataFrame:
    """Choose the rows of one kind and model."""
    return table[(table["kind"] == kind) & (table["model"] == model)]


def _paths(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the loss along single runs, true and linear."""
    drawing.log_ticks(axes, "y")
    for run, colour in zip(rows["run"].unique(), _SHADES, strict=True):
        one = rows[rows["run"] == run]
        axes.plot(one["step"], one["linear_loss"], color=colour, linestyle=_DASHED, linewidth=1.2)
        finite = one[np.isfinite(one["loss"].astype(float))]
        axes.plot(finite["step"], finite["loss"], color=colour, linewidth=1.4)
        ended = one[one["past_end"] == 1]
        if len(ended):
            axes.plot(ended["step"].iloc[0], ended["linear_loss"].iloc[0], color=colour, marker="X", markersize=9)
    longest = rows[rows["step"] == rows["step"].max()]["run"].iloc[0]
    whole = rows[rows["run"] == longest]
    axes.plot(whole["step"], whole["expected_loss"], color=drawing.BLACK, linestyle=_DOTTED, linewidth=1.3)
    mean = whole[np.isfinite(whole["mean_loss"].astype(float))]
    axes.plot(mean["step"], mean["mean_loss"], color=drawing.BLACK, linewidth=1.0)
    shown = rows["linear_loss"].astype(float)
    axes.set_ylim(shown.min() / 3, shown.max() * 30)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")


def _ends(axes: Axes, settings: linearisation.Settings, table: pd.DataFrame) -> None:
    """Draw the distance at which linearisation ends."""
    drawing.log_ticks(axes, "x")
    drawing.log_ticks(axes, "y")
    for model in MODELS:
        rows = _of(table, linearisation.END, model)
        drawing.band(axes, rows["perturbation"], rows["distance_q05"], rows["distance_q95"], _COLOURS[model], 0.13)
        axes.plot(rows["perturbation"], rows["distance"], color=_COLOURS[model], marker=_MARKERS[model])
    ends = np.array([min(settings.distances), max(settings.distances)])
    axes.plot(ends, ends, color=drawing.GREY, linewidth=1.0)
    kink = _of(table, linearisation.MINIMUM, TEACHER)["nearest_kink"].iloc[0]
    axes.axhline(kink, color=_COLOURS[TEACHER], linestyle=_DOTTED, linewidth=1.2)
    axes.set_xlabel("ε, length of the perturbation")
    axes.set_ylabel("distance from θ*")


def _steps(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the steps until linearisation ends, with the slope that the growth of a typical run gives."""
    drawing.log_ticks(axes, "x")
    for model in MODELS:
        rows = _of(table, linearisation.END, model)
        drawing.band(axes, rows["perturbation"], rows["step_q05"], rows["step_q95"], _COLOURS[model], 0.13)
        axes.plot(rows["perturbation"], rows["step"], color=_COLOURS[model], marker=_MARKERS[model], linestyle="none")
        if model == LEAKY:
            continue
        growth = _of(table, linearisation.MINIMUM, model)["typical_growth"].iloc[0]
        first = rows.iloc[0]
        predicted = first["step"] - np.log(rows["perturbation"] / first["perturbation"]) / growth
        axes.plot(rows["perturbation"], predicted.clip(lower=0), color=_COLOURS[model], linestyle=_DASHED)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("ε, length of the perturbation")
    axes.set_ylabel("steps")


def _closeness(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the relative difference of the paths against the distance reached."""
    drawing.log_ticks(axes, "x")
    drawing.log_ticks(axes, "y")
    for model in MODELS:
        rows = _of(table, linearisation.CLOSENESS, model)
        rows = rows[rows["difference"] > 0]
        drawing.band(
            axes, rows["distance"], rows["difference_q05"].clip(1e-12), rows["difference_q95"], _COLOURS[model], 0.13
        )
        axes.plot(rows["distance"], rows["difference"], color=_COLOURS[model], marker=_MARKERS[model], markersize=3.5)
    axes.axhline(linearisation.DIFFERENCE, color=drawing.GREY, linewidth=1.0)
    axes.set_xlabel("largest distance from θ* so far")
    axes.set_ylabel("relative difference of the paths")


def _legend() -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D

    def line(colour: str, label: str, style: Any = "-", marker: str | None = None) -> Line2D:
        return Line2D([], [], color=colour, linestyle=style, marker=marker, label=label)

    return [
        *(line(_COLOURS[model], model, marker=_MARKERS[model]) for model in MODELS),
        line(drawing.GREY, "(a)–(c): network, single runs"),
        line(drawing.GREY, "(a)–(c): linear model, same minibatches", _DASHED),
        line(drawing.GREY, "end of linearisation (10 %)", "none", "X"),
        line(drawing.BLACK, "exact expected loss, linear model", _DOTTED),
        line(drawing.BLACK, "mean loss of all runs, network"),
        line(drawing.GREY, "(d): no distance gained; (f): 10 %"),
        line(drawing.PURPLE, "(d): nearest kink, teacher's weights", _DOTTED),
        line(drawing.GREY, "(e): slope by the typical growth", _DASHED),
    ]


def _caption(settings: linearisation.Settings, table: pd.DataFrame) -> str:
    """Say what is shown."""
    minima = table[table["kind"] == linearisation.MINIMUM].set_index("model")
    rates = ", ".join(
        f"{one['learning_rate']:.3g} ({model}; E L grows by {one['escape_rate']:.2f} a step exactly, the distance of a "
        f"typical run by {np.exp(one['typical_growth']):.3f})"
        for model, one in minima.loc[[SMOOTH, LEAKY, TEACHER, DEEP]].iterrows()
    )
    kinks = table[table["kind"] == linearisation.KINKS]
    activations, on = WIDTH * settings.n, int(minima["on_kinks"].astype(int)[LEAKY])
    return (
        "SGD (batch 1) from θ* + w₀, |w₀| = ε in a random direction, and the linear model with inputs ∇f(x_i; θ*) on "
        f"the same minibatches, {settings.replicas} seeds. θ*: two-layer networks (slope {SLOPE:g}, width {WIDTH}, "
        "both layers trained) and a three-layer linear network (linear teacher), by gradient descent to a gradient of "
        f"{drawing.number(GRADIENT)} at most, n = {settings.n}, d = {settings.d}; labels are random signs, or the "
        f"outputs at θ* (teacher's weights). Learning rate {settings.factor:g} times the threshold of mean-square "
        f"stability: {rates}. Linearisation ends where the two paths differ by more than "
        f"{linearisation.DIFFERENCE:.0%} of the linear one's distance from θ*. Training leaves the leaky ReLU on "
        f"{on} kinks (activations that are 0) of {activations}, and on one or more from "
        f"{int((kinks['on_kinks'] > 0).sum())} of {len(kinks)} initialisations; frozen: the same minimum with the "
        "activation pattern held fixed, hence without kinks. (a)–(c): runs whose linearisation ends at the 10, 50 and "
        "90 % quantiles. (d)–(f): medians and 5–95 %; (f) from the smallest ε."
    )


def exponent(rows: pd.DataFrame) -> float:
    """Fit how the distance where linearisation ends depends on the perturbation.

    Args:
        rows: rows of one model, one for each perturbation.

    Returns:
        The slope of log distance against log ε, without the largest ε; 0 for a fixed distance, 1 for a fixed time.
    """
    kept = rows.sort_values("perturbation").iloc[: max(len(rows) - 1, 2)]
    return float(np.polyfit(np.log(kept["perturbation"].astype(float)), np.log(kept["distance"].astype(float)), 1)[0])


def finding(table: pd.DataFrame) -> str:
    """Say what the figure shows in one line.

    Args:
        table: what was measured.

    Returns:
        The line.
    """
    parts, exponents = [], {}
    for model in MODELS:
        rows = _of(table, linearisation.END, model).sort_values("perturbation")
        step, distance, loss = rows[["step", "distance", "loss"]].astype(float).iloc[0]
        reached, level = (drawing.number(float(f"{value:.2g}")) for value in (distance, loss))
        exponents[model] = exponent(rows)
        parts.append(
            f"{model} {reached} and loss {level} after {step:.0f} steps (exponent of ε {exponents[model]:.2f})"
        )
    fixed = [model for model, value in exponents.items() if abs(value) < _NO_TREND]
    said = (
        f"at a distance that does not depend on ε for {', '.join(fixed)}" if fixed else "at distances that depend on ε"
    )
    return f"linearisation ends {said}; from the smallest ε: {'; '.join(parts)}"
