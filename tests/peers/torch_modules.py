"""The CNN and ResNet-20 as PyTorch's users write them: what training steps are timed against."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional
from torch_networks import Reader


class CNN(nn.Module):
    """As `simulate.networks.convolutional`."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.hidden, self.last = nn.Linear(4096, 128), nn.Linear(128, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the network to images; outputs (m,)."""
        x = functional.max_pool2d(torch.relu(self.first(x)), 2)
        x = functional.max_pool2d(torch.relu(self.second(x)), 2)
        return self.last(torch.relu(self.hidden(x.flatten(1))))[:, 0]

    @torch.no_grad()
    def load(self, theta: torch.Tensor) -> None:
        """Take the parameters of our network over."""
        reader = Reader(theta)
        for layer in (self.first, self.second):
            _take_kernel(reader, layer)
        # Ours flattens height, width, channels; PyTorch channels, height, width.
        self.hidden.weight.copy_(reader.take(8, 8, 64, 128).permute(3, 2, 0, 1).flatten(1))
        self.hidden.bias.copy_(reader.take(128))
        _take_dense(reader, self.last)


class Block(nn.Module):
    """A residual block with fixup."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.halved = inputs != outputs
        self.first = nn.Conv2d(inputs, outputs, 3, 2 if self.halved else 1, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shifts, self.scale = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block to images."""
        shifted = x + self.shifts[0]
        inside = torch.relu(self.first(shifted) + self.shifts[1]) + self.shifts[2]
        inside = self.second(inside) * self.scale + self.shifts[3]
        if self.halved:
            smaller = shifted[:, :, ::2, ::2]
            x = torch.cat([smaller, torch.zeros_like(smaller)], 1)
        return torch.relu(inside + x)

    def load(self, reader: Reader) -> None:
        """Take the parameters of our block over."""
        self.shifts[0] = reader.take()
        _take_kernel(reader, self.first)
        self.shifts[1:3] = reader.take(2)
        _take_kernel(reader, self.second)
        self.scale[0], self.shifts[3] = reader.take(), reader.take()


class ResNet20(nn.Module):
    """As `simulate.networks.resnet(20)`."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shifts = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.Parameter(torch.zeros(2))
        widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        self.blocks = nn.Sequential(*(Block(*pair) for pair in itertools.pairwise(widths)))
        self.last = nn.Linear(64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the network to images; outputs (m,)."""
        x = self.blocks(torch.relu(self.first(x) + self.shifts[0]))
        return self.last(x.mean((2, 3)) + self.shifts[1])[:, 0]

    @torch.no_grad()
    def load(self, theta: torch.Tensor) -> None:
        """Take the parameters of our network over."""
        reader = Reader(theta)
        _take_kernel(reader, self.first)
        self.shifts[0] = reader.take()
        for block in self.blocks:
            block.load(reader)
        self.shifts[1] = reader.take()
        _take_dense(reader, self.last)


def _take_kernel(reader: Reader, layer: nn.Conv2d) -> None:
    layer.weight.copy_(reader.take(3, 3, layer.in_channels, layer.out_channels).permute(3, 2, 0, 1))
    if layer.bias is not None:
        layer.bias.copy_(reader.take(layer.out_channels))


def _take_dense(reader: Reader, layer: nn.Linear) -> None:
    layer.weight.copy_(reader.take(layer.in_features, layer.out_features).T)
    layer.bias.copy_(reader.take(layer.out_features))
