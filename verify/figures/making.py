"""Making a figure: from what a user asked for to files in a folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.arguments import check_out, check_seed
from verify.commands import PROGRAM
from verify.environment import describe
from verify.errors import VerifyError
from verify.execution import Executor, check_workers
from verify.figures import SCALES, Entry, entry
from verify.figures._context import Context, Made
from verify.progress import Sink, sink_for
from verify.store import MANIFEST, RunFolder

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FigureResult:
    """A figure that was made.

    Attributes:
        id: its id.
        title: what it shows, in one line.
        caption: what it shows, and with which settings.
        finding: what it says, in one line.
        table: every number behind it.
        fits: what was fitted to the numbers, with intervals; None where nothing was.
        folder: where everything is stored.
        png: the drawing as pixels.
        svg: the drawing as vectors.
        csv: the table.
        fits_csv: the fits; None where there are none.
        manifest: seed, versions, command and checksums.
        seed: what fixed every random number.
        command: what makes it again.
    """

    id: str
    title: str
    caption: str
    finding: str
    table: pd.DataFrame
    fits: pd.DataFrame | None
    folder: Path
    png: Path
    svg: Path
    csv: Path
    fits_csv: Path | None
    manifest: Path
    seed: int
    command: str

    def headline(self) -> str:
        """Say in one line what came out and where it is.

        Returns:
            The line, without its end.
        """
        return f"figure {self.id}: {self.finding}; drawn in {self.png}"

    def text(self) -> str:
        """Say what the figure shows and where its files are.

        Returns:
            The caption, the files and the headline, each line ended.
        """
        import textwrap

        caption = textwrap.fill(f"Figure {self.id}: {self.caption}", 110)
        files = "\n".join(f"  {path}" for path in (self.png, self.svg, self.csv, self.fits_csv, self.manifest) if path)
        return f"{caption}\n\n{files}\n\n{self.headline()}\n"

    def to_json(self) -> str:
        """Describe the figure as JSON; the numbers behind it are in its files.

        Returns:
            Id, title, caption, finding, seed, command, folder and files, as text.
        """
        paths = {
            "png": self.png,
            "svg": self.svg,
            "csv": self.csv,
            "fits_csv": self.fits_csv,
            "manifest": self.manifest,
        }
        described = {
            "id": self.id,
            "title": self.title,
            "caption": self.caption,
            "finding": self.finding,
            "seed": self.seed,
            "command": self.command,
            "folder": str(self.folder),
            "files": {name: str(path) for name, path in paths.items() if path},
        }
        return json.dumps(described, indent=1, ensure_ascii=False)


def figure(
    id: str,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | Callable[[str, float, str], None] | None = None,
    scale: str | None = None,
) -> FigureResult:
    """Make a figure, and store it with the numbers behind it in a new folder.

    Of the figures on CIFAR-10 every training is kept in the user's cache (`verify.kept_trainings`): where a call was
    interrupted or killed, the same call goes on with the trainings, and ends with the same numbers, bit for bit.

    Args:
        id: which figure, such as "1" or "scaling-laws"; `verify.figures.FIGURES` lists them.
        seed: what fixes every random number, at least 0.
        out: the folder for the files, which must not exist, be empty, or be that of the same figure where it was not
            finished; None for `results/figure-<id>-<time>-<seed>`.
        workers: how many processes work, at least 1; None for one on each usable CPU. It does not change any number.
        progress: whether to show a bar on the standard error stream; None shows one on a terminal after two seconds. Or
            a function, which is called with the figure, how far it is (0 to 1) and what it is doing.
        scale: of the figures on CIFAR-10 (2b, 5, 6): "small" for narrow networks on a few hundred images, minutes on
            two cores, or "paper" for the paper's sizes, on a GPU where CuPy finds one; None for "small". Other figures
            have one scale and take None alone.

    Returns:
        The table, and where the files are.

    Raises:
        VerifyError: for an argument that cannot be used, before anything is created; for a file that cannot be written
            or a worker that dies; for a training that diverges.
        DataError: if CIFAR-10 is needed and not there, before anything is created.
        KeyboardInterrupt: at the interrupt key; the folder then holds its manifest only.

    Example:
        >>> made = figure("2a", seed=1, out="my-figure")  # doctest: +SKIP
        >>> made.png.name, made.csv.name  # doctest: +SKIP
        ('figure-2a.png', 'figure-2a.csv')
    """
    return make(id, seed, out, workers, progress, scale=scale)


def make(
    identifier: str,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool | Callable[[str, float, str], None] | None = None,
    size: str = "default",
    scale: str | None = None,
) -> FigureResult:
    """Make a figure of a given size; see `figure`.

    Args:
        identifier: which figure.
        seed: what fixes every random number.
        out: the folder for the files.
        workers: how many processes work.
        progress: whether to show a bar, or a function.
        size: "default", or "tiny" for tests: few and small points, and digits in place of CIFAR-10.
        scale: "small", "paper" or None.

    Returns:
        The table, and where the files are.

    Raises:
        VerifyError: for an argument that cannot be used, a file that cannot be written, a worker that dies or a
            training that diverges.
        DataError: if CIFAR-10 is needed and not there.
        KeyboardInterrupt: at the interrupt key.
    """
    wanted, seed, out = entry(identifier), check_seed(seed), check_out(out)
    size = _sized(wanted, scale, size)
    sink = sink_for(progress, noun="")
    news = _News(sink)
    executor = Executor(None if workers is None else check_workers(workers), news.points)
    command = f"{PROGRAM} figure {wanted.id} --seed {seed}" + (" --scale paper" if scale == SCALES[1] else "")
    if wanted.images and size != "tiny":
        # The images are looked for before anything is created.
        from verify.image_networks import require_images

        require_images()
    description = {
        "figure": wanted.id,
        "title": wanted.title,
        "command": command,
        "seed": seed,
        "workers": executor.workers,
        "blas_threads_per_point": 1,
        "environment": describe(),
    }
    folder = _folder(out, description)
    try:
        with sink, executor:
            sink.begin(f"figure {wanted.id}", 0, 1)
            made, paths = _make(wanted, Context(seed, executor.map, news.begin, size), folder)
        folder.finish("complete")
    except KeyboardInterrupt:
        with contextlib.suppress(VerifyError):
            folder.finish("interrupted")
        kept = "; its trainings are kept: give the same command again to go on" if wanted.images else ""
        raise KeyboardInterrupt(f"interrupted; figure {wanted.id} is not finished in {folder.path}{kept}") from None
    except BaseException:
        # The error that ended the run is the one to report, whatever becomes of the manifest.
        with contextlib.suppress(VerifyError):
            folder.finish("failed")
        raise
    return FigureResult(
        wanted.id, wanted.title, made.caption, made.finding, made.table, made.fits, folder.path, *paths, seed, command
    )


def _folder(out: str | os.PathLike[str] | None, description: dict[str, Any]) -> RunFolder:
    """Create the folder, or take over that of the same figure where it was interrupted or killed."""
    # Should that process live after all, both write the same files, each of them whole.
    found: Any = None
    with contextlib.suppress(OSError, ValueError):
        found = None if out is None else json.loads((Path(out) / MANIFEST).read_bytes())
    if isinstance(found, dict) and found.get("command") == description["command"] and found.get("status") != "complete":
        return RunFolder(Path(str(out)), {**found, **description, "status": "running", "ended": None, "files": {}})
    return RunFolder.create(out, description, prefix=f"figure-{description['figure']}-", flat=True)


def _sized(wanted: Entry, scale: object, size: str) -> str:
    """Turn a scale into the name of settings."""
    if scale is not None and not wanted.images:
        raise VerifyError(f"scale: expected none for figure {wanted.id}, which has one scale, got {scale!r:.60}")
    if scale not in (None, *SCALES):
        raise VerifyError(f"scale: expected {' or '.join(SCALES)}, got {scale!r:.60}")
    return "paper" if scale == SCALES[1] else size


class _News:
    """Turns the progress of one map into that of the whole figure."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._phase = ("", 0.0, 0.0)

    def begin(self, text: str, start: float, end: float) -> None:
        self._phase = (text, start, end)
        self._sink.update(start, text)

    def points(self, done: float, total: int) -> None:
        text, start, end = self._phase
        self._sink.update(start + (end - start) * done / max(total, 1), text)


_Paths = tuple[Path, Path, Path, Path | None, Path]


def _make(wanted: Entry, context: Context, folder: RunFolder) -> tuple[Made, _Paths]:
    """Measure, draw and store."""
    from verify.figures import drawing

    with drawing.styled():
        made: Made = import_module(f"verify.figures.{wanted.module}").make(context)
        context.begin("drawing", 0.97, 1.0)
        stem = f"figure-{wanted.id}"
        folder.manifest |= {"caption": made.caption, "finding": made.finding, "settings": made.settings}
        # The numbers first: they are what took time.
        csv = folder.write_text(f"{stem}.csv", _csv(made.table))
        fits = None if made.fits is None else folder.write_text(f"{stem}-fits.csv", _csv(made.fits))
        svg = folder.write_bytes(f"{stem}.svg", drawing.svg(made.drawing, wanted.title))
        png = folder.write_bytes(f"{stem}.png", drawing.png(made.drawing))
    return made, (png, svg, csv, fits, folder.path / MANIFEST)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
