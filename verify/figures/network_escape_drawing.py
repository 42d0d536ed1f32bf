"""Figure 6, drawn: for each network the energies along k sharp directions and along the rest, and shares at leaving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from verify import image_networks
from verify.figures import drawing, network_escape
from verify.figures._context import Made
from verify.image_networks import PAPER_RATE, Trained
from verify.network_escape import BATCHED, DESCENT, METHODS, SGD, TIMES_LEFT, ks_of, leaving

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {SGD: drawing.BLUE, BATCHED: drawing.GREEN, DESCENT: drawing.VERMILION}
_MARKS = {SGD: "o", BATCHED: "s", DESCENT: "^"}
_DASHED = (0, (4, 1.6))
_SHOWN = (1e-2, 1e7)
"""Energies that are seen, in units of that of the start."""


def draw(settings: network_escape.Settings, trained: Sequence[Trained], table: pd.DataFrame) -> Made:
    """Draw Figure 6.

    Args:
        settings: what it was measured with.
        trained: the training of each network.
        table: what was measured.

    Returns:
        The figure.
    """
    ks, left = ks_of(table), leaving(table)
    figure, axes = drawing.panels(len(trained), len(ks) + 1, 2.5 * len(ks) + 2.5, 2.4 * len(trained))
    for row, one in enumerate(trained):
        part = table[table["network"] == one.recipe.request.network]
        gone = left[left["network"] == one.recipe.request.network]
        for column, k in enumerate(ks):
            _energies(axes[row, column], part, k)
            axes[row, column].set_title(f"{one.recipe.title}, k = {k}")
            axes[row, column].set_ylim(*(factor * settings.escape.perturbation**2 for factor in _SHOWN))
        _shares(axes[row, -1], gone, ks)
        axes[row, -1].set_title("share at leaving")
        axes[row, 0].set_ylabel("energy of θ_t − θ*")
    for panel in axes[-1, :-1]:
        panel.set_xlabel("step t")
    axes[-1, -1].set_xlabel("k")
    caption = _caption(settings, trained, table, left)
    drawing.finish(figure, caption, _legend(), 4)
    made = {
        "recipes": [one.recipe.request.__dict__ | {"until": one.recipe.until} for one in trained],
        **settings.escape._asdict(),
    }
    return Made(figure, table, caption, _finding(settings, trained, left), made)


def _energies(axes: Axes, part: pd.DataFrame, k: int) -> None:
    """Draw the energy along the first k directions and along the rest: median and range over paths."""
    drawing.log_ticks(axes, "y")
    for method in METHODS:
        rows = part[part["method"] == method]
        for name, style in ((f"sharp_{k}", "-"), (f"rest_{k}", _DASHED)):
            found = rows.pivot(index="step", columns="path", values=name)
            energies = found.to_numpy(dtype=float)
            # A path that has left all bounds ends the curves of its method.
            shown = np.isfinite(energies).all(axis=1) & (energies > 0).all(axis=1)
            energies, steps = energies[shown], found.index[shown]
            if name.startswith("sharp"):
                drawing.band(axes, steps, energies.min(axis=1), energies.max(axis=1), _COLOURS[method], 0.15)
            axes.plot(steps, np.median(energies, axis=1), color=_COLOURS[method], linestyle=style, linewidth=1.3)


def _shares(axes: Axes, gone: pd.DataFrame, ks: list[int]) -> None:
    """Draw the share along the first k directions when a path leaves: every path, and the median."""
    axes.set_xscale("log")
    for method, shift in zip(METHODS, (0.94, 1.0, 1.06), strict=True):
        rows, colour = gone[gone["method"] == method], _COLOURS[method]
        if rows.empty:
            continue
        shares, places = rows[[f"share_{k}" for k in ks]].to_numpy(dtype=float), np.array(ks) * shift
        axes.plot(np.tile(places, len(rows)), shares.ravel(), color=colour, marker=_MARKS[method], markersize=3.6,
                  linestyle="none", alpha=0.6, markeredgewidth=0.0)  # fmt: skip
        axes.plot(places, np.median(shares, axis=0), color=colour)
    axes.set_xticks(ks, [str(k) for k in ks])
    axes.minorticks_off()
    axes.set_ylim(-0.03, 1.03)


def _legend() -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=_COLOURS[method], marker=_MARKS[method], markersize=3.6, label=method)
        for method in METHODS
    ]
    return [
        *lines,
        Line2D([], [], color=drawing.BLACK, label="along the first k eigenvectors of G"),
        Line2D([], [], color=drawing.BLACK, linestyle=_DASHED, label="along all other directions"),
    ]


def _caption(
    settings: network_escape.Settings, trained: Sequence[Trained], table: pd.DataFrame, left: pd.DataFrame
) -> str:
    """Say what is shown."""
    escape, first = settings.escape, trained[0].recipe
    rates = table.groupby(["network", "method"], sort=False).first()
    parts = []
    for one in trained:
        known = rates.loc[one.recipe.request.network]
        numbers = "; ".join(
            f"{method} η = {row['learning_rate']:.3g} = {row['rate_times_frobenius']:.2f}/‖G‖_F = "
            f"{row['rate_times_sharpest']:.2f}/λ_1(H)"
            for method, row in known.iterrows()
        )
        parts.append(f"{image_networks.described(one.recipe)}, trained: {one.message}; {numbers}")
    staying = len(trained) * len(METHODS) * escape.replicas - len(left)
    return (
        f"Leaving the trained minimum θ* of networks on {image_networks.images(first)}: energy ‖·‖² of θ_t − θ* along "
        "the first k eigenvectors of G at θ* (exact, from the Gram matrix) and along all other directions; median over "
        f"{escape.replicas} paths (start {escape.perturbation:g} from θ* in a random direction; minibatches), bands: "
        "their range; curves end where a path diverges. Gradient descent is stable below 2/λ_1(H), SGD with batch 1 in "
        "mean square below about 1/‖G‖_F. "
        f"SGD at the same rate as GD has batch {first.request.batch}. Right: share of the energy along the first k "
        f"when the loss is first {TIMES_LEFT:g} times that at θ* ({_staying(staying)}). {'. '.join(parts)}. "
        f"The training's learning rate in the paper is {PAPER_RATE:g}. Labels are those of the training, so that θ* is "
        "no exact minimum and every path also goes on with it."
    )


def _staying(count: int) -> str:
    """Say how many paths did not leave."""
    return f"{count} paths did not leave" if count else "all paths left"


def _finding(settings: network_escape.Settings, trained: Sequence[Trained], left: pd.DataFrame) -> str:
    """Say what the figure shows in one line."""
    ks = settings.escape.ks
    parts = []
    for one in trained:
        gone = left[left["network"] == one.recipe.request.network]
        shares = [
            f"{method} "
            + (", ".join(f"{rows[f'share_{k}'].median():.0%}" for k in ks) if len(rows) else "did not leave")
            for method in METHODS
            for rows in (gone[gone["method"] == method],)
        ]
        parts.append(f"{one.recipe.title}: {'; '.join(shares)}")
    directions = ", ".join(map(str, ks))
    return f"median share of the energy along the first {directions} directions when a path leaves; " + "; ".join(parts)
