"""How SGD and gradient descent leave the minimum of a trained network: along its sharp directions or along the rest.

The learning rates are relative to the thresholds of stability of the linearised dynamics: gradient descent leaves where
η exceeds 2/λ_1 of the Hessian, and SGD with batch 1 in mean square where η exceeds about 1/‖G‖_F, which is less than
2/λ_1 unless one direction has nearly all the curvature. So SGD is run where gradient descent would stay, and as a
control also with the batch of the training and the learning rate of gradient descent.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulate import networks, streams
from verify import image_networks
from verify.image_networks import Trained
from verify.telling import tell

SGD, BATCHED, DESCENT = "SGD, batch 1", "SGD, same rate as GD", "GD"
METHODS = (SGD, BATCHED, DESCENT)
TIMES_LEFT = 30.0
"""A path has left the minimum once the loss is this many times that of the minimum."""


class Escape(NamedTuple):
    """What is spent on leaving a minimum.

    Attributes:
        ks: numbers of sharp directions whose energy is shown, ascending; the last is the number of directions.
        steps: number of steps.
        replicas: number of paths of each method, which differ in start and minibatches.
        beta: η‖G‖_F of SGD with batch 1.
        descent: ηλ_1 of gradient descent, λ_1 the largest eigenvalue of the Hessian.
        perturbation: distance of the start from the minimum.
    """

    ks: tuple[int, ...] = (1, 10, 50)
    steps: int = 60
    replicas: int = 5
    beta: float = 1.5
    descent: float = 2.2
    perturbation: float = 1e-3


def follow(settings: Escape, trained: Trained) -> pd.DataFrame:
    """Leave the end of a training by every method, and tell an executor how far it is.

    Args:
        settings: what is spent.
        trained: the training; its end stands for the minimum.

    Returns:
        A row for each method, path and step, with the energies ⟨u_i, θ_t − θ*⟩² along the first k eigenvectors of G
        (exact ones, from the Gram matrix) and along all other directions of the parameters' space, the loss, the
        learning rate and what it is relative to. Energies of a path that has left all bounds are infinite.
    """
    recipe = trained.recipe
    request = recipe.request
    network, X, y = image_networks.problem(recipe)
    star = image_networks.placed(recipe, trained.end, np.float32)
    count = min(settings.ks[-1], int(y.shape[0]))
    values, directions = image_networks.sharp_directions(recipe, trained.end, count)
    found = networks.top_eigenpairs(network, star, X, y, 1, "hessian", seed=request.seed)
    sharpness, frobenius = float(found.eigenvalues[0]), float(np.linalg.norm(values))
    columns = image_networks.placed(recipe, directions, np.float32)
    tables = []
    for place, method in enumerate(METHODS):
        batch = 1 if method == SGD else request.batch
        rate = settings.beta / frobenius if method == SGD else settings.descent / sharpness
        seed = streams.generator(request.seed, "escape of a network", (method,))
        run = networks.escape_energy(
            network, star, X, y, rate, settings.steps, columns, batch, "gd" if method == DESCENT else "sgd",
            settings.replicas, seed, settings.perturbation, range(settings.steps + 1),
            progress=partial(_tell, place),
        )  # fmt: skip
        known = {
            "network": request.network,
            "method": method,
            "batch": int(y.shape[0]) if method == DESCENT else batch,
            "learning_rate": rate,
            "rate_times_frobenius": rate * frobenius,
            "rate_times_sharpest": rate * sharpness,
            "loss_at_minimum": trained.loss,
        }
        tables.append(_rows(run, [min(k, count) for k in settings.ks], known))
    return image_networks.rounded(pd.concat(tables, ignore_index=True))


def _tell(place: int, share: float) -> None:
    """Tell how far all methods are."""
    tell((place + share) / len(METHODS))


def _rows(run: networks.EscapeRun, ks: list[int], known: dict[str, object]) -> pd.DataFrame:
    """List the records of one method."""
    times, replicas = run.loss.shape
    path, step = np.meshgrid(np.arange(replicas), run.times)
    columns = {"path": path.ravel(), "step": step.ravel(), "loss": run.loss.ravel()}
    for k in ks:
        columns |= {f"sharp_{k}": run.sharp(k).ravel(), f"rest_{k}": run.flat(k).ravel()}
    return pd.DataFrame({**{name: [value] * (times * replicas) for name, value in known.items()}, **columns})


def ks_of(table: pd.DataFrame) -> list[int]:
    """List the numbers of sharp directions in a table.

    Args:
        table: what `follow` returns.

    Returns:
        k, ascending.
    """
    return [int(name.removeprefix("sharp_")) for name in table.columns if name.startswith("sharp_")]


def leaving(table: pd.DataFrame) -> pd.DataFrame:
    """Find for each path the step at which it has left, and its shares of energy there.

    Args:
        table: what `follow` returns, of any number of networks.

    Returns:
        A row for each path that leaves within bounds: network, method, path, step, loss, and `share_k`, the share of
        ‖θ_t − θ*‖² along the first k directions, at the first step whose loss is 30 times that of the minimum.
    """
    rows = []
    for names, part in table.groupby(["network", "method", "path"], sort=False):
        gone = part[part["loss"] >= TIMES_LEFT * part["loss_at_minimum"]]
        if gone.empty or not np.isfinite(gone["loss"].iloc[0]):
            continue
        first = gone.iloc[0]
        shares = {f"share_{k}": first[f"sharp_{k}"] / (first[f"sharp_{k}"] + first[f"rest_{k}"]) for k in ks_of(table)}
        rows.append({
            **dict(zip(("network", "method", "path"), names, strict=True)),
            "step": int(first["step"]), "loss": float(first["loss"]), **shares,
        })  # fmt: skip
    columns = ["network", "method", "path", "step", "loss", *(f"share_{k}" for k in ks_of(table))]
    return pd.DataFrame(rows, columns=columns)


def ks_of_shares(left: pd.DataFrame) -> list[int]:
    """List the numbers of sharp directions whose shares are in a table.

    Args:
        left: what `leaving` returns.

    Returns:
        k, ascending.
    """
    return [int(name.removeprefix("share_")) for name in left.columns if name.startswith("share_")]
