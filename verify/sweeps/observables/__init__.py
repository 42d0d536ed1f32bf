"""What a sweep of a claim observes: for each id a function of a point, the axes it needs and those it has defaults for.

Each function is in a module of its own, so that the keys of its points depend on the code that it runs and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from verify.errors import VerifyError
from verify.sweeps.names import nearest

if TYPE_CHECKING:
    from verify.sweeps.grids import Value
    from verify.sweeps.points import Point


class Observable(NamedTuple):
    """What a sweep of a claim observes.

    Attributes:
        home: module and name of the function.
        summary: what is observed, in a line.
        required: the axes that it needs.
        defaults: the axes that may be left out, with their values.
    """

    home: tuple[str, str]
    summary: str
    required: tuple[str, ...]
    defaults: dict[str, Value]

    def function(self) -> Callable[[Point], dict[str, float]]:
        """Load the function.

        Returns:
            What maps a point to what is observed there.
        """
        module, name = self.home
        found: Callable[[Point], dict[str, float]] = getattr(import_module(f"{__name__}.{module}"), name)
        return found

    def completed(self, what: str, axes: Mapping[str, Any]) -> dict[str, Any]:
        """Check the axes of a sweep, and add the defaults of those that were left out.

        Args:
            what: the claim's id, for messages.
            axes: what was given.

        Returns:
            The axes, in the order given, then those with defaults.

        Raises:
            VerifyError: for an axis that is unknown or missing.
        """
        known = [*self.required, *self.defaults]
        for name in axes:
            if name not in known:
                raise VerifyError(f"{name}: expected an axis of {what}: {', '.join(known)}{nearest(name, known)}")
        if missing := [name for name in self.required if name not in axes]:
            raise VerifyError(f"{missing[0]}: expected values for it in a sweep of {what}, got none")
        return {**axes, **{name: value for name, value in self.defaults.items() if name not in axes}}


_ACCURACY: dict[str, Value] = {"eps": 0.5, "delta": 0.1}

INTEGERS = frozenset({"d", "n", "K", "k", "steps", "width", "starts"})
"""Axes whose values are whole numbers, in sweeps of claims."""

OBSERVABLES = {
    "3.2": Observable(
        ("uniform_range", "observe_every_model"),
        "range of the loss alignment over every over-parameterised linear model, found and certified",
        ("d", "n"),
        {**_ACCURACY, "starts": 16},
    ),
    "3.3": Observable(
        ("loss_range", "observe"),
        "range of the loss alignment of the linear model over all θ, exact",
        ("d", "n"),
        {**_ACCURACY, "exponent": 0.0},
    ),
    "3.5": Observable(
        ("two_layer_range", "observe"),
        "range of the loss alignment of two-layer networks, found by a search and certified",
        ("d", "n"),
        {**_ACCURACY, "width": 8, "slope": 0.5, "starts": 1, "exponent": 0.0},
    ),
    "4.2": Observable(
        ("uniform_range", "observe_every_direction"),
        "range of the directional alignment over all θ and directions, found and certified",
        ("d", "n"),
        {**_ACCURACY, "starts": 16},
    ),
    "4.3": Observable(
        ("fixed_directions", "observe"),
        "range of the directional alignment over all θ along K directions fixed in advance, exact",
        ("d", "n"),
        {**_ACCURACY, "K": 1},
    ),
    "5.2": Observable(
        ("escape", "observe"),
        "range over all starts of D_k after some steps of SGD, exact, at the learning rate β/‖G‖_F",
        ("d", "n", "beta"),
        {"k": 1, "steps": 10, "exponent": 0.0},
    ),
}


def observable(identifier: str) -> Observable:
    """Find what a sweep of a claim observes.

    Args:
        identifier: the claim's id, such as "4.2".

    Returns:
        The observable.

    Raises:
        VerifyError: if there is none of that id.
    """
    if identifier not in OBSERVABLES:
        known = ", ".join(OBSERVABLES)
        hint = nearest(identifier, OBSERVABLES)
        raise VerifyError(f"claim: expected one that can be swept ({known}), got {identifier!r:.60}{hint}")
    return OBSERVABLES[identifier]
