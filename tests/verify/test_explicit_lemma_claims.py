"""The lemmas with explicit constants judged from end to end: true ones hold, false ones do not, witnesses reproduce."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import special
from test_claims import altered, check_form, context

import theory
from verify import claims
from verify.claims import lemma_c3, lemma_c4, lemma_c5, lemma_c6, lemma_e1, lemma_e3, lemma_e5
from verify.claims._covariances import sample_covariance
from verify.designs import Design
from verify.errors import VerifyError
from verify.verdict import Basis, State, Verdict

LEMMAS = ("E.1", "E.2", "E.3", "E.4", "E.5", "E.6", "C.3", "C.4", "C.5", "C.6")


@cache
def judged(base: str) -> tuple[Verdict, list[Verdict]]:
    verdict, controls, table = claims.judge(base, context())
    assert len(table) > 0 or base == "E.1"
    return verdict, controls


@pytest.mark.parametrize("base", LEMMAS)
def test_the_lemma_holds_and_its_controls_do_not(base):
    verdict, controls = judged(base)
    assert (verdict.state, verdict.claim, verdict.kind) == (State.HOLDS, base, "theorem")
    assert verdict.basis in {Basis.EXACT, Basis.CERTIFIED}
    assert [control.claim for control in controls] == [control.id for control in theory.statement(base).controls]
    assert len(controls) >= 1
    assert [control.state for control in controls] == [State.VIOLATED] * len(controls)
    for one in (verdict, *controls):
        check_form(one)


def test_a_finding_says_how_much_of_the_room_is_taken():
    verdict, _ = judged("E.3")
    for evidence in verdict.evidence:
        assert evidence.figures["failures"] == 0
        assert 0 < evidence.figures["room_used_above"] < 1
        assert f"{100 * evidence.figures['room_used_above']:.3g} % of the room above" in evidence.finding


# --- Witnesses, computed again by other routes --------------------------------------------------------------------


def witnesses(base: str) -> list[tuple[theory.Statement, dict]]:
    """The controls of a lemma with what refutes them."""
    _, controls = judged(base)
    statements = [control.statement for control in theory.statement(base).controls]
    return [(one, dict(verdict.witness)) for one, verdict in zip(statements, controls, strict=True)]


def check_count(statement: theory.Statement, witness: dict) -> None:
    """A counted witness: its value is beyond the bound, and more fail than are allowed."""
    bound = float(np.asarray(statement.evaluate(witness["side"], **witness["symbols"])))
    assert bound == pytest.approx(witness["bound"])
    assert witness["value"] > bound if witness["side"] == "upper" else witness["value"] < bound
    assert witness["at_least"] > witness["allowed"]
    assert special.bdtrc(witness["failures"] - 1, witness["data_sets"], witness["allowed"]) < 1e-6


def test_witnesses_on_sample_covariances():
    for statement, found in witnesses("E.3"):
        check_count(statement, found)
        sample = sample_covariance(found["d"], found["n"], found["seed"], found["trial"])
        assert found["value"] == pytest.approx(np.linalg.norm(sample - np.eye(found["d"]), 2))
    for statement, found in witnesses("C.5"):
        check_count(statement, found)
        R = lemma_c5.factor(found["family"], found["d"], found["seed"])
        sample = R @ sample_covariance(found["d"], found["n"], found["seed"], found["trial"]) @ R.T
        u = np.array(found["u"])
        assert found["value"] == pytest.approx((u @ sample @ u) / (u @ R @ R.T @ u))


def test_witnesses_on_lengths_and_row_sums():
    for statement, found in witnesses("C.3"):
        check_count(statement, found)
        law = lemma_c3.Inputs(found["family"], found["n"], found["d"])
        values, counts = law.eigenvalues()
        squares = law.squares(found["seed"], found["trial"])
        both = [(squares @ values**p) / (counts @ values**p) for p in (1, 2)]
        assert found["value"] == pytest.approx(np.max(both) if found["side"] == "upper" else np.min(both))
    for statement, found in witnesses("C.4"):
        check_count(statement, found)
        s, c, n, d = (found[name] for name in ("squared_length", "chi_square_of_others", "n", "d"))
        assert found["value"] == pytest.approx((s * s + s * c) / (d * d + (n - 1) * d))


def test_witnesses_on_fourth_moments():
    for statement, found in witnesses("C.6"):
        check_count(statement, found)
        z = np.concatenate(list(lemma_c6.vectors(found["d"], found["n"], found["seed"], found["trial"])))
        u, v = np.array(found["u"]), np.array(found["v"])
        mean = np.mean((z @ u) ** 2 * (z @ v) ** 2)
        assert found["value"] == pytest.approx(abs(mean - (1 + 2 * (u @ v) ** 2)))
    by_ray = dict(zip(("E.5:log-d", "E.5:one-logarithm"), [found for _, found in witnesses("E.5")], strict=True))
    example = by_ray["E.5:log-d"]["example"]
    z = Design("isotropic", example["n"], example["d"]).draw(example["seed"], example["trial"])
    expected = np.eye(z.shape[1])
    expected[0, 0] = 3
    dense = sum(row[0] ** 2 * np.outer(row, row) for row in z) / len(z)
    assert example["value"] == pytest.approx(np.linalg.norm(dense - expected, 2))
    assert example["value"] > example["bound"]


def test_computed_witnesses():
    for statement, found in witnesses("E.2"):
        k, symbols = found["k"], found["symbols"]
        lower, upper = statement.bounds(**symbols)
        probability = special.chdtr(k, max(k + lower, 0.0)) + special.chdtrc(k, k + upper)
        assert found["value"] == pytest.approx(probability, rel=1e-6)
        assert probability > symbols["delta"] == pytest.approx(found["bound"])
    for statement, found in witnesses("E.4"):
        upper = statement.bounds(**found["symbols"])[1]
        probability = 2 * special.ndtr(-((3 + upper) ** 0.25)) + special.erf(max(3 - upper, 0) ** 0.25 / math.sqrt(2))
        assert found["value"] == pytest.approx(probability, rel=1e-6)
        assert probability > found["symbols"]["delta"]
    for statement, found in witnesses("E.6"):
        u, v = np.array(found["u"]), np.array(found["v"])
        assert found["value"] == pytest.approx((u @ v) ** 2)
        assert found["value"] > statement.bounds(u_squared=float(u @ u), v_squared=float(v @ v))[1]


def test_witnesses_of_bernstein():
    for statement, found in witnesses("E.1"):
        n, p = found["n"], found["p"]
        bound = statement.bounds(**found["symbols"])[1]
        failing = [k for k in range(n + 1) if abs(k / n - p) > bound]
        logs = [
            special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1) + special.xlogy(k, p)
            for k in failing
        ]
        terms = [math.exp(log + special.xlog1py(n - k, -p)) for log, k in zip(logs, failing, strict=True)]
        assert found["value"] == pytest.approx(math.fsum(terms), rel=1e-6)
        assert found["value"] > found["symbols"]["delta"]


# --- Altered statements -------------------------------------------------------------------------------------------

COVERED = [
    ("E.1", {"upper": "sqrt(2*V*log(2/delta)/n) + M*log(2/delta)/n"}),
    ("E.2", {"upper": "3*sqrt(log(2/delta))*F + 2*log(2/delta)*N"}),
    ("E.3", {"upper": "2*eps"}),
    ("E.3", {"sample_size": ["80*(d + log(2/delta))/eps**2"]}),
    ("E.3", {"probability": "1 - 2*delta"}),
    ("C.5", {"lower": None}),
    ("C.5", {"sample_size": ["75*(d + log(1/delta))/eps**3"]}),
    ("E.6", {"upper": "2*u_squared*v_squared"}),
    ("E.4", {"probability": "1 - 3*delta"}),
]
OPEN = [
    ("E.1", {"upper": "sqrt(2*V*log(2/delta)/n) + 0.32*M*log(2/delta)/n"}),
    # True or not, nothing covers them where nothing was tried.
    ("E.3", {"sample_size": ["60*(d + log(1/delta))/eps**2"]}),
    ("E.3", {"upper": "eps/2"}),
    ("C.5", {"lower": "1 - eps/2"}),
    ("C.3", {"upper": "1 + 2*sqrt(log(4*n/delta)/d_eff) + 1.9*log(4*n/delta)/d_eff"}),
    ("E.2", {"probability": "1 - delta/2"}),
    ("E.5", {"upper": "eps/2"}),
]
FALSE = [
    ("E.1", {"upper": "sqrt(V*log(2/delta)/n) + M*log(2/delta)/n"}),
    ("E.1", {"lower": "M"}),
    ("E.2", {"upper": "2*sqrt(log(2/delta))*F + log(2/delta)*N"}),
    ("E.2", {"lower": "0"}),
    ("E.3", {"sample_size": ["d"]}),
    ("E.3", {"sample_size": []}),
    ("E.3", {"upper": "eps/10"}),
    ("E.3", {"lower": "1"}),
    ("E.4", {"upper": "26*sqrt(log(3/delta)/n) + log(3/delta)**2"}),
    ("E.4", {"probability": "1"}),
    ("E.5", {"sample_size": ["log(2/delta)**2", "sqrt(d)"]}),
    ("E.5", {"sample_size": []}),
    ("E.6", {"upper": "u_squared*v_squared*0.999"}),
    ("C.3", {"upper": "1 + log(4*n/delta)/d_eff"}),
    ("C.5", {"upper": "1 + eps/8"}),
    ("C.6", {"sample_size": ["130*(7*log(1/eps) + log(1/delta))**2/eps"]}),
    ("C.6", {"upper": "eps/40"}),
]


@pytest.mark.parametrize(("base", "changes"), COVERED)
def test_altered_lemmas_that_say_less_hold(base, changes):
    verdict, controls, _ = claims.judge(altered(base, changes), context())
    check_form(verdict)
    assert (verdict.state, controls, verdict.altered) == (State.HOLDS, [], True)


@pytest.mark.parametrize(("base", "changes"), OPEN)
def test_altered_lemmas_that_say_more_are_not_refuted(base, changes):
    verdict, _, _ = claims.judge(altered(base, changes), context())
    check_form(verdict)
    assert (verdict.state, verdict.basis) == (State.NOT_REFUTED, Basis.SAMPLED)


@pytest.mark.parametrize(("base", "changes"), FALSE)
def test_false_alterations_are_violated(base, changes):
    verdict, _, _ = claims.judge(altered(base, changes), context())
    check_form(verdict)
    assert verdict.state is State.VIOLATED
    assert "computed again" in verdict.summary or base == "E.5"


def test_conditions_that_ask_for_too_much_leave_nothing_to_judge():
    verdict, _, _ = claims.judge(altered("E.3", {"sample_size": ["10**14*d/eps**2"]}), context())
    check_form(verdict)
    assert verdict.state is State.NOT_REFUTED
    assert "too many samples" in verdict.evidence[-1].finding


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (("E.3", {"constants": "absolute"}), "constants"),
        (("E.3", {"dimension": ["log(n)"]}), "dimension"),
        (("E.2", {"sample_size": ["3"]}), "sample_size"),
        (("E.4", {"sample_size": ["log(n)"]}), "sample_size"),
        (("E.5", {"lower": "0"}), "lower"),
        (("E.6", {"probability": "1/2"}), "probability"),
        (("C.5", {"probability": "1 - eps"}), "probability"),
        (("C.5", {"probability": "1 + delta/100"}), "probability: expected at most 1"),
        (("E.1", {"probability": "2"}), "probability: expected at most 1"),
        (("C.6", {"sample_size": ["n"]}), "sample_size"),
        (("E.3", {"upper": None}), "expected a lower or an upper bound"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_line(claim, expected):
    with pytest.raises(VerifyError) as caught:
        claims.check(altered(*claim))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("upper", ["0", "eps - 1", "where(d > 5, 0, eps)"])
def test_a_norm_has_no_bound_below_zero(upper):
    with pytest.raises(VerifyError, match="upper: expected a positive bound of a norm, got "):
        claims.judge(altered("E.5", {"upper": upper}), context())


@pytest.mark.parametrize(
    ("upper", "state"),
    [
        # Where d = 1, as on the ray of rare rows, nothing is changed.
        ("eps/d", State.VIOLATED),
        ("where(delta < 0.001, eps/10, eps)", State.NOT_REFUTED),
    ],
)
def test_a_bound_of_a_fixed_direction_may_contain_other_symbols(upper, state):
    verdict, _, _ = claims.judge(altered("E.5", {"upper": upper}), context())
    check_form(verdict)
    assert verdict.state is state


# --- Laws and statistics, against slow and plain ones --------------------------------------------------------------


def test_binomial_probabilities_beyond_and_below_a_bound():
    stream = np.random.default_rng(0)
    for _ in range(200):
        n, p = int(stream.integers(1, 12)), float(stream.choice([0.5, 0.3, 0.25, 0.1]))
        bound = float(stream.choice([stream.uniform(-0.2, 1.2), stream.integers(0, n + 1) / n, 0.0]))
        chances = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        # Counts on the bound are within it.
        gaps = [abs(k / n - p) - bound for k in range(n + 1)]
        at = [np.array([x]) for x in (n, p, bound)]
        beyond = math.fsum(chance for chance, gap in zip(chances, gaps, strict=True) if gap > 1e-10)
        below = math.fsum(chance for chance, gap in zip(chances, gaps, strict=True) if gap < -1e-10)
        assert min(1.0, lemma_e1._beyond(*at)[0]) == pytest.approx(beyond, abs=1e-12)
        assert lemma_e1._below(*at)[0] == pytest.approx(below, abs=1e-12)


@pytest.mark.parametrize(("d", "n"), [(3, 3), (3, 8), (4, 2)])
def test_sample_covariances_have_the_moments_of_drawn_ones(d, n):
    trials = 3000
    drawn = np.array([sample_covariance(d, n, 0, trial) for trial in range(trials)])
    plain = np.random.default_rng(1).standard_normal((trials, n, d))
    slow = np.swapaxes(plain, 1, 2) @ plain / n
    for statistic in (
        lambda s: s[:, 0, 0],
        lambda s: s[:, -1, 0],
        lambda s: s[:, 0, 0] ** 2,
        lambda s: np.linalg.eigvalsh(s)[:, -1],
        lambda s: np.linalg.eigvalsh(s)[:, 0],
    ):
        one, other = statistic(drawn), statistic(slow)
        error = math.sqrt((np.var(one) + np.var(other)) / trials)
        # Six standard errors: 2e-9.
        assert abs(np.mean(one) - np.mean(other)) < 6 * error + 1e-12


def test_one_row_sum_has_the_law_of_the_first_row():
    n, d, trials = 12, 9, 3000
    drawn = np.array([lemma_c4.one_row_sum(lemma_c4.Item(0, ("isotropic", n, d), t)).high for t in range(trials)])
    X = np.random.default_rng(2).standard_normal((trials, n, d))
    slow = np.sum(np.einsum("tid,td->ti", X, X[:, 0]) ** 2, axis=1) / (d * d + (n - 1) * d)
    for power in (1, 2):
        error = math.sqrt((np.var(drawn**power) + np.var(slow**power)) / trials)
        assert abs(np.mean(drawn**power) - np.mean(slow**power)) < 6 * error


def test_row_sums_by_their_definition():
    item = lemma_c4.Item(3, ("two levels", 7, 5), 1)
    X = lemma_c4.inputs(*item.design, item.seed, item.trial)
    values = lemma_c4.spectrum("two levels", 5)
    assert lemma_c4.effective_dimension("two levels", 5) == pytest.approx(np.sum(values**2) / np.max(values) ** 2)
    unit = np.sum(values) ** 2 + 6 * np.sum(values**2)
    ratios = [sum((x @ y) ** 2 for y in X) / unit for x in X]
    found = lemma_c4.row_sums(item)
    assert (found.low, found.high) == pytest.approx((min(ratios), max(ratios)))
    for side, end in (("lower", min(ratios)), ("upper", max(ratios))):
        assert lemma_c4._again(item, side)[0] == pytest.approx(end)


@pytest.mark.parametrize(("d", "n"), [(1, 30), (2, 25), (3, 40)])
def test_the_largest_fourth_moment_error(d, n):
    item = lemma_c6.Item(0, (d, n), 0)
    z = np.concatenate(list(lemma_c6.vectors(d, n, 0, 0)))
    stream = np.random.default_rng(5)
    u, v = (w / np.linalg.norm(w, axis=1, keepdims=True) for w in stream.standard_normal((2, 4000, d)))
    u[:2000] = v[:2000]
    inner = np.sum(u * v, axis=1)
    errors = np.mean((z @ u.T) ** 2 * (z @ v.T) ** 2, axis=0) - (1 + 2 * inner**2)
    T = lemma_c6.error_form(item)
    cu, cv = lemma_c6.coordinates(u), lemma_c6.coordinates(v)
    np.testing.assert_allclose(np.einsum("mi,ij,mj->m", cu, T, cv), errors, atol=1e-10)
    found = lemma_c6.largest_error(item)
    largest = np.max(np.abs(errors))
    assert largest <= found.high * (1 + 1e-12)
    assert found.high <= found.high_certified
    assert found.high <= largest * (1.0 + 1e-9 if d == 1 else 1.02)
    assert lemma_c6._again(item, "upper")[0] == pytest.approx(found.high)


def test_fixed_direction_errors_and_rare_rows():
    design = Design("isotropic", 40, 4)
    z = design.draw(2, 1)
    mean = sum(row[0] ** 2 * np.outer(row, row) for row in z) / 40 - np.diag([3.0, 1, 1, 1])
    assert lemma_e5.error(2, (design, 1))[0] == pytest.approx(np.linalg.norm(mean, 2))
    n = np.array([1.0, 50.0])
    one = 2 * special.ndtr(-((3.5 * n) ** 0.25))
    np.testing.assert_allclose(np.exp(lemma_e5.rare_row_log_probability(n, 0.5)), 1 - (1 - one) ** n)


def test_the_error_of_a_sample_covariance():
    item = lemma_e3.Item(4, (3, 20), 2)
    sample = sample_covariance(3, 20, 4, 2)
    directions = np.random.default_rng(3).standard_normal((5000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    along = np.abs(np.einsum("mi,ij,mj->m", directions, sample - np.eye(3), directions))
    assert np.max(along) <= lemma_e3.error(item).high <= 1.05 * np.max(along)
