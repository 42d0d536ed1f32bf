"""Wrong arguments for every executed step of the proofs of Section 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from theory.catalogue import _second_moments as second
from theory.catalogue import assumption_5_1 as a51
from theory.catalogue import lemma_5_2_parameters as parameters
from theory.catalogue import proposition_5_3 as p53
from theory.catalogue import theorem_5_2 as t52
from theory.catalogue import theorem_5_2_growth as growth
from theory.catalogue import threshold_5_2 as threshold

A1, A2, beta, x = second.A1, second.A2, t52.beta, threshold.STEP_SHARE
R, q, t = p53.R, p53.q, p53.t
larger = 2 * A2 / A1

# The function a step runs → its wrong arguments.
MUTANTS: dict[Callable[..., bool], list[tuple[Any, ...]]] = {
    second.one_step: [(2,), (0,), (-1,)],
    second.noise_between: [
        (sympy.Rational(51, 50) * A1, A2),
        (A1, sympy.Rational(49, 50) * A2),
        (A2, A2),
        (A1, A1),
        (A2, A1),
    ],
    a51.quotient_form: [(0,), (2,), (-1,)],
    a51.attained: [(2,), (-1,), (0,)],
    t52.flat_grows: [(A2,), (2 * A1,), (1 + A1,)],
    t52.sharp_bounded: [(A1,), (A2 / 2,), (-A2,)],
    t52.drift_bounded: [(1,), (0,), (-2,)],
    t52.ratio_map: [(-1,), (0,)],
    t52.first_case: [(t52.FIRST * larger,), (t52.SECOND,), (A1 / A2 * t52.flat / t52.sharp,), (1 / t52.FIRST,)],
    t52.doubling: [
        (sympy.S.Zero,),
        (sympy.S.One,),
        (sympy.sqrt(2 / A1),),
        (sympy.sqrt(1 + 1 / A1),),
        (1 / sympy.sqrt(A1),),
        (sympy.sqrt(1 + 2 / A2),),
    ],
    t52.second_case: [(t52.SECOND * larger,), (t52.SECOND * 2,), (t52.FIRST,)],
    t52.amplified: [(1,), (sympy.Rational(3, 2),), (sympy.Rational(199, 100),)],
    t52.waiting_time: [
        (sympy.S.One,),
        (t52.WAITING - 1,),
        (t52.WAITING + 1,),
        (1 + sympy.log(1 / t52.SHARP_GAIN) / sympy.log(t52.FLAT_GAIN / 2),),
        (1 + sympy.Max(0, sympy.log(1 / t52.SHARP_GAIN) / sympy.log(t52.FLAT_GAIN)),),
        (1 + sympy.Max(0, -sympy.log(1 / t52.SHARP_GAIN) / sympy.log(t52.FLAT_GAIN / 2)),),
        (1 + sympy.Max(0, sympy.log(t52.SHARP_GAIN) / sympy.log(t52.FLAT_GAIN / 2)),),
    ],
    growth.loss_grows: [(beta**2 * A2,), (1 + beta**2 * A1,), (beta * A1,), (2 * beta**2 * A1,), (beta**3 * A1,)],
    parameters.ratio_of_distances: [
        ((parameters.last_sharp / parameters.first_flat) ** 2 * parameters.D,),
        (2 * parameters.LOWER,),
        (parameters.LOWER + 1,),
    ],
    parameters.met_at_the_cut: [
        ((parameters.last_sharp / parameters.first_flat) ** 2 * parameters.D,),
        (parameters.D,),
        (parameters.first_flat / parameters.last_sharp * parameters.D,),
    ],
    threshold.operator_form: [(2,), (0,), (-1,)],
    threshold.absolute_value_wins: [(-1,), (0,)],
    threshold.convex_in_step: [(-1,), (0,), (2,)],
    threshold.below_condition: [
        (1 / sympy.sqrt(1 + A2),),
        (1 / sympy.sqrt(A2),),
        (1 / sympy.sqrt(2 * A1),),
        (1 / sympy.sqrt(1 + A1),),
    ],
    threshold.step_below_two: [(1,), (sympy.Rational(19, 10),), (0,)],
    threshold.balance: [(x / (2 + x),), (x / (1 - x),), (x / 2,), (2 * x / (2 - x),), (1 / (2 - x),)],
    threshold.sandwich: [
        (sympy.S.One, 1 / A1),
        (1 / A2, 2 / (A1 + A2)),
        (1 / A1, 1 / A1),
        (1 / A2, 1 / A2),
        (2 / A2, 1 / A1),
        (1 / A1, 1 / A2),
    ],
    threshold.rises: [(x / (2 - x) ** 2 - x,), (-x / (2 - x),), (x * (1 - x),), (sympy.S.One,)],
    p53.gradient_step: [(2,), (0,), (-1,)],
    p53.geometric: [
        (R * (q / (beta - 1) ** 2) ** (2 * t),),
        (R * (q / (beta - 1)) ** t,),
        (R * (q / beta**2) ** t,),
        (R**2 * (q / (beta - 1) ** 2) ** t,),
        (R * ((beta - 1) ** 2 / q) ** t,),
        (R * q / (beta - 1) ** 2,),
    ],
    p53.flat_is_slower: [(1,), (sympy.Rational(19, 10),), (0,)],
}

# A control → the steps, of those above, that its change would have to pass.
REJECTED: dict[str, list[tuple[Callable[..., bool], int]]] = {
    "5.1:larger-A1": [(second.noise_between, 0)],
    "5.1:smaller-A2": [(second.noise_between, 1)],
    "5.2:factor": [(t52.first_case, 0), (t52.second_case, 0)],
    "5.2:no-waiting": [(t52.waiting_time, 0)],
    "5.2:any-beta": [(t52.doubling, 0)],
    "5.2-growth:A2": [(growth.loss_grows, 0)],
    "5.2-growth:plus-one": [(growth.loss_grows, 1)],
    "5.2-parameters:squared": [(parameters.ratio_of_distances, 0)],
    "5.2-threshold:smaller": [(threshold.below_condition, 0)],
    "5.2-threshold-sharp:one": [(threshold.sandwich, 0)],
    "5.2-threshold-sharp:mean": [(threshold.sandwich, 1)],
    "5.3:rate-squared": [(p53.geometric, 0)],
}
