"""The handbook as one HTML file that needs nothing but a browser: formulas in MathML, the graph as SVG with links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from verify.report import html, wording
from verify.report import statement as writing
from verify.report.handbook import MEANING, STANDINGS, Entry, Finding, Handbook, finding_lines, standing_text
from verify.report.handbook_graph import Drawing, layout
from verify.report.handbook_latex import TITLE

if TYPE_CHECKING:
    from verify.running import RunResult

_BOX_HEIGHT, _ROW, _GAP, _MARGIN = 34, 50, 64, 8
_LETTER, _PADDING = 9.0, 24
_SIZED = re.compile(r"\\[bB]igg?[lr]?\s*\\\|")
# A function whose argument stands in no brackets.
_FUNCTION = re.compile(r"(<m[io]>(?:log|exp|max|min)</m[io]>)(?!</|<mrow><mo|<mo)")
_STATUSES = {
    "proved": "symbolic computation reduces it to true, under the assumptions that its note states",
    "checked": "decided by exact or interval arithmetic on the covering that its note states",
    "cited": "a result of the literature, with a numeric illustration where that is possible",
    "failed": "it did not come out as it claims",
}


def document(book: Handbook) -> str:
    """Write the handbook in HTML.

    Args:
        book: what it says.

    Returns:
        A whole document; it loads nothing, and its policy lets a browser run only the script that sorts tables.
    """
    drawing = layout(book.graph)
    return html.page(
        "handbook.html",
        title=TITLE,
        headline=book.summary(),
        meaning=MEANING,
        groups=[(title, [_entry(book, entry) for entry in entries]) for title, entries in book.groups()],
        drawing=_safe(svg(book, drawing)) if drawing.places else "",
        alone=drawing.alone,
        statuses=_STATUSES,
        standings=STANDINGS,
        ranks={standing: rank for rank, standing in enumerate(STANDINGS)},
        provenance=wording.PROVENANCE,
        runs=[_run(run) for run in book.runs],
    )


def mathml(latex: str, text: str, display: bool = True) -> str:
    """Write a formula in MathML.

    Args:
        latex: the formula, for mathematics mode.
        text: the same as a line of text, for those who do not see it.
        display: whether it stands on a line of its own.

    Returns:
        An element `math`, well-formed as XML.
    """
    return _converted(latex, display).replace("<math ", f'<math alttext="{escape(text)}" ', 1)


@cache
def _converted(latex: str, display: bool) -> str:
    from latex2mathml.converter import convert

    # The converter knows no double bar whose size is given.
    prepared = _SIZED.sub(r"\\Vert ", latex).replace(r"\|", r"\Vert ")
    written = convert(prepared, display="block" if display else "inline")
    # HTML knows the element without its namespace.
    written = written.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")
    return _FUNCTION.sub(r'\1<mspace width="0.167em"/>', written)


def svg(book: Handbook, drawing: Drawing) -> str:
    """Draw what rests on what.

    Args:
        book: the handbook.
        drawing: where everything stands.

    Returns:
        An element `svg`; every box is a link to its statement.
    """
    widths = [0.0] * drawing.columns
    for id, (column, _) in drawing.places.items():
        widths[column] = max(widths[column], len(id) * _LETTER + _PADDING)
    lefts = [_MARGIN + sum(widths[:column]) + column * _GAP for column in range(drawing.columns)]
    width, height = lefts[-1] + widths[-1] + _MARGIN, drawing.rows * _ROW + 2 * _MARGIN
    lines = [_path(way, lefts, widths) for way in drawing.lines.values()]
    boxes = [_box(book.entry(id), lefts[column], widths[column], row) for id, (column, row) in drawing.places.items()]
    name = (
        f"{len(drawing.places)} statements and {len(drawing.lines)} arrows, each from a statement to one that rests on "
        "it; the table of all statements says the same in words"
    )
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return "\n".join([
        f'<svg class="graph" role="group" aria-labelledby="graph-name" {size}>',
        f'<title id="graph-name">{name}</title>',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path class="head" d="M0 0L8 4L0 8Z"/></marker></defs>',
        *lines,
        *boxes,
        "</svg>",
    ])


def _safe(markup: str) -> Any:
    """Mark what was made here, its texts escaped, as markup."""
    from markupsafe import Markup

    return Markup(markup)


def _middle(row: float) -> float:
    return _MARGIN + row * _ROW + _ROW / 2


def _path(way: Sequence[tuple[int, float]], lefts: Sequence[float], widths: Sequence[float]) -> str:
    """Draw an edge: curves between the columns, straight through those that it passes."""
    first, row = way[0]
    text = f"M{lefts[first] + widths[first]:.1f} {_middle(row):.1f}"
    for (column, before), (after, then) in pairwise(way):
        start, end = lefts[column] + widths[column], lefts[after]
        centre, low, high = (start + end) / 2, _middle(before), _middle(then)
        text += f"C{centre:.1f} {low:.1f} {centre:.1f} {high:.1f} {end:.1f} {high:.1f}"
        text += f"H{end + widths[after]:.1f}" if after != way[-1][0] else ""
    return f'<path class="edge" d="{text}" marker-end="url(#arrow)"/>'


def _box(entry: Entry, left: float, width: float, row: float) -> str:
    """Draw a statement's box, with a link to it."""
    statement = entry.statement
    words = escape(f"{statement.kind.capitalize()} {statement.id}: {statement.title}; {standing_text(entry)}")
    kind = entry.standing.replace(" ", "-")
    return (
        f'<a href="#{anchor(statement.id)}" class="box {kind}" aria-label="{words}"><title>{words}</title>'
        f'<rect x="{left:.1f}" y="{_middle(row) - _BOX_HEIGHT / 2:.1f}" width="{width:.1f}" height="{_BOX_HEIGHT}" '
        'rx="6"/>'
        f'<text x="{left + width / 2:.1f}" y="{_middle(row) + 5:.1f}">{escape(statement.id)}</text></a>'
    )


def anchor(id: str) -> str:
    """Name the place of a statement in the document.

    Args:
        id: the statement's id.

    Returns:
        What follows the # in a link to it.
    """
    return f"statement-{id}"


def _entry(book: Handbook, entry: Entry) -> dict[str, Any]:
    """Prepare what the template says about one statement."""
    import theory

    statement = entry.statement
    described = theory.fields_dict(statement)
    conditions = [each for field in ("sample_size", "dimension") for each in statement.conditions(field)]
    probability = described["probability"]
    return {
        "anchor": anchor(statement.id),
        "statement": statement,
        "claim": _formulas(statement.claim()),
        "conditions": _formulas(conditions),
        "probability": "" if probability is None else writing.formulas.readable(probability),
        "constants": [_math(each, display=False) for each in statement.given_constants()],
        "standing": entry.standing,
        "meaning": STANDINGS[entry.standing],
        "through": entry.through,
        "tally": theory.tally(entry.steps),
        "failed": any(step.status == "failed" for step in entry.steps),
        "steps": _steps(entry),
        "rests_on": book.graph.rests_on(statement.id),
        "needed_by": book.graph.needed_by(statement.id),
        "controls": [{**control, "words": writing.control_text(control)} for control in described["controls"]],
        "findings": [_finding(finding) for finding in entry.findings],
    }


def _steps(entry: Entry) -> list[dict[str, Any]]:
    """Prepare the steps of a proof: each with links to what it uses."""
    import theory

    known = {step.gives.name: number for number, step in reversed(list(enumerate(entry.steps, start=1)))}
    place, prepared = anchor(entry.statement.id), []
    for number, (step, words) in enumerate(zip(entry.steps, theory.used_words(entry.statement), strict=True), start=1):
        links = []
        for name, phrase in zip(step.uses, words, strict=True):
            other = name.partition(":")[0]
            target = f"{place}-step-{known[name]}" if name in known else anchor(other)
            links.append({"words": phrase, "target": "" if other in {"sample_size", "dimension"} else target})
        prepared.append({
            "anchor": f"{place}-step-{number}",
            "title": _shifted(step.title),
            "status": str(step.status),
            "remark": step.remark,
            "error": step.error,
            "note": _shifted(step.note),
            "formulas": _formulas(step.gives.formulas),
            "uses": links,
        })
    return prepared


def _shifted(text: str) -> Any:
    """Raise and lower what a text says is raised or lowered."""
    import theory

    marks = {"^": "sup", "_": "sub"}
    pieces = [
        escape(plain) + (f"<{marks[mark]}>{escape(inner)}</{marks[mark]}>" if mark else "")
        for plain, mark, inner in theory.shifts(text)
    ]
    return _safe("".join(pieces))


def _formulas(formulas: Sequence[Any]) -> list[Any]:
    """Write the formulas of a fact, joined where one goes on from the other."""
    import theory

    chains = zip(theory.chains_latex(tuple(formulas)), theory.chains_text(tuple(formulas)), strict=True)
    return [_safe(mathml(latex, text)) for latex, text in chains]


def _math(formula: Any, display: bool) -> Any:
    import theory

    return _safe(mathml(theory.formula_latex(formula), theory.formula_text(formula), display))


def _finding(finding: Finding) -> dict[str, Any]:
    """Prepare what a run found."""
    verdict = finding.outcome.verdict
    return {
        "state": str(verdict.state),
        "symbol": wording.SYMBOLS[verdict.state],
        "basis": str(verdict.basis),
        "lines": finding_lines(finding),
        "command": finding.outcome.command,
        **_run(finding.run),
    }


def _run(run: RunResult) -> dict[str, Any]:
    return {
        "profile": run.profile,
        "seed": run.seed,
        "started": re.sub(r"T.*", "", run.started),
        "interrupted": run.interrupted,
        "repeat": run.command,
    }
