"""Alignment on real images: scikit-learn's handwritten digits, at initialisation and through training.

Problem:
    The theorems assume Gaussian inputs and linear models. What do the same quantities look like on images and in a
    network? Nothing is claimed for them, so the state is `observed`.

Method:
    All 1797 images (quick: 600 of them) with labels ±1 for even and odd digits. A linear model and two-layer networks
    with leaky ReLU and ReLU, both layers trained, at random initialisations. The Gram matrix gives the loss alignment μ
    and the directional alignment g along every eigenvector of G, for the second moment Σ₁ of the noise and for its
    covariance Σ. For the linear model the range of μ over all θ is exact, though its labels do not fit r = Xu. The
    networks are then trained by SGD to interpolation (quick: narrower ones on 300 images), with the same measurements
    at the start, at a loss of 0.01 and at a loss of 1e-6, and μ at levels between.

Guarantee:
    None beyond the arithmetic: these are measurements at the given seeds.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import simulate
from simulate import streams
from verify import digits_training
from verify.claims import _digits_trained
from verify.claims._context import Context
from verify.verdict import Basis, Evidence, Plot, State, Verdict

TITLE = "alignment along the eigen-directions of G on real images (digits), at initialisation and through training"
WIDTH = 256
MODELS = ("linear", "two-layer, leaky ReLU 0.1", "two-layer, ReLU")
SLOPES = {"two-layer, leaky ReLU 0.1": 0.1, "two-layer, ReLU": 0.0}


class Settings(NamedTuple):
    """What a profile spends.

    Attributes:
        images: number of images; None for all.
        initialisations: number of random initialisations of each model.
    """

    images: int | None
    initialisations: int


PROFILES = {"quick": Settings(600, 4), "full": Settings(None, 20)}


class Measured(NamedTuple):
    """One model at one initialisation.

    Attributes:
        model: its name.
        initialisation: number of the initialisation.
        loss: μ with Σ₁.
        loss_centred: μ with Σ.
        eigenvalues: λ_k of G, descending.
        uncentred: g along each eigenvector, with Σ₁.
        centred: g with Σ.
    """

    model: str
    initialisation: int
    loss: float
    loss_centred: float
    eigenvalues: np.ndarray
    uncentred: np.ndarray
    centred: np.ndarray


def judge(context: Context) -> tuple[Verdict, pd.DataFrame]:
    """Measure alignment on the digits.

    Args:
        context: the run.

    Returns:
        The verdict, and a table of all eigen-directions.
    """
    settings = PROFILES[context.profile]
    items = [(model, number) for model in reversed(MODELS) for number in range(settings.initialisations)]
    context.progress(0.1, "Gram matrices and their spectra")
    measured = context.mapper(partial(measure, context.seed, settings.images), items)
    context.progress(0.3, "training by SGD to interpolation")
    training = digits_training.PROFILES[context.profile]
    runs = [(name, slope, number) for name, slope in SLOPES.items() for number in range(training.initialisations)]
    trained = [c for run in context.mapper(partial(digits_training.train, context.seed, training), runs) for c in run]
    context.progress(0.9, "exact range of the linear model")
    X, _ = simulate.digits(n=settings.images, seed=streams.generator(context.seed, "digits"))
    inf, sup, _ = simulate.loss_alignment_range(X)
    evidence = [_evidence(model, [m for m in measured if m.model == model]) for model in MODELS]
    evidence.append(
        Evidence(
            "linear model, every θ with labels of a linear teacher",
            f"μ ranges over [{inf:.3g}, {sup:.3g}] exactly",
            State.OBSERVED,
            {"inf": inf, "sup": sup},
        )
    )
    medians = ", ".join(f"{e.test.split(';')[0]}: μ {e.figures['mu_median']:.2f}" for e in evidence[:-1])
    by_model = {name: [c for c in trained if c.model == name] for name in SLOPES}
    evidence += [_digits_trained.evidence(name, training, chosen) for name, chosen in by_model.items()]
    verdict = Verdict(
        claim="digits",
        title=TITLE,
        kind="observation",
        state=State.OBSERVED,
        basis=Basis.SAMPLED,
        summary=f"On {len(X)} images of digits at initialisation — {medians} (1 is perfect alignment); "
        f"{_digits_trained.headline(trained)}.",
        evidence=evidence,
        plots=[
            _spectrum_plot(measured),
            _energy_plot(measured),
            *(_digits_trained.direction_plot(name, chosen) for name, chosen in by_model.items()),
            _digits_trained.loss_plot(trained),
        ],
    )
    return verdict, pd.concat([_table(measured), _digits_trained.table(trained)], ignore_index=True)


def measure(seed: int, images: int | None, item: tuple[str, int]) -> Measured:
    """Measure one model at one initialisation.

    Args:
        seed: the run's seed.
        images: number of images; None for all.
        item: name of the model and number of the initialisation.

    Returns:
        What was measured.
    """
    name, number = item
    X, y = simulate.digits(n=images, seed=streams.generator(seed, "digits"))
    model = build(name, X.shape[1])
    theta = model.init(seed=streams.generator(seed, "initialisation", (name,), number))
    gram, residual = model.gram(theta, X), model.predict(theta, X) - y
    eigenvalues, uncentred = simulate.directional_alignment(gram, residual)
    _, centred = simulate.directional_alignment(gram, residual, centred=True)
    return Measured(
        name,
        number,
        simulate.loss_alignment(gram, residual),
        simulate.loss_alignment(gram, residual, centred=True),
        eigenvalues,
        uncentred,
        centred,
    )


def build(name: str, d: int) -> Any:
    """Build one of the models.

    Args:
        name: an entry of `MODELS`.
        d: dimension of the inputs.

    Returns:
        The model.
    """
    if name == "linear":
        return simulate.Linear(d)
    return simulate.TwoLayer(d, WIDTH, slope=SLOPES[name], train_outer=True)


def _evidence(model: str, measured: list[Measured]) -> Evidence:
    """Summarise one model over its initialisations."""
    g = np.concatenate([m.uncentred for m in measured])
    c = np.concatenate([m.centred for m in measured])
    mu, mu_centred = [m.loss for m in measured], [m.loss_centred for m in measured]
    inside = float(np.mean((g >= 1 / 3) & (g <= 3)))
    figures = {
        "mu": mu,
        "mu_median": float(np.median(mu)),
        "mu_centred": mu_centred,
        "g_quantiles": dict(
            zip(("0", "0.05", "0.5", "0.95", "1"), np.quantile(g, [0, 0.05, 0.5, 0.95, 1]), strict=True)
        ),
        "g_centred_quantiles": dict(
            zip(("0", "0.05", "0.5", "0.95", "1"), np.quantile(c, [0, 0.05, 0.5, 0.95, 1]), strict=True)
        ),
        "directions": len(measured[0].eigenvalues),
        "share_within_a_factor_3": inside,
    }
    finding = (
        f"μ {min(mu):.2f} … {max(mu):.2f} (centred {min(mu_centred):.2f} … {max(mu_centred):.2f}); along "
        f"{len(measured[0].eigenvalues)} eigen-directions g lies in [{g.min():.2f}, {g.max():.2f}], median "
        f"{np.median(g):.2f}, {inside:.0%} within a factor 3 of 1"
    )
    return Evidence(f"{model}; {len(measured)} initialisations", finding, State.OBSERVED, figures)


def _table(measured: list[Measured]) -> pd.DataFrame:
    """List every eigen-direction."""
    parts = [
        pd.DataFrame({
            "model": m.model,
            "initialisation": m.initialisation,
            "k": np.arange(1, len(m.eigenvalues) + 1),
            "eigenvalue": m.eigenvalues,
            "directional_alignment": m.uncentred,
            "directional_alignment_centred": m.centred,
            "loss_alignment": m.loss,
            "loss_alignment_centred": m.loss_centred,
            "part": "initialisation",
        })
        for m in measured
    ]
    return pd.concat(parts, ignore_index=True)


def _spectrum_plot(measured: list[Measured]) -> Plot:
    """Draw g along the eigen-directions at the first initialisation."""
    series: list[dict[str, Any]] = [
        {
            "label": m.model,
            "x": np.arange(1, len(m.eigenvalues) + 1).tolist(),
            "y": m.uncentred.tolist(),
            "style": "points",
        }
        for m in measured
        if m.initialisation == 0
    ]
    longest = max(len(m.eigenvalues) for m in measured)
    series.append({"label": "perfect alignment", "x": [1, longest], "y": [1.0, 1.0], "style": "bound"})
    return Plot(
        title="Directional alignment g along the eigenvectors of G (digits, initialisation)",
        alt="Points scatter around 1 for the linear model and both networks, in sharp and in flat directions.",
        x_label="k, from the sharpest direction to the flattest",
        y_label="g(θ; v_k)",
        series=series,
    )


def _energy_plot(measured: list[Measured]) -> Plot:
    """Draw curvature and relative noise energy side by side, as Figure 2 of the paper does."""
    series: list[dict[str, Any]] = []
    for m in measured:
        if m.initialisation == 0 and m.model != MODELS[2]:
            k = np.arange(1, len(m.eigenvalues) + 1).tolist()
            energy = m.eigenvalues * m.uncentred
            series.append({"label": f"λ_k, {m.model}", "x": k, "y": m.eigenvalues.tolist(), "style": "line"})
            series.append({"label": f"α_k, {m.model}", "x": k, "y": energy.tolist(), "style": "points"})
    return Plot(
        title="Curvature λ_k and noise energy α_k = u_kᵀΣ₁u_k/(2L) (digits, initialisation)",
        alt="Noise energy follows the curvature over several orders of magnitude.",
        x_label="k",
        y_label="λ_k, α_k",
        series=series,
    )
