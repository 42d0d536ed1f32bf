"""Escape rates, drawn: over learning rates (top), thresholds against d, n, spread of the spectrum and batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from verify.escape_designs import ONLINE
from verify.figures import drawing, escape_rates
from verify.figures._context import Made
from verify.figures.escape_rates import BATCHES, DIGITS, RATES, THRESHOLDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {
    "isotropic": (drawing.BLUE, "o"),
    "power law": (drawing.GREEN, "s"),
    "spiked": (drawing.VERMILION, "D"),
    "digits": (drawing.PURPLE, "*"),
}
_DASHED, _DOTTED = (0, (5, 2)), (0, (1, 1.4))
_SUFFICIENT, _ATTAINED = drawing.BLACK, drawing.GREY
_MORE = {"power law": " 1, 1/2, 1/3, …", "spiked": " 20, 1, 1, …", "digits": f", n = {DIGITS.n}, r = {DIGITS.d}"}
MANY = 16
"""n/d from which on A₁ is not small."""
_SHADES = (drawing.BLUE, drawing.SKY, drawing.ORANGE)


def draw(settings: escape_rates.Settings, table: pd.DataFrame, fits: pd.DataFrame) -> Made:
    """Draw the figure.

    Args:
        settings: what it was measured with.
        table: rates and thresholds.
        fits: powers of d.

    Returns:
        The figure.
    """
    figure, axes = drawing.panels(2, 4, 14.5, 7.6)
    rates, thresholds = table[table["kind"] == RATES], table[table["kind"] == THRESHOLDS]
    alone = rates[rates["batch"] == 1]
    _rates(axes[0, 0], settings, alone)
    for panel, name, letter in ((axes[0, 1], "D_1", "b"), (axes[0, 2], "D_half", "c")):
        _ratios(panel, settings, alone, name)
        panel.set_title(f"({letter}) limit of D_k, k = {'1' if name == 'D_1' else 'r/2'}")
    _by_batch(axes[0, 3], settings, rates)
    _over_d(axes[1, 0], settings, thresholds)
    _over_n(axes[1, 1], settings, thresholds)
    _looseness(axes[1, 2], thresholds)
    _batches(axes[1, 3], settings, table[table["kind"] == BATCHES])
    caption = _caption(settings, table)
    drawing.finish(figure, caption, _legend(settings), 5)
    return Made(figure, table, caption, finding(table, fits), _stored(settings), fits)


def _stored(settings: escape_rates.Settings) -> dict[str, Any]:
    """Turn the settings into values that JSON can hold."""
    designs = {name: [list(one) for one in getattr(settings, name)] for name in ("swept", "batched")}
    return settings._asdict() | designs


def _curves(settings: escape_rates.Settings, rates: pd.DataFrame) -> list[tuple[pd.DataFrame, str, Any, float]]:
    """Choose colour, line and width of every curve: thin for the small d, dotted for few samples."""
    most = max(design.d for design in settings.swept if design != DIGITS)
    chosen = []
    for design in settings.swept:
        rows = rates[(rates["family"] == design.family) & (rates["n"] == design.n) & (rates["d"] == design.d)]
        few = design != DIGITS and design.n < 4 * design.d
        style = _DOTTED if few else _DASHED if design.d < most else "-"
        chosen.append((rows, _COLOURS[design.family][0], style, 1.4 if few or design.d < most else 1.9))
    return chosen


def _rates(axes: Axes, settings: escape_rates.Settings, rates: pd.DataFrame) -> None:
    """Draw the rate over the learning rate, and where Theorem 5.2 begins to speak."""
    drawing.log_ticks(axes, "x", 4)
    drawing.log_ticks(axes, "y")
    axes.axhline(1.0, color=drawing.GREY, linewidth=0.9)
    axes.axvline(1.0, color=drawing.GREY, linewidth=0.9)
    for rows, colour, style, width in _curves(settings, rates):
        axes.plot(rows["factor"], rows["rate"], color=colour, linestyle=style, linewidth=width)
        where = rows["c1"].iloc[0] / rows["beta"].iloc[0] * rows["factor"].iloc[0]
        if where <= rows["factor"].max():
            rate = np.exp(np.interp(np.log(where), np.log(rows["factor"]), np.log(rows["rate"])))
            axes.plot(where, rate, color=colour, marker="v", markersize=7, markeredgecolor=drawing.BLACK, zorder=4)
    axes.set(xlabel="η / η*", ylabel="growth of E L a step, ρ")
    axes.set_title("(a) escape rate")


def _ratios(axes: Axes, settings: escape_rates.Settings, rates: pd.DataFrame, name: str) -> None:
    """Draw the limit of D_k in units of S_Y/S_X."""
    drawing.log_ticks(axes, "x", 4)
    drawing.log_ticks(axes, "y")
    axes.axhline(1.0, color=drawing.GREY, linewidth=0.9)
    axes.axvline(1.0, color=drawing.GREY, linewidth=0.9)
    for rows, colour, style, width in _curves(settings, rates):
        axes.plot(rows["factor"], rows[name] / rows[f"{name}_reference"], color=colour, linestyle=style, lw=width)
    axes.set(xlabel="η / η*", ylabel="limit of D_k over S_Y / S_X")


def _by_batch(axes: Axes, settings: escape_rates.Settings, rates: pd.DataFrame) -> None:
    """Draw the rate for several batch sizes."""
    drawing.log_ticks(axes, "x", 4)
    drawing.log_ticks(axes, "y")
    design = settings.batched[0]
    axes.axhline(1.0, color=drawing.GREY, linewidth=0.9)
    rows = rates[(rates["family"] == design.family) & (rates["n"] == design.n) & (rates["d"] == design.d)]
    for batch, colour in zip(settings.followed, _SHADES, strict=False):
        for replacement in (True, False):
            part = rows[(rows["batch"] == batch) & (rows["replacement"] == replacement)]
            style, label = ("-", f"B = {batch}") if replacement else (_DASHED, None)
            axes.plot(part["factor"], part["rate"], color=colour, linestyle=style, label=label)
    axes.legend(loc="upper left", fontsize=8)
    axes.set(xlabel="η / η*(B = 1)", ylabel="growth of E L a step, ρ", xlim=(1 / 4, 128), ylim=(0.1, None))
    axes.set_title(f"(d) batch sizes: {design.family}, n = {design.n}, d = {design.d}", fontsize=9)


def _over_d(axes: Axes, settings: escape_rates.Settings, thresholds: pd.DataFrame) -> None:
    """Draw the threshold against d, with what Section 5 says about it."""
    drawing.log_ticks(axes, "x", 4)
    drawing.log_ticks(axes, "y")
    axes.set_yticks([0.05, 0.1, 0.2, 0.5, 1, 2])
    finite = thresholds[thresholds["n"] == settings.per_dimension * thresholds["d"]]
    for family in escape_rates.GAUSSIAN:
        colour, marker = _COLOURS[family]
        online = thresholds[(thresholds["family"] == family) & (thresholds["n"] == ONLINE)]
        axes.plot(online["d"], online["beta_star"], color=colour, linewidth=1.2)
        part = finite[finite["family"] == family].groupby("d")["beta_star"].median()
        axes.plot(part.index, part, color=colour, marker=marker, linestyle="none")
    _sufficient(axes, finite, "d")
    _digits(axes, thresholds, "d", "beta_star")
    axes.set(xlabel=f"d (marks: n = {settings.per_dimension}d, lines: online)", ylabel="η ‖G‖_F")
    axes.set_title("(e) threshold against d")


def _over_n(axes: Axes, settings: escape_rates.Settings, thresholds: pd.DataFrame) -> None:
    """Draw the threshold against n/d."""
    drawing.log_ticks(axes, "x", 4)
    drawing.log_ticks(axes, "y")
    samples = [round(share * settings.fixed) for share in settings.shares]
    rows = thresholds[(thresholds["d"] == settings.fixed) & thresholds["n"].isin(samples)]
    rows = rows.assign(share=rows["n"] / rows["d"])
    for family in escape_rates.GAUSSIAN:
        colour, marker = _COLOURS[family]
        part = rows[rows["family"] == family]
        if family == escape_rates.GAUSSIAN[0]:
            ends = part[["eta_lower", "eta_upper"]].mul(part["norm"], axis=0).groupby(part["share"]).median()
            drawing.band(axes, ends.index, ends["eta_lower"], ends["eta_upper"], colour, 0.15)
        medians = part.groupby("share")["beta_star"].median()
        axes.plot(medians.index, medians, color=colour, marker=marker, linewidth=1.2)
    _sufficient(axes, rows, "share")
    axes.set(xlabel=f"n / d (d = {settings.fixed})", ylabel="η ‖G‖_F")
    axes.set_title("(f) threshold against n/d")


def _sufficient(axes: Axes, rows: pd.DataFrame, over: str) -> None:
    """Draw c₁ and 1/√A₁, as medians over all data sets."""
    c1 = rows.groupby(over)["c1"].median()
    growing = (rows["A1"] ** -0.5).groupby(rows[over]).median()
    axes.plot(c1.index, c1, color=_SUFFICIENT, linestyle=_DASHED)
    axes.plot(growing.index, growing, color=_ATTAINED, linestyle=_DASHED)


def _digits(axes: Axes, thresholds: pd.DataFrame, x: str, y: str) -> None:
    """Mark the digits."""
    colour, marker = _COLOURS[DIGITS.family]
    rows = thresholds[thresholds["family"] == DIGITS.family]
    axes.plot(rows[x], rows[y], color=colour, marker=marker, markersize=10, linestyle="none", zorder=4)


def _looseness(axes: Axes, thresholds: pd.DataFrame) -> None:
    """Draw c₁ over the threshold against the spread of the spectrum."""
    drawing.log_ticks(axes, "x", 4)
    drawing.log_ticks(axes, "y")
    rows = thresholds.assign(
        spread=(thresholds["trace"] / thresholds["norm"]) ** 2, loose=thresholds["c1"] / thresholds["beta_star"]
    )
    for family in escape_rates.GAUSSIAN:
        colour, marker = _COLOURS[family]
        part = rows[rows["family"] == family]
        online = part["n"] == ONLINE
        axes.plot(part["spread"][online], part["loose"][online], color=colour, linewidth=1.2)
        many = part["n"] >= MANY * part["d"]
        for chosen, alpha in ((many, 1.0), (~online & ~many, 0.35)):
            style: dict[str, Any] = {"marker": marker, "linestyle": "none", "markersize": 4, "alpha": alpha}
            axes.plot(part["spread"][chosen], part["loose"][chosen], color=colour, **style)
    _digits(axes, rows, "spread", "loose")
    x = np.geomspace(1, rows["spread"].max(), 50)
    axes.plot(x, np.sqrt(3 * x) / 2, color=drawing.BLACK, linestyle=_DOTTED, zorder=1.5)
    axes.set(xlabel="(Tr G / ‖G‖_F)², d if isotropic", ylabel="c₁ / (η* ‖G‖_F)")
    axes.set_title("(g) how loose β > c₁ is")


def _batches(axes: Axes, settings: escape_rates.Settings, rows: pd.DataFrame) -> None:
    """Draw the threshold against the batch size."""
    drawing.log_ticks(axes, "x", 2)
    drawing.log_ticks(axes, "y", 2)
    for design in settings.batched:
        colour, marker = _COLOURS[design.family]
        part = rows[rows["family"] == design.family]
        single = part["eta_star"].iloc[0]
        for replacement, style, fill in ((True, "-", "full"), (False, _DASHED, "none")):
            one = part[part["replacement"] == replacement]
            look: dict[str, Any] = {"linestyle": style, "marker": marker, "fillstyle": fill}
            axes.plot(one["batch"], one["eta_star"] / single, color=colour, **look)
        axes.axhline(part["edge"].iloc[0] / single, color=colour, linestyle=_DOTTED, linewidth=1.1)
    sizes = np.array([1, 12])
    axes.plot(sizes, sizes, color=drawing.BLACK, linestyle=_DOTTED)
    axes.set(xlabel="batch size B", ylabel="η*(B) / η*(1)")
    axes.set_title("(h) threshold against batch size")


def _legend(settings: escape_rates.Settings) -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def line(colour: str, label: str, style: Any = "-", marker: str | None = None) -> Line2D:
        return Line2D([], [], color=colour, linestyle=style, marker=marker, label=label)

    gaussian = [design for design in settings.swept if design != DIGITS]
    large, small = max(design.d for design in gaussian), min(design.d for design in gaussian)
    families = sorted({design.family for design in settings.swept}, key=list(_COLOURS).index)
    grey = drawing.GREY
    begins: dict[str, Any] = {"color": grey, "marker": "v", "markeredgecolor": drawing.BLACK, "linestyle": "none"}
    return [
        *(line(_COLOURS[family][0], family + _MORE.get(family, ""), marker=_COLOURS[family][1]) for family in families),
        line(grey, f"(a)–(c): d = {large}, many samples; digits"),
        line(grey, f"(a)–(c): d = {small}", _DASHED),
        line(grey, "(a)–(c): few samples", _DOTTED),
        Line2D([], [], **begins, label="(a): β = c₁, escape by Theorem 5.2"),
        line(_SUFFICIENT, "(e), (f): c₁, escape by Theorem 5.2", _DASHED),
        line(_ATTAINED, "(e), (f): 1/√A₁, escape by its growth", _DASHED),
        Patch(facecolor=drawing.BLUE, alpha=0.15, label="(f): 1/A₂ ≤ h(η*) ≤ 1/A₁, isotropic"),
        line(drawing.BLACK, "(g): √3/2 · Tr G/‖G‖_F; (h): B", _DOTTED),
        line(grey, "(d), (h): without replacement", _DASHED),
    ]


def _caption(settings: escape_rates.Settings, table: pd.DataFrame) -> str:
    """Say what is shown."""
    rates = table[table["kind"] == RATES]
    width = float((rates["rate_upper"] / rates["rate_lower"] - 1).max())
    few = sorted({(design.n, design.d) for design in settings.swept if design.n < 4 * design.d})
    few_text = ", ".join(f"n = {n}, d = {d}" for n, d in few)
    return (
        "SGD with batch 1 on linear regression, from the second moment's exact recursion. ρ is the spectral radius of "
        "a step, so that E L grows like ρ^t; every ρ lies between a Rayleigh quotient and a Collatz–Wielandt bound "
        f"that differ by at most {width:.0e} of it. η* is the learning rate with ρ = 1. (b), (c): what D_k(t) tends "
        f"to, for k = 1 and half of the directions. Many samples: n = {settings.per_dimension}d; few: {few_text}. (d): "
        "with replacement and, dashed, without. "
        f"(e)–(g): medians or single data sets, {settings.trials} for each n and d; A₁ and A₂ are exact, 1 and 2 "
        "online. (f): the band is what h(η*) = Σ ηλ_i/(2 − ηλ_i) allows by its bounds. (g): all data sets, pale where "
        f"n < {MANY}d, which makes A₁ small. (h): dotted horizontals are 2/λ₁, the threshold of gradient descent."
    )


def finding(table: pd.DataFrame, fits: pd.DataFrame) -> str:
    """Say what the figure shows in one line.

    Args:
        table: rates and thresholds.
        fits: powers of d.

    Returns:
        The line.
    """
    thresholds = table[table["kind"] == THRESHOLDS]
    loose = thresholds["c1"] / thresholds["beta_star"]
    images = thresholds["family"] == DIGITS.family
    many = ~images & ((thresholds["n"] == ONLINE) | (thresholds["n"] >= MANY * thresholds["d"]))
    half_trace = thresholds["eta_star"] * thresholds["trace"] / 2
    rates = table[(table["kind"] == RATES) & (table["batch"] == 1) & (table["factor"] > 1)]
    limits = rates["D_1"] / rates["D_1_reference"]
    isotropic = fits[(fits["family"] == "isotropic") & fits["online"]].iloc[0]
    digits = f", {loose[images].iloc[0]:.0f} times on digits" if images.any() else ""
    return (
        f"SGD escapes from η* on, {half_trace.min():.2f} to {half_trace.max():.2f} times 2/Tr G, while Theorem 5.2 "
        f"asks for {loose[many].min():.1f} to {loose[many].max():.0f} times as much on Gaussian inputs with "
        f"n ≥ {MANY}d or online (isotropic: like d^{isotropic['exponent']:.2f} up to d = {isotropic['most_d']})"
        f"{digits} and up to {loose.max():.0f} times with fewer samples; past η* D_1 tends to {limits.min():.2f} to "
        f"{limits.max():.1f} times S_Y/S_X"
    )
