"""Figure 2b: curvature, noise energy and directional alignment along every eigen-direction, for networks on images.

Problem:
    The theorems are about linear models. Does the noise of SGD follow the curvature, direction by direction, in a
    4-layer fully connected and a 4-layer convolutional ReLU network on two classes of CIFAR-10?

Method:
    Both are trained by SGD with a constant learning rate until the loss is below 1e-4, in float32. At the initial and
    at the trained parameters λ_k, α_k = u_kᵀΣu_k/(2L) and g_k = α_k/λ_k are measured along every eigenvector of G, from
    the Gram matrix in float64, with the second moment Σ₁ of the noise (uncentred) and its covariance Σ (centred).

Guarantee:
    The spectrum is exact on the images of the training, up to rounding. Nothing is claimed for networks by the
    theorems: these are observations of one training of each network.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from verify import image_networks
from verify.figures._context import Context, Made
from verify.image_networks import END, START, Recipe, Spectrum, Trained
from verify.trainable import Request

STAGES = (START, END)


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        recipes: how each network is trained.
    """

    recipes: tuple[Recipe, ...]


def _pair(samples: int | None, fnn: int, cnn: int, epochs: int, gpu: bool = False, data: str = "cifar10") -> Settings:
    """Make the settings of both networks."""
    classes = "0,1" if data == "cifar10" else "parity"
    requests = [
        Request(name, data, classes, samples, width, gain=1 / 6) for name, width in (("fnn", fnn), ("cnn", cnn))
    ]
    return Settings(tuple(Recipe(request, epochs, gpu=gpu) for request in requests))


SIZES = {
    "default": _pair(500, 32, 8, 400),
    "paper": _pair(None, 256, 32, 400, gpu=True),
    "tiny": _pair(40, 6, 2, 4, data="digits"),
}


def make(context: Context) -> Made:
    """Make Figure 2b.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import image_directions_drawing

    settings = SIZES[context.size]
    recipes = [image_networks.seeded(recipe, context.seed) for recipe in settings.recipes]
    context.begin("directions at initialisation", 0.0, 0.1)
    initial = context.mapper(image_networks.spectrum, recipes)
    context.begin("training until the loss is below 1e-4", 0.1, 0.85)
    trained = context.mapper(image_networks.train_kept, recipes, long=True)
    context.begin("directions of the trained networks", 0.85, 0.97)
    final = context.mapper(measure_end, trained)
    tables = [
        rows(one, stage, found)
        for one, *spectra in zip(trained, initial, final, strict=True)
        for stage, found in zip(STAGES, spectra, strict=True)
    ]
    accuracies = [image_networks.test_accuracy(one.recipe, one.end) for one in trained]
    return image_directions_drawing.draw(trained, accuracies, pd.concat(tables, ignore_index=True))


def measure_end(trained: Trained) -> Spectrum:
    """Measure the directions of a trained network.

    Args:
        trained: the training.

    Returns:
        The spectrum at its end.
    """
    return image_networks.spectrum(trained.recipe, trained.end)


def rows(trained: Trained, stage: str, found: Spectrum) -> pd.DataFrame:
    """List the directions of a network at one stage.

    Args:
        trained: the training.
        stage: "initialisation" or "trained".
        found: what was measured there.

    Returns:
        A row for each eigen-direction, from the sharpest.
    """
    request = trained.recipe.request
    table = pd.DataFrame({
        "network": request.network,
        "stage": stage,
        "epochs": next(moment.epoch for moment in trained.moments if moment.stage == stage),
        "loss": found.loss,
        "n": found.samples,
        "parameters": found.parameters,
        "learning_rate": request.lr,
        "mu": found.mu,
        "mu_centred": found.mu_centred,
        "k": np.arange(1, len(found.eigenvalues) + 1),
        "curvature": found.eigenvalues,
        "energy": found.uncentred * found.eigenvalues,
        "energy_centred": found.centred * found.eigenvalues,
        "alignment": found.uncentred,
        "alignment_centred": found.centred,
    })
    return image_networks.rounded(table)
