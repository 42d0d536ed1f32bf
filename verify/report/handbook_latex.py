r"""The handbook as one LaTeX document: article, amsmath, hyperref, TikZ for the graph; ASCII throughout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from verify.report import statement as writing
from verify.report.handbook import MEANING, STANDINGS, Entry, Finding, Handbook, finding_lines, standing_text
from verify.report.handbook_graph import Drawing, layout
from verify.report.latex_text import escaped
from verify.report.wording import PROVENANCE

if TYPE_CHECKING:
    from theory import Statement

TITLE = "noise-geometry: handbook of the theory"
_COLUMN, _ROW = 4.2, 0.95
_HALF = 1.45
_PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage{graphicx}
\usepackage{array,longtable}
\usepackage{tikz}
\usepackage[hidelinks]{hyperref}
% A formula that is wider than the line is made smaller.
\newsavebox{\formulabox}
\newcommand{\fitted}[1]{\sbox{\formulabox}{$\displaystyle #1$}%
  \ifdim\wd\formulabox>\linewidth\resizebox{\linewidth}{!}{\usebox{\formulabox}}\else\usebox{\formulabox}\fi}
\newcommand{\statement}[1]{\hyperref[st:#1]{#1}}
\setcounter{secnumdepth}{0}
\setcounter{tocdepth}{2}
\sloppy
\renewcommand{\labelitemi}{$\bullet$}
"""
_STATUSES = (
    ("proved", "symbolic computation reduces it to true, under the assumptions that its note states"),
    ("checked", "decided by exact or interval arithmetic on the covering that its note states"),
    ("cited", "a result of the literature, with a numeric illustration where that is possible"),
)


def document(book: Handbook) -> str:
    """Write the handbook in LaTeX.

    Args:
        book: what it says.

    Returns:
        A whole document, ASCII only; it compiles with pdflatex, twice for the contents and the links.
    """
    import theory

    parts = [
        _PREAMBLE,
        rf"\title{{{escaped(TITLE)}}}",
        rf"\author{{{escaped(book.summary())}}}",
        r"\date{}",
        r"\begin{document}",
        r"\maketitle",
        escaped(MEANING),
        r"\tableofcontents",
        _reading(),
        _graph(book),
        _overview(book),
    ]
    for title, entries in book.groups():
        parts.append(rf"\section{{{escaped(title)}}}")
        parts += [_entry(book, entry, theory.latex_body(entry.statement)) for entry in entries]
    if book.runs:
        parts.append(_runs(book))
    return "\n".join([*parts, r"\end{document}"]) + "\n"


def _reading() -> str:
    """Explain the words that the handbook uses."""
    lines = [
        r"\section{How to read this}",
        "Each proof is a chain of steps that were executed when this document was written. "
        "What a step concludes is a premise of later ones, and the last step concludes the statement's own bounds. "
        "A step is",
        *_description(_STATUSES),
        "A statement stands as",
        *_description(tuple(STANDINGS.items())),
        "The copy of the paper that this project started from had lost its formulas; the provenance of each part of a "
        "statement is",
        *_description(tuple((f"[{mark}]", meaning) for mark, meaning in PROVENANCE.items())),
        "Controls are false variants of a statement, which a sound judgement must refute.",
    ]
    return "\n".join(lines)


def _description(items: tuple[tuple[str, str], ...]) -> list[str]:
    # Braces keep a bracket in a label from ending it.
    lines = [rf"  \item[{{{escaped(word)}}}] {escaped(meaning)}" for word, meaning in items]
    return [r"\begin{description}", *lines, r"\end{description}"]


def _graph(book: Handbook) -> str:
    """Draw what rests on what."""
    drawing = layout(book.graph)
    lines = [r"\section{What rests on what}", "An arrow leads from a statement to one that rests on it."]
    if drawing.places:
        lines += [r"\begin{center}", r"\resizebox{\textwidth}{!}{%", r"\begin{tikzpicture}"]
        lines += [_node(book.entry(id), *place, drawing) for id, place in drawing.places.items()]
        lines += [_line(way, drawing) for way in drawing.lines.values()]
        lines += [r"\end{tikzpicture}}", r"\end{center}"]
        lines.append("Solid boxes: proved or checked; dashed: resting on the literature; dotted: not proved.")
    if drawing.alone:
        lines += ["", f"Joined to nothing: {_links(drawing.alone)}."]
    return "\n".join(lines)


def _node(entry: Entry, column: int, height: float, drawing: Drawing) -> str:
    """Draw a statement's box, with a link to it."""
    style = {"proved": "solid", "checked": "solid", "literature": "dashed"}.get(entry.standing, "dotted")
    place = rf"({column * _COLUMN:.2f},{(drawing.rows - height) * _ROW:.2f})"
    shape = rf"draw,rounded corners,{style},minimum width={2 * _HALF}cm,minimum height=0.6cm"
    return rf"\node[{shape}] at {place} {{\statement{{{entry.statement.id}}}}};"


def _line(way: list[tuple[int, float]], drawing: Drawing) -> str:
    """Draw an edge: curves between the columns, straight through those that it passes."""
    points = [(column * _COLUMN, (drawing.rows - height) * _ROW) for column, height in way]
    text = rf"\draw[->] ({points[0][0] + _HALF:.2f},{points[0][1]:.2f})"
    for (_, y), (x, after) in pairwise(points):
        before = x - _COLUMN + _HALF
        middle = (before + x - _HALF) / 2
        text += rf" .. controls ({middle:.2f},{y:.2f}) and ({middle:.2f},{after:.2f}) .. ({x - _HALF:.2f},{after:.2f})"
        text += rf" -- ({x + _HALF:.2f},{after:.2f})" if (x, after) != points[-1] else ""
    return f"{text};"


def _overview(book: Handbook) -> str:
    """List all statements in a table."""
    lines = [
        r"\section{All statements}",
        r"\begin{longtable}{@{}l>{\raggedright}p{68mm}l>{\raggedright\arraybackslash}p{30mm}@{}}",
        r"Statement & About & Proof & Rests on \\ \hline\noalign{\smallskip}",
        r"\endhead",
    ]
    for entry in book.entries:
        id, title = entry.statement.id, escaped(entry.statement.title)
        below = _links(book.graph.rests_on(id))
        lines.append(rf"\statement{{{id}}} & {title} & {escaped(entry.standing)} & {below} \\")
    return "\n".join([*lines, r"\end{longtable}"])


def _entry(book: Handbook, entry: Entry, body: str) -> str:
    """Write one statement."""
    import theory

    statement = entry.statement
    name = f"{statement.kind.capitalize()} {statement.id}: {statement.title}"
    lines = [rf"\subsection{{{escaped(name)}}}\label{{st:{statement.id}}}"]
    lines += [escaped(statement.summary), "", body.rstrip()]
    lines += [rf"\paragraph{{Source}} {escaped(statement.source)}.", *_provenance(statement)]
    below, above = book.graph.rests_on(statement.id), book.graph.needed_by(statement.id)
    for words, ids in (("Rests on", below), ("Needed by", above)):
        lines += [rf"\paragraph{{{words}}} {_links(ids)}."] if ids else []
    lines.append(rf"\paragraph{{Standing}} {escaped(standing_text(entry))}: {escaped(STANDINGS[entry.standing])}.")
    if entry.steps:
        lines.append(theory.proof_latex(statement, entry.steps, r"\fitted{{{}}}").rstrip())
    lines += _controls(statement)
    lines += [line for finding in entry.findings for line in _finding(finding)]
    return "\n".join(lines)


def _provenance(statement: Statement) -> list[str]:
    marks = ", ".join(f"{part.replace('_', ' ')} [{mark}]" for part, mark in statement.provenance.items())
    return [rf"\paragraph{{Provenance}} {escaped(marks)}. {escaped(statement.provenance_note)}"]


def _controls(statement: Statement) -> list[str]:
    """List the false variants."""
    import theory

    described = theory.fields_dict(statement)["controls"]
    if not described:
        return []
    lines = [r"\paragraph{Controls, which must be refuted}", r"\begin{itemize}"]
    for control in described:
        changes, reason = escaped(writing.control_text(control)), escaped(theory.sentence(control["reason"]))
        lines.append(rf"  \item \texttt{{{escaped(control['id'])}}}: {changes}. {reason}")
    return [*lines, r"\end{itemize}"]


def _finding(finding: Finding) -> list[str]:
    """Say what a run found."""
    verdict = finding.outcome.verdict
    import theory

    text = " ".join(theory.sentence(line) for line in finding_lines(finding))
    head = f"{verdict.state}, basis {verdict.basis}, profile {finding.run.profile}, seed {finding.run.seed}"
    return [rf"\paragraph{{Numerical evidence}} ({escaped(head)}) {escaped(text)}"]


def _runs(book: Handbook) -> str:
    """Say which runs the evidence comes from."""
    lines = [r"\section{Runs behind the evidence}", r"\begin{itemize}"]
    for run in book.runs:
        words = f"profile {run.profile}, seed {run.seed}, begun {run.started}" + (
            "; interrupted" if run.interrupted else ""
        )
        lines.append(rf"  \item {escaped(words)}: {{\ttfamily {escaped(run.command)}}}")
    return "\n".join([*lines, r"\end{itemize}"])


def _links(ids: Sequence[str]) -> str:
    return ", ".join(rf"\statement{{{id}}}" for id in ids)
