"""How SGD and GD move: exact second moments of linear dynamics and what follows from them."""

from .escape import EscapeRate, escape_rate, online_escape_rate
from .second_moments import online_second_moments, second_moments
from .stability import online_stability_threshold, stability_threshold

__all__ = [
    "EscapeRate",
    "escape_rate",
    "online_escape_rate",
    "online_second_moments",
    "online_stability_threshold",
    "second_moments",
    "stability_threshold",
]
