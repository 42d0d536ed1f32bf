"""The same networks written in PyTorch, as functions of the same flat parameter vector."""

from __future__ import annotations

import math

import torch
from torch.nn import functional


class Reader:
    """Deals out a flat vector.

    Args:
        theta: The parameters.
    """

    def __init__(self, theta: torch.Tensor) -> None:
        self._theta = theta
        self._place = 0

    def take(self, *shape: int) -> torch.Tensor:
        """Take the next parameter.

        Args:
            *shape: Its shape.

        Returns:
            A view.
        """
        size = math.prod(shape)
        self._place += size
        return self._theta[self._place - size : self._place].reshape(shape)

    def convolve(self, x: torch.Tensor, outputs: int, stride: int = 1, bias: bool = True) -> torch.Tensor:
        """Convolve with the next kernel, 3 × 3 with a margin of 1.

        Args:
            x: Images (m, channels, height, width).
            outputs: Output channels.
            stride: The stride.
            bias: Whether a bias follows.

        Returns:
            Images.
        """
        kernel = self.take(3, 3, x.shape[1], outputs).permute(3, 2, 0, 1)
        return functional.conv2d(x, kernel, self.take(outputs) if bias else None, stride, 1)

    def dense(self, x: torch.Tensor, outputs: int) -> torch.Tensor:
        """Apply the next dense layer.

        Args:
            x: Rows.
            outputs: Number of outputs.

        Returns:
            Rows.
        """
        return x @ self.take(x.shape[1], outputs) + self.take(outputs)


def rows(x: torch.Tensor) -> torch.Tensor:
    """Flatten images in the order height, width, channels.

    Args:
        x: Images (m, channels, height, width).

    Returns:
        Rows.
    """
    return x.permute(0, 2, 3, 1).flatten(1)


def fully_connected(theta, x, widths=(256, 256, 256), outputs=1):
    """As `simulate.networks.fully_connected`."""
    reader, x = Reader(theta), x.flatten(1)
    for width in widths:
        x = torch.relu(reader.dense(x, width))
    return reader.dense(x, outputs)


def convolutional(theta, x, channels=(32, 64), hidden=128, outputs=1):
    """As `simulate.networks.convolutional`."""
    reader = Reader(theta)
    for count in channels:
        x = functional.max_pool2d(torch.relu(reader.convolve(x, count)), 2)
    return reader.dense(torch.relu(reader.dense(rows(x), hidden)), outputs)


def vgg(theta, x, stages, outputs=1):
    """As `simulate.networks.vgg`, for channels listed stage by stage."""
    reader = Reader(theta)
    for stage in stages:
        for count in stage:
            x = torch.relu(reader.convolve(x, count))
        x = functional.max_pool2d(x, 2)
    return reader.dense(rows(x), outputs)


def resnet(theta, x, blocks=3, width=16, outputs=1):
    """As `simulate.networks.resnet`."""
    reader = Reader(theta)
    x = torch.relu(reader.convolve(x, width, bias=False) + reader.take(1))
    for stage in range(3):
        for block in range(blocks):
            x = _block(reader, x, width * 2**stage, stage > 0 and block == 0)
    return reader.dense(x.mean((2, 3)) + reader.take(1), outputs)


def _block(reader, x, channels, halved):
    shifted = x + reader.take(1)
    inside = reader.convolve(shifted, channels, 2 if halved else 1, bias=False)
    inside = torch.relu(inside + reader.take(1)) + reader.take(1)
    inside = reader.convolve(inside, channels, bias=False) * reader.take(1) + reader.take(1)
    if halved:
        smaller = shifted[:, :, ::2, ::2]
        x = torch.cat([smaller, torch.zeros_like(smaller)], 1)
    return torch.relu(inside + x)
