"""The scaling laws, drawn: extremes that collapse (top), and the n that a level takes against d (bottom)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from verify.figures import drawing, scaling_laws
from verify.figures._context import Made
from verify.figures.scaling_laws import FIXED, UNIFORM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_DASHED, _DOTTED = (0, (5, 2)), (0, (1, 1.5))


def draw(settings: scaling_laws.Settings, table: pd.DataFrame, fits: scaling_laws.Fits) -> Made:
    """Draw the figure.

    Args:
        settings: what it was measured with.
        table: the extremes.
        fits: the fitted laws.

    Returns:
        The figure.
    """
    figure, axes = drawing.panels(2, 3, 12.6, 8.2)
    colours = _colours(sorted({*settings.uniform_dimensions, *settings.fixed_dimensions}))
    uniform, fixed = (table[table["extremes_over"] == over] for over in (UNIFORM, FIXED))
    _infimum(axes[0, 0], uniform, fits, colours)
    _supremum(axes[0, 1], uniform, fits, colours)
    _fixed(axes[0, 2], fixed, fits, colours)
    low, high = settings.fixed_levels
    groups = (
        ([(UNIFORM, "inf", level) for level in settings.inf_levels], "(d) n at which the infimum is reached"),
        ([(UNIFORM, "sup", level) for level in settings.sup_levels], "(e) n at which the supremum is reached"),
        ([(FIXED, "inf", low), (FIXED, "sup", high)], "(f) the same along a fixed v"),
    )
    for panel, (keys, title) in zip(axes[1], groups, strict=True):
        _thresholds(panel, fits, keys, title)
    caption = _caption(settings, fits)
    drawing.finish(figure, caption, _legend(colours), 5)
    return Made(figure, table, caption, _finding(settings, fits), settings._asdict(), fits.table())


def _colours(dimensions: list[int]) -> dict[int, tuple[Any, str]]:
    """Give each d a colour, darker for larger ones, and a marker."""
    import matplotlib as mpl

    shades = mpl.colormaps["viridis"](np.linspace(0.88, 0.0, len(dimensions)))
    return {d: (shades[rank], _MARKERS[rank % len(_MARKERS)]) for rank, d in enumerate(dimensions)}


def _curves(axes: Axes, rows: pd.DataFrame, side: str, colours: dict[int, tuple[Any, str]]) -> None:
    """Draw the median of an extreme for each d, with the range of the middle 80 % of data sets."""
    for d in sorted(set(rows["d"].tolist())):
        part = rows[rows["d"] == d]
        over = str(part["extremes_over"].iloc[0])
        groups = part.groupby("n")[side]
        x = groups.median().index.to_numpy() / scaling_laws.scale(over, side, d)
        colour, marker = colours[d]
        drawing.band(axes, x, groups.quantile(0.1), groups.quantile(0.9), colour, 0.15)
        axes.plot(x, groups.median(), color=colour, marker=marker, markersize=4, linewidth=1.1)


def _infimum(axes: Axes, rows: pd.DataFrame, fits: scaling_laws.Fits, colours: dict[int, tuple[Any, str]]) -> None:
    """Draw the infimum over all θ and v."""
    _curves(axes, rows, "inf", colours)
    drawing.log_ticks(axes, "x", 2.0)
    axes.axhline(1.0, color=drawing.BOUND_EDGE, linewidth=1.2, linestyle=_DASHED)
    x = np.geomspace(scaling_laws.INF_WINDOW, (rows["n"] / rows["d"]).max(), 60)
    power = fits.inf.exponent.estimate
    factor = np.median([c * d**power for d, c in fits.inf.factors.items()])
    label = f"exp(−{factor:.1f} (n/d)^p), p = {fits.inf.exponent}"
    axes.plot(x, np.exp(-factor * x**power), color=drawing.VERMILION, linestyle=_DASHED, zorder=4, label=label)
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.94), fontsize=8)
    axes.set(xlabel="n / d", ylabel="inf over θ and v of g(θ; v)", ylim=(0, 1.05))
    axes.set_title("(a) infimum over all θ and v")


def _supremum(axes: Axes, rows: pd.DataFrame, fits: scaling_laws.Fits, colours: dict[int, tuple[Any, str]]) -> None:
    """Draw the supremum over all θ and v."""
    _curves(axes, rows, "sup", colours)
    drawing.log_ticks(axes, "x", 4.0)
    drawing.log_ticks(axes, "y")
    axes.set_yticks([3, 5, 10, 20, 40])
    axes.axhline(3.0, color=drawing.BOUND_EDGE, linewidth=1.2, linestyle=_DASHED)
    x = np.geomspace(*scaling_laws.SUP_WINDOW, 60)
    power = fits.sup.exponent.estimate
    factor = np.median([c * d ** (2 * power) for d, c in fits.sup.factors.items()])
    label = f"3 + {factor:.1f} (n/d²)^p, p = {fits.sup.exponent}"
    axes.plot(x, 3 + factor * x**power, color=drawing.VERMILION, linestyle=_DASHED, zorder=4, label=label)
    alone = np.geomspace((rows["n"] / rows["d"] ** 2).min(), 1 / 2.6, 40)
    axes.plot(alone, 1 / alone, color=drawing.BLACK, linestyle=_DOTTED, zorder=4, label="one sample alone: d²/n")
    axes.legend(loc="upper right", fontsize=8)
    axes.set(xlabel="n / d²", ylabel="sup over θ and v of g(θ; v)", ylim=(2.6, 1.4 * rows["sup"].max()))
    axes.set_title("(b) supremum over all θ and v")


def _fixed(axes: Axes, rows: pd.DataFrame, fits: scaling_laws.Fits, colours: dict[int, tuple[Any, str]]) -> None:
    """Draw both extremes along a fixed v."""
    drawing.bound(axes, 1.0, 3.0)
    _curves(axes, rows, "inf", colours)
    _curves(axes, rows, "sup", colours)
    drawing.log_ticks(axes, "x", 2.0)
    drawing.log_ticks(axes, "y")
    axes.set_yticks([0.01, 0.03, 0.1, 0.3, 1, 3, 6])
    axes.set_ylim(0.01, 8.0)
    fitted = f"−log inf ∝ n^p from n = d log d on,\np = {fits.fixed_inf.exponent}"
    for height, text in ((0.92, "supremum"), (0.5, "infimum"), (0.05, fitted)):
        axes.text(0.97, height, text, transform=axes.transAxes, ha="right", fontsize=8)
    axes.set(xlabel="n / (d log d)", ylabel="extremes over θ of g(θ; v)")
    axes.set_title("(c) both extremes along a fixed v")


def _thresholds(axes: Axes, fits: scaling_laws.Fits, keys: list[tuple[str, str, float]], title: str) -> None:
    """Draw the n that a level takes against d, with the fitted power."""
    for key, colour, marker in zip(keys, (drawing.BLUE, drawing.VERMILION), ("o", "s"), strict=True):
        over, side, level = key
        found = fits.thresholds[key]
        d, n = found.dimensions.astype(float), found.samples
        sign = "≥" if side == "inf" else "≤"
        label = f"median {side} {sign} {level:g}: n ∝ d^q, q = {found.exponent};\n"
        if over == FIXED:
            label += f"n ∝ d^q log d, q = {found.exponent_after_log}"
        else:
            label += f"between the two largest d, q = {found.last}"
        error = [np.maximum(n - found.low, 0), np.maximum(found.high - n, 0)]
        axes.errorbar(d, n, yerr=error, color=colour, marker=marker, linestyle="none", capsize=2, label=label)
        axes.plot(d, found.factor * d**found.exponent.estimate, color=colour, linewidth=1.2)
        expected = scaling_laws.scale(over, side, d)
        anchor = math.exp(float(np.mean(np.log(n / expected))))
        axes.plot(d, anchor * expected, color=drawing.GREY, linestyle=_DOTTED, linewidth=1.3, zorder=1)
    drawing.log_ticks(axes, "x", 2.0)
    drawing.log_ticks(axes, "y")
    ends = axes.get_ylim()
    axes.set_ylim(ends[0] / 1.5, ends[1] * (ends[1] / ends[0]) ** 0.35)
    axes.legend(loc="upper left", fontsize=8)
    axes.set(xlabel="d", ylabel="n")
    axes.set_title(title)


def _legend(colours: dict[int, tuple[Any, str]]) -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=colour, marker=marker, label=f"d = {d}") for d, (colour, marker) in colours.items()
    ]
    return [
        *handles,
        Patch(facecolor=drawing.BOUND, edgecolor=drawing.BOUND_EDGE, linestyle=_DASHED, label="population: [1, 3]"),
        Line2D([], [], color=drawing.VERMILION, linestyle=_DASHED, label="fitted power (a, b)"),
        Line2D([], [], color=drawing.GREY, linestyle=_DOTTED, label="d, d² or d log d (d–f)"),
    ]


def _caption(settings: scaling_laws.Settings, fits: scaling_laws.Fits) -> str:
    """Say what is shown."""
    found = fits.thresholds
    inf, sup = found[UNIFORM, "inf", settings.inf_levels[1]], found[UNIFORM, "sup", settings.sup_levels[1]]
    low, high = found[FIXED, "inf", settings.fixed_levels[0]], found[FIXED, "sup", settings.fixed_levels[1]]
    return (
        "How many samples it takes until the directional alignment g(θ; v) is bounded, for residuals of a linear "
        "teacher. Gaussian inputs; the extremes are the same for every S of full rank. Top: medians and middle 80 % of "
        f"{settings.trials} (a, b) and {settings.fixed_trials} (c) data sets for each d and n, against n over the "
        "expected power of d, so that curves for different d should coincide. Bottom: the n at which the median passes "
        "a level, with 95 % bootstrap intervals over data sets, the fitted power of d, and the expected one (dotted). "
        f"Fitted exponents q of n ∝ d^q: infimum {inf.exponent} (level {settings.inf_levels[1]:g}; expected 1), "
        f"supremum {sup.exponent} (level {settings.sup_levels[1]:g}; expected 2, and not less for large d, since one "
        "sample alone gives sup ≥ max‖z_i‖⁴/n ≈ d²/n, z_i the whitened inputs), fixed v "
        f"{low.exponent} for the infimum and {high.exponent} for the supremum, with a factor log d taken out "
        f"{low.exponent_after_log} and {high.exponent_after_log} (expected at most 1; a d whose median never lies "
        "beyond the level is left out). Exponents are those of the d shown, not limits. The extremes over all v (a, b) "
        f"are the worst found from {settings.starts} starts and are attained; the table has certified bounds beside "
        "them. Those along fixed v (c) are exact."
    )


def _finding(settings: scaling_laws.Settings, fits: scaling_laws.Fits) -> str:
    """Say what the figure shows in one line."""
    inf = fits.thresholds[UNIFORM, "inf", settings.inf_levels[1]].exponent
    sup = fits.thresholds[UNIFORM, "sup", settings.sup_levels[1]].exponent
    fixed = fits.thresholds[FIXED, "sup", settings.fixed_levels[1]].exponent_after_log
    return f"n ∝ d^q with q = {inf} for the infimum, {sup} for the supremum, d^q log d with q = {fixed} for fixed v"
