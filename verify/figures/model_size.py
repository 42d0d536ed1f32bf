"""Figure 1: the loss alignment μ(θ) against the size of the model, with few samples.

Problem:
    Theorem 3.2 bounds μ for every over-parameterised linear model, with no dependence on the model or its number of
    parameters. Does μ depend on size in practice, and at which θ? The paper does not say which θ its Figure 1 shows.

Method:
    Deep linear networks (depth swept at one width, width swept at one depth) and two-layer ReLU networks with both
    layers trained, on the same Gaussian inputs, isotropic and with a power-law spectrum, and a linear teacher. μ is
    measured at initialisation and as full-batch gradient descent brings the loss down. The worst θ comes from the exact
    range of the linear model (one layer), from the extremes over all θ and v (every linear network of two layers or
    more: rank-one Jacobians attain them), and from a neuron that is active on one sample (ReLU). At every θ measured
    for a ReLU network there is also the range of μ over all labels.

Guarantee:
    Measured values are exact at their θ. The worst case of the linear model is exact; that of linear networks is
    attained by a witness and bounded by a certificate; that of ReLU networks is attained, and nothing is larger than n.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

import simulate
from simulate import streams
from verify.figures._context import Context, Made
from verify.figures.isolated_neuron import isolating_weights
from verify.figures.training import descend

SPECTRA = ("isotropic", "power law")
LEVELS = (0.1, 0.01, 0.001)
STAGES = ("initialisation", "loss 10 %", "loss 1 %", "loss 0.1 %")
WORST = "all parameters"
PANELS = ("depth", "width", "relu")


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        d: dimension of the inputs.
        n: number of samples.
        exponent: of the power-law spectrum.
        depths: numbers of layers L of the linear networks in the first panels.
        depth_width: their hidden width.
        widths: hidden widths of the linear networks in the second panels.
        width_layers: their number of layers.
        relu_widths: hidden widths of the ReLU networks.
        trials: data sets, each with an initialisation of every network.
        steps: most steps of gradient descent.
    """

    d: int
    n: int
    exponent: float
    depths: tuple[int, ...]
    depth_width: int
    widths: tuple[int, ...]
    width_layers: int
    relu_widths: tuple[int, ...]
    trials: int
    steps: int


SIZES = {
    "default": Settings(
        32,
        64,
        1.0,
        tuple(range(1, 9)),
        32,
        (1, 2, 4, 8, 16, 32, 64, 128, 256),
        3,
        (4, 16, 64, 256, 1024, 4096),
        20,
        500,
    ),
    "tiny": Settings(6, 10, 1.0, (1, 2, 3), 4, (1, 4), 3, (4, 8), 3, 40),
}


class Case(NamedTuple):
    """One network on one data set.

    Attributes:
        panel: "depth", "width" or "relu".
        spectrum: name of the spectrum.
        layers: number of layers.
        width: hidden width; 0 where there is no hidden layer.
        trial: number of the data set.
    """

    panel: str
    spectrum: str
    layers: int
    width: int
    trial: int


def make(context: Context) -> Made:
    """Make Figure 1.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import model_size_drawing

    settings = SIZES[context.size]
    context.begin("networks, from initialisation through training", 0.0, 0.85)
    # The slowest first: the workers then end together.
    cases = sorted(_cases(settings), key=lambda case: -build(settings, case).size)
    measured = context.mapper(partial(measure, context.seed, settings), cases)
    context.begin("worst cases over all parameters", 0.85, 0.97)
    data_sets = [(spectrum, trial) for spectrum in SPECTRA for trial in range(settings.trials)]
    worst = context.mapper(partial(measure_worst, context.seed, settings), data_sets)
    table = pd.DataFrame([row for rows in [*measured, *worst] for row in rows])
    order = {name: rank for rank, name in enumerate((*PANELS, *SPECTRA, *STAGES, WORST))}
    keys = ["panel", "spectrum", "layers", "width", "trial", "stage"]
    table = table.sort_values(keys, key=lambda column: column.map(lambda value: order.get(value, value)), kind="stable")
    return model_size_drawing.draw(settings, table.reset_index(drop=True))


def _cases(settings: Settings) -> list[Case]:
    """List the networks and data sets of all panels."""
    nets = [("depth", layers, settings.depth_width if layers > 1 else 0) for layers in settings.depths]
    nets += [("width", settings.width_layers, width) for width in settings.widths]
    nets += [("relu", 2, width) for width in settings.relu_widths]
    return [
        Case(panel, spectrum, layers, width, trial)
        for panel, layers, width in nets
        for spectrum in SPECTRA
        for trial in range(settings.trials)
    ]


def build(settings: Settings, case: Case) -> simulate.Model:
    """Build a network.

    Args:
        settings: the figure's settings.
        case: which.

    Returns:
        The network.
    """
    if case.panel == "relu":
        return simulate.TwoLayer(settings.d, case.width, train_outer=True)
    return simulate.DeepLinear(settings.d, (case.width,) * (case.layers - 1))


def data(seed: int, settings: Settings, spectrum: str, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a data set: Gaussian inputs, and targets ⟨w*, x⟩ of mean square 1 in the population.

    Both spectra share the underlying standard Gaussian numbers.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        spectrum: name of the spectrum.
        trial: number of the data set.

    Returns:
        Inputs, shape (n, d), and targets, shape (n,).
    """
    d, n = settings.d, settings.n
    eigenvalues = simulate.isotropic(d) if spectrum == "isotropic" else simulate.power_law(d, settings.exponent)
    X = simulate.gaussian_inputs(n, eigenvalues, streams.generator(seed, "figure 1: inputs", (n, d), trial))
    teacher = streams.generator(seed, "figure 1: teacher", (d,), trial).standard_normal(d)
    return X, X @ (teacher / np.sqrt(np.sum(teacher**2 * eigenvalues)))


def measure(seed: int, settings: Settings, case: Case) -> list[dict[str, object]]:
    """Measure μ of one network on one data set, at initialisation and through training.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        case: which network and data set.

    Returns:
        A row for each stage.
    """
    X, y = data(seed, settings, case.spectrum, case.trial)
    model = build(settings, case)
    # The name has no spectrum in it: both spectra start from the same θ.
    stream = streams.generator(seed, "figure 1: initialisation", (case.panel, case.layers, case.width), case.trial)
    rows = []
    for stage, moment in zip(STAGES, descend(model, model.init(stream), X, y, LEVELS, settings.steps), strict=True):
        gram = model.gram(moment.theta, X)
        labels = simulate.gram_label_free_range(gram)
        rows.append({
            **case._asdict(),
            "parameters": model.size,
            "stage": stage,
            "steps": moment.steps,
            "loss": moment.loss,
            "mu": simulate.loss_alignment(gram, moment.residual),
            "mu_centred": simulate.loss_alignment(gram, moment.residual, centred=True),
            "label_free_inf": labels.inf,
            "label_free_sup": labels.sup,
        })
    return rows


def measure_worst(seed: int, settings: Settings, data_set: tuple[str, int]) -> list[dict[str, object]]:
    """Find the extremes of μ over all θ on one data set: of the linear model, of deeper ones, and of ReLU networks.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        data_set: name of the spectrum and number of the data set.

    Returns:
        A row for each kind of network.
    """
    spectrum, trial = data_set
    X, _ = data(seed, settings, spectrum, trial)
    linear = simulate.loss_alignment_range(X)
    stream = streams.generator(seed, "figure 1: worst case", (settings.n, settings.d), trial)
    deep = simulate.uniform_alignment_range(X, seed=stream)
    rows = [
        ("depth", 1, "exact", linear.inf, linear.sup, linear.inf, linear.sup),
        ("depth", 2, "searched", deep.inf_found, deep.sup_found, deep.inf_certified, deep.sup_certified),
        (
            "width",
            settings.width_layers,
            "searched",
            deep.inf_found,
            deep.sup_found,
            deep.inf_certified,
            deep.sup_certified,
        ),
    ]
    if isolating_weights(X) is not None:
        rows.append(("relu", 2, "exact", 0.0, float(settings.n), 0.0, float(settings.n)))
    return [
        {
            "panel": panel,
            "spectrum": spectrum,
            "layers": layers,
            "width": -1,
            "trial": trial,
            "parameters": -1,
            "stage": WORST,
            "basis": basis,
            "worst_inf": inf,
            "worst_sup": sup,
            "worst_inf_certified": np.nan if inf_certified is None else inf_certified,
            "worst_sup_certified": sup_certified,
        }
        for panel, layers, basis, inf, sup, inf_certified, sup_certified in rows
    ]
