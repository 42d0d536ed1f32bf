"""The command line `noise-geometry`; it imports nothing heavy before it knows what to do."""

from __future__ import annotations

import contextlib
import sys
import traceback
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from verify import cli_bench, cli_certificate, cli_data, cli_reports, cli_sweep, cli_theory, cli_train, completion
from verify.commands import PROGRAM
from verify.console import Verbose, complain, interrupted, say, stoppable
from verify.errors import VerifyError

if TYPE_CHECKING:
    from theory import Statement

BAD_USAGE = 2
INTERNAL_ERROR = 70

# Errors that are one line already; a module that is not loaded cannot have raised its own.
_ONE_LINE = (
    ("verify.errors", "VerifyError"),
    ("theory._errors", "StatementError"),
    ("simulate.validation", "InputError"),
)

app = typer.Typer(
    name=PROGRAM,
    help="Check theorems on the geometry of SGD noise against exact worst cases and real data.",
    epilog="Start with: noise-geometry verify",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        from verify.environment import program_version

        say(f"{PROGRAM} {program_version()}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        say(context.get_help() + "\n")


@app.command(
    "verify",
    help="""Judge claims; the results go to a new folder with a report.

    CLAIM is an id such as 3.3 or digits; without any, every claim is judged. `noise-geometry theory` lists the
    statements. On request alone, as they need `noise-geometry data cifar10`: cifar-alignment, cifar-escape. Their
    trainings are kept as those of `noise-geometry figure` are: after an interruption the next run goes on with them.

    \b
    Examples:
      noise-geometry verify
      noise-geometry verify 3.3 4.3 --profile full --seed 1
      noise-geometry verify 4.3 --replace 'upper=(2+eps)/(1-eps)**2'
      noise-geometry verify C.1 --json --out my-run

    Exit status: 0 no theorem violated and every control refuted; 1 a theorem or your own statement violated, or a
    control survived; 2 bad usage or input; 130 interrupted.
    """,
    epilog="A conjecture of your own: --replace changes a field of one statement, and the result is judged like it.",
)
@stoppable
def _verify(
    claims: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLAIM", show_default=False, help="What to judge.", autocompletion=completion.claims),
    ] = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE",
            show_default=False,
            help="Judge a changed statement: lower, upper, probability, sample_size, dimension, constants, kind or "
            "title; may be repeated; nothing after = drops it.",
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option(metavar="quick|full", help="How much to compute.", autocompletion=completion.profiles)
    ] = "quick",
    seed: Annotated[str, typer.Option(metavar="N", help="What fixes every random number.")] = "0",
    workers: Annotated[
        str | None, typer.Option(metavar="N", show_default=False, help="Processes; by default one on each CPU.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", show_default=False, help="New or empty folder; by default results/<time>-<seed>."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")] = False,
    verbose: Verbose = False,
) -> int:
    import verify

    wanted = _replaced(claims or [], replace) if replace else (claims or None)
    silent = json or quiet or verbose or sys.stderr is None or not sys.stderr.isatty()
    result = verify.run(
        wanted,
        profile=profile,
        seed=_integer("seed", seed, 0),
        out=out,
        workers=None if workers is None else _integer("workers", workers, 1),
        progress=not silent,
    )
    if json:
        say(result.to_json() + "\n")
    elif quiet:
        from verify.report.wording import headline

        say(headline(result) + "\n")
    else:
        from verify.report.terminal import render

        say(render(result, sys.stdout))
    return result.exit_code


@app.command(
    "figure",
    help="""Make a figure of the paper, or list the figures.

    The drawing, with the bounds in it, and the numbers behind it go to a new folder.

    \b
    Examples:
      noise-geometry figure
      noise-geometry figure 2a
      noise-geometry figure 1 --seed 1 --out my-figure
      noise-geometry figure 2b --scale small

    2b, 5 and 6 need CIFAR-10: noise-geometry data cifar10. Their trainings are kept: after an
    interruption the same command goes on with them, to the same numbers, and none is done twice. They
    are in the folder that $NOISE_GEOMETRY_TRAININGS names, or noise-geometry/trainings in the user's
    cache; remove its files to train afresh. Those that are not used for 60 days are removed.
    """,
)
@stoppable
def _figure(
    identifier: Annotated[
        str | None,
        typer.Argument(metavar="ID", show_default=False, help="Which to make.", autocompletion=completion.figures),
    ] = None,
    seed: Annotated[str, typer.Option(metavar="N", help="What fixes every random number.")] = "0",
    workers: Annotated[
        str | None, typer.Option(metavar="N", show_default=False, help="Processes; by default one on each CPU.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="New or empty folder, or that of the same figure, interrupted; by default "
            "results/figure-<ID>-<time>-<seed>.",
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="small|paper",
            show_default=False,
            help="Of figures on CIFAR-10: narrow networks, in minutes (the default), or the paper's, on a GPU.",
            autocompletion=completion.scales,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the last line only.")] = False,
    verbose: Verbose = False,
) -> int:
    from verify import figures

    if identifier is None:
        say(figures.listing_json() if json else figures.listing())
        return 0
    figures.entry(identifier)
    import verify

    made = verify.figure(
        identifier,
        seed=_integer("seed", seed, 0),
        out=out,
        workers=None if workers is None else _integer("workers", workers, 1),
        progress=False if quiet or json or verbose else None,
        scale=scale,
    )
    say(made.to_json() + "\n" if json else made.headline() + "\n" if quiet else made.text())
    return 0


cli_theory.add_to(app)
cli_certificate.add_to(app)
cli_sweep.add_to(app)
cli_data.add_to(app)
cli_train.add_to(app)
cli_reports.add_to(app)
cli_bench.add_to(app)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its status.

    Args:
        arguments: what follows the program's name; None for the process's own.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show "ε" gets "?" rather than a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    status = _status(sys.argv[1:] if arguments is None else arguments)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    """Run a command and turn whatever ends it into an exit status."""
    try:
        return int(app(args=arguments, prog_name=PROGRAM, standalone_mode=False) or 0)
    except KeyboardInterrupt as interrupt:
        return interrupted(interrupt)
    except MemoryError:
        return _refuse("memory: expected enough for this run, got none left")
    except Exception as error:
        if hasattr(error, "format_message"):
            return _refuse(_usage(error))
        if isinstance(error, _known_errors()):
            return _refuse(str(error))
        traceback.print_exc()
        complain(f"internal error: {type(error).__name__}: {error}")
        return INTERNAL_ERROR


def _known_errors() -> tuple[type[Exception], ...]:
    return tuple(getattr(sys.modules[module], name) for module, name in _ONE_LINE if module in sys.modules)


def _refuse(message: str) -> int:
    complain(f"error: {message}")
    return BAD_USAGE


def _integer(name: str, text: str, least: int) -> int:
    """Read an integer from the command line."""
    with contextlib.suppress(ValueError):
        value = int(text)
        if value >= least:
            return value
    raise VerifyError(f"{name}: expected an integer of at least {least}, got {text!r:.60}")


def _replaced(claims: list[str], replacements: list[str]) -> Statement:
    """Change the one claim of the catalogue that is named."""
    import theory

    fields: dict[str, Any] = {}
    for text in replacements:
        name, value = theory.parse_replacement(text)
        if name in fields:
            raise VerifyError(f"replace: expected each field once, got {name!r} twice")
        fields[name] = value
    known = [statement.id for statement in theory.statements()]
    if len(claims) != 1:
        raise VerifyError(f"replace: expected exactly one claim of {', '.join(known)} with it, got {len(claims)}")
    if claims[0] not in known:
        from verify import claims as judged

        judged.check(claims[0])
        raise VerifyError(f"replace: expected one of {', '.join(known)} as the claim, got {claims[0]!r}")
    return theory.statement(claims[0]).replace(**fields)


def _usage(error: Any) -> str:
    """Put a usage error of the option parser into one line that names the argument."""
    kind = type(error).__name__
    if kind == "NoSuchOption":
        near = f" (did you mean {' or '.join(error.possibilities)}?)" if error.possibilities else ""
        return f"{error.option_name}: expected a known option, got an unknown one{near}"
    if kind == "BadOptionUsage":
        expected, got = ("a value", "none") if "requires" in error.message else ("no value", "one")
        return f"{error.option_name}: expected {expected}, got {got}"
    if kind == "UsageError" and error.message.startswith("No such command"):
        return _unknown_command(error)
    return str(error.format_message()).rstrip(".")


def _unknown_command(error: Any) -> str:
    """Suggest the command that may have been meant."""
    import difflib

    commands = list(error.ctx.command.commands) if error.ctx else []
    name = error.message.split("'")[1] if error.message.count("'") >= 2 else ""
    near = difflib.get_close_matches(name, commands, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"command: expected one of {', '.join(commands)}, got {name!r}{hint}"


if __name__ == "__main__":
    main()
