"""Figure 5, drawn: for each network the whole spectrum, and its top as subsets show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from verify import image_networks
from verify.figures import deep_spectra, drawing
from verify.figures._context import Made
from verify.image_networks import PAPER_RATE, Spectrum, Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS: dict[str, Any] = {"linestyle": "none", "marker": ".", "markersize": 3.4, "markeredgewidth": 0.0}
_CROSSES: dict[str, Any] = {"linestyle": "none", "marker": "x", "markersize": 5.0}


def draw(
    settings: deep_spectra.Settings, trained: Sequence[Trained], initial: Sequence[Spectrum], table: pd.DataFrame
) -> Made:
    """Draw Figure 5.

    Args:
        settings: what it was measured with.
        trained: the training of each network.
        initial: what was measured before it.
        table: what was measured after it.

    Returns:
        The figure.
    """
    figure, axes = drawing.panels(len(trained), 3, 10.0, 2.5 * len(trained))
    for row, one in enumerate(trained):
        part = table[table["network"] == one.recipe.request.network]
        _whole(axes[row, 0], part)
        _top(axes[row, 1], part)
        _alignment(axes[row, 2], part)
        axes[row, 0].set_title(f"{one.recipe.title}: all {len(part)} directions")
        axes[row, 1].set_title(f"{one.recipe.title}: the top")
        axes[row, 2].set_title(f"{one.recipe.title}: the top, alignment")
        axes[row, 0].set_ylabel("λ_k/λ_1, α_k/max α")
        axes[row, 1].set_ylabel("λ_k/λ_1, α_k/max α")
        axes[row, 2].set_ylabel("g_k")
    for panel in axes[-1]:
        panel.set_xlabel("k, from the sharpest direction")
    caption = _caption(settings, trained, initial, table)
    drawing.finish(figure, caption, _legend(settings), 3)
    made = {
        "recipes": [one.recipe.request.__dict__ | {"until": one.recipe.until} for one in trained],
        "k": settings.k,
        "subset": settings.subset,
        "subsets": settings.subsets,
    }
    return Made(figure, table, caption, _finding(trained, table), made)


def _whole(axes: Axes, part: pd.DataFrame) -> None:
    """Draw the whole spectrum, normalised."""
    drawing.log_ticks(axes, "x")
    drawing.log_ticks(axes, "y")
    relative = part["curvature"] / part["curvature"].max()
    axes.plot(part["k"], part["energy"] / part["energy"].max(), color=drawing.BLUE, **_POINTS)
    axes.plot(part["k"], relative, color=drawing.BLACK, linewidth=1.1)
    axes.set_ylim(max(relative.min() / 5, 1e-9), 3)


def _top(axes: Axes, part: pd.DataFrame) -> None:
    """Draw the top of the spectrum, exactly and on subsets, normalised."""
    drawing.log_ticks(axes, "y")
    top = part[part["lanczos_curvature"].notna()]
    for name, colour in (("energy", drawing.BLUE), ("curvature", drawing.BLACK)):
        drawing.band(
            axes, top["k"], top[f"subsets_relative_{name}_q05"], top[f"subsets_relative_{name}_q95"], colour, 0.16
        )
        axes.plot(top["k"], top[name] / part[name].max(), color=colour, marker=".", linewidth=1.2)
        lanczos = top[f"lanczos_{name}"]
        axes.plot(top["k"], lanczos / lanczos.max(), color=colour, **_CROSSES)


def _alignment(axes: Axes, part: pd.DataFrame) -> None:
    """Draw g at the top of the spectrum, exactly and on subsets."""
    top = part[part["lanczos_curvature"].notna()]
    axes.axhline(1.0, color=drawing.GREY, linewidth=0.9, linestyle=(0, (5, 2)))
    drawing.band(axes, top["k"], top["subsets_alignment_q05"], top["subsets_alignment_q95"], drawing.BLUE, 0.16)
    axes.plot(top["k"], top["alignment"], color=drawing.BLUE, marker=".", linewidth=1.2)
    axes.plot(top["k"], top["lanczos_alignment"], color=drawing.BLUE, **_CROSSES)
    axes.set_ylim(bottom=0)


def _legend(settings: deep_spectra.Settings) -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], color=drawing.BLACK, marker=".", label="curvature λ_k, exact on all images"),
        Line2D([], [], color=drawing.BLUE, marker=".", label="noise energy α_k and alignment g_k, exact"),
        Line2D([], [], color=drawing.GREY, **_CROSSES, label=f"Lanczos on one subset of {settings.subset} images"),
        Patch(color=drawing.GREY, alpha=0.3, label=f"{settings.subsets} subsets of {settings.subset}: 5–95 %"),
        Line2D([], [], color=drawing.GREY, linestyle=(0, (5, 2)), label="perfect alignment"),
    ]


def _caption(
    settings: deep_spectra.Settings, trained: Sequence[Trained], initial: Sequence[Spectrum], table: pd.DataFrame
) -> str:
    """Say what is shown."""
    ends = "; ".join(
        f"{image_networks.described(one.recipe)}, {spectrum.parameters:,} parameters, λ_1 = "
        f"{spectrum.eigenvalues[0]:.3g} at initialisation and "
        f"{table[table['network'] == one.recipe.request.network]['curvature'].max():.3g} trained: {one.message}"
        for one, spectrum in zip(trained, initial, strict=True)
    )
    return (
        f"Deep networks without batch norm (ResNet: fixup) on {image_networks.images(trained[0].recipe)}, labels ±1, "
        f"after SGD with batch {trained[0].recipe.request.batch} (the paper's learning rate is {PAPER_RATE:g}). "
        "Curvature λ_k (eigenvalues of G) and relative noise energy α_k = u_kᵀΣ₁u_k/(2L), each divided by its largest, "
        "along every eigenvector of G, exact on these images; and the top as the paper estimates it, by Lanczos on "
        f"{settings.subset} of the images drawn without replacement, with the noise of the same images. Bands: what "
        f"{settings.subsets} such subsets give. {ends}. One training of each: an observation beyond the theorems."
    )


def _finding(trained: Sequence[Trained], table: pd.DataFrame) -> str:
    """Say what the figure shows in one line."""
    parts = []
    for one in trained:
        part = table[table["network"] == one.recipe.request.network]
        top = part[part["lanczos_curvature"].notna()]
        low, high = part["alignment"].quantile([0.05, 0.95])
        bias = top["subsets_curvature_mean"] / top["curvature"]
        parts.append(
            f"{one.recipe.title}: μ {part['mu'].iloc[0]:.2f}, g_k in [{low:.2f}, {high:.2f}] for 90 % of "
            f"{len(part)} directions, in [{top['alignment'].min():.2f}, {top['alignment'].max():.2f}] for the top "
            f"{len(top)}; subsets have λ_1 × {bias.iloc[0]:.2f} and λ_{len(top)} × {bias.iloc[-1]:.2f} on average"
        )
    return "; ".join(parts)
