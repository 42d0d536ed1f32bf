"""Worst cases of noise alignment over all parameters and directions, each with a witness that attains it."""

from .families import (
    FamilyAlignment,
    FamilyWitness,
    deep_linear_alignment_search,
    deep_linear_witness,
    diagonal_alignment_search,
)
from .label_free import LabelFreeRange, gram_label_free_range, label_free_range
from .linear import (
    AlignmentRange,
    directional_alignment_range,
    directional_alignment_ranges,
    loss_alignment_range,
)
from .two_layer_search import AdversarialAlignment, TwoLayerWitness, adversarial_alignment
from .uniform import UniformAlignmentRange, uniform_alignment_range

__all__ = [
    "AdversarialAlignment",
    "AlignmentRange",
    "FamilyAlignment",
    "FamilyWitness",
    "LabelFreeRange",
    "TwoLayerWitness",
    "UniformAlignmentRange",
    "adversarial_alignment",
    "deep_linear_alignment_search",
    "deep_linear_witness",
    "diagonal_alignment_search",
    "directional_alignment_range",
    "directional_alignment_ranges",
    "gram_label_free_range",
    "label_free_range",
    "loss_alignment_range",
    "uniform_alignment_range",
]
