"""What Section 5 is about, computed exactly and once a run: constants, worst starts, growth, thresholds, runs.

D_k(t), the growth of the loss and the threshold are computed for every start at once (`simulate.worst_flat_to_sharp`,
`simulate.worst_growth`, `simulate.stability_threshold`), so that what the statements say "for every start" is a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import simulate
from simulate import streams
from verify.claims._context import Context
from verify.escape_designs import EscapeDesign
from verify.escape_witness import PlainModel

GROWTH_STEPS = 6
GROWTH_BETAS = (0.03, 0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 6.0, 20.0)
RUN_STEPS = 12
LARGEST_RUN_RANK = 24
"""Rank up to which single runs are followed."""


class Plan(NamedTuple):
    """A design and how far its worst starts are followed.

    Attributes:
        design: the design.
        steps: number of steps; 0 where only constants and threshold are wanted.
        ks: the k that are followed; None for all of them.
        most_rates: how many learning rates of `chosen_rates` are used.
    """

    design: EscapeDesign
    steps: int = 25
    ks: tuple[int, ...] | None = None
    most_rates: int = 9


class Constants(NamedTuple):
    """What a data set fixes.

    Attributes:
        design: the design.
        A1: smallest g_centred over all θ and eigenvectors; 1 online (Lemma C.2, centred).
        A2: the largest; 2 online.
        eigenvalues: eigenvalues of G, descending.
        threshold: β* = η*‖G‖_F.
        threshold_sum: h(η*).
        low: smallest g_centred along each eigenvector, by dense matrices and over random θ; empty online.
        high: the largest.
    """

    design: EscapeDesign
    A1: float
    A2: float
    eigenvalues: np.ndarray
    threshold: float
    threshold_sum: float
    low: np.ndarray
    high: np.ndarray

    @property
    def norm(self) -> float:
        """‖G‖_F."""
        return float(np.linalg.norm(self.eigenvalues))

    @property
    def sufficient(self) -> float:
        """c₁ = √(1 + 2/A₁), infinite where A₁ = 0."""
        return math.sqrt(1 + 2 / self.A1) if self.A1 > 0 else math.inf

    def sharp_squares(self, ks: np.ndarray) -> np.ndarray:
        """S_X for several k.

        Args:
            ks: numbers of sharp directions.

        Returns:
            Σ_{i≤k} λᵢ², of the same shape.
        """
        return np.cumsum(self.eigenvalues**2)[ks - 1]

    def flat_squares(self, ks: np.ndarray) -> np.ndarray:
        """S_Y for several k.

        Args:
            ks: numbers of sharp directions.

        Returns:
            Σ_{i>k} λᵢ², of the same shape.
        """
        return np.cumsum(self.eigenvalues[::-1] ** 2)[::-1][ks]


class WorstStarts(NamedTuple):
    """Extremes of D_k(t) over every start, at one learning rate.

    Attributes:
        constants: the data set.
        beta: η‖G‖_F.
        ks: the k, shape (K,).
        low: smallest D_k(t), shape (steps + 1, K).
        high: the largest.
    """

    constants: Constants
    beta: float
    ks: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Growth(NamedTuple):
    """Extremes over every start of E L(t + 1)/E L(t).

    Attributes:
        constants: the data set.
        betas: learning rates, shape (B,).
        low: the smallest growth from t to t + 1, shape (B, steps).
        high: the largest.
    """

    constants: Constants
    betas: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Run(NamedTuple):
    """One run of SGD from one start.

    Attributes:
        constants: the data set.
        beta: η‖G‖_F.
        start: how the start was chosen.
        w: the start, shape (d,).
        A1: smallest alignment along the run.
        A2: largest alignment along the run.
        D: D_k(t), shape (steps + 1, r − 1).
        P: P_k(t), of the same shape.
    """

    constants: Constants
    beta: float
    start: str
    w: np.ndarray
    A1: float
    A2: float
    D: np.ndarray
    P: np.ndarray


QUICK = (
    Plan(EscapeDesign("isotropic", 50, 1)),
    Plan(EscapeDesign("isotropic", 200, 2)),
    Plan(EscapeDesign("isotropic", 40, 12)),
    Plan(EscapeDesign("isotropic", 500, 10)),
    Plan(EscapeDesign("isotropic", 1000, 20)),
    Plan(EscapeDesign("isotropic", 6000, 60), steps=6, ks=(1, 2, 30, 59), most_rates=5),
    Plan(EscapeDesign("power law", 30, 12)),
    Plan(EscapeDesign("power law", 600, 16)),
    Plan(EscapeDesign("steep", 500, 8)),
    Plan(EscapeDesign("spiked", 60, 10)),
    Plan(EscapeDesign("spiked", 500, 10)),
    Plan(EscapeDesign("signs", 200, 8)),
    Plan(EscapeDesign("long row", 400, 6)),
    Plan(EscapeDesign("isotropic", 12, 20)),
    Plan(EscapeDesign("digits", 1797, 61), steps=5, most_rates=4),
    Plan(EscapeDesign("isotropic", 0, 1)),
    Plan(EscapeDesign("isotropic", 0, 2), steps=30),
    Plan(EscapeDesign("isotropic", 0, 30), steps=30),
    Plan(EscapeDesign("isotropic", 0, 300), steps=30),
    Plan(EscapeDesign("power law", 0, 200), steps=30),
    Plan(EscapeDesign("steep", 0, 60), steps=30),
    Plan(EscapeDesign("spiked", 0, 100), steps=30),
)
MORE = (
    *(Plan(EscapeDesign("isotropic", 10 * d, d)) for d in (3, 5, 8, 14, 24)),
    *(Plan(EscapeDesign("isotropic", 100 * d, d)) for d in (3, 5, 8, 14, 24)),
    *(Plan(EscapeDesign("power law", n, d)) for n, d in ((26, 24), (100, 24), (2000, 24), (20_000, 12))),
    *(Plan(EscapeDesign("steep", n, d)) for n, d in ((15, 12), (200, 12), (5000, 16))),
    *(Plan(EscapeDesign("spiked", n, d)) for n, d in ((30, 20), (400, 20), (5000, 20), (300, 3))),
    *(Plan(EscapeDesign("signs", n, d)) for n, d in ((20, 8), (1000, 16))),
    *(Plan(EscapeDesign("long row", n, d)) for n, d in ((30, 4), (5000, 12))),
    Plan(EscapeDesign("isotropic", 2000, 40), steps=12),
    Plan(EscapeDesign("isotropic", 20_000, 100), steps=8, ks=(1, 2, 10, 50, 99)),
    Plan(EscapeDesign("power law", 4000, 80), steps=8),
    Plan(EscapeDesign("digits", 400, 60), steps=20),
    Plan(EscapeDesign("digits", 1797, 61), steps=20),
    *(Plan(EscapeDesign("isotropic", 0, d), steps=60) for d in (3, 10, 100, 1000)),
    *(Plan(EscapeDesign("power law", 0, d), steps=60) for d in (10, 50, 800)),
    *(Plan(EscapeDesign("spiked", 0, d), steps=60) for d in (2, 10, 1000)),
)
PLANS = {"quick": QUICK, "full": (*(p for p in QUICK if p.design.family != "digits"), *MORE)}


class EscapeData:
    """The exact quantities of Section 5 on all designs of a profile, each computed when it is first asked for.

    Args:
        context: the run.
        plans: the designs; None for those of the context's profile.
    """

    def __init__(self, context: Context, plans: Sequence[Plan] | None = None) -> None:
        self._context = context
        self.seed = context.seed
        self.plans = list(PLANS[context.profile] if plans is None else plans)
        self._known: dict[str, list[Any]] = {}

    def constants(self) -> list[Constants]:
        """Compute constants and threshold of every design.

        Returns:
            One entry for each plan.
        """
        return self._once("constants", find_constants, [plan.design for plan in self.plans])

    def worst_starts(self) -> list[WorstStarts]:
        """Compute the extremes of D_k(t) over every start.

        Returns:
            One entry for each design of rank above 1 and each learning rate, designs of few samples first.
        """
        items = [
            (plan, constants, beta)
            for plan, constants in zip(self.plans, self.constants(), strict=True)
            if plan.steps and len(constants.eigenvalues) > 1
            for beta in chosen_rates(constants, self.seed)[: plan.most_rates]
        ]
        return self._once("worst starts", find_worst_starts, items)

    def growth(self) -> list[Growth]:
        """Compute the extremes of the growth over every start.

        Returns:
            One entry for each design.
        """
        return self._once("growth", find_growth, self.constants())

    def runs(self) -> list[Run]:
        """Follow single runs: from a random start, from the one with the least D_1 after two steps, and others.

        Returns:
            Some entries for each data set of at most 24 dimensions.
        """
        items = [
            (constants, beta)
            for constants in self.constants()
            if not constants.design.online and 1 < len(constants.eigenvalues) <= LARGEST_RUN_RANK
            for beta in chosen_rates(constants, self.seed)[:5]
        ]
        return [run for runs in self._once("runs", find_runs, items) for run in runs]

    def _once(self, name: str, work: Callable[[int, Any], Any], items: Sequence[Any]) -> list[Any]:
        if name not in self._known:
            self._known[name] = self._context.mapper(partial(work, self.seed), items)
        return self._known[name]


def chosen_rates(constants: Constants, seed: int) -> list[float]:
    """Choose learning rates at which both cases of Theorem 5.2 occur, in units of 1/‖G‖_F.

    Args:
        constants: the data set.
        seed: the run's seed, for two random rates.

    Returns:
        β just above c₁, β between 1 and c₁, β small, β with η²S_X just above 1 at k = 1 and at half of the directions,
        larger multiples of c₁, and two at random; without those of c₁ where A₁ = 0.
    """
    norm, values = constants.norm, constants.eigenvalues
    half = float(np.linalg.norm(values[: max(1, len(values) // 2)]))
    near = constants.sufficient
    stream = streams.generator(seed, "learning rates", tuple(constants.design))
    random = np.exp(stream.uniform(math.log(0.2), math.log(20), size=2))
    rates = [1.001 * near, 1.3, 0.5, 1.005 * norm / values[0], 1.5 * near, 1.005 * norm / half, 5 * near, *random]
    # With two directions half of them is the first.
    return list(dict.fromkeys(float(rate) for rate in rates if math.isfinite(rate)))


def find_constants(seed: int, design: EscapeDesign) -> Constants:
    """Compute constants and threshold of one design.

    Args:
        seed: the run's seed.
        design: the design.

    Returns:
        The constants.
    """
    if design.online:
        spectrum = design.spectrum()
        values = np.sort(spectrum)[::-1]
        A1, A2 = (1.0 if design.d > 1 else 2.0), 2.0
        eta, low, high = simulate.online_stability_threshold(spectrum), np.empty(0), np.empty(0)
    else:
        X = design.draw(seed)
        found = simulate.alignment_constants(X)
        values, A1, A2 = found.eigenvalues, found.A1, found.A2
        eta = simulate.stability_threshold(X)
        low, high = _alignments(X, seed, design)
    steps = eta * values
    with np.errstate(divide="ignore"):
        total = float(np.sum(steps / (2 - steps)))
    return Constants(design, A1, A2, values, eta * float(np.linalg.norm(values)), total, low, high)


def _alignments(X: np.ndarray, seed: int, design: EscapeDesign) -> tuple[np.ndarray, np.ndarray]:
    """Extremes of g_centred along each eigenvector, by dense matrices and over random θ: another route to A₁ and A₂."""
    model = PlainModel(X)
    ends = [model.alignment_ends(i) for i in range(len(model.eigenvalues))]
    low, high = np.array([one.low for one in ends]), np.array([one.high for one in ends])
    Z = X @ model.U
    stream = streams.generator(seed, "parameters", tuple(design))
    # Of every size along flat and sharp directions alike.
    w = stream.standard_normal((100, Z.shape[1])) * model.eigenvalues ** stream.uniform(-1.5, 0.5, (100, 1))
    residuals = w @ Z.T
    energy = np.mean(residuals**2, axis=1)[:, None] * model.eigenvalues
    sampled = (residuals**2 @ Z**2 / len(Z) - (residuals @ Z / len(Z)) ** 2) / energy
    return np.minimum(low, sampled.min(axis=0)), np.maximum(high, sampled.max(axis=0))


def find_worst_starts(seed: int, item: tuple[Plan, Constants, float]) -> WorstStarts:
    """Compute the extremes of D_k(t) over every start at one learning rate.

    Args:
        seed: the run's seed.
        item: the plan, the constants of its design, and β.

    Returns:
        The extremes.
    """
    plan, constants, beta = item
    found = flat_to_sharp_range(constants, seed, beta, plan.steps, plan.ks)
    return WorstStarts(constants, beta, found.ks, found.inf, found.sup)


def flat_to_sharp_range(
    constants: Constants, seed: int, beta: float, steps: int, ks: Sequence[int] | None
) -> simulate.FlatToSharpRange:
    """Compute the extremes of D_k(t) over every start, with the starts.

    Args:
        constants: the data set.
        seed: the run's seed.
        beta: η‖G‖_F.
        steps: number of steps.
        ks: the k that are wanted; None for all of them.

    Returns:
        The extremes.
    """
    design, rate = constants.design, beta / constants.norm
    if design.online:
        return simulate.online_worst_flat_to_sharp(design.spectrum(), rate, steps, ks)
    return simulate.worst_flat_to_sharp(design.draw(seed), rate, steps, ks)


def growth_range(constants: Constants, seed: int, beta: float, steps: int) -> simulate.GrowthRange:
    """Compute the extremes of the growth over every start, with the starts.

    Args:
        constants: the data set.
        seed: the run's seed.
        beta: η‖G‖_F.
        steps: number of steps.

    Returns:
        The extremes.
    """
    design, rate = constants.design, beta / constants.norm
    if design.online:
        return simulate.online_worst_growth(design.spectrum(), rate, steps)
    return simulate.worst_growth(design.draw(seed), rate, steps)


def find_growth(seed: int, constants: Constants) -> Growth:
    """Compute the extremes of the growth over every start.

    Args:
        seed: the run's seed.
        constants: the data set.

    Returns:
        The extremes at several learning rates.
    """
    betas = np.array([*GROWTH_BETAS, constants.norm / constants.eigenvalues[0]])
    found = [growth_range(constants, seed, beta, GROWTH_STEPS) for beta in betas]
    low, high = (np.array([getattr(one, end) for one in found]) for end in ("step_inf", "step_sup"))
    return Growth(constants, betas, low, high)


def find_runs(seed: int, item: tuple[Constants, float]) -> list[Run]:
    """Follow runs of SGD on the exact second moments.

    Args:
        seed: the run's seed.
        item: the constants of a data set, and β.

    Returns:
        A run from each start.
    """
    constants, beta = item
    X, rate = constants.design.draw(seed), beta / constants.norm
    stream = streams.generator(seed, "start", tuple(constants.design))
    worst = flat_to_sharp_range(constants, seed, beta, 2, [1])
    starts = {
        "random": stream.standard_normal(X.shape[1]),
        "least D_1(2)": worst.inf_witnesses[2, 0],
        "largest D_1(2)": worst.sup_witnesses[2, 0],
    }
    runs = []
    for name, w in starts.items():
        moments = simulate.second_moments(X, w, rate, RUN_STEPS)
        along = simulate.alignment_constants_along(X, moments[:-1])
        ratios = simulate.energy_ratios(X, moments)
        D, P = ratios.flat_to_sharp, ratios.parameter_ratios
        runs.append(Run(constants, beta, name, w, along.A1, along.A2, D, P))
    return runs
