"""Worst cases of noise alignment over all parameters and directions, each with a witness that attains it."""

from .label_free import LabelFreeRange, label_free_range
from .linear import (
    AlignmentRange,
    directional_alignment_range,
    directional_alignment_ranges,
    loss_alignment_range,
)
from .uniform import UniformAlignmentRange, uniform_alignment_range

__all__ = [
    "AlignmentRange",
    "LabelFreeRange",
    "UniformAlignmentRange",
    "directional_alignment_range",
    "directional_alignment_ranges",
    "label_free_range",
    "loss_alignment_range",
    "uniform_alignment_range",
]
