"""Figure 1, drawn: one row of panels for each spectrum, one column for each way of growing the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

import simulate
import theory
from verify.figures import drawing, model_size
from verify.figures._context import Made

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOOR, _CEILING = 0.03, 120.0
_SPREAD = (0.05, 0.95)
_DASHED, _DOTTED = (0, (5, 2)), (0, (1, 1.6))
_DRAWN = {
    "initialisation": (drawing.BLUE, "o", 1.8),
    "loss 10 %": (drawing.ORANGE, "", 1.1),
    "loss 0.1 %": (drawing.VERMILION, "s", 1.8),
}


def draw(settings: model_size.Settings, table: pd.DataFrame) -> Made:
    """Draw Figure 1.

    Args:
        settings: what it was measured with.
        table: what was measured.

    Returns:
        The figure.
    """
    figure, axes = drawing.panels(len(model_size.SPECTRA), len(model_size.PANELS), 12.0, 7.2, sharey=True)
    for row, spectrum in enumerate(model_size.SPECTRA):
        for column, panel in enumerate(model_size.PANELS):
            part = table[(table["panel"] == panel) & (table["spectrum"] == spectrum)]
            _panel(axes[row, column], panel, part, settings)
            axes[row, column].set_title(f"({'abcdef'[3 * row + column]}) {_title(panel, settings)}, {spectrum}")
        axes[row, 0].set_ylabel("loss alignment μ(θ)")
    caption = _caption(settings, table)
    drawing.finish(figure, caption, _legend(), 3)
    return Made(figure, table, caption, _finding(table), settings._asdict())


def population_limits() -> tuple[float, float]:
    """Limits of Theorem 3.2's bounds as ε → 0.

    Returns:
        The lower and the upper limit.
    """
    low, high = theory.statement("3.2").bounds(eps=1e-12)
    return round(float(low), 9), round(float(high), 9)


def _title(panel: str, settings: model_size.Settings) -> str:
    return {
        "depth": f"linear, width {settings.depth_width}",
        "width": f"linear, {settings.width_layers} layers",
        "relu": "two-layer ReLU",
    }[panel]


def _panel(axes: Axes, panel: str, part: pd.DataFrame, settings: model_size.Settings) -> None:
    """Draw one panel."""
    size = "layers" if panel == "depth" else "width"
    drawing.log_ticks(axes, "y")
    axes.set_ylim(_FLOOR, _CEILING)
    if panel != "relu":
        drawing.bound(axes, *population_limits())
    axes.axhline(1.0, color=drawing.GREY, linewidth=0.9, zorder=0.4)
    if panel == "depth":
        axes.set_xticks(settings.depths)
        axes.set_xlabel("number of layers L")
    else:
        drawing.log_ticks(axes, "x", base=4.0)
        axes.set_xlabel("width")
    for stage, (colour, marker, line) in _DRAWN.items():
        rows = part[part["stage"] == stage]
        groups = rows.groupby(size)["mu"]
        low, mean, high = groups.quantile(_SPREAD[0]), groups.mean(), groups.quantile(_SPREAD[1])
        if marker:
            drawing.band(axes, mean.index, low.clip(lower=_FLOOR / 2), high, colour)
        axes.plot(mean.index, mean, color=colour, marker=marker or None, linewidth=line, zorder=3)
        if panel == "relu" and marker:
            for end in ("label_free_inf", "label_free_sup"):
                values = rows.groupby(size)[end].mean().clip(lower=_FLOOR / 2)
                axes.plot(values.index, values, color=colour, linestyle=_DOTTED, linewidth=1.3)
    _worst(axes, panel, part, settings)


def _worst(axes: Axes, panel: str, part: pd.DataFrame, settings: model_size.Settings) -> None:
    """Draw the worst cases over all parameters."""
    rows = part[part["stage"] == model_size.WORST]
    if rows.empty:
        return
    sizes = {"depth": settings.depths, "width": settings.widths, "relu": settings.relu_widths}[panel]
    style: dict[str, Any] = {"color": drawing.BLACK, "linewidth": 1.6, "zorder": 2.5}
    ends = ["worst_inf", "worst_sup"]
    if panel == "depth" and 1 in sizes:
        low, high = (float(value) for value in rows[rows["layers"] == 1][ends].median())
        axes.errorbar(1, 1.0, yerr=[[1 - low], [high - 1]], capsize=4, **style)
        axes.text(1.0, low / 1.5, f"one layer: exactly\n{low:.2f} … {high:.2f}", va="top", fontsize=8)
    deep = [size for size in sizes if panel != "depth" or size > 1]
    low, high = (float(value) for value in rows[rows["layers"] > 1][ends].median())
    axes.plot([deep[0], deep[-1]], [high, high], linestyle=_DASHED, **style)
    axes.text(deep[-1], high * 1.12, f"{high:.3g}", ha="right", va="bottom", fontsize=8)
    if low < _FLOOR:
        axes.plot(deep, [_FLOOR * 1.12] * len(deep), linestyle="none", marker="v", color=drawing.BLACK, clip_on=False)
        found = "exactly 0" if low == 0 else f"down to {drawing.number(float(f'{low:.0e}'))}"
        axes.text(deep[-1], _FLOOR * 1.35, found, ha="right", va="bottom", fontsize=8)
    else:
        axes.plot([deep[0], deep[-1]], [low, low], linestyle=_DASHED, **style)


def _legend() -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def line(stage: str, label: str) -> Line2D:
        colour, marker, width = _DRAWN[stage]
        return Line2D([], [], color=colour, marker=marker or None, linewidth=width, label=label)

    low, high = population_limits()
    worst: dict[str, Any] = {"color": drawing.BLACK, "linestyle": _DASHED, "marker": "v"}
    labels: dict[str, Any] = {"color": drawing.GREY, "linestyle": _DOTTED}
    bound: dict[str, Any] = {"facecolor": drawing.BOUND, "edgecolor": drawing.BOUND_EDGE, "linestyle": _DASHED}
    return [
        line("initialisation", "at initialisation: mean, 5–95 % of data sets"),
        line("loss 10 %", "in training, loss at 10 %: mean"),
        line("loss 0.1 %", "in training, loss at 0.1 %: mean, 5–95 %"),
        Line2D([], [], **worst, label="worst over all θ: sup (line) and inf (▼ off the axis)"),
        Line2D([], [], **labels, label="ReLU: range over all labels at these θ (mean ends)"),
        Patch(**bound, label=f"Theorem 3.2 as ε → 0: [{low:g}, {high:g}]; grey line: μ = 1"),
    ]


def _caption(settings: model_size.Settings, table: pd.DataFrame) -> str:
    """Say what is shown, and at which θ."""
    rank = simulate.effective_dimension(simulate.power_law(settings.d, settings.exponent))
    power = drawing.superscript(-settings.exponent)
    worst = table[table["stage"] == model_size.WORST]
    deep = worst[(worst["panel"] == "width") & (worst["spectrum"] == model_size.SPECTRA[0])]
    relu = worst[(worst["panel"] == "relu") & (worst["spectrum"] == model_size.SPECTRA[0])]
    end = table[(table["stage"] == model_size.STAGES[-1]) & (table["panel"] == "relu")]
    stuck = sorted(set(end[end["loss"] > model_size.LEVELS[0]]["width"]))
    unfinished = f" (ReLU networks of width {', '.join(map(str, stuck))} may end above 10 %)" if stuck else ""
    return (
        "Loss alignment μ(θ) = Tr(Σ₁G)/(2L‖G‖_F²) against the size of the model, with few samples: "
        f"n = {settings.n} inputs N(0, S) in d = {settings.d} dimensions, S = I (top) and eigenvalues j{power} "
        f"(bottom; effective dimension {rank:.2f}), labels of a linear teacher. {settings.trials} data sets, each with "
        "its own teacher and initialisation of every network. The paper does not say which θ its Figure 1 shows; here "
        "θ is, in turn, the initial one, those of full-batch gradient descent (step 1/λ_max(G)) where the loss has "
        f"fallen to 10 % and 0.1 % of its initial value or after {settings.steps} steps{unfinished}, and the worst "
        "there is. Worst θ: exact for one layer; for two layers or more the extremes over every linear network and "
        "teacher, which rank-one Jacobians of any width approach (medians over data sets; the supremum is certified "
        f"below {deep['worst_sup_certified'].median():.3g}); for ReLU a single neuron active on a single sample, "
        f"which gives [0, n] at every width for any labels (possible on {len(relu)} of {settings.trials} data sets). "
        f"Theorem 3.2 speaks of linear networks and asks for n of the order of d² = {settings.d**2}, so nothing is "
        "claimed at this n; Theorem 3.5 is vacuous for ReLU."
    )


def _finding(table: pd.DataFrame) -> str:
    """Say what the figure shows in one line."""
    first, last = model_size.STAGES[0], model_size.STAGES[-1]
    linear = table[(table["panel"] != "relu") & table["stage"].isin([first, last])]
    means = linear.groupby(["panel", "spectrum", "layers", "width", "stage"])["mu"].mean()
    trained = table[(table["panel"] == "relu") & (table["stage"] == last)]
    relu = trained[trained["spectrum"] == model_size.SPECTRA[0]].groupby("width")["mu"].mean()
    deep = table[(table["stage"] == model_size.WORST) & (table["panel"] == "width")]["worst_sup"].median()
    return (
        f"mean μ of linear networks of every size lies in [{means.min():.2f}, {means.max():.2f}] (worst θ: up to "
        f"{deep:.3g}); after training on isotropic inputs ReLU networks climb from {relu.iloc[0]:.2f} at "
        f"width {relu.index[0]} to {relu.iloc[-1]:.2f} at width {relu.index[-1]}"
    )
