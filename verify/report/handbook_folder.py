"""The handbook on disk: a new folder with the LaTeX document and the HTML file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verify import progress
from verify.arguments import check_out
from verify.errors import VerifyError
from verify.reading import load
from verify.report import handbook_html, handbook_latex
from verify.report.handbook import Handbook, gather
from verify.store import RunFolder

if TYPE_CHECKING:
    from theory import Statement


@dataclass(frozen=True)
class Written:
    """A handbook on disk.

    Attributes:
        book: what it says.
        files: the files.
    """

    book: Handbook
    files: tuple[Path, ...]

    @property
    def exit_code(self) -> int:
        """1 if a step of a proof did not come out as it claims, otherwise 0."""
        return self.book.exit_code

    def headline(self) -> str:
        """Say on one line what was written.

        Returns:
            The handbook's summary, and the files.
        """
        return f"handbook: {self.book.summary()}; wrote {', '.join(map(str, self.files))}"


def write(
    out: str | os.PathLike[str],
    results: Sequence[str | os.PathLike[str]] = (),
    statements: Sequence[Statement] | None = None,
    told: progress.Sink | None = None,
) -> Written:
    """Run every proof and write the handbook to a new folder.

    Args:
        out: the folder, new or empty.
        results: the folders of runs whose verdicts it shows.
        statements: the statements, with all that they rest on; None for the whole catalogue.
        told: who hears how far it is; None for a bar after two seconds on a terminal.

    Returns:
        What was written: `handbook.tex` and `handbook.html`, beside a manifest with their checksums.

    Raises:
        VerifyError: if the folder holds something already or cannot be written, or a folder of results holds no run.
    """
    place = check_out(out)
    if place is None:
        raise VerifyError("out: expected the name of a folder, got None")
    runs = [load(run, "results") for run in results]
    folder = RunFolder.create(place, {"kind": "handbook", "seed": 0}, flat=True)
    try:
        book = gather(runs, statements, told)
        files = [
            folder.write_text("handbook.tex", handbook_latex.document(book)),
            folder.write_text("handbook.html", handbook_html.document(book)),
        ]
    except BaseException as error:
        folder.finish("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    folder.finish("complete")
    return Written(book, tuple(files))
