"""What a command line writes: results to one stream, everything else to the other, one line for each."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from verify.commands import PROGRAM
from verify.errors import VerifyError

INTERRUPTED = 130


def say(text: str) -> None:
    """Write to the standard output stream; a reader that has left is no error.

    Args:
        text: what to write, with its line ends.

    Raises:
        VerifyError: if the stream cannot be written to.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would try to flush the rest at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise VerifyError(f"standard output: expected to write to it, got: {os.strerror(error.errno or 0)}") from None


@contextlib.contextmanager
def prints_aside() -> Iterator[None]:
    """Send what is printed inside the block, by worker processes as well, to the standard error stream.

    A user's function may print, and what the command prints must stay whole.

    Yields:
        Nothing.
    """
    saved = None
    with contextlib.suppress(OSError):
        saved = os.dup(1)
        os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)


def complain(message: str) -> None:
    """Write one line to the standard error stream; there is nobody to tell if that fails.

    Args:
        message: the line, without the program's name and its end.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{PROGRAM}: {printable(' '.join(message.split()))}\n")
        sys.stderr.flush()


def printable(text: str) -> str:
    """Take out what would steer a terminal, such as the colours in a foreign error message.

    Args:
        text: a line.

    Returns:
        The line with "?" for each character that has no shape.
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def interrupted(cause: BaseException) -> int:
    """Say what an interrupted run has kept.

    Args:
        cause: the interrupt.

    Returns:
        The exit status.
    """
    complain(str(cause) or "interrupted")
    return INTERRUPTED


def stoppable(command: Callable[..., int]) -> Callable[..., int]:
    """Answer the interrupt key before the option parser does, each version of which has its own idea.

    Args:
        command: a command, which returns its exit status.

    Returns:
        The same command, which returns 130 when it is interrupted.
    """

    @functools.wraps(command)
    def answering(*arguments: Any, **options: Any) -> int:
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt as interrupt:
            return interrupted(interrupt)

    return answering


class _Complaints(logging.Handler):
    """Writes records to whatever the standard error stream is by then."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            complain(message)


_HANDLER = _Complaints()
_HANDLER.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))


def log_to_standard_error(wanted: bool) -> bool:
    """Show what the package logs, or stop showing it.

    Args:
        wanted: whether to show it.

    Returns:
        The argument: the function serves as the callback of an option.
    """
    logger = logging.getLogger("verify")
    logger.removeHandler(_HANDLER)
    if wanted:
        logger.addHandler(_HANDLER)
    logger.setLevel(logging.DEBUG if wanted else logging.NOTSET)
    return wanted


Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Log what is being done, on the standard error stream.",
        callback=log_to_standard_error,
    ),
]
"""The option of every command that can take long."""
