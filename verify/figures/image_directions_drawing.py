"""Figure 2b, drawn: for each network and stage a panel of curvature and energy, and one of alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

import theory
from verify import image_networks
from verify.figures import drawing, image_directions
from verify.figures._context import Made
from verify.image_networks import END, PAPER_RATE, START, Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DASHED = (0, (5, 2))
_POINTS: dict[str, Any] = {"linestyle": "none", "marker": ".", "markersize": 2.6, "markeredgewidth": 0.0}


def draw(trained: Sequence[Trained], accuracies: Sequence[float | None], table: pd.DataFrame) -> Made:
    """Draw Figure 2b.

    Args:
        trained: the training of each network.
        accuracies: share of test images that each tells right; None where there are none.
        table: what was measured.

    Returns:
        The figure.
    """
    figure, axes = drawing.panels(2, 2 * len(trained), 11.6, 5.6, sharex="col", sharey="row")
    energies = table[["curvature", "energy"]]
    limits = max(energies.min().min() / 3, energies.max().max() * 1e-9), energies.max().max() * 3
    for place, one in enumerate(trained):
        for half, stage in enumerate(image_directions.STAGES):
            column = 2 * place + half
            part = table[(table["network"] == one.recipe.request.network) & (table["stage"] == stage)]
            _energy(axes[0, column], part, limits)
            _alignment(axes[1, column], part)
            axes[0, column].set_title(f"{one.recipe.title}, {stage}\nL = {_power(part['loss'].iloc[0])}")
            axes[1, column].set_xlabel("k, from the sharpest direction")
    axes[0, 0].set_ylabel("curvature λ_k, energy α_k")
    axes[1, 0].set_ylabel("alignment g_k = α_k / λ_k")
    axes[1, 0].set_ylim(0.03, max(30.0, float(table["alignment"].max()) * 1.3))
    caption = _caption(trained, accuracies, table)
    drawing.finish(figure, caption, _legend(), 3)
    settings = {"recipes": [one.recipe.request.__dict__ | {"until": one.recipe.until} for one in trained]}
    return Made(figure, table, caption, _finding(table), settings)


def _power(value: float) -> str:
    """Write a loss with two digits."""
    return drawing.number(float(f"{value:.2g}"))


def _energy(axes: Axes, part: pd.DataFrame, limits: tuple[float, float]) -> None:
    """Draw curvature and noise energy side by side."""
    drawing.log_ticks(axes, "x")
    drawing.log_ticks(axes, "y")
    axes.plot(part["k"], part["energy_centred"], color=drawing.VERMILION, **_POINTS)
    axes.plot(part["k"], part["energy"], color=drawing.BLUE, **_POINTS)
    axes.plot(part["k"], part["curvature"], color=drawing.BLACK, linewidth=1.1)
    axes.set_ylim(*limits)


def _alignment(axes: Axes, part: pd.DataFrame) -> None:
    """Draw g along the directions."""
    drawing.log_ticks(axes, "y")
    drawing.bound(axes, *theory.statement("C.2").bounds())
    axes.plot(part["k"], part["alignment_centred"], color=drawing.VERMILION, **_POINTS)
    axes.plot(part["k"], part["alignment"], color=drawing.BLUE, **_POINTS)
    mu, centred = part["mu"].iloc[0], part["mu_centred"].iloc[0]
    axes.text(0.03, 0.96, f"μ = {mu:.2f}, centred {centred:.2f}", transform=axes.transAxes, va="top")


def _legend() -> list[Any]:
    """Explain the curves."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    dots: dict[str, Any] = {"linestyle": "none", "marker": ".", "markersize": 7}
    area: dict[str, Any] = {"facecolor": drawing.BOUND, "edgecolor": drawing.BOUND_EDGE, "linestyle": _DASHED}
    return [
        Line2D([], [], color=drawing.BLACK, label="curvature λ_k"),
        Line2D([], [], color=drawing.BLUE, **dots, label="uncentred (Σ₁): α_k and g_k"),
        Line2D([], [], color=drawing.VERMILION, **dots, label="centred (Σ): α_k and g_k"),
        Patch(**area, label="linear models, n → ∞, Lemma C.2: [1, 3]"),
    ]


def _caption(trained: Sequence[Trained], accuracies: Sequence[float | None], table: pd.DataFrame) -> str:
    """Say what is shown."""
    recipe = trained[0].recipe
    alike = all(one.recipe.request.lr == PAPER_RATE for one in trained)
    rates = "the paper's learning rate" if alike else f"the paper's learning rate is {PAPER_RATE:g}"
    ends = "; ".join(
        f"{one.recipe.title}: {one.message}{_told(share)}" for one, share in zip(trained, accuracies, strict=True)
    )
    return (
        f"Networks on {image_networks.images(recipe)}, labels ±1: curvature λ_k (eigenvalues of G), relative noise "
        "energy α_k = u_kᵀΣ₁u_k/(2L) (centred: Σ) and their ratio g_k along every eigenvector u_k of G, exact on these "
        f"images, at initialisation and after SGD with batch {recipe.request.batch} without momentum or weight decay. "
        + "; ".join(image_networks.described(one.recipe) for one in trained)
        + f": {rates}, which needs smaller weights than He et al.'s with standardised images. {ends}. Loss alignment "
        + "; ".join(_alignments(one, table) for one in trained)
        + ". At initialisation outputs are near 0, so that all residuals have nearly one size and g_k = 1 says nothing "
        "of the network. The band is the population's range for linear models and no claim for networks."
    )


def _told(share: float | None) -> str:
    """Say how many test images are told right."""
    return "" if share is None else f", test accuracy {share:.1%}"


def _alignments(trained: Trained, table: pd.DataFrame) -> str:
    """Say what μ is before and after."""
    part = table[table["network"] == trained.recipe.request.network].groupby("stage").first()
    start, end = part.loc[START], part.loc[END]
    return (
        f"{trained.recipe.title}: μ = {start['mu']:.2f} at initialisation and {end['mu']:.2f} trained (centred "
        f"{start['mu_centred']:.2f} and {end['mu_centred']:.2f})"
    )


def _finding(table: pd.DataFrame) -> str:
    """Say what the figure shows in one line."""
    parts = []
    for network in table["network"].unique():
        rows = table[table["network"] == network]
        start, end = rows[rows["stage"] == START], rows[rows["stage"] == END]
        parts.append(
            f"{network.upper()}: μ {start['mu'].iloc[0]:.2f} → {end['mu'].iloc[0]:.2f}, "
            f"g_k in {_extent(start['alignment'])} → {_extent(end['alignment'])}"
        )
    return "from initialisation to the end of training, " + "; ".join(parts)


def _extent(g: pd.Series) -> str:
    """Say where alignments lie."""
    low, high = g.quantile([0.05, 0.95])
    return f"[{low:.2f}, {high:.2f}] (5–95 %, at most {g.max():.3g})"
