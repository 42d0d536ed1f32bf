"""Worst cases of noise alignment over all parameters and directions, each with a witness that attains it."""

from .linear import (
    AlignmentRange,
    directional_alignment_range,
    directional_alignment_ranges,
    loss_alignment_range,
)

__all__ = [
    "AlignmentRange",
    "directional_alignment_range",
    "directional_alignment_ranges",
    "loss_alignment_range",
]
