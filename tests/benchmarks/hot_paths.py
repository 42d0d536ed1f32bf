"""The hot paths at the sizes at which their growth is measured, with the operations and bytes that they need.

Counts are least ones: products of a matrix with its own transpose are halved by symmetry, and every array that cannot
stay in a register is read or written once where the algorithm goes over it. docs/speed.md derives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np
from isolated import seconds_and_memory

import simulate
from simulate.networks import convolutional, resnet

Sizes = dict[str, int]
Work = Callable[[], Any]
xp = array_api_compat.array_namespace(np.empty(0))


@dataclass(frozen=True)
class HotPath:
    """A path, where it is measured and what it costs.

    Attributes:
        base: sizes in the middle.
        axes: for each size that grows, its values; the others stay as in `base`.
        make: prepares the data for sizes and returns what is timed.
        flops: operations for sizes.
        bytes: bytes for sizes.
        precision: of the numbers.
    """

    base: Sizes
    axes: dict[str, tuple[int, ...]]
    make: Callable[[Sizes], Work]
    flops: Callable[[Sizes], float]
    bytes: Callable[[Sizes], float]
    precision: str = "float64"

    def points(self) -> list[Sizes]:
        """Every combination of sizes that is measured, each once."""
        grown = [{**self.base, axis: value} for axis, values in self.axes.items() for value in values]
        return list({tuple(sizes.items()): sizes for sizes in grown}.values())


def alone(name: str, sizes: Sizes) -> dict[str, float]:
    """Do a path's work once in a process of its own.

    Args:
        name: of the path.
        sizes: its sizes.

    Returns:
        Seconds and memory, as `isolated.seconds_and_memory` says.
    """
    return seconds_and_memory(f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from hot_paths import PATHS
work = PATHS[{name!r}].make({sizes!r})
begin()
work()
""")


def _inputs(sizes: Sizes) -> np.ndarray:
    return simulate.gaussian_inputs(sizes["n"], simulate.isotropic(sizes["d"]))


def _two_layer(sizes: Sizes) -> Work:
    model, X = simulate.TwoLayer(sizes["d"], sizes["width"], slope=0.1, train_outer=True), _inputs(sizes)
    theta, y = model.init(), simulate.random_targets(sizes["n"])

    def work() -> float:
        return simulate.loss_alignment(model.gram(theta, X), model.predict(theta, X) - y, centred=True)

    return work


def _spectrum(sizes: Sizes) -> Work:
    X = simulate.gaussian_inputs(sizes["n"], simulate.isotropic(2 * sizes["n"]))
    gram, residual = X @ X.T, simulate.random_targets(sizes["n"])
    return lambda: simulate.directional_alignment(gram, residual, centred=True)


def _ensemble(sizes: Sizes) -> Work:
    X, y, model = _inputs(sizes), simulate.random_targets(sizes["n"]), simulate.Linear(sizes["d"])
    theta0, nothing = np.zeros(sizes["d"]), simulate.Record(at=[], loss=False)

    def work() -> Any:
        return simulate.sgd(
            *(model, theta0, X, y, 1e-3, sizes["steps"], sizes["batch"]), replicas=sizes["replicas"], record=nothing
        )

    simulate.sgd(model, theta0, X, y, 1e-3, 2, sizes["batch"], replicas=8, record=nothing)
    return work


def _second_moments(sizes: Sizes) -> Work:
    X, start = _inputs(sizes), np.eye(sizes["d"])
    return lambda: simulate.second_moments(X, start, 1e-3, sizes["steps"])


def _range(sizes: Sizes) -> Work:
    X = _inputs(sizes)
    return lambda: simulate.loss_alignment_range(X)


def _images(count: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 3, 32, 32), dtype=np.float32)


def _network_gram(sizes: Sizes) -> Work:
    network, X = convolutional(), _images(sizes["n"])
    theta = network.init(0).astype(np.float32)
    network.gram(theta, X[:2])
    return lambda: network.gram(theta, X)


def _training_step(network: Any, sizes: Sizes) -> Work:
    theta, X = network.init(0).astype(np.float32), _images(sizes["batch"])
    y = np.random.default_rng(1).standard_normal(sizes["batch"], dtype=np.float32)

    def work() -> None:
        gradient = network.gradient_unchecked(xp, theta, X, y)[1]
        gradient *= np.float32(1e-4)
        np.subtract(theta, gradient, out=theta)

    work()
    return work


# Multiplications and additions of one image forwards, in pairs: the CNN's two convolutions and two dense layers.
CNN_FIRST, CNN_SECOND, CNN_DENSE = 32 * 32 * 32 * 27, 16 * 16 * 64 * 288, 4096 * 128 + 128
CNN_ALL = CNN_FIRST + CNN_SECOND + CNN_DENSE
CNN_PARAMETERS = 32 * 28 + 64 * 289 + 128 * 4097 + 129
CNN_ACTIVATIONS = 32 * 1024 + 32 * 256 + 64 * 256 + 64 * 64 + 128
# ResNet-20: the first layer, then three stages of six convolutions, whose first halves the side and doubles channels.
RESNET_FIRST = 32 * 32 * 16 * 27
RESNET_ALL = RESNET_FIRST + 1024 * 16 * 144 * 6 + (256 * 32 * (144 + 5 * 288)) + (64 * 64 * (288 + 5 * 576)) + 64
RESNET_PARAMETERS = 16 * 27 + 6 * 16 * 144 + 32 * (144 + 5 * 288) + 64 * (288 + 5 * 576) + 65
RESNET_ACTIVATIONS = 7 * 16 * 1024 + 6 * 32 * 256 + 6 * 64 * 64


def step_flops(forward: int, first: int, batch: int) -> float:
    """Operations of a training step: forwards, and backwards by inputs (not of the first layer) and by parameters."""
    return 2.0 * (3 * forward - first) * batch


def step_bytes(parameters: int, activations: int, batch: int) -> float:
    """Bytes of a training step in float32: each activation and its derivative written and read; parameters 5 times."""
    return 4.0 * (4 * activations * batch + 5 * parameters)


PATHS = {
    "two-layer Gram and centred μ": HotPath(
        base={"n": 1000, "d": 100, "width": 500},
        axes={"n": (500, 1000, 2000), "d": (50, 100, 200), "width": (250, 500, 1000)},
        make=_two_layer,
        flops=lambda s: 2 * s["n"] * s["d"] * s["width"] + s["n"] ** 2 * (s["d"] + 2 * s["width"] + 6),
        bytes=lambda s: 8 * (s["n"] * s["d"] + s["width"] * (s["d"] + 1) + 4 * s["n"] * s["width"] + 6 * s["n"] ** 2),
    ),
    "full g spectrum from K": HotPath(
        base={"n": 1000},
        axes={"n": (500, 1000, 2000)},
        make=_spectrum,
        flops=lambda s: 10 / 3 * s["n"] ** 3,
        bytes=lambda s: 8 * 4 * s["n"] ** 2,
    ),
    "SGD ensemble, linear regression": HotPath(
        base={"n": 500, "d": 100, "batch": 8, "replicas": 500, "steps": 400},
        axes={"n": (250, 500, 1000), "d": (50, 100, 200), "batch": (4, 8, 16), "replicas": (250, 500, 1000)},
        make=_ensemble,
        flops=lambda s: 4 * s["batch"] * s["d"] * s["replicas"] * s["steps"],
        bytes=lambda s: 8 * s["d"] * (s["n"] + 2 * s["replicas"]),
    ),
    "exact second moments": HotPath(
        base={"n": 1000, "d": 100, "steps": 20},
        axes={"n": (500, 1000, 2000), "d": (50, 100, 200)},
        make=_second_moments,
        flops=lambda s: s["steps"] * 4 * (s["n"] * s["d"] ** 2 + s["d"] ** 3),
        bytes=lambda s: s["steps"] * 8 * (s["n"] * s["d"] + 2 * s["d"] ** 2),
    ),
    "exact range of the loss alignment": HotPath(
        base={"n": 4000, "d": 200},
        axes={"n": (2000, 4000, 8000), "d": (100, 200, 400)},
        make=_range,
        flops=lambda s: 4 * s["n"] * s["d"] ** 2,
        bytes=lambda s: 8 * 3 * s["n"] * s["d"],
    ),
    "Gram matrix of the CNN": HotPath(
        base={"n": 250},
        axes={"n": (125, 250, 500)},
        make=_network_gram,
        flops=lambda s: 2 * s["n"] * (3 * CNN_ALL - CNN_FIRST) + s["n"] ** 2 * (32 * 28 + 64 * 289 + 4096 + 129),
        bytes=lambda s: 4 * (4 * CNN_ACTIVATIONS * s["n"] + CNN_PARAMETERS + 2 * s["n"] * 20_000 + 4 * s["n"] ** 2),
        precision="float32",
    ),
    "training step of the CNN": HotPath(
        base={"batch": 64},
        axes={"batch": (32, 64, 128)},
        make=lambda s: _training_step(convolutional(), s),
        flops=lambda s: step_flops(CNN_ALL, CNN_FIRST, s["batch"]),
        bytes=lambda s: step_bytes(CNN_PARAMETERS, CNN_ACTIVATIONS, s["batch"]),
        precision="float32",
    ),
    "training step of ResNet-20": HotPath(
        base={"batch": 64},
        axes={"batch": (32, 64, 128)},
        make=lambda s: _training_step(resnet(20), s),
        flops=lambda s: step_flops(RESNET_ALL, RESNET_FIRST, s["batch"]),
        bytes=lambda s: step_bytes(RESNET_PARAMETERS, RESNET_ACTIVATIONS, s["batch"]),
        precision="float32",
    ),
}
POINTS = [(name, sizes) for name, path in PATHS.items() for sizes in path.points()]
