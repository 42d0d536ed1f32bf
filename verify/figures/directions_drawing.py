"""Figure 2a, drawn: for each spectrum a row of alignments and a row of energies, one column for each n."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

import simulate
import theory
from verify.figures import directions, drawing
from verify.figures._context import Made

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOOR, _CEILING = 1e-2, 40.0
_DASHED, _DOTTED, _MIXED = (0, (5, 2)), (0, (1, 1.4)), (0, (4, 2, 1, 2))
_COLOURS = {False: drawing.BLUE, True: drawing.VERMILION}


def draw(settings: directions.Settings, table: pd.DataFrame) -> Made:
    """Draw Figure 2a.

    Args:
        settings: what it was measured with.
        table: what was measured.

    Returns:
        The figure.
    """
    columns = len(settings.samples)
    figure, axes = drawing.panels(4, columns, 13.0, 11.5, sharex=True)
    for half, spectrum in enumerate(directions.SPECTRA):
        for column, n in enumerate(settings.samples):
            part = table[(table["spectrum"] == spectrum) & (table["n"] == n)]
            upper, lower = axes[2 * half, column], axes[2 * half + 1, column]
            _alignment(upper, part)
            _energy(lower, part)
            upper.set_title(f"{spectrum}, n = {n} {_relation(n, settings.d)}")
            for panel in (upper, lower):
                panel.set_xlim(0.3, settings.d + 0.7)
                panel.tick_params(labelleft=column == 0)
            lower.set_ylim(*_energy_limits(table[table["spectrum"] == spectrum]))
        axes[2 * half, 0].set_ylabel("alignment g_k = α_k / λ_k")
        axes[2 * half + 1, 0].set_ylabel("energy α_k, curvature λ_k")
    for column in range(columns):
        axes[3, column].set_xlabel("k, from the sharpest direction")
    caption = _caption(settings)
    drawing.finish(figure, caption, _legend(), 3)
    return Made(figure, table, caption, _finding(settings, table), settings._asdict() | {"eps": directions.EPS})


def _relation(n: int, d: int) -> str:
    """Say how n compares with d."""
    if n == d:
        return "= d"
    return f"= d/{d / n:g}" if n < d else f"= {n / d:g}d"


def _alignment(axes: Axes, part: pd.DataFrame) -> None:
    """Draw g along the directions."""
    drawing.log_ticks(axes, "y")
    axes.set_ylim(_FLOOR, _CEILING)
    drawing.bound(axes, *theory.statement("C.2").bounds())
    ceiling = theory.statement("C.2-centred").bounds()[1]
    axes.axhline(ceiling, color=_COLOURS[True], linewidth=0.9, linestyle=_DASHED)
    for limit in theory.statement("4.3").bounds(eps=directions.EPS):
        axes.axhline(limit, color=drawing.GREY, linewidth=1.0, linestyle=_MIXED)
    for centred, colour in _COLOURS.items():
        rows = part[part["centred"] == centred]
        # The two nearly coincide: the centred one lies on top, thinner and paler.
        drawing.band(axes, rows["k"], rows["alignment_q05"], rows["alignment_q95"], colour, 0.12 if centred else 0.3)
        axes.plot(rows["k"], rows["alignment_median"], color=colour, linewidth=1.0 if centred else 2.4)
        for end in ("alignment_inf", "alignment_sup"):
            axes.plot(rows["k"], rows[end], color=colour, linestyle=_DOTTED, linewidth=1.4)


def _energy(axes: Axes, part: pd.DataFrame) -> None:
    """Draw curvature and relative noise energy side by side."""
    drawing.log_ticks(axes, "y")
    rows = part[~part["centred"]]
    drawing.band(axes, rows["k"], rows["energy_q05"], rows["energy_q95"], drawing.BLUE, 0.25)
    axes.plot(rows["k"], rows["energy_median"], color=drawing.BLUE)
    for end in ("energy_inf", "energy_sup"):
        axes.plot(rows["k"], rows[end], color=drawing.BLUE, linestyle=_DOTTED, linewidth=1.4)
    axes.plot(rows["k"], rows["curvature"], color=drawing.BLACK, linestyle="none", marker="o", markersize=2.8, zorder=3)


def _energy_limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Choose what the energies' axis shows: every λ_k, two decades below the smallest, and every supremum."""
    smallest = rows["curvature"].min()
    return max(smallest / 10, rows["curvature"].max() * 1e-5), rows["energy_sup"].max() * 1.6


def _legend() -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def line(colour: str, label: str, style: Any = "-") -> Line2D:
        return Line2D([], [], color=colour, linestyle=style, label=label)

    low, high = theory.statement("4.3").bounds(eps=directions.EPS)
    population: dict[str, Any] = {"facecolor": drawing.BOUND, "edgecolor": drawing.BOUND_EDGE, "linestyle": _DASHED}
    curvature: dict[str, Any] = {"color": drawing.BLACK, "linestyle": "none", "marker": "o", "markersize": 3.5}
    return [
        line(drawing.BLUE, "uncentred (Σ₁), random θ: median and 5–95 %"),
        line(drawing.BLUE, "uncentred, exact worst θ: inf and sup", _DOTTED),
        line(drawing.VERMILION, "centred (Σ), random θ: median and 5–95 %"),
        line(drawing.VERMILION, "centred, exact worst θ: inf and sup", _DOTTED),
        Patch(**population, label="population, Lemma C.2: [1, 3]"),
        line(drawing.VERMILION, "population, centred: up to 2", _DASHED),
        line(drawing.GREY, f"Theorem 4.3 at ε = {directions.EPS:g}: [{low:.2f}, {high:.2f}]", _MIXED),
        Line2D([], [], **curvature, label="curvature λ_k"),
    ]


def _caption(settings: directions.Settings) -> str:
    """Say what is shown."""
    rank = simulate.effective_dimension(simulate.power_law(settings.d, settings.exponent))
    power = drawing.superscript(-settings.exponent)
    return (
        "Linear regression with a linear teacher: curvature λ_k (eigenvalues of G), relative noise energy "
        "α_k = u_kᵀΣ₁u_k/(2L) (centred: Σ) and their ratio, the directional alignment g_k, along every eigenvector u_k "
        f"of G. Inputs N(0, S) in d = {settings.d} dimensions, S = I and eigenvalues j{power} (effective dimension "
        f"{rank:.2f}); one data set for each n. Bands: {settings.thetas} random θ ~ N(0, I/d), with a teacher of the "
        "same law. Dotted: exact range over all θ, an eigenproblem since r = X(θ − w*); below the axis where it is not "
        "seen (for n ≤ d every residual is possible, so the infimum is n·min_i q²_ki, q_k the unit eigenvector of the "
        "Gram matrix). Energies are drawn uncentred. Lemma C.2 is the limit n → ∞; Theorem 4.3 asks for n of the order "
        "of d log d with unspecified constants, so its bounds are no claim at these n."
    )


def _finding(settings: directions.Settings, table: pd.DataFrame) -> str:
    """Say what the figure shows in one line."""
    plain = table[~table["centred"]]
    medians = plain["alignment_median"]
    least, most = settings.samples[0], settings.samples[-1]

    def extent(n: int) -> str:
        rows = plain[plain["n"] == n]
        low, high = rows["alignment_inf"].min(), rows["alignment_sup"].max()
        return f"[{drawing.number(float(f'{low:.2g}'))}, {high:.3g}]"

    return (
        f"at random θ the median g_k lies in [{medians.min():.2f}, {medians.max():.2f}] along every direction and for "
        f"every n; at the worst θ in {extent(least)} for n = {least} and {extent(most)} for n = {most}"
    )
