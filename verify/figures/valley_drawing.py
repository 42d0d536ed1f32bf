"""Figure 4, drawn: paths over the valley, their losses, and the drift against learning rate and peak loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter, NullLocator

from verify.figures import drawing, valley, valley_laws
from verify.figures._context import Made
from verify.figures.valley_matching import BY_PEAK, DRIFT
from verify.figures.valley_runs import Cycle, Settings, initial_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SGD, _GD, _MATCHED, _MEAN = drawing.BLUE, drawing.VERMILION, drawing.ORANGE, drawing.SKY
_LEFT = 0.85
_DASHED, _DOTTED = (0, (5, 2)), (0, (1, 1.4))
_SHARES = (("beyond_gd", _GD, "s"), ("beyond_matched", _MATCHED, "D"), ("beyond_own", drawing.GREEN, "^"))
_PATH_COLOURS = (drawing.SKY, drawing.BLUE, drawing.PURPLE)


def draw(settings: Settings, table: pd.DataFrame) -> Made:
    """Draw Figure 4.

    Args:
        settings: what it was measured with.
        table: what was measured.

    Returns:
        The figure.
    """
    figure, axes = drawing.panels(2, 3, 13.0, 8.2)
    cycle = settings.cycles[0]
    equal, matched = f"{settings.equal_height:g}", f"{settings.matched_height:g}"
    _paths(axes[0, 0], settings, _of(table, cycle, valley.PATHS), matched=False)
    axes[0, 0].set_title(f"(a) equal learning rates, H = {equal}")
    _paths(axes[0, 1], settings, _of(table, cycle, valley.PATHS), matched=True)
    axes[0, 1].set_title(f"(b) equal peak losses, H = {matched} for SGD")
    _by_peak(axes[0, 2], settings, table, cycle)
    axes[0, 2].set_title("(c) drift by peak loss, cycles of (d)")
    for panel, one, letter in ((axes[1, 0], settings.cycles[0], "d"), (axes[1, 1], settings.cycles[1], "e")):
        _drift(panel, _of(table, one, DRIFT), one)
        panel.set_title(f"({letter}) {_words(one)}")
    _shares(axes[1, 2], settings, table)
    axes[1, 2].set_title("(f) share of SGD's runs beyond GD")
    caption = _caption(settings)
    drawing.finish(figure, caption, _legend(), 4)
    stored = settings._asdict() | {"cycles": [one._asdict() for one in settings.cycles]}
    return Made(figure, table, caption, finding(table), stored)


def _of(table: pd.DataFrame, cycle: Cycle, kind: str) -> pd.DataFrame:
    """Choose the rows of one kind and cycle."""
    return table[(table["kind"] == kind) & (table["period"] == cycle.period) & (table["low"] == cycle.low)]


def _words(cycle: Cycle) -> str:
    """Say what a cycle is, in a title."""
    return f"cycles of {cycle.period} steps down to {cycle.low:g}"


def _paths(axes: Axes, settings: Settings, rows: pd.DataFrame, *, matched: bool) -> None:
    """Draw paths over the contours of the loss."""
    rows = rows[rows["matched"] == matched]
    start, reach = settings.start, max(1.15 * rows["a"].abs().max(), 2.0)
    across = 1.4 * rows["b"].abs().max()
    a, b = np.meshgrid(np.geomspace(_LEFT, reach, 200), np.sinh(np.linspace(-1, 1, 401) * np.arcsinh(10 * across)) / 10)
    levels = np.geomspace(1e-4, 10.0, 6)
    axes.contour(a, b, b**2 / (2 * (a**2 + 1)), levels=levels, colors="#C9C9C9", linewidths=0.7)
    axes.axhline(0.0, color=drawing.GREY, linewidth=1.0)
    axes.axvline(valley_laws.flow_end(*start), color=drawing.GREEN, linestyle=_DASHED, linewidth=1.2)
    names = [name for name in rows["run"].unique() if name != "GD"]
    for name, colour in zip(names, _PATH_COLOURS, strict=True):
        one = rows[rows["run"] == name]
        label = name.removeprefix("SGD, ").removesuffix(" quantile")
        axes.plot(one["a"], one["b"], color=colour, linewidth=1.1, marker="o", markersize=2.2, label=f"SGD {label}")
    one = rows[rows["run"] == "GD"]
    if len(one):
        label = f"GD, H = {one['height'].iloc[0]:.3g}"
        axes.plot(one["a"], one["b"], color=_GD, linewidth=1.1, marker="s", markersize=2.2, label=label)
    axes.plot(*start, color=drawing.BLACK, marker="*", markersize=9, linestyle="none", zorder=5)
    axes.set_xscale("log")
    axes.set_xlim(_LEFT, reach)
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100) if tick < reach]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yscale("asinh", linear_width=0.1)
    axes.set_ylim(-across, across)
    shown = [tick for tick in (-10.0, -1.0, -0.1, 0.0, 0.1, 1.0, 10.0) if abs(tick) < across]
    axes.set_yticks(shown, [drawing.number(tick) for tick in shown])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(visible=False)
    axes.set_xlabel("a, along the valley (flatter to the right)")
    axes.set_ylabel("b, across the valley")
    axes.legend(loc="upper right", fontsize=8, frameon=True, framealpha=0.9, edgecolor="none", handlelength=1.6)


def _by_peak(axes: Axes, settings: Settings, table: pd.DataFrame, cycle: Cycle) -> None:
    """Draw the drift of runs against their peak loss."""
    drawing.log_ticks(axes, "x")
    drawing.log_ticks(axes, "y")
    rows, curve = _of(table, cycle, BY_PEAK), _of(table, cycle, valley.DESCENT)
    start = initial_loss(settings)
    drawing.band(axes, rows["peak"], rows["drift_q05"], rows["drift_q95"], _SGD, 0.18)
    axes.plot(rows["peak"], rows["drift"], color=_SGD, marker="o")
    first = curve[curve["peak"] > np.maximum.accumulate(np.append(0.0, curve["peak"].to_numpy()))[:-1]]
    first = first[first["peak"] > start * 1.0001]
    axes.plot(first["peak"], first["drift"], color=_MATCHED, marker="s", linewidth=1.8)
    axes.axvline(start, color=drawing.BLACK, linestyle=_DOTTED, linewidth=1.0)
    axes.set_xlabel("peak loss of the run (dotted: loss at the start)")
    axes.set_ylabel("drift of |a| beyond gradient flow")


def _drift(axes: Axes, rows: pd.DataFrame, cycle: Cycle) -> None:
    """Draw the drift against the learning rate."""
    drawing.log_ticks(axes, "x", 2)
    drawing.log_ticks(axes, "y")
    x = rows["height"]
    drawing.band(axes, x, rows["drift_q05"], rows["drift_q95"], _SGD, 0.18)
    axes.plot(x, rows["drift"], color=_SGD, marker="o")
    drawing.band(axes, x, rows["drift_low"], rows["drift_high"], _SGD, 0.45)
    error = 1.96 * rows["drift_standard_error"]
    axes.errorbar(x, rows["drift_mean"], yerr=error, color=_MEAN, linestyle=_DASHED, capsize=2, linewidth=1.3)
    axes.plot(x, rows["gd_drift"], color=_GD, marker="s")
    axes.plot(x, rows["matched_drift"], color=_MATCHED, marker="D", linewidth=1.8)
    for stochastic, colour in ((False, _GD), (True, _SGD)):
        axes.axvline(valley_laws.rise_threshold(cycle.low, stochastic), color=colour, linestyle=_DOTTED, linewidth=1.1)
    axes.set_xlabel("H, largest learning rate × curvature at the start")
    axes.set_ylabel("drift of |a| beyond gradient flow")


def _shares(axes: Axes, settings: Settings, table: pd.DataFrame) -> None:
    """Draw how often SGD ends farther out."""
    drawing.log_ticks(axes, "x", 2)
    axes.axhline(0.5, color=drawing.GREY, linewidth=1.0)
    for cycle, style, fill in zip(settings.cycles, ("-", _DASHED), ("full", "none"), strict=True):
        rows = _of(table, cycle, DRIFT)
        for name, colour, marker in _SHARES:
            drawing.band(axes, rows["height"], rows[f"{name}_low"], rows[f"{name}_high"], colour, 0.18)
            axes.plot(rows["height"], rows[name], color=colour, linestyle=style, marker=marker, fillstyle=fill)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("H of SGD (full: panel d's cycles, dashed: panel e's)")
    axes.set_ylabel("share of runs")


def _legend() -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D

    def line(colour: str, label: str, style: Any = "-", marker: str | None = None) -> Line2D:
        return Line2D([], [], color=colour, linestyle=style, marker=marker, label=label)

    return [
        line(_SGD, "SGD: median with its interval; pale: 5–95 %", marker="o"),
        line(_MEAN, "SGD: mean ± 1.96 standard errors", _DASHED),
        line(_GD, "GD at SGD's learning rate", marker="s"),
        line(_MATCHED, "GD at an equal (median) peak loss", marker="D"),
        line(drawing.GREEN, "GD at each run's own peak loss", marker="^"),
        line(drawing.GREEN, "end of gradient flow", _DASHED),
        line(_GD, "a long cycle returns to the start: GD", _DOTTED),
        line(_SGD, "the same, typical SGD", _DOTTED),
    ]


def _caption(settings: Settings) -> str:
    """Say what is shown."""
    a, b = settings.start
    counts = " and ".join(
        f"{one.repeats} of {one.period} steps, falling to {one.low:g} of the peak" for one in settings.cycles
    )
    thresholds = ", ".join(
        f"{valley_laws.rise_threshold(one.low, False):.2f} and {valley_laws.rise_threshold(one.low, True):.2f}"
        for one in settings.cycles
    )
    return (
        f"Online SGD (batch 1, {settings.replicas} seeds) and gradient descent (GD) on L = b²/(2(a² + 1)) from "
        f"a = {a:g}, b = {b:g} with a triangular cyclical learning rate (cycles: {counts}). Every step with b ≠ 0 "
        "moves |a| outwards for both; gradient flow conserves a² + 2 log|a| + b² and ends at "
        f"|a| = {valley_laws.flow_end(a, b):.4f}, and the drift is measured from there. H is the largest learning rate "
        "times the curvature 1/(a² + 1) at the start. The peak loss is the largest of a run, its start included. Equal "
        "peak losses: the smallest GD learning rate that has the median peak loss of SGD's runs (bisection), where it "
        "is above the start and GD reaches it; green: that of each run, among the runs for which there is one. (a), "
        "(b): the first cycle of SGD's runs at quantiles of the drift. (c): SGD's runs at all H in classes of their "
        "peak loss. Dotted verticals in (d), (e): a small loss comes back to its start within a long cycle at "
        f"H = {thresholds} for GD and, by the mean of log|1 − hx²|, for SGD. (f): bands are 95 % Clopper–Pearson "
        "intervals."
    )


def verdicts(rows: pd.DataFrame, name: str) -> tuple[int, int, int]:
    """Count the learning rates at which SGD or gradient descent is the farther one for certain.

    Args:
        rows: rows of the table, one for each learning rate.
        name: a column of shares, with the ends of its interval.

    Returns:
        Learning rates with a share certainly above ½, with one certainly below, and with any.
    """
    known = rows[rows[name].notna()]
    return int((known[f"{name}_low"] > 0.5).sum()), int((known[f"{name}_high"] < 0.5).sum()), len(known)


def finding(table: pd.DataFrame) -> str:
    """Say what the figure shows in one line.

    Args:
        table: what was measured.

    Returns:
        The line.
    """
    rows = table[table["kind"] == DRIFT]
    equal, matched, own = (verdicts(rows, name) for name in ("beyond_gd", "beyond_matched", "beyond_own"))
    if not matched[2]:
        return "both drift outwards; a typical run of SGD does not rise above its start: nothing to match"
    shares = rows["beyond_matched"]
    means = int((rows["drift_mean"] > rows["matched_drift"]).sum())
    return (
        f"both drift outwards; SGD's typical run ends beyond GD at {equal[0]} of {equal[2]} equal learning rates, but "
        f"at {matched[0]} of {matched[2]} equal peak losses (GD certainly farther at {matched[1]}; {shares.min():.0%} "
        f"to {shares.max():.0%} of SGD's runs beyond it), while SGD's mean, carried by few runs, is larger at {means} "
        f"of {matched[2]}; at each run's own peak loss GD is the farther one at {own[1]} of {own[2]}"
    )
