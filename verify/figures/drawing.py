"""How all figures look: one style, colours that the colour-blind can tell apart, a caption below, PNG and SVG."""

from __future__ import annotations

import contextlib
import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# The palette of Okabe and Ito.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
SKY = "#56B4E9"
ORANGE = "#E69F00"
PURPLE = "#CC79A7"
BLACK = "#222222"
GREY = "#777777"
BOUND = "#DCEBDD"
"""Fill of the range that a theorem allows."""
BOUND_EDGE = "#4C8C5A"

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": BLACK,
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.labelcolor": BLACK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "mathtext.default": "regular",
    "svg.fonttype": "none",
    "svg.hashsalt": "noise-geometry",
    "text.color": BLACK,
    "text.parse_math": False,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
}
_GROUPS = {name.partition(".")[0] for name in STYLE} | {"errorbar", "hatch", "markers", "patch", "path", "savefig"}
DPI = 160
_DECIMALS = 5
_CAPTION_SIZE = 8.5
_LINE_INCHES = 0.158
_CHARACTERS_PER_INCH = 15.4
_SUPERSCRIPTS = str.maketrans("-.0123456789", "⁻·⁰¹²³⁴⁵⁶⁷⁸⁹")


def styled() -> contextlib.AbstractContextManager[None]:
    """Draw in our style, whatever the user's settings are.

    Returns:
        A context manager; everything else in this module belongs inside it.
    """
    kept = {name: value for name, value in mpl.rcParamsDefault.items() if name.partition(".")[0] in _GROUPS}
    return mpl.rc_context({**kept, **STYLE})


def panels(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """Begin a figure.

    Args:
        rows: rows of panels.
        columns: columns of panels.
        width: in inches.
        height: in inches, without the caption.
        **options: what `Figure.subplots` takes besides.

    Returns:
        The figure, and its panels, shape (rows, columns).
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def finish(figure: Figure, caption: str, legend: Sequence[Artist], columns: int) -> None:
    """Put the legend and the caption below the panels.

    Args:
        figure: the figure.
        caption: the caption.
        legend: what the legend explains; each with a label.
        columns: columns of the legend.
    """
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(caption, int((width - 0.5) * _CHARACTERS_PER_INCH))
    below = _LINE_INCHES * len(lines) + 0.2
    entries = 0.19 * -(-len(legend) // columns) + 0.12
    whole = height + below + entries
    figure.set_size_inches(width, whole)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(0, (below + entries) / whole, 1, 1 - (below + entries) / whole))
    figure.legend(
        handles=list(legend),
        ncols=columns,
        loc="upper center",
        bbox_to_anchor=(0.5, (below + entries) / whole),
        borderaxespad=0.2,
        columnspacing=1.6,
        handlelength=2.4,
    ).set_in_layout(False)
    x, y = 0.25 / width, (below - 0.06) / whole
    text = figure.text(x, y, "\n".join(lines), va="top", fontsize=_CAPTION_SIZE, linespacing=1.25)
    text.set_in_layout(False)
    _settle(figure)


def _settle(figure: Figure) -> None:
    """Lay the panels out once and for all, on a grid coarser than rounding errors.

    The solver of the constrained layout rounds differently from process to process, and an SVG's ids are hashes of
    positions: without this the same figure would have different bytes.
    """
    FigureCanvasAgg(figure)
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)
    # Even the placeholder that "none" leaves would have everything drawn twice whenever it is written.
    figure.set_layout_engine(None)
    for axes in figure.axes:
        left, bottom, width, height = (round(float(edge), _DECIMALS) for edge in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))


def band(axes: Axes, x: Any, low: Any, high: Any, colour: str, alpha: float = 0.2) -> None:
    """Draw the spread around a curve.

    Args:
        axes: the panel.
        x: shape (m,).
        low: lower ends, shape (m,).
        high: upper ends, shape (m,).
        colour: of the curve.
        alpha: how opaque.
    """
    axes.fill_between(x, low, high, color=colour, alpha=alpha, linewidth=0)


def bound(axes: Axes, low: float, high: float, colour: str = BOUND, edge: str = BOUND_EDGE) -> None:
    """Draw the range that a theorem allows across a panel.

    Args:
        axes: the panel.
        low: its lower end.
        high: its upper end.
        colour: of its area.
        edge: of its ends.
    """
    axes.axhspan(low, high, facecolor=colour, edgecolor="none", zorder=0.2)
    for end in (low, high):
        axes.axhline(end, color=edge, linewidth=0.9, linestyle=(0, (5, 2)), zorder=0.3)


def log_ticks(axes: Axes, which: str, base: float = 10.0) -> None:
    """Write the ticks of a logarithmic axis as plain numbers.

    Args:
        axes: the panel.
        which: "x" or "y"; the axis becomes logarithmic.
        base: 10 or 2.
    """
    if which == "x":
        axes.set_xscale("log", base=base)
    else:
        axes.set_yscale("log", base=base)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(base=base, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def number(value: float) -> str:
    """Write a tick's number: plain from 0.01 to 10 000, a power of ten beyond.

    Args:
        value: the number.

    Returns:
        The text.
    """
    if value == 0 or 0.009 <= abs(value) < 1e5:
        return f"{value:.10g}".replace("-", "−")
    mantissa, _, exponent = f"{value:.6e}".partition("e")
    power = f"10{superscript(int(exponent))}"
    factor = f"{float(mantissa):g}"
    return power if factor == "1" else f"{factor}·{power}".replace("-", "−")


def superscript(value: float) -> str:
    """Write an exponent.

    Args:
        value: the exponent.

    Returns:
        The text, raised.
    """
    return f"{value:g}".translate(_SUPERSCRIPTS)


def png(figure: Figure) -> bytes:
    """Draw a figure as pixels.

    Args:
        figure: the figure.

    Returns:
        The file's content.
    """
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure, title: str) -> bytes:
    """Draw a figure as vectors, the same bytes for the same figure.

    Args:
        figure: the figure.
        title: of the file.

    Returns:
        The file's content.
    """
    buffer = io.BytesIO()
    metadata = {"Title": title, **dict.fromkeys(("Creator", "Date", "Format", "Type"))}
    figure.savefig(buffer, format="svg", metadata=metadata)
    return buffer.getvalue()
