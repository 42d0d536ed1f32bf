"""How SGD and GD move: many replicas at once, and exact second moments of linear dynamics."""

from .draws import minibatches
from .ensembles import Ensemble, Interrupted
from .gradient_descent import gd
from .linearised import Linearisation, linearise, linearised_sgd
from .moments import (
    AlignmentConstants,
    AlignmentConstantsAlong,
    EnergyRatios,
    EscapeRate,
    FlatToSharpRange,
    GrowthRange,
    alignment_constants,
    alignment_constants_along,
    energy_ratios,
    escape_rate,
    online_energy_ratios,
    online_escape_rate,
    online_second_moments,
    online_stability_threshold,
    online_worst_flat_to_sharp,
    online_worst_growth,
    second_moments,
    stability_threshold,
    worst_flat_to_sharp,
    worst_growth,
)
from .progress import progress_bar
from .recording import Directions, Record, eigen_directions
from .schedules import cosine, piecewise, sgdr, triangular
from .stochastic import online_sgd, sgd

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
    "progress_bar",
    "second_moments",
    "sgd",
    "sgdr",
    "stability_threshold",
    "triangular",
    "worst_flat_to_sharp",
    "worst_growth",
]
