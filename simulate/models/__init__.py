"""Models with a flat parameter vector: predictions, Gram matrices and derivative products in closed form."""

from .base import Model
from .linear import Linear
from .two_layer import TwoLayer

__all__ = ["Linear", "Model", "TwoLayer"]
