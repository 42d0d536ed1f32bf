"""How SGD and GD move: exact second moments of linear dynamics and what follows from them."""

from .alignment_constants import (
    AlignmentConstants,
    AlignmentConstantsAlong,
    alignment_constants,
    alignment_constants_along,
)
from .draws import minibatches
from .energy_ratios import EnergyRatios, energy_ratios, online_energy_ratios
from .ensembles import Ensemble, Interrupted
from .escape import EscapeRate, escape_rate, online_escape_rate
from .gradient_descent import gd
from .linearised import Linearisation, linearise, linearised_sgd
from .online_worst_starts import online_worst_flat_to_sharp, online_worst_growth
from .recording import Directions, Record, eigen_directions
from .schedules import cosine, piecewise, sgdr, triangular
from .second_moments import online_second_moments, second_moments
from .stability import online_stability_threshold, stability_threshold
from .stochastic import online_sgd, sgd
from .worst_starts import FlatToSharpRange, GrowthRange, worst_flat_to_sharp, worst_growth

__all__ = [
    "AlignmentConstants",
    "AlignmentConstantsAlong",
    "Directions",
    "EnergyRatios",
    "Ensemble",
    "EscapeRate",
    "FlatToSharpRange",
    "GrowthRange",
    "Interrupted",
    "Linearisation",
    "Record",
    "alignment_constants",
    "alignment_constants_along",
    "cosine",
    "eigen_directions",
    "energy_ratios",
    "escape_rate",
    "gd",
    "linearise",
    "linearised_sgd",
    "minibatches",
    "online_energy_ratios",
    "online_escape_rate",
    "online_second_moments",
    "online_sgd",
    "online_stability_threshold",
    "online_worst_flat_to_sharp",
    "online_worst_growth",
    "piecewise",
    "second_moments",
    "sgd",
    "sgdr",
    "stability_threshold",
    "triangular",
    "worst_flat_to_sharp",
    "worst_growth",
]
