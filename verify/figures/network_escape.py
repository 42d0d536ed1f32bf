"""Figure 6: escape of SGD and gradient descent from the minimum of a network, along sharp directions and others.

Problem:
    Near a minimum SGD is said to leave along flat directions and gradient descent along the sharpest one. Does that
    carry over from linear models to deep networks?

Method:
    The networks of Figure 5 are trained on two classes of CIFAR-10 until the loss is below 1e-4. From beside that
    point θ* SGD with batch 1 runs at η = 1.5/‖G‖_F, gradient descent at η = 2.2/λ_1(H), and as a control SGD with the
    batch of the training at gradient descent's rate. ‖θ_t − θ*‖² is split into the energy along the first k
    eigenvectors of G at θ*, exact ones from the Gram matrix of all images, and the rest of the parameters' space.

Guarantee:
    Directions are exact on these images up to rounding, and paths are those of float32. θ* is no exact minimum: its
    loss is 1e-4, so that every path also goes on with the training. Nothing is claimed for networks by the theorems.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import pandas as pd

from verify import image_networks, network_escape
from verify.figures import deep_spectra
from verify.figures._context import Context, Made
from verify.image_networks import Recipe
from verify.network_escape import Escape
from verify.trainable import Request


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        recipes: how each network is trained.
        escape: how it leaves.
    """

    recipes: tuple[Recipe, ...]
    escape: Escape


SIZES = {
    "default": Settings(deep_spectra.SMALL, Escape(steps=50, replicas=3)),
    "paper": Settings(
        (
            Recipe(Request("resnet110", "cifar10", "0,1", None, 16), 1000, gpu=True),
            Recipe(Request("vgg19", "cifar10", "0,1", None, 64, gain=2 / 3, lr=0.05), 1000, gpu=True),
        ),
        Escape(ks=(1, 5, 20), steps=100, replicas=5),
    ),
    "tiny": Settings(deep_spectra.SIZES["tiny"].recipes, Escape(ks=(1, 3), steps=6, replicas=2)),
}


def make(context: Context) -> Made:
    """Make Figure 6.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import network_escape_drawing

    settings = SIZES[context.size]
    recipes = [image_networks.seeded(recipe, context.seed) for recipe in settings.recipes]
    context.begin("training until the loss is below 1e-4", 0.0, 0.55)
    trained = context.mapper(image_networks.train_kept, recipes, long=True)
    context.begin("leaving the minimum", 0.55, 0.97)
    tables = context.mapper(partial(network_escape.follow, settings.escape), trained)
    table: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return network_escape_drawing.draw(settings, trained, table)
