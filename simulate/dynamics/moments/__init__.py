"""Exact second moments of SGD on linear models, and what follows from them: escape, stability, worst starts."""

from .constants import AlignmentConstants, AlignmentConstantsAlong, alignment_constants, alignment_constants_along
from .escape import EscapeRate, escape_rate, online_escape_rate
from .online_worst_starts import online_worst_flat_to_sharp, online_worst_growth
from .ratios import EnergyRatios, energy_ratios, online_energy_ratios
from .recursion import online_second_moments, second_moments
from .stability import online_stability_threshold, stability_threshold
from .worst_starts import FlatToSharpRange, GrowthRange, worst_flat_to_sharp, worst_growth

__all__ = [
    "AlignmentConstants",
    "AlignmentConstantsAlong",
    "EnergyRatios",
    "EscapeRate",
    "FlatToSharpRange",
    "GrowthRange",
    "alignment_constants",
    "alignment_constants_along",
    "energy_ratios",
    "escape_rate",
    "online_energy_ratios",
    "online_escape_rate",
    "online_second_moments",
    "online_stability_threshold",
    "online_worst_flat_to_sharp",
    "online_worst_growth",
    "second_moments",
    "stability_threshold",
    "worst_flat_to_sharp",
    "worst_growth",
]
