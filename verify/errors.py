"""What goes wrong at the edge of the package, in one line each."""

from __future__ import annotations


class VerifyError(ValueError):
    """An argument, a folder or a file that cannot be used; the message is one line and names it."""
