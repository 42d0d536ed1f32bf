"""The report: one HTML file that needs nothing but a browser."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from verify import trend
from verify.report import figures, formulas, wording
from verify.verdict import State, Verdict, plain

if TYPE_CHECKING:
    import jinja2

    from verify.running import Outcome, RunResult


def render(result: RunResult) -> str:
    """Write the report of a run.

    Args:
        result: the run.

    Returns:
        A whole HTML document; styles, figures and the script that sorts tables are in it, it loads nothing, and its
        own policy lets a browser run that script only.
    """
    return page(
        "report.html",
        title="noise-geometry: verification report",
        headline=wording.headline(result).partition("; report ")[0].removeprefix("verify: "),
        run=result,
        begun=f"{datetime.fromisoformat(result.started):%d %B %Y, %H:%M %Z}",
        duration=wording.seconds_text(result.seconds),
        claims=[_claim(outcome, number) for number, outcome in enumerate(result.outcomes, start=1)],
        symbols={str(state): symbol for state, symbol in wording.SYMBOLS.items()},
        ranks={str(state): rank for rank, state in enumerate(wording.URGENCY)},
        states={str(state): meaning for state, meaning in wording.STATES.items()},
        bases=wording.BASES,
        provenance=wording.PROVENANCE,
        refutes_above=trend.VIOLATED_ABOVE,
        holds_below=trend.HOLDS_BELOW,
    )


def page(template: str, **values: Any) -> str:
    """Fill a template of a page that stands alone.

    Args:
        template: its file in the templates' folder.
        **values: what it shows, beside the shared style, the script and the hash that its policy allows.

    Returns:
        A whole HTML document.
    """
    environment = _environment()
    style, script = _source(environment, "report.css"), _source(environment, "report.js")
    return environment.get_template(template).render(
        style=_safe(style),
        script=_safe(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        **values,
    )


def _environment() -> jinja2.Environment:
    """Set the template engine up: everything is escaped, and a misspelt name is an error."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("verify.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _safe(markup: str) -> Any:
    """Mark our own style sheet or script, or a drawing whose texts are escaped, as markup."""
    from markupsafe import Markup

    return Markup(markup)


def _claim(outcome: Outcome, number: int) -> dict[str, Any]:
    """Prepare what the template says about one claim."""
    verdict, anchor = outcome.verdict, f"claim-{number}"
    statement = dict(verdict.statement or {})
    return {
        "anchor": anchor,
        "verdict": verdict,
        "constant": wording.constant_text(verdict.constant),
        "estimate": _estimate(verdict.constant),
        "constants": wording.constant_lines(verdict.constant),
        "exponents": wording.exponents(verdict.evidence),
        "controls": outcome.controls,
        "controls_refuted": wording.controls_refuted(outcome.controls),
        "all_refuted": all(control.state is State.VIOLATED for control in outcome.controls),
        "duration": wording.seconds_text(verdict.seconds),
        "statement": _with_defaults(statement) if statement else None,
        "formula": formulas.claim_text(statement),
        "conditions": formulas.conditions(statement),
        "latex": outcome.latex,
        "figures": _figures(verdict, anchor),
        "witness": _json(verdict.witness),
        "command": outcome.command,
    }


def _estimate(constant: Mapping[str, Any] | None) -> str:
    """Return what a fitted constant is sorted by; empty if there is none."""
    estimate = (plain(constant) or {}).get("estimate")
    return "" if estimate is None else str(estimate)


def _with_defaults(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the parts that a statement may leave out."""
    empty = {"summary": "", "hypotheses": [], "symbols": {}, "source": "", "provenance": {}, "provenance_note": ""}
    return {**empty, **statement}


def _figures(verdict: Verdict, anchor: str) -> list[dict[str, Any]]:
    """Draw a claim's figures."""
    return [
        {
            "title": plot.title,
            "svg": _safe(figures.svg(plot, f"{anchor}-figure-{number}")),
            "legend": figures.legend(plot),
            "banded": any(series.get("low") is not None for series in plot.series),
        }
        for number, plot in enumerate(verdict.plots, start=1)
    ]


def _json(witness: Mapping[str, Any] | None) -> str:
    return json.dumps(plain(witness), indent=1, ensure_ascii=False) if witness else ""
