"""What can be trained: the networks of the paper and their images, by the names that the command line gives them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verify.errors import VerifyError

if TYPE_CHECKING:
    import numpy as np

    from simulate.networks import Network
    from simulate.validation import Array

NETWORKS = {
    "fnn": 256,
    "cnn": 32,
    "vgg11": 64,
    "vgg13": 64,
    "vgg16": 64,
    "vgg19": 64,
    "resnet8": 16,
    "resnet20": 16,
    "resnet38": 16,
    "resnet110": 16,
}
"""The networks that can be trained, and their width: units of the hidden layers, or channels of the first layer."""
DATA = {"digits": ((1, 8, 8), "parity"), "cifar10": ((3, 32, 32), "0,1")}
"""The data sets, the shape of their images, and the classes that are taken by default."""


@dataclass(frozen=True)
class Request:
    """What fixes the path of a training.

    Attributes:
        network: one of `NETWORKS`.
        data: one of `DATA`.
        classes: two classes with a comma between them; "parity" (digits) or "all" (CIFAR-10, ten outputs); None for
            the default of the data.
        samples: number of images; None for all of the classes.
        width: units of the hidden layers or channels of the first one; None for the default of the network.
        gain: factor of the variance of the initial weights.
        lr: learning rate.
        batch: batch size.
        seed: what fixes every random number.
    """

    network: str = "fnn"
    data: str = "digits"
    classes: str | None = None
    samples: int | None = None
    width: int | None = None
    gain: float = 1.0
    lr: float = 0.1
    batch: int = 32
    seed: int = 0


def checked(request: Request, until: float, epochs: int | None) -> Request:
    """Check what was asked for, and fill in the defaults.

    Args:
        request: what was asked for.
        until: loss to be reached.
        epochs: number of epochs after which to stop, or None.

    Returns:
        The request with its defaults.

    Raises:
        VerifyError: for a name that is unknown, or a network that cannot take the images.
        InputError: for a number that is out of range.
    """
    from simulate.validation import check_integer, check_real

    for name, value, known in (("network", request.network, NETWORKS), ("data", request.data, DATA)):
        if value not in known:
            raise VerifyError(f"{name}: expected one of {', '.join(known)}, got {value!r:.60}")
    if request.data == "digits" and request.network.startswith("vgg"):
        fitting = ", ".join(name for name in NETWORKS if not name.startswith("vgg"))
        raise VerifyError(
            f"network: expected one of {fitting} for digits, which have 8 × 8 pixels, got {request.network!r}, which "
            "needs 32 × 32"
        )
    check_real("until", until, minimum=0.0, exclusive=True)
    if epochs is not None:
        check_integer("epochs", epochs, minimum=0)
    width = NETWORKS[request.network] if request.width is None else request.width
    return Request(
        request.network,
        request.data,
        DATA[request.data][1] if request.classes is None else request.classes,
        None if request.samples is None else check_integer("samples", request.samples, minimum=1),
        check_integer("width", width, minimum=1),
        check_real("gain", request.gain, minimum=0.0, exclusive=True),
        check_real("lr", request.lr, minimum=0.0, exclusive=True),
        check_integer("batch", request.batch, minimum=1),
        check_integer("seed", request.seed, minimum=0),
    )


def problem(request: Request, data_dir: str | os.PathLike[str] | None) -> tuple[Network, np.ndarray, np.ndarray]:
    """Load the images and make the network.

    Args:
        request: what was asked for, checked.
        data_dir: the folder that contains that of CIFAR-10; None for the usual places.

    Returns:
        The network, the images and the targets.

    Raises:
        VerifyError: if there are no such images, or fewer than in a minibatch; for files that are missing.
    """
    from simulate.validation import InputError

    try:
        X, y = _images(request, "train", request.samples, data_dir)
    except InputError as error:
        # What the library calls n and labels has other names here.
        name, colon, rest = str(error).partition(":")
        raise VerifyError({"n": "samples", "labels": "classes"}.get(name, name) + colon + rest) from None
    if request.batch > len(y):
        raise VerifyError(f"batch: expected at most the {len(y)} samples, got {request.batch}")
    return _network(request, 1 if y.ndim == 1 else y.shape[1]), X, y


def accuracy(network: Network, theta: Array, request: Request, data_dir: str | os.PathLike[str] | None) -> float | None:
    """Compute the share of the test images of the classes that are told right.

    Args:
        network: the network.
        theta: its parameters, on the host.
        request: what it was trained on.
        data_dir: the folder that contains that of CIFAR-10; None for the usual places.

    Returns:
        The share; None where there are no test images, or θ is not finite.
    """
    import numpy as np

    import simulate

    if request.data != "cifar10" or not np.all(np.isfinite(theta)):
        return None
    try:
        X, y = _images(request, "test", None, data_dir)
    except simulate.DataError:
        return None
    outputs = network.predict(theta, X)
    if y.ndim == 1:
        return float(np.mean(np.sign(outputs) == y))
    return float(np.mean(np.argmax(outputs, axis=1) == np.argmax(y, axis=1)))


def start(network: Network, request: Request) -> np.ndarray:
    """Draw the initial parameters; only what is random about them is scaled.

    Args:
        network: the network.
        request: its seed and gain are used.

    Returns:
        θ, shape (p,), float64.
    """
    import numpy as np

    theta = network.init(request.seed)
    if request.gain == 1.0:
        return theta
    starts = zip(network.layers.starts, network.layers.shapes, strict=True)
    means = np.concatenate([np.full(int(np.prod(shape)), start.mean) for start, shape in starts])
    return np.asarray(means + np.sqrt(request.gain) * (theta - means))


def _images(
    request: Request, split: str, n: int | None, data_dir: str | os.PathLike[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Load the images of the classes."""
    import simulate

    words = [word.strip() for word in str(request.classes).split(",")]
    classes: list[Any] = [int(word) if word.isdecimal() else word for word in words]
    if request.data == "cifar10":
        chosen = None if words == ["all"] else classes
        return simulate.cifar10(chosen, split=split, n=n, seed=request.seed, data_dir=data_dir)
    labels: Any = "parity" if words == ["parity"] else tuple(classes)
    return simulate.digits(labels, n=n, seed=request.seed)


def _network(request: Request, outputs: int) -> Network:
    """Make the network that has a name."""
    from simulate import networks

    shape, width = DATA[request.data][0], request.width
    assert width is not None
    if request.network == "fnn":
        return networks.fully_connected(shape, widths=(width,) * 3, outputs=outputs)
    if request.network == "cnn":
        return networks.convolutional(shape, channels=(width, 2 * width), hidden=4 * width, outputs=outputs)
    if request.network.startswith("vgg"):
        return networks.vgg(int(request.network.removeprefix("vgg")), shape, width, outputs)
    return networks.resnet(int(request.network.removeprefix("resnet")), shape, width, outputs)
