"""Alignment on CIFAR-10: an FNN and a CNN of four layers, from initialisation to a loss of 1e-4.

Problem:
    The theorems are about Gaussian inputs and linear models. What are the same quantities for networks on photographs?
    Nothing is claimed for them, so the state is `observed`.

Method:
    Narrow networks are trained on two classes of CIFAR-10 by SGD with the paper's learning rate and batch size until
    the loss is below 1e-4 (quick: one training of each on 300 images; full: three on 1000). At initialisation, once the
    loss is about 0.01 and at the end, the Gram matrix gives the loss alignment μ and the directional alignment g along
    every eigenvector of G, for the second moment Σ₁ of the noise and for its covariance Σ. Directions of less than 1e-3
    of the largest curvature are listed but not summarised. Beside them stands what theory says of linear models: g in
    [1, 3] for infinitely many samples (Lemma C.2), and the exact range of μ over all θ on the same images. At
    initialisation the outputs are near 0 and the labels ±1: residuals of one size have g = 1 whatever the network.

Guarantee:
    None beyond the arithmetic: these are measurements at the given seeds. Needs CIFAR-10, so that a bare
    `noise-geometry verify` leaves it out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import simulate
import theory
from verify import image_networks
from verify.claims._context import Context
from verify.image_networks import Recipe, Spectrum, Trained
from verify.trainable import Request
from verify.verdict import Basis, Evidence, Plot, State, Verdict

TITLE = "alignment along the eigen-directions of G in networks on CIFAR-10, from initialisation to interpolation"
THRESHOLD = 1e-3
"""Directions of at least this share of the largest curvature are summarised."""


class Settings(NamedTuple):
    """What a profile spends.

    Attributes:
        recipes: how each network is trained.
        trainings: number of trainings of each, which differ in images, initialisation and minibatches.
    """

    recipes: tuple[Recipe, ...]
    trainings: int


def _settings(samples: int, trainings: int) -> Settings:
    """Make the settings of a profile."""
    widths = {"fnn": 32, "cnn": 8}
    requests = [Request(name, "cifar10", "0,1", samples, width, gain=1 / 6) for name, width in widths.items()]
    return Settings(tuple(Recipe(request) for request in requests), trainings)


PROFILES = {"quick": _settings(300, 1), "full": _settings(1000, 3)}


class Measured(NamedTuple):
    """A network at one moment of one training.

    Attributes:
        network: its name.
        training: number of the training.
        stage: name of the moment.
        epoch: epochs so far.
        spectrum: what was measured.
    """

    network: str
    training: int
    stage: str
    epoch: int
    spectrum: Spectrum

    @property
    def summarised(self) -> np.ndarray:
        """Alignments along the directions that are not too flat."""
        values = self.spectrum.eigenvalues
        return self.spectrum.uncentred[values >= THRESHOLD * values[0]]


def judge(context: Context) -> tuple[Verdict, pd.DataFrame]:
    """Measure alignment in networks on CIFAR-10.

    Args:
        context: the run.

    Returns:
        The verdict, and a table of all eigen-directions.
    """
    settings = PROFILES[context.profile]
    numbers = [number for _ in settings.recipes for number in range(settings.trainings)]
    recipes = [image_networks.seeded(r, context.seed, i) for r in settings.recipes for i in range(settings.trainings)]
    context.progress(0.02, "alignment at initialisation")
    initial = context.mapper(image_networks.spectrum, recipes)
    context.progress(0.1, "training by SGD until the loss is below 1e-4")
    trained = context.mapper(image_networks.train_kept, recipes, long=True)
    context.progress(0.85, "alignment in training and at its end")
    later = context.mapper(measure_later, trained)
    measured = [
        Measured(one.recipe.request.network, number, moment.stage, moment.epoch, found)
        for one, number, first, rest in zip(trained, numbers, initial, later, strict=True)
        for moment, found in zip(one.moments, [first, *rest], strict=True)
    ]
    return _verdict(settings, trained, measured), pd.concat([_rows(one) for one in measured], ignore_index=True)


def measure_later(trained: Trained) -> list[Spectrum]:
    """Measure alignment in the middle of a training and at its end.

    Args:
        trained: the training.

    Returns:
        Both spectra.
    """
    return [image_networks.spectrum(trained.recipe, moment.theta) for moment in trained.moments[1:]]


def _verdict(settings: Settings, trained: list[Trained], measured: list[Measured]) -> Verdict:
    """Say what was observed."""
    names = [recipe.request.network for recipe in settings.recipes]
    evidence = [
        _evidence(recipe, [t for t in trained if t.recipe.request.network == name], _of(measured, name))
        for recipe, name in zip(settings.recipes, names, strict=True)
    ]
    evidence.append(_linear(trained[0]))
    parts = []
    for recipe, name in zip(settings.recipes, names, strict=True):
        first, last = _of(measured, name)[0], _of(measured, name)[-1]
        parts.append(
            f"{recipe.title}: μ {first.spectrum.mu:.2f} → {last.spectrum.mu:.2f}, median g "
            f"{np.median(first.summarised):.2f} → {np.median(last.summarised):.2f} within "
            f"[{last.summarised.min():.2f}, {last.summarised.max():.3g}]"
        )
    summary = (
        f"Beyond the theorems, on {image_networks.images(trained[0].recipe)}, from initialisation to the end of "
        f"training — {'; '.join(parts)} (1 is perfect alignment, and trivial at the start, where all residuals have "
        "nearly one size)."
    )
    plots = [_plot(recipe.title, _of(measured, name)) for recipe, name in zip(settings.recipes, names, strict=True)]
    return Verdict("cifar-alignment", TITLE, "observation", State.OBSERVED, Basis.SAMPLED, summary, None, None,
                   evidence, plots)  # fmt: skip


def _of(measured: list[Measured], network: str) -> list[Measured]:
    """Take those of one network, in order."""
    return [one for one in measured if one.network == network]


def _evidence(recipe: Recipe, trained: list[Trained], measured: list[Measured]) -> Evidence:
    """Summarise one network over its trainings."""
    low, high = (float(end) for end in theory.statement("C.2").bounds())
    figures: dict[str, Any] = {
        "width": recipe.request.width,
        "parameters": measured[0].spectrum.parameters,
        "learning_rate": recipe.request.lr,
        "paper_learning_rate": image_networks.PAPER_RATE,
        "final_loss": [one.loss for one in trained],
        "test_accuracy": [image_networks.test_accuracy(one.recipe, one.end) for one in trained],
        "threshold": THRESHOLD,
    }
    parts = []
    for stage in dict.fromkeys(one.stage for one in measured):
        chosen = [one for one in measured if one.stage == stage]
        g, mu = np.concatenate([one.summarised for one in chosen]), [one.spectrum.mu for one in chosen]
        inside = float(np.mean((g >= low) & (g <= high)))
        near = float(np.mean((g >= 1 / 3) & (g <= 3)))
        figures[stage] = {
            "loss": [one.spectrum.loss for one in chosen],
            "mu": mu,
            "mu_centred": [one.spectrum.mu_centred for one in chosen],
            "g_smallest": float(g.min()),
            "g_median": float(np.median(g)),
            "g_largest": float(g.max()),
            "directions": len(g),
            "share_within_population_range": inside,
            "share_within_a_factor_3": near,
        }
        parts.append(
            f"{stage}: μ {_range(mu)}, g [{g.min():.2f}, {g.max():.3g}], median {np.median(g):.2f}, {near:.0%} within "
            "a factor 3 of 1"
        )
    reached = sum(one.reached for one in trained)
    test = f"{image_networks.described(recipe)}; {reached} of {len(trained)} trainings reach loss {recipe.until:g}"
    return Evidence(test, "; ".join(parts), State.OBSERVED, figures)


def _range(values: list[float]) -> str:
    """Write one value, or the range of several."""
    return f"{min(values):.2f}" + (f" … {max(values):.2f}" if len(values) > 1 else "")


def _linear(trained: Trained) -> Evidence:
    """Say what a linear model could do on the images of the first training."""
    _, X, _ = image_networks.problem(trained.recipe, np.float64)
    inf, sup, _ = simulate.loss_alignment_range(np.reshape(np.asarray(X), (len(X), -1)))
    return Evidence(
        "linear model on the same images, every θ",
        f"μ ranges over [{inf:.3g}, {sup:.3g}] exactly; Lemma C.2 has g in [1, 3] for Gaussian inputs as n → ∞",
        State.OBSERVED,
        {"inf": inf, "sup": sup},
    )


def _plot(title: str, measured: list[Measured]) -> Plot:
    """Draw g along the eigen-directions of the first training."""
    series: list[dict[str, Any]] = [
        {
            "label": one.stage,
            "x": np.arange(1, len(one.spectrum.uncentred) + 1).tolist(),
            "y": one.spectrum.uncentred.tolist(),
            "style": "points",
        }
        for one in measured
        if one.training == 0
    ]
    longest = max(len(one["x"]) for one in series)
    series.append({"label": "perfect alignment", "x": [1, longest], "y": [1.0, 1.0], "style": "bound"})
    return Plot(
        title=f"Directional alignment g through training ({title}, CIFAR-10)",
        alt="; ".join(_described(one) for one in measured if one.training == 0),
        x_label="k, from the sharpest direction to the flattest",
        y_label="g(θ; v_k)",
        series=series,
    )


def _described(one: Measured) -> str:
    """Say in words where the points of one stage lie."""
    low, middle, high = np.quantile(one.spectrum.uncentred, [0.05, 0.5, 0.95])
    return f"{one.stage}: 90 % of the points between {low:.2g} and {high:.2g}, half of them below {middle:.2g}"


def _rows(one: Measured) -> pd.DataFrame:
    """List the directions of one network at one moment."""
    found = one.spectrum
    return pd.DataFrame({
        "network": one.network,
        "training": one.training,
        "stage": one.stage,
        "epoch": one.epoch,
        "loss": found.loss,
        "loss_alignment": found.mu,
        "loss_alignment_centred": found.mu_centred,
        "k": np.arange(1, len(found.eigenvalues) + 1),
        "eigenvalue": found.eigenvalues,
        "directional_alignment": found.uncentred,
        "directional_alignment_centred": found.centred,
    })
