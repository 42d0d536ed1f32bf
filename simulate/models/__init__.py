"""Models with a flat parameter vector: predictions, Gram matrices and derivative products in closed form."""

from .base import Model
from .deep_linear import DeepLinear
from .diagonal import DiagonalLinear
from .linear import Linear
from .two_layer import TwoLayer
from .valley import CurvedValley

__all__ = ["CurvedValley", "DeepLinear", "DiagonalLinear", "Linear", "Model", "TwoLayer"]
