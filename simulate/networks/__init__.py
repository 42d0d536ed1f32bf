"""Layered networks without a deep-learning framework: one code for NumPy, CuPy and other arrays."""

from .architectures import convolutional, fully_connected, resnet, vgg
from .network import Network

__all__ = ["Network", "convolutional", "fully_connected", "resnet", "vgg"]
