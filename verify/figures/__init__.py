"""Figures of the paper and of our own: measured anew, with the theorems' bounds drawn in."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

from verify.errors import VerifyError


@dataclass(frozen=True)
class Entry:
    """A figure that can be made.

    Attributes:
        id: what it is asked for by: the paper's number, or a name.
        title: what it shows, in one line.
        module: the module that makes it, which has a function `make`.
        images: whether it is made on CIFAR-10, at one of two scales.
    """

    id: str
    title: str
    module: str
    images: bool = False


SCALES = ("small", "paper")
"""Scales of the figures on images, the default first."""


FIGURES = (
    Entry(
        "1", "loss alignment μ against model size: deep linear and two-layer ReLU networks, few samples", "model_size"
    ),
    Entry(
        "2a",
        "curvature λ_k, noise energy α_k and alignment g_k along every eigen-direction: linear regression",
        "directions",
    ),
    Entry(
        "2b",
        "curvature λ_k, noise energy α_k and alignment g_k along every eigen-direction: FNN and CNN on CIFAR-10",
        "image_directions",
        images=True,
    ),
    Entry(
        "3",
        "escape from a minimum of linear regression: SGD along flat directions, gradient descent along the sharpest",
        "escape",
    ),
    Entry("4", "drift in a toy valley under a cyclical learning rate: SGD against gradient descent", "valley"),
    Entry(
        "5",
        "curvature λ_k and noise energy α_k of a ResNet and a VGG on CIFAR-10, exactly and by Lanczos on a subset",
        "deep_spectra",
        images=True,
    ),
    Entry(
        "6",
        "escape from the trained minimum of a ResNet and a VGG on CIFAR-10: SGD and gradient descent",
        "network_escape",
        images=True,
    ),
    Entry(
        "escape-rates",
        "exact escape rates, limits of D_k and thresholds of stability of SGD: learning rate, d, n, batch size",
        "escape_rates",
    ),
    Entry(
        "scaling-laws",
        "how many samples the worst case needs: d for the infimum, d² for the supremum, d log d for fixed v",
        "scaling_laws",
    ),
    Entry(
        "linearisation",
        "how far SGD near a minimum of a network follows its linearisation, seed by seed",
        "linearisation",
    ),
)


def entry(identifier: Any) -> Entry:
    """Find a figure.

    Args:
        identifier: its id.

    Returns:
        The figure.

    Raises:
        VerifyError: if there is none of that id.
    """
    known = {one.id: one for one in FIGURES}
    if isinstance(identifier, str) and identifier in known:
        return known[identifier]
    near = difflib.get_close_matches(str(identifier), known, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise VerifyError(f"figure: expected one of {', '.join(known)}, got {identifier!r:.60}{hint}")


def listing() -> str:
    """List the figures, one line each.

    Returns:
        The lines, each ended.
    """
    widest = max(len(one.id) for one in FIGURES)
    return "".join(f"{one.id:<{widest}}  {one.title}\n" for one in FIGURES)


def listing_json() -> str:
    """List the figures as JSON.

    Returns:
        An array with the id and the title of each, with a final newline.
    """
    return json.dumps([{"id": one.id, "title": one.title} for one in FIGURES], indent=1, ensure_ascii=False) + "\n"
