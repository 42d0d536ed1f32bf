"""Escape from the minimum of a network on CIFAR-10: SGD along flat directions, gradient descent along the sharpest?

Problem:
    Theorem 5.2 and Proposition 5.3 compare the loss along sharp and flat directions near a minimum of a linear model.
    Figure 6 of the paper asks the same of networks. Nothing is claimed for them, so the state is `observed`.

Method:
    A narrow FNN and CNN are trained on two classes of CIFAR-10 until the loss is below 1e-4. From beside that minimum
    SGD with batch 1 runs at η = 1.5/‖G‖_F, gradient descent at η = 2.2/λ_1(H), and as a control SGD with the batch of
    the training at gradient descent's rate. Each path's share of ‖θ_t − θ*‖² along the first k exact eigenvectors of G
    is taken at the step where its loss is first 30 times that of the minimum.

Guarantee:
    None beyond the arithmetic: these are measurements at the given seeds, on one training of each network. Needs
    CIFAR-10, so that a bare `noise-geometry verify` leaves it out.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from verify import image_networks, network_escape
from verify.claims._context import Context
from verify.image_networks import Recipe, Trained
from verify.network_escape import DESCENT, METHODS, SGD, Escape
from verify.trainable import Request
from verify.verdict import Basis, Evidence, Plot, State, Verdict

TITLE = "escape from a trained minimum on CIFAR-10: share of the way along sharp directions, SGD against GD"


class Settings(NamedTuple):
    """What a profile spends.

    Attributes:
        recipes: how each network is trained.
        escape: how it leaves.
    """

    recipes: tuple[Recipe, ...]
    escape: Escape


def _settings(samples: int, escape: Escape) -> Settings:
    """Make the settings of a profile."""
    widths = {"fnn": 32, "cnn": 8}
    requests = [Request(name, "cifar10", "0,1", samples, width, gain=1 / 6) for name, width in widths.items()]
    return Settings(tuple(Recipe(request) for request in requests), escape)


PROFILES = {
    "quick": _settings(200, Escape(steps=40, replicas=5)),
    "full": _settings(1000, Escape(steps=60, replicas=20)),
}


def judge(context: Context) -> tuple[Verdict, pd.DataFrame]:
    """Measure where networks go when they leave a minimum.

    Args:
        context: the run.

    Returns:
        The verdict, and a table of the energies at every step.
    """
    settings = PROFILES[context.profile]
    recipes = [image_networks.seeded(recipe, context.seed) for recipe in settings.recipes]
    context.progress(0.02, "training by SGD until the loss is below 1e-4")
    trained = context.mapper(image_networks.train_kept, recipes, long=True)
    context.progress(0.6, "leaving the minimum")
    paths = context.mapper(partial(network_escape.follow, settings.escape), trained)
    table: pd.DataFrame = pd.concat(paths, ignore_index=True)
    left = network_escape.leaving(table)
    evidence = [_evidence(settings.escape, one, table, left, method) for one in trained for method in METHODS]
    parts = [
        f"{one.recipe.title}: {_share(left, one, SGD)} for SGD and {_share(left, one, DESCENT)} for GD"
        for one in trained
    ]
    summary = (
        f"Beyond the theorems, on {image_networks.images(recipes[0])}, the share of ‖θ − θ*‖² along the sharpest "
        f"direction when the loss has grown thirtyfold — {'; '.join(parts)} (median over paths)."
    )
    verdict = Verdict(
        "cifar-escape", TITLE, "observation", State.OBSERVED, Basis.SAMPLED, summary, None, None, evidence,
        [_plot(one, left) for one in trained],
    )  # fmt: skip
    return verdict, table


def _chosen(left: pd.DataFrame, trained: Trained, method: str) -> pd.DataFrame:
    """Take the paths of one network and method that have left."""
    return left[(left["network"] == trained.recipe.request.network) & (left["method"] == method)]


def _share(left: pd.DataFrame, trained: Trained, method: str) -> str:
    """Write the median share along the sharpest direction."""
    chosen = _chosen(left, trained, method)
    column = f"share_{network_escape.ks_of_shares(left)[0]}"
    return f"{chosen[column].median():.0%}" if len(chosen) else "nothing (no path left)"


def _evidence(escape: Escape, trained: Trained, table: pd.DataFrame, left: pd.DataFrame, method: str) -> Evidence:
    """Summarise one network and method."""
    chosen, ks = _chosen(left, trained, method), network_escape.ks_of_shares(left)
    same = (table["network"] == trained.recipe.request.network) & (table["method"] == method)
    first = table[same].iloc[0]
    figures: dict[str, Any] = {
        "left": len(chosen),
        "paths": escape.replicas,
        "steps": chosen["step"].tolist(),
        "learning_rate": float(first["learning_rate"]),
        "rate_times_frobenius": float(first["rate_times_frobenius"]),
        "rate_times_sharpest": float(first["rate_times_sharpest"]),
        "loss_at_minimum": trained.loss,
        **{f"share_{k}": chosen[f"share_{k}"].tolist() for k in ks},
    }
    rate = (
        f"η = {first['learning_rate']:.3g} = {first['rate_times_frobenius']:.2f}/‖G‖_F = "
        f"{first['rate_times_sharpest']:.2f}/λ_1(H)"
    )
    shares = "; ".join(f"k = {k}: {_spread(chosen[f'share_{k}'])}" for k in ks) if len(chosen) else "none left"
    test = f"{trained.recipe.title}, {method}, {rate}; {len(chosen)} of {escape.replicas} paths leave"
    return Evidence(test, f"share of energy along the first k directions, {shares}", State.OBSERVED, figures)


def _spread(shares: pd.Series) -> str:
    """Write a median and a range."""
    return f"{shares.median():.1%} ({shares.min():.1%} … {shares.max():.1%})"


def _plot(trained: Trained, left: pd.DataFrame) -> Plot:
    """Draw the share against the number of directions."""
    ks, series = network_escape.ks_of_shares(left), []
    for method in METHODS:
        shares = np.array([_chosen(left, trained, method)[f"share_{k}"].to_numpy() for k in ks], dtype=float)
        if shares.size:
            ends = {"low": shares.min(axis=1).tolist(), "high": shares.max(axis=1).tolist()}
            series.append({"label": method, "x": ks, "y": np.median(shares, axis=1).tolist(), **ends, "style": "line"})
    return Plot(
        title=f"Share of the way along the k sharpest directions ({trained.recipe.title}, CIFAR-10)",
        alt="; ".join(f"{one['label']}: {one['y'][0]:.0%} for k = {ks[0]}" for one in series) or "no path left",
        x_label="k",
        y_label="share of ‖θ − θ*‖², median and range over paths",
        series=series,
        y_log=False,
    )
