"""The networks of the paper's experiments: fully connected, convolutional, VGG and ResNet, none with batch norm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..validation import InputError, check_integer, check_real
from .blocks import Chain, Residual
from .convolution import Convolution
from .layers import Dense, Flatten, Layer, Rectifier, Shape, ToImages
from .network import Network
from .pooling import Downsample, GlobalAverage, MaxPool
from .scalars import Scale, Shift

CIFAR = (3, 32, 32)
_VGG = {  # convolutions before each halving, in multiples of the width
    11: ((1,), (2,), (4, 4), (8, 8), (8, 8)),
    13: ((1, 1), (2, 2), (4, 4), (8, 8), (8, 8)),
    16: ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8)),
    19: ((1, 1), (2, 2), (4, 4, 4, 4), (8, 8, 8, 8), (8, 8, 8, 8)),
}


def fully_connected(
    shape: Shape = CIFAR, widths: Sequence[int] = (256, 256, 256), outputs: int = 1, slope: float = 0.0
) -> Network:
    """Dense layers with (leaky) ReLUs between them; by default the 4-layer network of Fig. 2b.

    Args:
        shape: Shape of one input.
        widths: Number of units of each hidden layer.
        outputs: Number of outputs C.
        slope: Slope of the ReLUs below 0.

    Returns:
        The network, with weights drawn as by He et al. (2015).

    Raises:
        InputError: If an argument is out of range.
    """
    slope = check_real("slope", slope, 0.0, 1.0)
    layers: list[Layer] = [Flatten()]
    for width in _widths("widths", widths):
        layers += [Dense(width), Rectifier(slope)]
    layers.append(Dense(check_integer("outputs", outputs, minimum=1), gain=1.0))
    return Network(layers, _shape(shape), "FNN")


def convolutional(
    shape: Shape = CIFAR, channels: Sequence[int] = (32, 64), hidden: int = 128, outputs: int = 1, slope: float = 0.0
) -> Network:
    """Convolutions 3 × 3, each with ReLU and a maximum over 2 × 2, then two dense layers: by default that of Fig. 2b.

    The maximum comes first, which is the same function and leaves the ReLU a quarter of the entries.

    Args:
        shape: (channels, height, width) of one image.
        channels: Output channels of each convolution.
        hidden: Units of the dense layer between.
        outputs: Number of outputs C.
        slope: Slope of the ReLUs below 0.

    Returns:
        The network, with weights drawn as by He et al. (2015).

    Raises:
        InputError: If an argument is out of range, or the images become smaller than a pixel.
    """
    slope = check_real("slope", slope, 0.0, 1.0)
    layers: list[Layer] = [ToImages(_shape(shape, images=True))]
    for count in _widths("channels", channels):
        layers += [Convolution(count), MaxPool(2), Rectifier(slope)]
    layers += [Flatten(), Dense(check_integer("hidden", hidden, minimum=1)), Rectifier(slope)]
    layers.append(Dense(check_integer("outputs", outputs, minimum=1), gain=1.0))
    return Network(layers, _shape(shape), "CNN")


def vgg(depth: int = 13, shape: Shape = CIFAR, width: int = 64, outputs: int = 1, slope: float = 0.0) -> Network:
    """VGG (Simonyan and Zisserman, 2015) for small images, without batch norm: one dense layer at the end.

    Args:
        depth: 11, 13, 16 or 19.
        shape: (channels, height, width) of one image, at least 32 × 32.
        width: Channels of the first convolution; later ones have 2, 4 and 8 times as many.
        outputs: Number of outputs C.
        slope: Slope of the ReLUs below 0.

    Returns:
        The network, with weights drawn as by He et al. (2015).

    Raises:
        InputError: If an argument is out of range.
    """
    if depth not in _VGG:
        raise InputError(f"depth: expected one of {', '.join(map(str, _VGG))}, got {depth!r:.20}")
    width, slope = check_integer("width", width, minimum=1), check_real("slope", slope, 0.0, 1.0)
    layers: list[Layer] = [ToImages(_shape(shape, images=True))]
    for stage in _VGG[depth]:
        for multiple in stage:
            layers += [Convolution(multiple * width), Rectifier(slope)]
        layers.insert(-1, MaxPool(2))
    layers += [Flatten(), Dense(check_integer("outputs", outputs, minimum=1), gain=1.0)]
    return Network(layers, _shape(shape), f"VGG-{depth}")


def resnet(depth: int = 20, shape: Shape = CIFAR, width: int = 16, outputs: int = 1, slope: float = 0.0) -> Network:
    """ResNet for small images (He et al., 2016) without batch norm, with fixup (Zhang et al., 2019).

    A block is x + s·conv(relu(conv(x + b₁) + b₂) + b₃) + b₄ with scalars b and s, then ReLU; blocks that halve the
    image take every second pixel past the branch and fill up with channels of zeros. The first convolution of each of
    B blocks is drawn with variance 2 / (9·outputs·B), the second and the dense layer at the end start at 0.

    Args:
        depth: 6b + 2 for b blocks at each of three resolutions: 8, 20, 38, 110, ….
        shape: (channels, height, width) of one image.
        width: Channels at full resolution; then twice and four times as many.
        outputs: Number of outputs C.
        slope: Slope of the ReLUs below 0.

    Returns:
        The network.

    Raises:
        InputError: If an argument is out of range.
    """
    depth, width = check_integer("depth", depth, minimum=8), check_integer("width", width, minimum=1)
    if depth % 6 != 2:
        raise InputError(f"depth: expected 6b + 2, such as 20, 38 or 110, got {depth}")
    slope, blocks = check_real("slope", slope, 0.0, 1.0), (depth - 2) // 6
    first = Convolution(width, bias=False, fan_out=True)
    layers: list[Layer] = [ToImages(_shape(shape, images=True)), first, Shift(), Rectifier(slope)]
    for stage in range(3):
        for block in range(blocks):
            halved = stage > 0 and block == 0
            layers += _block(width * 2**stage, 3 * blocks, halved, slope)
    layers += [GlobalAverage(), Shift(), Dense(check_integer("outputs", outputs, minimum=1), gain=0.0)]
    return Network(layers, _shape(shape), f"ResNet-{depth}")


def _block(channels: int, blocks: int, halved: bool, slope: float) -> list[Layer]:
    """A residual block with fixup, and the ReLU behind it."""
    branch = [
        Convolution(channels, stride=2 if halved else 1, bias=False, gain=2.0 / blocks, fan_out=True),
        Shift(),
        Rectifier(slope),
        Shift(),
        Convolution(channels, bias=False, gain=0.0),
        Scale(),
        Shift(),
    ]
    if halved:
        return [Shift(), Residual(Chain(*branch), Downsample()), Rectifier(slope)]
    return [Residual(Chain(Shift(), *branch)), Rectifier(slope)]


def _widths(name: str, widths: Sequence[int]) -> list[int]:
    """Check the widths of layers."""
    if not isinstance(widths, Sequence) or isinstance(widths, str):
        raise InputError(f"{name}: expected a sequence of integers, got {widths!r:.40}")
    return [check_integer(name, width, minimum=1) for width in widths]


def _shape(shape: Shape, images: bool = False) -> Shape:
    """Check the shape of an input."""
    if not isinstance(shape, Sequence) or (images and len(shape) != 3) or len(shape) not in (1, 3):
        raise InputError(f"shape: expected (channels, height, width){'' if images else ' or (d,)'}, got {shape!r:.40}")
    checked = tuple(check_integer("shape", side, minimum=1) for side in shape)
    if math.prod(checked) > 2**31:
        raise InputError(f"shape: expected fewer than 2³¹ entries, got {checked}")
    return checked
