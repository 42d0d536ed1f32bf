"""Figure 3, drawn: D_1(t) and the loss at the paper's learning rates, D_1(t) at a larger one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from verify.figures import drawing, escape
from verify.figures._context import Made
from verify.figures.escape_sampling import LARGEST_SHARE, LEAST_EFFECTIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EXACT, _SAMPLED, _TYPICAL, _GD = drawing.BLUE, drawing.BLACK, drawing.PURPLE, drawing.VERMILION
_BOUND, _GD_BOUND = drawing.BOUND_EDGE, drawing.ORANGE
_DASHED, _DOTTED, _MIXED = (0, (5, 2)), (0, (1, 1.4)), (0, (4, 2, 1, 2))
_LIMITS = (1e-7, 300.0)


def draw(settings: escape.Settings, table: pd.DataFrame) -> Made:
    """Draw Figure 3.

    Args:
        settings: what it was measured with.
        table: what was measured.

    Returns:
        The figure.
    """
    columns = len(settings.ranks)
    figure, axes = drawing.panels(3, columns, 13.0, 9.6, sharex=True, sharey="row")
    for column, rank in enumerate(settings.ranks):
        rows = table[table["effective_rank"] == rank]
        slow, fast = (_of(rows, escape.SGD, which) for which in (escape.PAPER, escape.LARGER))
        descent = _of(rows, escape.GD, escape.PAPER)
        _ratios(axes[0, column], slow, descent)
        _losses(axes[1, column], slow, descent)
        _ratios(axes[2, column], fast, None)
        axes[0, column].set_title(f"effective rank {rank:g}, β = {settings.beta:g}")
        axes[1, column].set_title("loss of the same runs")
        axes[2, column].set_title(f"β = {settings.factor:g} c₁ = {fast['beta'].iloc[0]:.2f}")
        axes[2, column].set_xlabel("steps t")
    for row, label in enumerate(("D₁(t)", "loss over loss at the start", "D₁(t)")):
        axes[row, 0].set_ylabel(label)
    caption = _caption(settings, table)
    drawing.finish(figure, caption, _legend(settings), 4)
    return Made(figure, table, caption, finding(settings, table), settings._asdict())


def _of(table: pd.DataFrame, optimizer: str, which: str) -> pd.DataFrame:
    """Choose the rows of one run."""
    return table[(table["optimizer"] == optimizer) & (table["which"] == which)]


def _ratios(axes: Axes, rows: pd.DataFrame, descent: pd.DataFrame | None) -> None:
    """Draw D_1 against time."""
    drawing.log_ticks(axes, "y")
    later = rows[rows["t"] > 0]
    if descent is not None:
        axes.set_ylim(*_LIMITS)
        axes.plot(descent["t"], descent["D_bound"], color=_GD_BOUND, linestyle=_DASHED, linewidth=2.4)
        axes.plot(descent["t"], descent["D"], color=_GD)
    axes.plot(later["t"], later["D_least"], color=_EXACT, linestyle=_DOTTED)
    axes.plot(rows["t"], rows["D_typical"], color=_TYPICAL, linestyle=_MIXED)
    axes.plot(rows["t"], rows["D"], color=_EXACT, linewidth=2.2)
    _samples(axes, rows, "D_sampled")
    known = later[later["D_bound"] > 0]
    axes.plot(known["t"], known["D_bound"], color=_BOUND, linestyle=_DASHED, linewidth=1.8)
    if known.empty:
        beta, c1 = rows["beta"].iloc[0], rows["c1"].iloc[0]
        text = f"Theorem 5.2 is silent:\nη²λ₁² < 1 and\nβ = {beta:.3g} < c₁ = {c1:.2f}"
        axes.text(0.98, 0.38, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color=_BOUND)


def _losses(axes: Axes, rows: pd.DataFrame, descent: pd.DataFrame) -> None:
    """Draw the loss against time."""
    drawing.log_ticks(axes, "y")
    axes.plot(descent["t"], descent["loss"], color=_GD)
    axes.plot(rows["t"], rows["loss_typical"], color=_TYPICAL, linestyle=_MIXED)
    axes.plot(rows["t"], rows["loss"], color=_EXACT, linewidth=2.2)
    axes.plot(rows["t"], rows["loss_bound"], color=_BOUND, linestyle=_DASHED, linewidth=1.8)
    _samples(axes, rows, "loss_sampled")


def _samples(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    """Draw means over sampled runs: with intervals as long as they can be trusted, as crosses from then on."""
    good, bad = rows[rows["reliable"] & (rows["t"] > 0)], rows[~rows["reliable"]]
    errors = np.stack([good[name] - good[f"{name}_low"], good[f"{name}_high"] - good[name]])
    axes.errorbar(
        good["t"], good[name], yerr=errors, color=_SAMPLED, linestyle="none", marker="o", markersize=3.6, capsize=2.5,
        elinewidth=1.1, zorder=4,
    )  # fmt: skip
    axes.plot(bad["t"], bad[name], color=drawing.GREY, linestyle="none", marker="x", markersize=4, zorder=1.5)
    end = rows["t"][rows["reliable"]].max()
    if end < rows["t"].max():
        axes.axvline(end + 0.5, color=drawing.GREY, linestyle=_DOTTED, linewidth=1.0)


def _legend(settings: escape.Settings) -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D

    def line(colour: str, label: str, style: Any = "-", **more: Any) -> Line2D:
        return Line2D([], [], color=colour, linestyle=style, label=label, **more)

    return [
        line(_EXACT, "SGD, exact expectation", linewidth=2.2),
        line(_EXACT, "SGD, exact worst start: least D₁(t)", _DOTTED),
        line(_BOUND, "lower bounds of Theorem 5.2 (loss: β²A₁ a step)", _DASHED),
        line(_TYPICAL, "typical run of SGD (geometric means)", _MIXED),
        line(_SAMPLED, f"means over {settings.replicas} runs, nominal 95 %", "none", marker="o", markersize=3.6),
        line(drawing.GREY, "the same, not to be trusted", "none", marker="x", markersize=4),
        line(drawing.GREY, "where too few runs carry the means", _DOTTED, linewidth=1.0),
        line(_GD, "GD, exact"),
        line(_GD_BOUND, "upper bound of Proposition 5.3", _DASHED, linewidth=2.4),
    ]


def _caption(settings: escape.Settings, table: pd.DataFrame) -> str:
    """Say what is shown."""
    slow = _of(table, escape.SGD, escape.PAPER)
    A1, A2 = slow["A1"], slow["A2"]
    return (
        "Linear regression from a start close to the minimum: loss along all eigen-directions of G but the sharpest "
        "over the loss along it, D₁(t), as a ratio of expectations, and the loss. "
        f"Inputs N(0, S) in d = {settings.d} dimensions, n = {settings.n}; S has one large and d − 1 equal small "
        f"eigenvalues, of effective rank Tr S/‖S‖ as given. SGD with batch 1 and η = β/‖G‖_F, gradient descent (GD) "
        f"with η = {settings.descent:g}/‖G‖₂; start of length {drawing.number(settings.size)} in a random direction "
        "(the size cancels). Second moments of SGD are propagated exactly, and the worst start is a generalised "
        f"eigenvector for each t. Bounds at the exact constants of the data, A₁ from {A1.min():.3f} to "
        f"{A1.max():.3f} and A₂ from {A2.min():.3f} to {A2.max():.3f}; Theorem 5.2 needs η²λ₁² ≥ 1 or "
        "β > c₁ = √(1 + 2/A₁). Sampled runs: intervals by the delta method for as long as the means of both losses "
        f"are carried by at least {LEAST_EFFECTIVE:.0f} runs in effect, (Σw)²/Σw², and by none to more than "
        f"{LARGEST_SHARE:.0%} (left of the dotted vertical). Right of it a few runs carry everything and the true mean "
        "is missed."
    )


def finding(settings: escape.Settings, table: pd.DataFrame) -> str:
    """Say what the figure shows in one line.

    Args:
        settings: what it was measured with.
        table: what was measured.

    Returns:
        The line.
    """
    last = table[table["t"] == settings.steps]
    slow, descent = _of(last, escape.SGD, escape.PAPER), _of(last, escape.GD, escape.PAPER)
    limits = slow["D_limit"] / slow["S_Y/S_X"]
    sampled = _of(table, escape.SGD, escape.PAPER)
    ends = sampled[sampled["reliable"]].groupby("effective_rank")["t"].max()
    typical, fallen = slow["D_typical"] / slow["D"], descent["D"].max()
    ratios = ", ".join(drawing.number(float(f"{x:.2g}")) for x in slow["D_limit"])
    return (
        f"SGD's D₁(t) is kept at its limit, {ratios} for the effective ranks shown ({limits.min():.2f} to "
        f"{limits.max():.2f} of S_Y/S_X), while GD's falls exponentially, to at most "
        f"{drawing.number(float(f'{fallen:.1g}'))} after {settings.steps} steps; a typical run of SGD has "
        f"{typical.min():.2g} to {typical.max():.2g} times the ratio of expectations, and means over "
        f"{settings.replicas} runs can be trusted up to t = {', '.join(str(t) for t in ends)} only"
    )
