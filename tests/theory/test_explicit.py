"""Explicit intervals for the loss alignment: tails against exact ones, formulas against oracles, and the n they ask."""

from __future__ import annotations

import dataclasses
import math
import re

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import theory
from theory import _explicit, _tails
from theory._explicit import mean_moments, weights_of
from theory._facts import Fact, equal
from theory._proof import Proof, Step, StepStatus
from theory._symbols import symbol

SPECTRA = {
    "isotropic": np.ones(120),
    "power law": np.arange(1, 301) ** -0.25,
    "spiked": np.concatenate([[3.0] * 2, np.ones(150)]),
    "one": np.array([2.0]),
}


def bounds(n, spectrum, delta=0.05, method="chi-square", **changes):
    return theory.explicit_bounds("3.3", n=n, spectrum=spectrum, delta=delta, method=method, **changes)


def by_section_5(n: int, spectrum: np.ndarray, delta: float) -> tuple[float, float]:
    """The formulas of section 5 of docs/theory.md, written out."""
    t = math.log(6 * n / delta)

    def bracket(values: np.ndarray, trace: float) -> tuple[float, float]:
        spread = 2 * math.sqrt(t) * np.linalg.norm(values) / trace
        return max(0.0, 1 - spread), 1 + spread + 2 * t * values.max() / trace

    s1, s2 = spectrum.sum(), (spectrum**2).sum()
    length, energy, chi = bracket(spectrum, s1), bracket(spectrum**2, s2), bracket(np.ones(n - 1), n - 1)
    low, high = (s1**2 * a**2 / n + (n - 1) / n * s2 * b * c for a, b, c in zip(length, energy, chi, strict=True))
    return (low / high, high / low) if low else (0.0, math.inf)


def test_the_figures_of_the_theory_document():
    assert bounds(10**6, np.ones(10**6), method="laurent-massart")[:2] == pytest.approx((0.966, 1.035), abs=5e-4)
    assert bounds(1000, np.ones(1000), method="laurent-massart")[:2] == pytest.approx((0.40, 2.50), abs=5e-3)


@pytest.mark.parametrize("spectrum", SPECTRA.values(), ids=SPECTRA.keys())
@pytest.mark.parametrize("n", [2, 50, 5000])
def test_laurent_massart_is_the_formula(n, spectrum):
    assert bounds(n, spectrum, 0.1, "laurent-massart")[:2] == pytest.approx(by_section_5(n, spectrum, 0.1), rel=1e-12)


@pytest.mark.parametrize(("n", "d"), [(2, 50), (80, 120), (4000, 30)])
def test_the_sharp_interval_of_equal_eigenvalues_is_its_formula(n, d):
    """4n events by exact quantiles, and Cantelli's inequality for the mean, with the best of the shares of δ."""
    delta, found = 0.1, []
    expected = d**2 + (n + 1) * d
    square = 48 * d + 40 * d**2 + 8 * d**3
    variance = (square + 4 * (n - 1) * (8 * d + 4 * d**2) + 2 * (n - 1) * (2 * d**2 + 6 * d)) / n
    variance += 8 * (n - 1) * (n - 2) * d / n
    for share in (0.0, 0.05, 0.2, 0.4):
        p = (1 - share) * delta / (4 * n)
        low, high = (
            r**2 + r * q
            for r, q in (
                (2 * special.gammaincinv(d / 2, p), 2 * special.gammaincinv((n - 1) / 2, p)),
                (2 * special.gammainccinv(d / 2, p), 2 * special.gammainccinv((n - 1) / 2, p)),
            )
        )
        reach = math.sqrt(variance * (2 / (share * delta) - 1)) if share else math.inf
        found.append((low / min(high, expected + reach), high / max(low, expected - reach)))
    best = min(found, key=lambda ends: ends[1] / ends[0])
    assert bounds(n, np.ones(d), delta)[:2] == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("n", [2, 60, 3000])
def test_unequal_eigenvalues_have_six_events_a_sample(n):
    """With the extremes as bounds of the mean, and Chernoff's bound on a grid of tilts, the interval is wider."""
    spectrum, delta = np.array([1.0] * 40 + [0.6] * 60), 0.1
    t = math.log(6 * n / delta)
    tilts = np.geomspace(1e-4, 0.4999, 4000)

    def ends(values: np.ndarray) -> tuple[float, float]:
        above = -0.5 * np.log1p(-2 * tilts[:, None] * values).sum(axis=1)
        # Below, every positive tilt is allowed.
        wide = tilts * 100
        below = 0.5 * np.log1p(2 * wide[:, None] * values).sum(axis=1)
        return max(0.0, ((below - t) / wide).max()), ((t + above) / tilts).min()

    chi = [2 * float(f((n - 1) / 2, math.exp(-t))) for f in (special.gammaincinv, special.gammainccinv)]
    low, high = (a**2 + b * c for a, b, c in zip(ends(spectrum), ends(spectrum**2), chi, strict=True))
    rows = _explicit._row_sums(float(n), weights_of(spectrum), t, sharply=True)
    assert rows == pytest.approx((low, high), rel=1e-3)
    found = bounds(n, spectrum, delta)
    assert low / high <= found.lower * (1 + 1e-3)
    assert found.upper <= high / low * (1 + 1e-3)
    assert found.lower < 1 - (1 - low / high) / 4


def tail_of_pairs(values: np.ndarray, x: float) -> float:
    """P(Σ λⱼ(ξ²+ξ'²) > x), exact: a sum of exponential variables of distinct means 2λⱼ."""
    shares = [np.prod([v / (v - w) for w in values if w != v]) for v in values]
    return float(sum(c * math.exp(-x / (2 * v)) for c, v in zip(shares, values, strict=True)))


@pytest.mark.parametrize("values", [(1.0, 0.5), (1.0, 0.7, 0.2), (1.0, 0.4, 0.3, 0.1)])
@pytest.mark.parametrize("t", [1.0, 4.0, 10.0])
def test_chernoff_brackets_a_weighted_sum(values, t):
    bracket = _tails.sharp(weights_of(np.repeat(values, 2)), t)
    above, below = tail_of_pairs(np.array(values), bracket.high), 1 - tail_of_pairs(np.array(values), bracket.low)
    assert above <= math.exp(-t) and below <= math.exp(-t) * (1 + 1e-6)
    # A bound that is never met would pass as well: these lose no more than a small factor.
    assert above >= math.exp(-t) / 50 and below >= math.exp(-t) / 50


@pytest.mark.parametrize("degrees", [1, 2, 30, 10**4, 10**5])
@pytest.mark.parametrize("t", [0.7, 5.0, 40.0, 600.0])
def test_equal_weights_have_exact_quantiles(degrees, t):
    weights = _tails.Weights(np.ones(1), np.array([float(degrees)]))
    bracket = _tails.sharp(weights, t)
    with np.errstate(divide="ignore"):
        tails = np.log([special.chdtrc(degrees, bracket.high), special.gammainc(degrees / 2, bracket.low / 2)])
    assert (tails <= -t * (1 - 1e-6)).all()
    if t < 100:
        assert tails == pytest.approx([-t, -t], rel=1e-5)


@pytest.mark.parametrize(
    ("degrees", "t"), [(400, 5.0), (400, 720.0), (10**5, 20.0), (10**5, 400.0), (10**9, 20.0), (10**15, 20.0)]
)
def test_tails_of_many_degrees_by_quadrature(degrees, t):
    """The incomplete gamma function of SciPy loses its digits at 10⁸ degrees and for probabilities near 10⁻³⁰⁸."""
    bracket = _tails.sharp(_tails.Weights(np.ones(1), np.array([float(degrees)])), t)
    with mpmath.workdps(50):
        shape, step = mpmath.mpf(degrees) / 2, mpmath.sqrt(degrees) / math.sqrt(8 * t)

        def density(x: mpmath.mpf) -> mpmath.mpf:
            return mpmath.exp((shape - 1) * mpmath.log(x) - x - mpmath.loggamma(shape))

        below, above = mpmath.mpf(bracket.low) / 2, mpmath.mpf(bracket.high) / 2
        tails = [
            mpmath.quad(density, [max(below - k * step, 0) for k in (60, 10, 3, 0)]),
            mpmath.quad(density, [above + k * step for k in (0, 3, 10, 60)]),
        ]
        logarithms = [float(mpmath.log(tail)) for tail in tails]
    assert all(logarithm <= -t + 1e-6 for logarithm in logarithms)
    assert all(logarithm > -1.01 * t - 5 for logarithm in logarithms)


def test_a_quantile_beyond_float64_falls_back_on_chernoff():
    weights = _tails.Weights(np.ones(1), np.array([50.0]))
    far, near = _tails.sharp(weights, 800.0), _tails.sharp(weights, 700.0)
    assert 0 < far.low < near.low < 50 < near.high < far.high < 3000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12), st.floats(0.5, 60), st.floats(1e-3, 1e3))
def test_sharp_lies_within_laurent_massart_and_scales(values, t, scale):
    weights = weights_of(values)
    sharp, wide = _tails.sharp(weights, t), _tails.laurent_massart(weights, t)
    assert wide.low <= sharp.low * (1 + 1e-9)
    assert sharp.low < weights.trace(1) or t < math.log(2)
    assert sharp.high <= wide.high * (1 + 1e-9)
    scaled = _tails.Weights(weights.values * scale, weights.counts)
    assert _tails.sharp(scaled, t) == pytest.approx(tuple(scale * end for end in sharp), rel=1e-6)


@pytest.mark.parametrize("n", range(1, 7))
def test_moments_of_the_mean_in_one_dimension(n):
    """There Tr W² is the square of a χ² variable with n degrees of freedom."""
    second, fourth = (math.prod(n + 2 * k for k in range(order)) for order in (2, 4))
    expected, variance = mean_moments(n, weights_of([1.0]))
    assert expected == pytest.approx(second / n)
    assert variance == pytest.approx((fourth - second**2) / n**2)


def test_moments_of_the_mean_by_sampling():
    spectrum, n, draws = np.array([3.0, 2.0, 1.0, 0.5]), 6, 60_000
    X = np.random.default_rng(0).standard_normal((draws, n, 4)) * np.sqrt(spectrum / 3)
    means = ((np.swapaxes(X, 1, 2) @ X) ** 2).sum(axis=(1, 2)) / n
    expected, variance = mean_moments(n, weights_of(spectrum))
    assert means.mean() == pytest.approx(expected, abs=6 * math.sqrt(variance / draws))
    fluctuation = (means - expected) ** 2
    assert fluctuation.mean() == pytest.approx(variance, abs=6 * fluctuation.std() / math.sqrt(draws))


def row_sum_ratios(n: int, spectrum: np.ndarray, draws: int) -> np.ndarray:
    """Smallest and largest a/ā, exact extremes of μ over all θ and labels, by the n×n Gram matrix."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(draws):
        X = rng.standard_normal((n, spectrum.size)) * np.sqrt(spectrum)
        sums = ((X @ X.T) ** 2).sum(axis=1)
        found.append([sums.min(), sums.max()] / sums.mean())
    return np.array(found)


def test_single_samples_are_no_union():
    found, delta = row_sum_ratios(80, SPECTRA["isotropic"], 60), 0.5
    single = bounds(80, SPECTRA["isotropic"], delta, union=False)
    assert special.bdtrc(54, 60, delta) < 1e-6
    assert int(((found[:, 0] < single.lower) | (found[:, 1] > single.upper)).sum()) >= 55


@pytest.mark.parametrize("family", ["isotropic", "power law", "spiked"])
def test_data_stay_within_the_interval_and_leave_half_of_it(family):
    n, spectrum, delta, draws = 80, SPECTRA[family], 0.05, 60
    found = row_sum_ratios(n, spectrum, draws)
    for method in ("chi-square", "laurent-massart"):
        interval = bounds(n, spectrum, delta, method)
        failed = int(((found[:, 0] < interval.lower) | (found[:, 1] > interval.upper)).sum())
        # Fifteen failures or more of sixty have probability below 1e-6 at a share of 0.05.
        assert special.bdtrc(14, draws, delta) < 1e-6
        assert failed < 15
    # Half as wide they are no bounds.
    low, high = ((1 + end) / 2 for end in bounds(n, spectrum, delta)[:2])
    assert int(((found[:, 0] < low) | (found[:, 1] > high)).sum()) >= 15


@pytest.mark.parametrize("spectrum", SPECTRA.values(), ids=SPECTRA.keys())
def test_what_must_hold_of_every_interval(spectrum):
    for n in (2, 30, 3000):
        sharp, wide = bounds(n, spectrum), bounds(n, spectrum, method="laurent-massart")
        assert wide.lower <= sharp.lower < 1 < sharp.upper <= wide.upper
        assert sharp.probability == 0.95
        surer = bounds(n, spectrum, 1e-300)
        assert 0 <= surer.lower < sharp.lower
        assert sharp.upper < surer.upper
        shuffled = np.random.default_rng(2).permutation(spectrum) * 1e30
        assert bounds(n, shuffled)[:2] == pytest.approx(sharp[:2], rel=1e-9)
        assert sharp.vacuous == (sharp.lower <= 0 and sharp.upper >= n)


def test_theorem_3_5_has_the_fourth_power_of_the_slopes():
    linear = bounds(500, SPECTRA["power law"])
    network = theory.explicit_bounds(
        theory.statement("3.5"), n=500, spectrum=SPECTRA["power law"], delta=0.05, alpha=0.5, beta=1.0
    )
    assert network[:2] == pytest.approx((linear.lower / 16, linear.upper * 16))
    relu = theory.explicit_bounds("3.5", n=500, spectrum=[1.0] * 500, delta=0.05, alpha=0, beta=1)
    assert (relu.lower, relu.upper, relu.vacuous) == (0.0, math.inf, True)


def within(n: int, d: int, eps: float, delta: float) -> bool:
    found = bounds(n, np.ones(d), delta)
    return 1 - eps <= found.lower and found.upper <= 1 + eps


@pytest.mark.parametrize(("d", "eps"), [(600, 0.5), (1000, 0.5), (1000, 0.6), (3000, 0.5), (150, 0.9)])
def test_the_required_n_is_the_smallest(d, eps):
    found = theory.statement("3.3").required_n(eps=eps, delta=0.05, spectrum=np.ones(d))
    assert within(found, d, eps, 0.05)
    smaller = {*range(2, min(found, 60)), *range(60, found, 97), found - 1} - {1}
    assert not any(within(n, d, eps, 0.05) for n in smaller)
    same = theory.statement("3.5").required_n(eps=eps, delta=0.05, spectrum=np.ones(d), alpha=0.1, beta=1)
    assert same == found


def test_a_spectrum_of_too_few_dimensions_is_named():
    with pytest.raises(theory.StatementError) as refusal:
        theory.statement("3.3").required_n(eps=0.5, delta=0.05, spectrum=[2.0] * 40)
    text = str(refusal.value)
    assert "effective dimension of 40" in text and "\n" not in text
    least, at = (float(re.search(pattern, text)[1]) for pattern in (r"at least ([\d.]+)", r"n = (\d+)"))
    narrowest = bounds(int(at), [1.0] * 40)
    assert max(narrowest.upper - 1, 1 - narrowest.lower) == pytest.approx(least, rel=1e-2)
    # Where that ε is asked for, some n does.
    assert theory.statement("3.3").required_n(eps=min(0.999, least * 1.01), delta=0.05, spectrum=[1.0] * 200) > 1


def test_explicit_constants_come_from_the_proof():
    theorem = theory.statement("3.3")
    (constant,) = {formula.rhs for formula in theorem.proof.facts()["constant"]}
    assert theorem.explicit_constants == (constant, constant)
    values = {"eps": 0.3, "delta": 0.1}
    assert theorem.required_n(constant="explicit", **values) == theorem.required_n(constant=float(constant), **values)
    explicit = theorem.required_dimension(constant="explicit", n=10**6, **values)
    assert explicit == pytest.approx(float(constant) * theorem.required_dimension(n=10**6, **values))
    assert theory.statement("C.4").explicit_constants == (1, 1)
    assert theorem.replace(upper="1 + 2*eps").explicit_constants is None


def test_explicit_constants_may_depend_on_eps():
    original = theory.statement("4.3")
    first, second = sympy.symbols("C1 C2", positive=True)
    gives = Fact("constant", (equal(first, 7 / symbol("eps")), equal(second, 3)))
    step = Step("constants", StepStatus.CITED, gives, None)
    changed = dataclasses.replace(original, proof=Proof((step,)), depends_on=(), controls=())
    assert changed.explicit_constants == (7 / symbol("eps"), 3)
    values = {"eps": 0.25, "delta": 0.05, "d": 30, "K": 4}
    assert changed.required_n(constant="explicit", **values) == original.required_n(constant=[28.0, 3.0], **values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 1}, "n: expected an integer from 2"),
        ({"n": True}, "n: expected an integer"),
        ({"n": 10.0}, "n: expected an integer"),
        ({"spectrum": []}, "spectrum: expected a non-empty"),
        ({"spectrum": [[1.0]]}, "spectrum: expected a non-empty list of eigenvalues, got shape (1, 1)"),
        ({"spectrum": [1.0, 0.0]}, "got 0.0 at index 1"),
        ({"spectrum": [math.inf, 1.0]}, "got inf at index 0"),
        ({"spectrum": ["a"]}, "spectrum: expected numbers"),
        ({"spectrum": [[1], [1, 2]]}, "spectrum: expected numbers"),
        ({"delta": 1.0}, "delta: expected a number strictly between 0 and 1"),
        ({"delta": "x"}, "delta: expected"),
        ({"method": "exact"}, "method: expected chi-square or laurent-massart"),
        ({"statement": "4.2"}, "statement: expected 3.3 or 3.5"),
        ({"statement": None}, "statement: expected 3.3 or 3.5"),
        ({"alpha": 0.5}, "no symbol 'alpha'"),
        ({"statement": "3.5"}, "expected a value for alpha, beta"),
        ({"statement": "3.5", "alpha": 2.0, "beta": 1.0}, "alpha <= beta"),
    ],
)
def test_refusals(changes, message):
    arguments = {"statement": "3.3", "n": 10, "spectrum": [1.0] * 5, "delta": 0.1} | changes
    with pytest.raises(theory.StatementError) as refusal:
        theory.explicit_bounds(arguments.pop("statement"), **arguments)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_required_n_refuses_what_does_not_fit():
    theorem = theory.statement("3.3")
    for call, message in (
        (lambda: theorem.required_n(2.0, eps=0.5, delta=0.1, spectrum=[1.0]), "constant: expected none"),
        (lambda: theorem.required_n(eps=0.5, spectrum=[1.0]), "expected a value for delta"),
        (lambda: theorem.required_n("largest", eps=0.5, delta=0.1), "constant: expected"),
        (lambda: theory.statement("4.2").required_n(eps=0.5, delta=0.1, spectrum=[1.0]), "expected 3.3 or 3.5"),
        (lambda: theorem.replace(upper="1 + 2*eps").required_n("explicit", eps=0.5, delta=0.1), "no proof of 3.3*"),
    ):
        with pytest.raises(theory.StatementError, match=re.escape(message)):
            call()


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.0), (1e-100, 1.0), (1.0, 1e300), (1e-320, 1e300)])
def test_slopes_whose_ratio_leaves_the_floats_say_nothing(alpha, beta):
    found = theory.explicit_bounds("3.5", n=1000, spectrum=np.ones(1000), delta=0.05, alpha=alpha, beta=beta)
    assert (found.lower, found.upper, found.vacuous) == (0.0, math.inf, True)


def test_the_largest_sizes_are_answered():
    found = bounds(10**15, np.ones(3))
    assert 0 <= found.lower < 1 < found.upper
    assert _explicit.METHODS[0] == found.method
