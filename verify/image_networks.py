"""Networks trained on real images: one recipe for figures and claims, and what is measured on the way.

Small networks need small weights at the start to bear the paper's learning rate of 0.1: with He's initialisation and
standardised images the largest eigenvalue of G is in the hundreds. A sixth of that variance is what PyTorch draws by
default.
"""

from __future__ import annotations

import dataclasses
import importlib
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import simulate
from simulate import networks, streams
from simulate.arrays import to_host
from verify import kept_trainings, trainable
from verify.errors import VerifyError
from verify.telling import tell
from verify.trainable import Request

if TYPE_CHECKING:
    import pandas as pd

    from simulate.networks import Epoch, Network
    from simulate.validation import Array

START, MIDDLE, END = "initialisation", "in training", "trained"
PAPER_RATE = 0.1
TITLES = {"fnn": "FNN, 4 layers", "cnn": "CNN, 4 layers"}


class Recipe(NamedTuple):
    """How a network is trained.

    Attributes:
        request: network, images and learning rate; its seed is replaced.
        epochs: after so many the training ends wherever it is.
        until: loss to be reached.
        middle: the parameters are kept after the first epoch whose mean loss is at most this.
        gpu: whether CuPy's arrays are used where there is a device for them.
    """

    request: Request
    epochs: int = 400
    until: float = 1e-4
    middle: float = 0.01
    gpu: bool = False

    @property
    def title(self) -> str:
        """What the network is called."""
        return title(self.request.network)


class Moment(NamedTuple):
    """A network at one moment of its training.

    Attributes:
        stage: "initialisation", "in training" or "trained".
        epoch: number of epochs so far.
        theta: the parameters, shape (p,), on the host, as they were trained: float32.
    """

    stage: str
    epoch: int
    theta: np.ndarray


class Trained(NamedTuple):
    """A training that came to its end.

    Attributes:
        recipe: how it was trained, with its seed.
        moments: at the start, in the middle and at the end.
        loss: at the end.
        message: how it ended, in a line.
    """

    recipe: Recipe
    moments: tuple[Moment, ...]
    loss: float
    message: str

    @property
    def end(self) -> np.ndarray:
        """The parameters at the end."""
        return self.moments[-1].theta

    @property
    def reached(self) -> bool:
        """Whether the loss was reached."""
        return self.loss <= self.recipe.until


class Spectrum(NamedTuple):
    """Alignment of the noise with G at one moment, on all images of the training.

    Attributes:
        eigenvalues: λ_k of G, descending, those above 1e-12 of the largest, shape (m,).
        uncentred: g along each eigenvector, with Σ₁, shape (m,).
        centred: g with Σ, shape (m,).
        mu: μ with Σ₁.
        mu_centred: μ with Σ.
        loss: L.
        samples: number of images.
        parameters: number of parameters.
    """

    eigenvalues: np.ndarray
    uncentred: np.ndarray
    centred: np.ndarray
    mu: float
    mu_centred: float
    loss: float
    samples: int
    parameters: int

    @property
    def frobenius(self) -> float:
        """‖G‖_F."""
        return float(np.linalg.norm(self.eigenvalues))


def title(network: str) -> str:
    """Name a network for readers.

    Args:
        network: one of `verify.trainable.NETWORKS`.

    Returns:
        Its name.
    """
    if network in TITLES:
        return TITLES[network]
    family = "VGG" if network.startswith("vgg") else "ResNet"
    return f"{family}-{network.removeprefix(family.lower())}"


def require_images() -> None:
    """Check that CIFAR-10's training images are there and are those that were published.

    Raises:
        DataError: if a file is missing or another one; the message is a line with the command that obtains it.
    """
    from simulate import cifar

    folder = cifar.find(cifar.RELEASE)
    for file in cifar.RELEASE.train:
        cifar.read(folder, file, cifar.remedy())


def seeded(recipe: Recipe, seed: int, number: int = 0) -> Recipe:
    """Give a recipe the seed of one of several trainings; it fixes images, initialisation and minibatches.

    Args:
        recipe: the recipe.
        seed: the run's seed, which is that of training 0, so that `noise-geometry train` can repeat it.
        number: number of the training.

    Returns:
        The recipe with its seed.
    """
    if number:
        seed = int(streams.generator(seed, "image networks: training", (number,)).integers(2**31))
    return recipe._replace(request=dataclasses.replace(recipe.request, seed=int(seed)))


def problem(recipe: Recipe, dtype: Any = np.float32) -> tuple[Network, Array, Array]:
    """Load the images and make the network.

    Args:
        recipe: how it is trained.
        dtype: floating type of the arrays.

    Returns:
        The network, the images and the targets.

    Raises:
        VerifyError: if there are fewer images than asked for.
        DataError: if CIFAR-10 is not there.
    """
    network, X, y = trainable.problem(recipe.request, None)
    return network, placed(recipe, X, dtype), placed(recipe, y, dtype)


def placed(recipe: Recipe, array: np.ndarray, dtype: Any = np.float64) -> Array:
    """Move an array to where a recipe computes.

    Args:
        recipe: the recipe.
        array: on the host.
        dtype: floating type wanted.

    Returns:
        The array, of NumPy or, where the recipe asks for it and there is a device, of CuPy.
    """
    array = np.asarray(array, dtype=dtype)
    library = _device() if recipe.gpu else None
    return array if library is None else library.asarray(array)


def _device() -> Any:
    """Return CuPy if it is installed and finds a device."""
    try:
        cupy = importlib.import_module("cupy")
        return cupy if cupy.cuda.runtime.getDeviceCount() else None
    except Exception:  # whatever a missing driver raises, NumPy does
        return None


def train(recipe: Recipe, keep: bool = False) -> Trained:
    """Train a network by SGD in float32, and tell an executor how far it is.

    Args:
        recipe: how, with its seed.
        keep: whether to keep the training in the user's cache (`verify.kept_trainings`), and to go on with what an
            earlier run kept there: with the same bits.

    Returns:
        The parameters at the start, in the middle and at the end. Where the loss of the middle was never seen, or only
        by the last epoch, the end stands for it.

    Raises:
        VerifyError: if the training diverges.
        InputError: if what is kept cannot be written.
    """
    network, X, y = problem(recipe)
    request, first = recipe.request, _start(network, recipe)
    start = placed(recipe, first, np.float32)
    kept = None
    if keep:
        limits = {"epochs": recipe.epochs, "until": recipe.until, "middle": recipe.middle}
        kept = kept_trainings.find(request, network, start, X, y, **limits)
    place = None if kept is None else kept.checkpoint
    middle = None if kept is None else kept.resume(lambda record: _is_middle(recipe, record))

    def observe(record: Epoch, theta: Array) -> None:
        nonlocal middle
        if middle is None and _is_middle(recipe, record):
            middle = record.epoch, np.array(to_host(theta), copy=True)
            if kept is not None:
                kept.keep(record, theta)

    training = networks.train(
        network, start, X, y, request.lr, request.batch, recipe.until, recipe.epochs, request.seed,
        observe=observe, progress=tell, checkpoint=place, every=kept_trainings.EVERY,
    )  # fmt: skip
    if training.outcome is networks.Outcome.DIVERGED:
        raise VerifyError(f"{request.network}: expected a training that converges, got one that {training.message}")
    end = training.history[-1].epoch, np.asarray(to_host(training.theta))
    moments = (Moment(START, 0, first), Moment(MIDDLE, *(middle or end)), Moment(END, *end))
    return Trained(recipe, moments, float(training.loss), training.message)


def train_kept(recipe: Recipe) -> Trained:
    """Train a network, or go on where an earlier run was stopped; for figures and claims.

    Args:
        recipe: how, with its seed.

    Returns:
        What `train` returns, whether or not there was an earlier run.

    Raises:
        VerifyError: if the training diverges.
        InputError: if what is kept cannot be written.
    """
    return train(recipe, keep=True)


def _is_middle(recipe: Recipe, record: Epoch) -> bool:
    """Say whether a training is half way after an epoch."""
    return record.minibatch_loss <= recipe.middle


def spectrum(recipe: Recipe, theta: np.ndarray | None = None) -> Spectrum:
    """Measure alignment along every eigenvector of G in float64, from the Gram matrix.

    Args:
        recipe: how the network is trained, with its seed.
        theta: its parameters, on the host; None for the initial ones.

    Returns:
        The whole spectrum, exact on these images up to rounding.
    """
    network, X, y = problem(recipe, np.float64)
    at = placed(recipe, _start(network, recipe) if theta is None else theta)
    gram = network.gram(at, X)
    plain, centred = (networks.alignment_spectrum(network, at, X, y, c, gram=gram) for c in (False, True))
    values, uncentred, less = (to_host(a) for a in (plain.eigenvalues, plain.alignments, centred.alignments))
    return Spectrum(
        values, uncentred, less, plain.loss_alignment, centred.loss_alignment, plain.loss, plain.n, network.size
    )


def _start(network: Network, recipe: Recipe) -> np.ndarray:
    """Draw the initial parameters, as they are trained: in float32."""
    return np.asarray(trainable.start(network, recipe.request), dtype=np.float32)


def sharp_directions(recipe: Recipe, theta: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the top eigenvectors of G exactly: v_k = Jᵀ q_k/√κ_k from the eigenvectors of the Gram matrix.

    Args:
        recipe: how the network is trained, with its seed.
        theta: its parameters, on the host.
        k: number of directions.

    Returns:
        All eigenvalues of G, descending, shape (n,), and the first k eigenvectors as columns, shape (p, k), on the
        host, float64.
    """
    network, X, _ = problem(recipe, np.float64)
    at = placed(recipe, theta)
    values, vectors = np.linalg.eigh(to_host(network.gram(at, X)))
    values, vectors = values[::-1], vectors[:, ::-1][:, :k]
    columns = [to_host(network.vjp(at, X, placed(recipe, q))) for q in vectors.T]
    # Rounding in Jᵀ q is relative to its length, and the factor of an orthogonal matrix restores what it takes.
    directions, triangle = np.linalg.qr(np.stack(columns, axis=1))
    return values / len(values), directions * np.sign(np.diagonal(triangle))


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Round a table to what training in float32 can mean, which halves its file.

    Args:
        table: the table.

    Returns:
        A copy with eight significant digits.
    """
    found = table.copy()
    for name in found.columns:
        if found[name].dtype.kind == "f":
            found[name] = [float(f"{value:.8g}") for value in found[name]]
    return found


def described(recipe: Recipe) -> str:
    """Say how a network is trained.

    Args:
        recipe: the recipe.

    Returns:
        A clause with width, learning rate and variance of the initial weights.
    """
    request = recipe.request
    gain = "" if request.gain == 1 else f" × {_fraction(request.gain)}"
    return f"{recipe.title} (width {request.width}, learning rate {request.lr:g}, initial variance of He et al.{gain})"


def _fraction(value: float) -> str:
    """Write a gain, as a fraction where it is a simple one."""
    near = Fraction(value).limit_denominator(12)
    return str(near) if abs(value - near) < 1e-9 else f"{value:g}"


def test_accuracy(recipe: Recipe, theta: np.ndarray) -> float | None:
    """Compute the share of test images that are told right.

    Args:
        recipe: how the network was trained.
        theta: its parameters, on the host.

    Returns:
        The share; None without test images.
    """
    network, _, _ = trainable.problem(recipe.request, None)
    return trainable.accuracy(network, theta.astype(np.float32), recipe.request, None)


def images(recipe: Recipe) -> str:
    """Name the images.

    Args:
        recipe: how the network is trained.

    Returns:
        Data set, classes and number.
    """
    request = recipe.request
    if request.data == "digits":
        return f"{request.samples} images of digits (even, odd)"
    first, second = (simulate.cifar.CLASSES[int(number)] for number in str(request.classes).split(","))
    count = "all 10 000" if request.samples is None else str(request.samples)
    return f"{count} images of CIFAR-10 ({first}, {second})"
