"""How a proof is written down: LaTeX, Markdown, and values for JSON; whether it was run or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from theory._facts import Fact
from theory._formulas import chains_latex, chains_text, formula_latex, formula_text
from theory._proof import StepResult
from theory._prose import latex_text

if TYPE_CHECKING:
    from theory._proof import Step
    from theory._statement import Statement

_CONDITIONS = {"sample_size": "the condition on n", "dimension": "the condition on d_eff"}
_OF_OTHERS = {**_CONDITIONS, "constant": "the constants"}
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~$#!])")


def step_dict(step: Step | StepResult) -> dict[str, Any]:
    """Describe a step in values that JSON can hold.

    Args:
        step: a step, or what became of it.

    Returns:
        title, status, note, what it gives (its name and its formulas in LaTeX and as text), the names of what it uses,
        whether it is a remark; of a step that was run also what it claimed and its error.
    """
    described: dict[str, Any] = {"title": step.title, "status": str(step.status), "note": step.note}
    if isinstance(step, StepResult):
        described |= {"claimed": str(step.claimed), "error": step.error}
    formulas = [{"latex": formula_latex(each), "text": formula_text(each)} for each in step.gives.formulas]
    return described | {
        "gives": {"name": step.gives.name, "formulas": formulas},
        "uses": list(step.uses),
        "remark": step.remark,
    }


def used_words(statement: Statement) -> list[list[str]]:
    """Say in words what each step of a proof uses.

    Args:
        statement: the statement.

    Returns:
        For each step a phrase for each fact that it uses: the step that gives it, the statement whose claim or
        condition it is, or the statement's own condition.
    """
    steps = statement.proof.steps if statement.proof else ()
    numbers = {step.gives.name: number for number, step in reversed(list(enumerate(steps, start=1)))}
    return [[_phrase(name, numbers) for name in step.uses] for step in steps]


def tally(steps: Sequence[Step | StepResult]) -> str:
    """Count the steps of a proof by their status.

    Args:
        steps: steps, or what became of them.

    Returns:
        Such as "7 proved, 1 cited"; empty without steps.
    """
    counts: dict[str, int] = {}
    for step in steps:
        counts[str(step.status)] = counts.get(str(step.status), 0) + 1
    return ", ".join(f"{counts[word]} {word}" for word in ("proved", "checked", "cited", "failed") if word in counts)


def proof_latex(statement: Statement, results: Sequence[StepResult] | None = None, fit: str = "{}") -> str:
    r"""Write a proof as a LaTeX fragment.

    Args:
        statement: the statement.
        results: what became of each step; None for what they claim to be.
        fit: what stands around each displayed formula, `{}` being the formula, such as `\fitted{{{}}}`.

    Returns:
        A numbered list of the steps, in ASCII; empty where there is no proof.
    """
    if statement.proof is None:
        return ""
    ran = "executed" if results is not None else "not executed here"
    steps: Sequence[Step | StepResult] = statement.proof.steps if results is None else results
    lines = [rf"\paragraph{{Proof}} ({ran}: {tally(steps)})."]
    if known := statement.given_constants():
        lines += [rf"Constants: ${', '.join(map(formula_latex, known))}$."]
    lines += [r"\begin{enumerate}"]
    for step, used in zip(steps, used_words(statement), strict=True):
        lines += [rf"  \item {latex_text(step.title)} \textbf{{[{step.status}]}}{_remark(step)}"]
        lines += _displayed(step.gives, fit)
        ending = []
        if used:
            ending.append(f"From {latex_text(joined(used))}.")
        if step.note:
            ending.append(rf"\emph{{{latex_text(sentence(step.note))}}}")
        if isinstance(step, StepResult) and step.error:
            ending.append(rf"\textbf{{Failed: {latex_text(step.error.rstrip('.'))}.}}")
        lines += [f"    {' '.join(ending)}"] if ending else []
    return "\n".join([*lines, r"\end{enumerate}"]) + "\n"


def proof_markdown(statement: Statement, results: Sequence[StepResult] | None = None) -> str:
    """Write a proof in Markdown, with formulas in LaTeX between dollars.

    Args:
        statement: the statement.
        results: what became of each step; None for what they claim to be.

    Returns:
        A numbered list of the steps; empty where there is no proof.
    """
    if statement.proof is None:
        return ""
    steps: Sequence[Step | StepResult] = statement.proof.steps if results is None else results
    ran = "executed" if results is not None else "not executed here"
    lines = [f"**Proof** ({ran}: {tally(steps)})."]
    if known := statement.given_constants():
        lines[0] += f" Constants: ${', '.join(map(formula_latex, known))}$."
    lines.append("")
    for number, (step, used) in enumerate(zip(steps, used_words(statement), strict=True), start=1):
        indent = " " * (len(str(number)) + 2)
        lines += [f"{number}. {markdown_text(step.title)} **[{step.status}]**{' (remark)' if step.remark else ''}", ""]
        lines += [f"{indent}$$ {formula} $$\n" for formula in chains_latex(step.gives.formulas)]
        if used:
            lines += [f"{indent}From {markdown_text(joined(used))}.\n"]
        if step.note:
            lines += [f"{indent}{markdown_text(sentence(step.note))}\n"]
        if isinstance(step, StepResult) and step.error:
            lines += [f"{indent}**Failed: {markdown_text(step.error.rstrip('.'))}.**\n"]
    return "\n".join(lines)


def proof_lines(statement: Statement, results: Sequence[StepResult]) -> list[list[str]]:
    """Write a proof as text, for a terminal.

    Args:
        statement: the statement.
        results: what became of each step.

    Returns:
        For each step its lines: status and title, each chain of its formulas, and what it rests on with its note.
    """
    written = []
    for step, used in zip(results, used_words(statement), strict=True):
        error = f": {step.error}" if step.error else ""
        lines = [f"{step.status}{error}: {step.title}{' (remark)' if step.remark else ''}"]
        lines += [f"    {formula}" for formula in chains_text(step.gives.formulas)]
        last = "; ".join(filter(None, [f"from {joined(used)}" if used else "", step.note]))
        written.append([*lines, *([last] if last else [])])
    return written


def markdown_text(text: str) -> str:
    """Escape what Markdown would take for markup.

    Args:
        text: any text.

    Returns:
        One line.
    """
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(text.split()))


def sentence(text: str) -> str:
    """Begin a text with a capital where a word stands there, and end it with a full stop.

    Args:
        text: any text, such as the note of a step.

    Returns:
        The text; a formula at its beginning stays as it is.
    """
    word = re.match(r"(?!(?:exp|log|max|min|srk|sup|inf) )(?:[a-z]{2,}|a)(?=[ ,:;])", text)
    return f"{text[:1].upper() if word else text[:1]}{text[1:].rstrip('.')}."


def joined(phrases: Sequence[str]) -> str:
    """Join phrases as a sentence does.

    Args:
        phrases: the phrases.

    Returns:
        Such as "a, b and c".
    """
    return " and ".join(filter(None, [", ".join(phrases[:-1]), *phrases[-1:]]))


def _displayed(fact: Fact, fit: str) -> list[str]:
    """Write the formulas of a fact, each on lines of its own."""
    lines = []
    for formula in chains_latex(fact.formulas):
        lines += [r"    \[", f"      {fit.format(formula)}", r"    \]"]
    return lines


def _remark(step: Step | StepResult) -> str:
    return " (remark)" if step.remark else ""


def _phrase(name: str, numbers: dict[str, int]) -> str:
    """Say where a fact comes from."""
    if name in numbers:
        return f"step {numbers[name]} ({name})"
    if name in _CONDITIONS:
        return _CONDITIONS[name]
    id, _, field = name.partition(":")
    return f"{_OF_OTHERS[field]} of {_titled(id)}" if field in _OF_OTHERS else _titled(id)


def _titled(id: str) -> str:
    """Name a statement with its kind."""
    from theory._errors import StatementError
    from theory.catalogue import statement

    try:
        return f"{statement(id).kind.capitalize()} {id}"
    except StatementError:
        return id
