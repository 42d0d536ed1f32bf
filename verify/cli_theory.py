"""The command that shows statements and their proofs, and writes the handbook: `theory`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from verify import completion
from verify.console import Verbose, say, stoppable
from verify.errors import VerifyError

if TYPE_CHECKING:
    from theory import Statement


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line.

    Args:
        app: the command line.
    """
    app.command("theory", help=_HELP)(_theory)


_HELP = """List the statements, show one, or write the handbook of all.

    Shows what a statement claims, where it comes from, what it rests on, its controls, and its proof, which is run:
    each step with its formulas, its status and what it uses. The handbook is the whole of it as one LaTeX document
    and one HTML file, with the graph of the statements; with --results beside each statement what runs of
    `noise-geometry verify` found.

    \b
    Examples:
      noise-geometry theory
      noise-geometry theory 3.3
      noise-geometry theory 4.3 --latex
      noise-geometry theory --graph
      noise-geometry theory --handbook my-handbook --results results/reference/full

    Exit status: 0 every step of the proofs that were run came out as it claims; 1 one did not; 2 bad usage or input.
    """


@stoppable
def _theory(
    identifier: Annotated[
        str | None,
        typer.Argument(metavar="ID", show_default=False, help="Which to show.", autocompletion=completion.statements),
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX, for amsmath.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, with formulas in LaTeX.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    graph: Annotated[
        bool, typer.Option("--graph", help="Print which statement rests on which; with ID what that one rests on.")
    ] = False,
    handbook: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", show_default=False, help="Write handbook.tex and handbook.html to this new or empty folder."
        ),
    ] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER",
            show_default=False,
            help="With --handbook: a run whose verdicts it shows; may be repeated.",
        ),
    ] = None,
    verbose: Verbose = False,
) -> int:
    forms = [name for name, wanted in (("latex", latex), ("markdown", markdown), ("json", json)) if wanted]
    if len(forms) > 1:
        ways = "--latex, --markdown and --json"
        raise VerifyError(f"--{forms[-1]}: expected one of {ways}, got {'both' if len(forms) == 2 else 'all'}")
    if results and handbook is None:
        raise VerifyError("--results: expected --handbook with it, got none")
    if handbook is not None:
        if identifier is not None or forms or graph:
            other = "an ID" if identifier is not None else f"--{forms[0]}" if forms else "--graph"
            raise VerifyError(f"--handbook: expected no other request with it, got {other}")
        return _handbook(handbook, results or [])
    if graph:
        if forms and not json:
            raise VerifyError(f"--graph: expected text or --json, got --{forms[0]}")
        return _graph(identifier, json)
    return _listing(forms) if identifier is None else _page(identifier, forms)


def _handbook(out: str, results: list[str]) -> int:
    """Run every proof and write the handbook."""
    from verify.report.handbook_folder import write

    written = write(out, results)
    say(written.headline() + "\n")
    return written.exit_code


def _graph(identifier: str | None, json: bool) -> int:
    """Print which statement rests on which."""
    import theory
    from verify.report.statement import as_json

    found = theory.graph()
    if identifier is not None:
        theory.statement(identifier)
        found = found.below(identifier)
    titles = {id: theory.statement(id).title for id in found.nodes}
    say(as_json(found.to_dict()) if json else theory.graph_text(found, titles))
    return 0


def _listing(forms: list[str]) -> int:
    """List all statements; no proof is run."""
    import theory
    from verify.report import statement as writing

    statements = theory.statements()
    if "latex" in forms:
        say("\n".join(statement.latex() for statement in statements))
    elif "markdown" in forms:
        say("\n".join(theory.markdown(statement) for statement in statements))
    else:
        say(writing.listing_json(statements) if forms else writing.listing(statements))
    return 0


def _page(identifier: str, forms: list[str]) -> int:
    """Show one statement, and run its proof."""
    import theory
    from verify.report import statement as writing

    statement: Statement = theory.statement(identifier)
    steps = statement.proof.run() if statement.proof else []
    if "latex" in forms:
        say(statement.latex() + ("\n" + theory.proof_latex(statement, steps) if steps else ""))
    elif "markdown" in forms:
        say(theory.markdown(statement, steps))
    else:
        say((writing.page_json if forms else writing.page)(statement, steps, theory.graph()))
    return int(any(step.status == "failed" for step in steps))
