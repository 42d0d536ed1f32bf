"""How SGD and GD move: exact second moments of linear dynamics and what follows from them."""

from .second_moments import online_second_moments, second_moments

__all__ = [
    "online_second_moments",
    "second_moments",
]
