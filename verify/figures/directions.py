"""Figure 2a: curvature, noise energy and directional alignment along every eigen-direction, for linear regression.

Problem:
    The noise of SGD is said to follow the curvature direction by direction: α_k = u_kᵀΣu_k/(2L) beside λ_k. How well
    does it, for how few samples, and what is the worst θ?

Method:
    Gaussian inputs, isotropic and with a power-law spectrum, a linear teacher, d fixed and n below, at and above d. One
    data set for each; its G has the eigenvectors u_k, and g_k = α_k/λ_k is measured at many random θ, with the second
    moment Σ₁ of the noise (uncentred) and its covariance Σ (centred). Since r = Xu, the range of g(θ; u_k) over all θ
    is that of a generalised Rayleigh quotient.

Guarantee:
    The ranges are exact for the data set at hand. The population's range is Lemma C.2's; Theorem 4.3's bounds are drawn
    at one ε, with the number of samples that it asks for left open by its unspecified constants.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

import simulate
from simulate import streams
from verify.figures._context import Context, Made

SPECTRA = ("isotropic", "power law")
QUANTILES = (0.05, 0.5, 0.95)
EPS = 0.3


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        d: dimension of the inputs.
        samples: numbers of samples n.
        exponent: of the power-law spectrum.
        thetas: number of random θ.
    """

    d: int
    samples: tuple[int, ...]
    exponent: float
    thetas: int


SIZES = {"default": Settings(40, (20, 40, 160, 1280), 1.0, 400), "tiny": Settings(5, (3, 5, 12), 1.0, 30)}


def make(context: Context) -> Made:
    """Make Figure 2a.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import directions_drawing

    settings = SIZES[context.size]
    context.begin("directions of every data set", 0.0, 0.95)
    points = [(spectrum, n) for spectrum in SPECTRA for n in settings.samples]
    tables = context.mapper(partial(measure, context.seed, settings), points)
    return directions_drawing.draw(settings, pd.concat(tables, ignore_index=True))


def data(seed: int, settings: Settings, spectrum: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a data set, and parameters relative to the teacher.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        spectrum: name of the spectrum.
        n: number of samples.

    Returns:
        Inputs, shape (n, d), and θ − w* as columns, shape (d, thetas): θ as `Linear` draws it, and w* ~ N(0, I/d).
    """
    d = settings.d
    eigenvalues = simulate.isotropic(d) if spectrum == "isotropic" else simulate.power_law(d, settings.exponent)
    X = simulate.gaussian_inputs(n, eigenvalues, streams.generator(seed, "figure 2a: inputs", (n, d)))
    teacher = streams.generator(seed, "figure 2a: teacher", (d,)).standard_normal(d) / np.sqrt(d)
    model = simulate.Linear(d)
    drawn = [model.init(streams.generator(seed, "figure 2a: parameters", (d,), t)) for t in range(settings.thetas)]
    return X, np.stack(drawn, axis=1) - teacher[:, None]


def measure(seed: int, settings: Settings, point: tuple[str, int]) -> pd.DataFrame:
    """Measure g along every eigen-direction of one data set, at random θ and at the worst.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        point: name of the spectrum and number of samples.

    Returns:
        A row for each eigen-direction, from the sharpest, uncentred and centred.
    """
    spectrum, n = point
    X, errors = data(seed, settings, spectrum, n)
    # With probability 1 the eigenvalues of G = XᵀX/n that are not zero are distinct, and there are min(n, d) of them.
    _, singular, vectors = np.linalg.svd(X, full_matrices=False)
    curvature, along = singular**2 / n, X @ vectors.T
    tables = []
    for centred in (False, True):
        g = np.stack([simulate.directional_alignment_along(along, r, centred=centred) for r in (X @ errors).T])
        inf, sup = simulate.directional_alignment_ranges(X, vectors.T, centred=centred)
        low, middle, high = np.quantile(g, QUANTILES, axis=0)
        tables.append(
            pd.DataFrame({
                "spectrum": spectrum,
                "d": settings.d,
                "n": n,
                "centred": centred,
                "k": np.arange(1, len(curvature) + 1),
                "curvature": curvature,
                "alignment_q05": low,
                "alignment_median": middle,
                "alignment_mean": g.mean(axis=0),
                "alignment_q95": high,
                "alignment_inf": inf,
                "alignment_sup": sup,
                "energy_q05": low * curvature,
                "energy_median": middle * curvature,
                "energy_q95": high * curvature,
                "energy_inf": inf * curvature,
                "energy_sup": sup * curvature,
            })
        )
    return pd.concat(tables, ignore_index=True)
