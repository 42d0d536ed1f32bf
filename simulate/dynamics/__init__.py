"""How SGD and GD move: exact second moments of linear dynamics and what follows from them."""

from .ensembles import Ensemble, Interrupted, online_sgd, sgd
from .escape import EscapeRate, escape_rate, online_escape_rate
from .gradient_descent import gd
from .linearised import Linearisation, linearise, linearised_sgd
from .minibatches import minibatches
from .recording import Directions, Record, eigen_directions
from .schedules import cosine, piecewise, sgdr, triangular
from .second_moments import online_second_moments, second_moments
from .stability import online_stability_threshold, stability_threshold

__all__ = [
    "Directions",
    "Ensemble",
    "EscapeRate",
    "Interrupted",
    "Linearisation",
    "Record",
    "cosine",
    "eigen_directions",
    "escape_rate",
    "gd",
    "linearise",
    "linearised_sgd",
    "minibatches",
    "online_escape_rate",
    "online_second_moments",
    "online_sgd",
    "online_stability_threshold",
    "piecewise",
    "second_moments",
    "sgd",
    "sgdr",
    "stability_threshold",
    "triangular",
]
