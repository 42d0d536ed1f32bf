"""Figures as inline SVG: coloured by the page's style sheet, the same bytes for the same data."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.verdict import Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Matplotlib needs colours, the page wants variables: each stands for one, and nothing else is drawn in it.
_INK = "#010203"
_GRID = "#040506"
_SERIES = ("#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005", "#0a0006")
_VARIABLES = {_INK: "var(--ink)", _GRID: "var(--line)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(_SERIES, start=1)
}
_MARKERS = ("o", "s", "^", "D", "v", "o")
_MOST_MARKED = 30
_LARGEST = 1e100
_WIDTH, _HEIGHT = 4.6, 3.1
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 10,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "noise-geometry",
    "text.color": _INK,
    "text.parse_math": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def svg(plot: Plot, identifier: str) -> str:
    """Draw a plot.

    Args:
        plot: what to draw; values that are not finite, or not positive on a logarithmic axis, are left
            out.
        identifier: a name that no other figure of the page has; every id in the drawing starts with it.

    Returns:
        An `svg` element with a title and a description, to be put into an HTML page that defines the colours
        `--ink`, `--line` and `--series-1` to `--series-6`.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        _fill(axes, plot)
        buffer = io.StringIO()
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata)
    return _for_page(buffer.getvalue(), plot, identifier)


def legend(plot: Plot) -> list[dict[str, str]]:
    """List the curves of a plot, for a legend beside the drawing.

    Args:
        plot: the plot.

    Returns:
        For each series its `label`, the CSS `colour`, its `style` ("line", "points" or "bound") and its `marker`.
    """
    return [
        {
            "label": str(series.get("label") or ""),
            "colour": _VARIABLES[_SERIES[index % len(_SERIES)]],
            "style": str(series.get("style") or "line"),
            "marker": _MARKERS[index % len(_MARKERS)] if _is_marked(series) else "",
        }
        for index, series in enumerate(plot.series)
        if series.get("label")
    ]


def _is_marked(series: Mapping[str, Any]) -> bool:
    """Say whether the points of a series are drawn: those of a long line would hide it."""
    x: Any = series.get("x")
    return series.get("style") == "points" or np.size(x) <= _MOST_MARKED


def _fill(axes: Axes, plot: Plot) -> None:
    """Draw everything into the axes."""
    drawn = [_draw(axes, series, index, plot) for index, series in enumerate(plot.series)]
    if any(drawn):
        axes.set_xscale("log" if plot.x_log else "linear")
        axes.set_yscale("log" if plot.y_log else "linear")
    _label_ticks(axes, plot)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.grid(visible=True)
    axes.set_axisbelow(True)
    if not any(drawn):
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center")


def _draw(axes: Axes, series: Mapping[str, Any], index: int, plot: Plot) -> bool:
    """Draw one series, and say whether there was anything to draw."""
    x = _values(series.get("x"), plot.x_log)
    y = _values(series.get("y"), plot.y_log)
    x, y = np.broadcast_arrays(x, y) if 1 in {x.size, y.size} else (x, y)
    colour, style = _SERIES[index % len(_SERIES)], str(series.get("style") or "line")
    _draw_band(axes, x, series, plot, colour, style)
    if style == "points":
        axes.plot(x, y, linestyle="none", marker=_MARKERS[index % len(_MARKERS)], markersize=4.5, color=colour)
    elif style == "bound":
        axes.plot(x, y, linestyle=(0, (4, 2.5)), linewidth=1.6, color=colour)
    else:
        marker = _MARKERS[index % len(_MARKERS)] if _is_marked(series) else None
        axes.plot(x, y, linewidth=1.6, marker=marker, markersize=4, color=colour)
    return bool(np.any(np.isfinite(x) & np.isfinite(y)))


def _draw_band(axes: Axes, x: np.ndarray, series: Mapping[str, Any], plot: Plot, colour: str, style: str) -> None:
    """Draw the interval around a series: bars at points, a band along lines."""
    if series.get("low") is None or series.get("high") is None:
        return
    low, high = (_values(series[end], plot.y_log) for end in ("low", "high"))
    if style == "points":
        axes.vlines(x, low, high, color=colour, linewidth=1.2)
    else:
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def _values(values: Any, logarithmic: bool) -> np.ndarray:
    """Return the values as floats, NaN where they cannot be drawn."""
    array = np.atleast_1d(np.array([] if values is None else values, dtype=np.float64))
    # Beyond this Matplotlib's margins overflow.
    drawable = np.isfinite(array) & (np.abs(array) < _LARGEST)
    if logarithmic:
        drawable &= array > 1 / _LARGEST
    return np.where(drawable, array, np.nan)


def _label_ticks(axes: Axes, plot: Plot) -> None:
    """Write the ticks of logarithmic axes as plain text, with minor labels where a decade or less is shown."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    for axis, logarithmic in ((axes.xaxis, plot.x_log), (axes.yaxis, plot.y_log)):
        if not logarithmic or axis.get_scale() != "log":
            axis.set_major_locator(MaxNLocator(6))
            axis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
            continue
        low, high = axis.get_view_interval()
        decades = math.log10(high / low) if low > 0 else 1.0
        subs = (1.0,) if decades > 2 else (1.0, 2.0, 5.0) if decades > 0.6 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
        axis.set_major_locator(LogLocator(subs=subs, numticks=8))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
        axis.set_minor_formatter(FuncFormatter(lambda *_: ""))


def _number(value: float) -> str:
    """Write a tick's number: plain from 0.001 to 10 000, a power of ten beyond."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.10g}".replace("-", "−")
    mantissa, _, exponent = f"{value:.6e}".partition("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    factor = f"{float(mantissa):g}"
    return power if factor == "1" else f"{factor}·{power}".replace("-", "−")


def _for_page(drawing: str, plot: Plot, identifier: str) -> str:
    """Turn Matplotlib's SVG file into an element of our page."""
    element = drawing[drawing.index("<svg") :].strip()
    # Its style sheet would apply to the whole page.
    element = re.sub(r"(?:<!--.*?-->|<(metadata|style)\b.*?</\1>)\s*", "", element, flags=re.DOTALL)
    body = element[element.index(">") + 1 :].replace("xlink:href", "href")
    body = _rename_ids(body, identifier)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    # The page's own font, at the drawing's sizes.
    body = re.sub(r"font: (?:[a-z]+ )*([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    named = f'role="img" aria-labelledby="{identifier}-title {identifier}-desc"'
    return (
        f'<svg class="plot" viewBox="0 0 {round(_WIDTH * 72)} {round(_HEIGHT * 72)}" {named}>'
        f'<title id="{identifier}-title">{html.escape(plot.title)}</title>'
        f'<desc id="{identifier}-desc">{html.escape(plot.alt)}</desc>{body}'
    )


def _rename_ids(body: str, identifier: str) -> str:
    """Keep the ids that are used, under names of this figure, and drop the others."""
    used = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", body))
    names = {old: f"{identifier}-{number}" for number, old in enumerate(sorted(used), start=1)}
    body = re.sub(r"\sid=\"([^\"]+)\"", lambda m: f' id="{names[m.group(1)]}"' if m.group(1) in names else "", body)
    return re.sub(r"(href=\"|url\()#([^\")]+)", lambda m: f"{m.group(1)}#{names[m.group(2)]}", body)
