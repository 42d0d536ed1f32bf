"""The claims: one file for each, at once documentation, test and demonstration.

Imports wait until a claim is judged, so that listing the claims costs nothing.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import itertools
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from verify.errors import VerifyError

if TYPE_CHECKING:
    import pandas as pd

    import theory
    from verify.claims._context import Context
    from verify.verdict import Verdict

STATEMENTS = (
    *("E.1", "E.2", "E.3", "E.4", "E.5", "E.6"),
    *("C.1", "C.2", "C.2-centred", "C.3", "C.4", "C.5", "C.6"),
    *("3.2", "3.3", "3.3-star", "3.5", "4.2", "4.2-lower", "4.3"),
    *("5.1", "5.2", "5.2-growth", "5.2-parameters", "5.2-threshold", "5.2-threshold-sharp", "5.3"),
)
OBSERVATIONS = ("digits",)
ON_REQUEST = ("cifar-alignment", "cifar-escape")
"""Observations that need CIFAR-10 and are judged only where they are asked for by name."""

LIKE = 0.4
"""Likeness from which on an id is suggested in place of an unknown one."""


def claim_ids() -> list[str]:
    """List the claims that are judged where none is named.

    Returns:
        Their ids, in the order in which they are judged.
    """
    return [*STATEMENTS, *OBSERVATIONS]


def known_ids() -> list[str]:
    """List all claims.

    Returns:
        Their ids, those last that are judged on request alone.
    """
    return [*claim_ids(), *ON_REQUEST]


def check(claim: str | theory.Statement) -> None:
    """Check that a claim can be judged.

    Args:
        claim: an id or a statement.

    Raises:
        VerifyError: for an unknown id, or a statement that no claim can judge.
        DataError: for a claim about CIFAR-10 where that is missing.
    """
    identifier = claim if isinstance(claim, str) else claim.base
    if identifier not in known_ids():
        near = _nearest(identifier)
        hint = f"did you mean {near!r}? " if near else ""
        raise VerifyError(f"claim: expected one of {', '.join(known_ids())}, got {identifier!r}; {hint}".rstrip("; "))
    if identifier in ON_REQUEST:
        from verify.image_networks import require_images

        require_images()
    if not isinstance(claim, str):
        _check_statement(claim)


def _nearest(identifier: str) -> str:
    """Find the claim whose id is most like a given text, of equal ones the one that begins as it does; or nothing."""

    def likeness(name: str) -> tuple[float, int]:
        ratio = difflib.SequenceMatcher(None, name, identifier).ratio()
        return ratio, int(name[:1] == identifier[:1])

    return max((name for name in known_ids() if likeness(name)[0] >= LIKE), key=likeness, default="")


def judge(claim: str | theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a claim and its controls.

    Args:
        claim: an id, or a statement, altered or not.
        context: the run.

    Returns:
        The verdict, those on the false variants, and the observations they rest on.

    Raises:
        VerifyError: for an unknown id, or a statement that no claim can judge.
        DataError: for a claim about CIFAR-10 where that is missing.
    """
    check(claim)
    if isinstance(claim, str) and claim in (*OBSERVATIONS, *ON_REQUEST):
        module = importlib.import_module(f"verify.claims.{claim.replace('-', '_')}")
        verdict, observations = module.judge(context)
        return verdict, [], observations
    import theory

    statement = theory.statement(claim) if isinstance(claim, str) else claim
    return _JUDGES[statement.quantity](statement, context)


def _judge_loss(statement: theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a statement about the loss alignment of the linear model."""
    from verify.claims import theorem_3_3
    from verify.loss_rays import Observations

    observations = context.shared.setdefault("loss", Observations(context))
    judge_one = partial(theorem_3_3.judge, context=context, observations=observations)
    return *_with_controls(judge_one, statement), observations.table()


def _judge_directions(statement: theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a statement about directional alignment along fixed directions."""
    from verify.claims import theorem_4_3
    from verify.direction_profiles import Observations

    observations = Observations(context)
    judge_one = partial(theorem_4_3.judge, context=context, observations=observations)
    return *_with_controls(judge_one, statement), observations.table()


def _judge_uniform(statement: theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a statement about every θ and every direction at once."""
    from verify.claims import theorem_4_2
    from verify.uniform_rays import Observations

    fresh = Observations(context, theorem_4_2.PROFILES[context.profile].most_starts)
    observations = context.shared.setdefault("uniform", fresh)
    judge_one = partial(theorem_4_2.judge, context=context, observations=observations)
    return *_with_controls(judge_one, statement), observations.table()


def _judge_networks(statement: theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a statement about two-layer networks with a fixed outer layer."""
    from verify.claims import theorem_3_5
    from verify.two_layer_rays import Observations

    observations = Observations(context)
    judge_one = partial(theorem_3_5.judge, context=context, observations=observations)
    return *_with_controls(judge_one, statement), observations.table()


def _judge_deterministic(statement: theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a deterministic lemma: Gaussian moments, an inequality between vectors."""
    import pandas as pd

    claim = importlib.import_module(f"verify.claims.{_DETERMINISTIC[statement.quantity]}")
    judge_one = partial(claim.judge, context=context)
    verdict, controls = _with_controls(judge_one, statement)
    rows = [{"claim": v.claim, "test": e.test, "finding": e.finding} for v in (verdict, *controls) for e in v.evidence]
    return verdict, controls, pd.DataFrame(rows)


def _judge_lemma(statement: theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a lemma with explicit constants, on data sets of its own."""
    from verify.claims._trials import Observations

    claim = importlib.import_module(f"verify.claims.{_LEMMAS[statement.quantity]}")
    observations = Observations(context)
    judge_one = partial(claim.judge, context=context, observations=observations)
    return *_with_controls(judge_one, statement), observations.table()


def _judge_one_direction(statement: theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a statement about fourth moments along one fixed direction."""
    from verify.claims import lemma_e5

    observations = lemma_e5.Observations(context)
    judge_one = partial(lemma_e5.judge, context=context, observations=observations)
    return *_with_controls(judge_one, statement), observations.table()


def _judge_escape(statement: theory.Statement, context: Context) -> tuple[Verdict, list[Verdict], pd.DataFrame]:
    """Judge a statement of Section 5 on what the designs of the run have in common."""
    from verify.escape_data import EscapeData

    claim = importlib.import_module(f"verify.claims.{_ESCAPE[statement.quantity]}")
    data = context.shared.setdefault("escape", EscapeData(context))
    judge_one = partial(claim.judge, context=context, data=data)
    return *_with_controls(judge_one, statement), claim.table(data)


def _with_controls(judge_one: Callable[..., Verdict], statement: theory.Statement) -> tuple[Verdict, list[Verdict]]:
    """Judge a statement and its controls, and take the time of each."""
    timed = []
    for one, stop_early in ((statement, False), *((control.statement, True) for control in statement.controls)):
        started = time.perf_counter()
        verdict = judge_one(one, stop_early=stop_early)
        timed.append(dataclasses.replace(verdict, seconds=time.perf_counter() - started))
    return timed[0], timed[1:]


_ESCAPE = {
    "g_eigen": "assumption_5_1",
    "flat_to_sharp": "theorem_5_2",
    "loss_growth": "theorem_5_2_growth",
    "parameter_ratio": "lemma_5_2_parameters",
    "stability_threshold": "threshold_5_2",
    "threshold_sum": "threshold_5_2",
    "flat_to_sharp_gd": "proposition_5_3",
}
"""Quantities of Section 5 and the modules that judge statements about them."""
_DETERMINISTIC = {
    "moment": "lemma_c1",
    "population_g": "lemma_c2",
    "population_g_centred": "lemma_c2",
    "squared_inner_product": "lemma_e6",
}
"""Quantities of deterministic lemmas and the modules that judge statements about them."""
_LEMMAS = {
    "mean_deviation": "lemma_e1",
    "quadratic_form": "lemma_e2",
    "covariance_error": "lemma_e3",
    "fourth_moment_deviation": "lemma_e4",
    "squared_length": "lemma_c3",
    "row_sum": "lemma_c4",
    "variance_ratio": "lemma_c5",
    "uniform_moment_error": "lemma_c6",
}
"""Quantities of the lemmas with explicit constants and the modules that judge statements about them."""
_JUDGES: dict[str, Callable[[theory.Statement, Context], tuple[Verdict, list[Verdict], pd.DataFrame]]] = {
    "mu": _judge_loss,
    "g_fixed": _judge_directions,
    "mu_two_layer": _judge_networks,
    "fixed_direction_error": _judge_one_direction,
    **dict.fromkeys(("g_uniform", "mu_olm"), _judge_uniform),
    **dict.fromkeys(_DETERMINISTIC, _judge_deterministic),
    **dict.fromkeys(_ESCAPE, _judge_escape),
    **dict.fromkeys(_LEMMAS, _judge_lemma),
}
"""Who judges statements about a quantity."""
JUDGED_CONSTANTS = {
    "mu": "absolute",
    "mu_two_layer": "absolute",
    "g_fixed": "may depend on eps",
    "g_uniform": "may depend on eps",
    "mu_olm": "may depend on eps",
    "fixed_direction_error": "may depend on eps",
    **dict.fromkeys(_LEMMAS, "none"),
}
"""Quantities whose statements have constants in their conditions, and the constants that can always be judged."""
_BOUND_DIMENSION = {"mu", "mu_two_layer", "row_sum"}
"""Quantities whose statements may have conditions on d_eff."""
_WITHOUT_CONDITIONS = {"mean_deviation", "quadratic_form", "fourth_moment_deviation", "squared_length"}
"""Quantities whose statements hold for every number of samples."""


def _check_statement(statement: theory.Statement) -> None:
    """Refuse what a statement's claim has no way to judge."""
    import theory

    if statement.lower is None and statement.upper is None:
        raise VerifyError(f"statement {statement.id}: expected a lower or an upper bound, got neither")
    if statement.hypotheses != theory.statement(statement.base).hypotheses:
        raise VerifyError(f"hypotheses: expected those of {statement.base}, which the data follow, got others")
    if statement.quantity not in _BOUND_DIMENSION and statement.dimension:
        raise VerifyError(f"dimension: expected no condition on d_eff in statement {statement.base}, got one")
    if statement.quantity not in JUDGED_CONSTANTS:
        if statement.sample_size or statement.probability is not None:
            field = "sample_size" if statement.sample_size else "probability"
            raise VerifyError(f"{field}: expected none in the deterministic statement {statement.base}, got one")
        return
    if statement.quantity == "fixed_direction_error" and statement.lower is not None:
        raise VerifyError(f"lower: expected none in statement {statement.base}, got one")
    if statement.quantity in _WITHOUT_CONDITIONS and statement.sample_size:
        raise VerifyError(f"sample_size: expected none in statement {statement.base}, got one")
    _check_conditions(statement)
    judged = JUDGED_CONSTANTS[statement.quantity]
    expected = {judged} if judged == "none" else {"absolute", judged}
    if statement.constants not in expected:
        known = " or ".join(repr(name) for name in sorted(expected))
        raise VerifyError(f"constants: expected {known} for statement {statement.base}, got {statement.constants!r}")


def _check_conditions(statement: theory.Statement) -> None:
    """Refuse conditions that are none, such as n ≥ C n, and probabilities of anything but δ."""
    free = statement.probability.free_symbols if statement.probability is not None else ()
    if {str(symbol) for symbol in free} - {"delta"}:
        raise VerifyError(f"probability: expected an expression in delta alone, got {statement.probability}")
    if statement.probability is not None and _largest_probability(statement) > 1:
        raise VerifyError(f"probability: expected at most 1 for every delta, got {statement.probability}")
    for field in ("sample_size", "dimension"):
        for number, expression in enumerate(getattr(statement, field)):
            problem = _problem(statement, field, number)
            if problem:
                raise VerifyError(f"{field}: expected a condition that {problem}, got {expression}")


def _largest_probability(statement: theory.Statement) -> float:
    """Evaluate the probability at many δ, and take the largest value."""
    import numpy as np

    delta = np.concatenate([np.geomspace(1e-12, 0.5, 60), 1 - np.geomspace(1e-12, 0.5, 60)])
    return float(
        np.max(statement.evaluate("probability", **({"delta": delta} if "delta" in statement.symbols else {})))
    )


def _problem(statement: theory.Statement, field: str, number: int) -> str:
    """Say what is wrong with a condition; nothing if it can be judged."""
    import numpy as np

    def value(eps: float, n: float) -> float:
        known = {"eps": eps, "delta": 0.1, "n": n, "d": 1e3, "d_eff": 1e3, "K": 16.0, "alpha": 0.5, "beta": 1.0}
        values = {name: given for name, given in known.items() if name in statement.symbols}
        with np.errstate(all="ignore"):
            return float(statement.evaluate(field, **values)[number])

    at = [value(eps, 1e6) for eps in (0.5, 0.35, 0.2, 0.1)]
    if not all(0 < f < float("inf") for f in at):
        return "is positive and finite for every eps from 0.1 to 0.5"
    if any(later < earlier * (1 - 1e-9) for earlier, later in itertools.pairwise(at)):
        return "does not weaken as eps falls"
    growth = value(0.2, 2e6) / value(0.2, 1e6)
    if growth < 1 - 1e-9 or (field == "sample_size" and growth > 1.9):
        return "grows with n, but more slowly than n"
    return ""
