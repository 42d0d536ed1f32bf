"""Figure 5: curvature and noise energy of a ResNet and a VGG, exactly and as the paper estimates them.

Problem:
    Fig. 5 of the paper shows λ_k and α_k of deep networks, each divided by its largest, from eigenpairs that are
    computed by Lanczos on a random subset of the images. Does the noise follow the curvature there, and what does the
    subset do to the picture?

Method:
    Both networks (fixup for the ResNet, no batch norm) are trained on two classes of CIFAR-10 until the loss is below
    1e-4. At the end the whole spectrum of G, with g_k and α_k along every eigenvector, is computed from the Gram matrix
    of all images in float64; the top k eigenpairs by Lanczos on one subset, as the paper does, with the noise of that
    subset; and the same top k on many more subsets from blocks of the Gram matrix, which gives bias and spread.

Guarantee:
    The spectrum is exact on the images of the training up to rounding, and Lanczos's pairs have residuals below 1e-4 of
    the largest eigenvalue. Nothing is claimed for networks by the theorems.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

import simulate
from simulate import networks, streams
from simulate.arrays import to_host
from verify import image_networks, trainable
from verify.figures._context import Context, Made
from verify.image_networks import Recipe, Trained
from verify.trainable import Request

QUANTILES = (0.05, 0.95)


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        recipes: how each network is trained.
        k: number of top directions.
        subset: number of images of a subset.
        subsets: number of subsets for bias and spread.
    """

    recipes: tuple[Recipe, ...]
    k: int
    subset: int
    subsets: int


SMALL = (
    Recipe(Request("resnet8", "cifar10", "0,1", 256, 8), 600),
    Recipe(Request("vgg11", "cifar10", "0,1", 256, 4, gain=2 / 3, lr=0.05), 600),
)
"""Narrow deep networks that two cores train in a minute or two; Figure 6 leaves their minima."""
SIZES = {
    "default": Settings(SMALL, 10, 64, 50),
    "paper": Settings(
        (
            Recipe(Request("resnet38", "cifar10", "0,1", None, 16), 1000, gpu=True),
            Recipe(Request("vgg13", "cifar10", "0,1", None, 64, gain=1 / 2, lr=0.05), 1000, gpu=True),
        ),
        20,
        1000,
        50,
    ),
    "tiny": Settings(
        (
            Recipe(Request("resnet8", "digits", "parity", 40, 1), 2),
            Recipe(Request("cnn", "digits", "parity", 40, 2, gain=1 / 6), 2),
        ),
        3,
        20,
        6,
    ),
}


def make(context: Context) -> Made:
    """Make Figure 5.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import deep_spectra_drawing

    settings = SIZES[context.size]
    recipes = [image_networks.seeded(recipe, context.seed) for recipe in settings.recipes]
    context.begin("curvature at initialisation", 0.0, 0.03)
    initial = context.mapper(image_networks.spectrum, recipes)
    context.begin("training until the loss is below 1e-4", 0.03, 0.8)
    trained = context.mapper(image_networks.train_kept, recipes, long=True)
    context.begin("spectra, exactly and on subsets", 0.8, 0.97)
    tables = context.mapper(partial(measure, settings), trained)
    table: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return deep_spectra_drawing.draw(settings, trained, initial, table)


def measure(settings: Settings, trained: Trained) -> pd.DataFrame:
    """Measure the end of a training exactly and on subsets.

    Args:
        settings: the figure's settings.
        trained: the training.

    Returns:
        A row for each direction, from the sharpest; for the first k also what Lanczos finds on one subset, and mean and
        quantiles over many subsets.
    """
    recipe = trained.recipe
    network, X, y = image_networks.problem(recipe, np.float64)
    theta = image_networks.placed(recipe, trained.end)
    gram, residual = network.gram(theta, X), network.predict(theta, X) - y
    values, g = (to_host(one) for one in simulate.directional_alignment(gram, residual))
    k = min(settings.k, len(values), settings.subset)
    stream = streams.generator(recipe.request.seed, "figure 5: subsets", (recipe.request.network,))
    found = networks.subsampling_error(gram, residual, settings.subset, settings.subsets, k, seed=stream)
    table = pd.DataFrame({
        "network": recipe.request.network,
        "n": int(y.shape[0]),
        "parameters": network.size,
        "epochs": trained.moments[-1].epoch,
        "loss": trained.loss,
        "mu": simulate.loss_alignment(gram, residual),
        "k": np.arange(1, len(values) + 1),
        "curvature": values,
        "alignment": g,
        "energy": g * values,
    })
    columns = _lanczos(settings, trained, k) | _over_subsets(found)
    for name, numbers in columns.items():
        table[name] = np.concatenate([numbers, np.full(len(values) - k, np.nan)])
    return image_networks.rounded(table)


def _lanczos(settings: Settings, trained: Trained, k: int) -> dict[str, np.ndarray]:
    """Find the top of the spectrum as the paper does: Lanczos in float32 on one subset, and its noise."""
    recipe, seed = trained.recipe, trained.recipe.request.seed
    network, images, labels = trainable.problem(recipe.request, None)
    stream = streams.generator(seed, "figure 5: subset", (recipe.request.network,))
    rows = np.sort(stream.permutation(len(labels))[: settings.subset])
    X, y = (image_networks.placed(recipe, array[rows], np.float32) for array in (images, labels))
    theta = image_networks.placed(recipe, trained.end, np.float32)
    pairs = networks.top_eigenpairs(network, theta, X, None, k, seed=seed)
    residual = network.predict(theta, X) - y
    g = [
        simulate.directional_alignment_along(network.jvp(theta, X, pairs.eigenvectors[:, i]), residual)
        for i in range(k)
    ]
    return {
        "lanczos_curvature": pairs.eigenvalues,
        "lanczos_alignment": np.array(g, dtype=float),
        "lanczos_energy": np.array(g, dtype=float) * pairs.eigenvalues,
        "lanczos_residual": pairs.residuals,
    }


def _over_subsets(found: networks.SubsamplingError) -> dict[str, np.ndarray]:
    """Summarise many subsets; energies and curvatures relative to their largest on the same subset too."""
    energies = found.alignments * found.eigenvalues
    columns: dict[str, np.ndarray] = {}
    for name, numbers in (
        ("curvature", found.eigenvalues),
        ("alignment", found.alignments),
        ("relative_curvature", found.eigenvalues / found.eigenvalues[:, :1]),
        ("relative_energy", energies / energies.max(axis=1, keepdims=True)),
    ):
        low, high = np.quantile(numbers, QUANTILES, axis=0)
        columns |= {
            f"subsets_{name}_mean": numbers.mean(axis=0),
            f"subsets_{name}_q05": low,
            f"subsets_{name}_q95": high,
        }
    return columns
