"""Wrong proofs are rejected: every executed step with a sign, an exponent or a constant changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from escape_mutants import MUTANTS as ESCAPE_MUTANTS

import theory
from theory.catalogue import _directional as directional
from theory.catalogue import conjecture_4_2_lower as lower
from theory.catalogue import lemma_c1 as c1
from theory.catalogue import lemma_c2 as c2
from theory.catalogue import theorem_3_2 as t32
from theory.catalogue import theorem_3_3 as t33
from theory.catalogue import theorem_3_5 as t35
from theory.catalogue import theorem_4_2 as t42
from theory.catalogue import theorem_4_3 as t43

u, v, uv, rho = c1.var_u, c1.var_v, c1.cov_uv, c2.rho
eps, delta, d, K = t43.eps, t43.delta, t43.d, t43.K
alpha, beta, tail, q = t35.alpha, t35.beta, t42.tail, lower.square
log, half = c1.sympy.log, c1.sympy.Rational(1, 2)

# The function a step runs → its wrong arguments.
MUTANTS: dict[Callable[..., bool], list[tuple[Any, ...]]] = {
    c1.isserlis_from_mgf: [(2,), (1,)],
    c1.moment_from_mgf: [
        (u * v + uv**2,),
        (u * v + 3 * uv**2,),
        (u * v - 2 * uv**2,),
        (u * v + 2 * uv,),
        (u**2 * v + 2 * uv**2,),
        (2 * u * v + uv**2,),
    ],
    c1.matrix_identity: [(2, 1, 1), (2, 1, 3), (2, 1, -2), (2, 2, 2), (2, -1, 2), (3, 1, 1), (3, 0, 2)],
    c1.scalar_from_matrix: [(3, u * v + uv**2), (3, u * v - 2 * uv**2), (3, u * v + 2 * uv**4), (3, u + v)],
    c1.polarisation: [(3, 1), (3, -half), (3, 2)],
    c2.alignment_from_moment: [(1 + rho**2,), (1 - 2 * rho**2,), (1 + 2 * rho,), (2 + 2 * rho**2,), (1 + 2 * rho**4,)],
    c2.centred_from_moment: [(1 + 2 * rho**2,), (1 - rho**2,), (rho**2,), (1 + rho,)],
    c2.cauchy_schwarz: [(2,), (-1,), (0,)],
    c2.range_within: [
        (1 + 2 * rho**2, 1, c2.sympy.Rational(29, 10)),
        (1 + 2 * rho**2, c2.sympy.Rational(21, 20), 3),
        (1 + rho**2, 1, c2.sympy.Rational(19, 10)),
        (1 - 2 * rho**2, 1, 3),
        (1 + 3 * rho**2, 1, 3),
        (1 + 2 * rho, 1, 3),
    ],
    c2.ends_attained: [
        (1 + 2 * rho**2, 1, 4),
        (1 + 2 * rho**2, 0, 3),
        (1 + rho**2, 1, 3),
        (2 - rho**2, 1, 2),
    ],
    t33.trace_identity: [(1,), (2,)],
    t33.gram_identity: [(3, 2, 2), (3, 2, 0), (2, 2, 3)],
    t33.weighted_mean_between: [(-1,), (0,), (-2,)][:1],
    t33.quotient_between: [(-1,), (0,)],
    t33.bounds_from_spread: [
        (1 - eps / 2, 1 + eps, t33.SPREAD),
        (1 - eps**2, 1 + eps, t33.SPREAD),
        (1 + eps, 1 + eps, t33.SPREAD),
        (1 - eps, 1 + eps / 2, t33.SPREAD),
        (1 - eps, 1 + 2 * eps, t33.SPREAD),
        (1 - eps, 1 - eps, t33.SPREAD),
        (1 - eps, 1 + eps**2, t33.SPREAD),
        (1 - eps, 1 + eps, eps / 2),
        (1 - eps, 1 + eps, eps / (2 - eps)),
        (1 - eps, 1 + eps, eps / (1 + eps)),
        (1 - eps, 1 + eps, eps**2 / (2 + eps)),
        ((1 - eps) * c1.sympy.Rational(5, 4), 1 + eps, t33.SPREAD),
    ],
    t33.spread_at_least: [
        (t33.SPREAD, eps / 2),
        (t33.SPREAD, eps),
        (eps**2 / (2 + eps), eps / 3),
        (-t33.SPREAD, eps / 3),
    ],
    t32.average_of_directions: [(1,), (3,), (0,)],
    t32.parallel_gradients: [(1,), (4,), (0,)],
    t35.gram_form: [(1,), (4,), (0,)],
    t35.entries_between: [(2,), (3,), (5,)],
    t35.row_sums_between: [(2,), (3,), (5,)],
    t35.quotient_between: [(3, 1), (2, 1), (4, -1), (4, 0)],
    t35.bounds_from_spread: [
        (t35.LOWER, (beta / alpha) ** 3 * (1 + eps), t33.SPREAD),
        (t35.LOWER, (alpha / beta) ** 4 * (1 + eps), t33.SPREAD),
        (t35.LOWER, (beta / alpha) ** 4 * (1 - eps), t33.SPREAD),
        (t35.LOWER, (beta / alpha) ** 4 * (1 + eps / 2), t33.SPREAD),
        ((alpha / beta) ** 3 * (1 - eps), t35.UPPER, t33.SPREAD),
        ((beta / alpha) ** 4 * (1 - eps), t35.UPPER, t33.SPREAD),
        ((alpha / beta) ** 4 * (1 + eps), t35.UPPER, t33.SPREAD),
        ((alpha / beta) ** 4 * (1 - eps / 2), t35.UPPER, t33.SPREAD),
        (t35.LOWER, t35.UPPER, eps / 2),
        (t35.LOWER, t35.UPPER, eps / (2 - eps)),
    ],
    t35.power_attained: [(3,), (2,), (-4,)],
    t42.telescoping: [(-1,), (0,), (2,)],
    t42.bilinear_norm: [(half,), (-half / 2,), (1,), (half / 4,)],
    t42.net_factor: [(half / 2, 2), (half / 4, 1), (half, 2), (half / 3, 2)],
    t42.union_over_net: [
        (t42.EXPONENT - log(2),),
        (t42.EXPONENT + log(2),),
        (t42.EXPONENT - d * log(17),),
        (t42.EXPONENT - 2 * t42.FAILURE,),
    ],
    t42.exponent_within: [
        (t42.EXPONENT, 10),
        (t42.EXPONENT, 1),
        (t42.EXPONENT, -11),
        (t42.EXPONENT**2, 11),
        (t42.EXPONENT + log(17), 11),
    ],
    t42.conditions_suffice: [
        ((t42.CONDITIONS[0].xreplace({d**2: d}), t42.CONDITIONS[1]), 11),
        ((t42.CONDITIONS[0] * eps, t42.CONDITIONS[1]), 11),
        ((t42.CONDITIONS[0] / eps, t42.CONDITIONS[1]), 11),
        ((t42.CONDITIONS[0], t42.CONDITIONS[1] * eps), 11),
        ((t42.CONDITIONS[0], t42.CONDITIONS[1] / d), 11),
        ((t42.CONDITIONS[0] - 2 * t42.FAILURE**2 / eps, t42.CONDITIONS[1]), 11),
        (t42.CONDITIONS[::-1], 11),
    ],
    t42.constant_suffices: [
        (8 * 11 * tail, 11),
        ((8 * tail) ** 2, 11),
        ((8 * 11) ** 2, 11),
        (-t42.CONSTANT, 11),
        (tail**2, 11),
    ],
    t42.whitening_covered: [
        (t42.CONDITIONS[1], 1),
        (t42.CONDITIONS[1], -2),
        (t42.CONDITIONS[1] * eps, 2),
        (t42.CONDITIONS[1] / d, 2),
    ],
    lower.truncation_loss: [(0,), (-1,), (half / 4,)],
    lower.sixth_moment: [(3 + 6 * q,), (15 * q,), (3 + 12 * q**2,), (3 - 12 * q,), (1 + 2 * q,)],
    lower.truncated_mean: [
        (lower.LEVEL, eps / 20),
        (lower.LEVEL / 10, eps / 2),
        (-lower.LEVEL, -eps / 2),
        (lower.LEVEL * eps**2, eps / 2),
    ],
    lower.lipschitz: [(1,), (half,), (-2,)],
    lower.condition_suffices: [
        (d, 16),
        (log(1 / delta), 16),
        (log(d) + log(1 / delta), 16),
        (d - log(1 / delta), 16),
        (lower.CONDITION, 8),
        (lower.CONDITION, -16),
    ],
    lower.bound_from_events: [
        ((1.2 - eps) / (1 + eps) ** 2,),
        ((1 - eps) / (1 + eps),),
        ((1 + eps) / (1 + eps) ** 2,),
        ((1 - eps) / (1 - eps) ** 2,),
        (directional.UPPER,),
    ],
    directional.over_parameterised_form: [(1,), (4,), (0,)],
    directional.one_within_bounds: [
        (directional.UPPER, directional.UPPER),
        (directional.LOWER, directional.LOWER),
        (1 + eps, directional.UPPER),
        (directional.LOWER, 1 - eps),
        ((1.2 - eps) / (1 + eps) ** 2, directional.UPPER),
        (1 / (1 - eps),),
    ],
    directional.quotient_form: [(1,), (4,), (0,)],
    directional.invariances: [(1,), (3,), (0,)],
    directional.population_form: [(1,), (3,), (-2,)],
    directional.population_range: [(1, 2), (2, 3), (1, -3)],
    t43.union_bound: [
        (delta / K, delta / 2),
        (delta / 2, delta / 2),
        (delta / (2 * K), delta),
        (delta / (2 * K**2) * K**2, delta / 2),
    ],
    directional.bounds_from_events: [
        (directional.LOWER, (2 + eps) / (1 - eps) ** 2, 1, 3),
        (directional.LOWER, (3 - eps) / (1 - eps) ** 2, 1, 3),
        (directional.LOWER, (3 + eps) / (1 - eps), 1, 3),
        (directional.LOWER, (3 + eps) / (1 + eps) ** 2, 1, 3),
        ((1.2 - eps) / (1 + eps) ** 2, directional.UPPER, 1, 3),
        ((1 + eps) / (1 + eps) ** 2, directional.UPPER, 1, 3),
        ((1 - eps) / (1 + eps), directional.UPPER, 1, 3),
        ((1 - eps) / (1 - eps) ** 2, directional.UPPER, 1, 3),
        (directional.LOWER, directional.UPPER, 0, 3),
        (directional.LOWER, directional.UPPER, 1, 4),
        (directional.UPPER, directional.LOWER, 1, 3),
    ],
    directional.bounds_nested: [
        (directional.UPPER, directional.LOWER),
        (directional.LOWER, (3 - eps) / (1 + eps) ** 2),
        ((1 + eps) ** 2, directional.UPPER),
        (directional.LOWER, c1.sympy.Integer(3)),
        (directional.UPPER,),
        (c1.sympy.Integer(1),),
    ],
}

MUTANTS |= ESCAPE_MUTANTS
CASES = [(function, arguments) for function, several in MUTANTS.items() for arguments in several]


def function_of(step: theory.Step) -> Callable[..., bool]:
    run = step.run
    while isinstance(run, partial):
        run = run.func
    assert run is not None
    return run


@pytest.mark.parametrize(
    ("function", "arguments"), CASES, ids=[f"{f.__name__}-{index}" for index, (f, _) in enumerate(CASES)]
)
def test_a_mutated_step_is_rejected(function, arguments):
    step = theory.Step("mutant", theory.StepStatus.PROVED, partial(function, *arguments))
    assert step.execute().status is theory.StepStatus.FAILED


def test_every_executed_step_has_mutants():
    executed = {function_of(step) for s in theory.statements() if s.proof for step in s.proof.steps if step.run}
    assert executed == set(MUTANTS)
    assert len(CASES) >= 60


def test_the_last_steps_speak_of_the_statements_own_bounds():
    last = dict.fromkeys(("3.2", "4.2", "4.3"), directional.bounds_from_events)
    last |= {"3.3": t33.bounds_from_spread, "3.5": t35.bounds_from_spread, "4.2-lower": lower.bound_from_events}
    for id, function in last.items():
        statement = theory.statement(id)
        (step,) = [step for step in statement.proof.steps if step.run and function_of(step) is function]
        bounds = [bound for bound in (statement.lower, statement.upper) if bound is not None]
        assert step.run.args[: len(bounds)] == tuple(bounds)


def test_the_conditions_that_proofs_use_are_the_statements_own():
    for id, function in (("3.2", t42.conditions_suffice), ("4.2", t42.conditions_suffice)):
        statement = theory.statement(id)
        (step,) = [step for step in statement.proof.steps if step.run and function_of(step) is function]
        assert step.run.args[0] == statement.sample_size
    statement = theory.statement("4.2-lower")
    (step,) = [s for s in statement.proof.steps if s.run and function_of(s) is lower.condition_suffices]
    assert (step.run.args[0],) == statement.sample_size
