"""The sections of the benchmark report, as words and tables that Markdown and HTML share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verify.benchmarks.assembling import Extract, Report
from verify.benchmarks.comparing import Repeat
from verify.benchmarks.races import Race
from verify.benchmarks.reading import Timing
from verify.benchmarks.roofline import Machine
from verify.statistics import Interval

NO_REASON = "no reason is given yet"
NO_GPU = "GPU figures are not measured yet: no benchmark in these files ran on a card."


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it shows.
        key: the number that it is sorted by; None for its words.
        state: "good", "bad" or "" for its colour.
    """

    text: str
    key: float | None = None
    state: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        anchor: its name in links.
        title: its heading.
        words: paragraphs before the table.
        header: names of the columns.
        rows: the table; may be empty.
    """

    anchor: str
    title: str
    words: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()


def sections(report: Report, compared: Repeat | None = None) -> list[Section]:
    """Write the report's sections.

    Args:
        report: the run.
        compared: the run and its repeat, where there is one.

    Returns:
        The sections, in order.
    """
    found = [_races(report), _reasons(report)]
    if compared is not None:
        found.append(_repeat(compared))
    found += [_parts(report), _roofline(report), _growth(report), _memory(report), _gpu(report), _timings(report)]
    return [*found, *(_environment(extract, number) for number, extract in enumerate(report.extracts, start=1))]


def time_text(seconds: float) -> str:
    """Write a time with three digits.

    Args:
        seconds: the time, positive.

    Returns:
        Such as "12.3 ms".
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds / 1e-9)} ns"


def interval_text(interval: Interval) -> str:
    """Write an estimate with its interval.

    Args:
        interval: the estimate.

    Returns:
        Such as "8.31 [7.90, 8.74]"; "no interval" where there are too few rounds.
    """
    if not (interval.low > -math.inf and interval.high < math.inf):
        return f"{_digits(interval.estimate)} [no interval]"
    return f"{_digits(interval.estimate)} [{_digits(interval.low)}, {_digits(interval.high)}]"


def _digits(value: float) -> str:
    """Write three significant digits without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}".replace("-", "−")


def _engineering(value: float | None, unit: str) -> str:
    """Write a count with a prefix."""
    if value is None:
        return ""
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{_digits(value / size)} {prefix}{unit}"
    return f"{_digits(value)} {unit}"


def _spread(timing: Timing) -> str:
    low, high = timing.spread
    return f"−{100 * (1 - low):.0f} / +{100 * (high - 1):.0f} % of {timing.seconds.size}"


def _sizes(sizes: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in sizes.items())


def _races(report: Report) -> Section:
    words = (
        "Ratios are the other program's time over ours, for the same work on the same data: the median over all pairs "
        "of rounds, with the 95 % interval that inverts the rank-sum test; too few rounds give none. It covers the "
        "spread within a run; a repeat run shows what lies beyond it.",
        "Times are medians; those of ensembles are for a step of one replica. Spread: quartiles of the rounds beside "
        "their median.",
    )
    header = ("What", "Beside", "Ratio", "Aim", "Ours", "Theirs", "Spread, ours", "Spread, theirs", "Memory", "Results")
    rows = tuple(_race_row(race) for race in report.races)
    return Section("races", "Beside other software", words if rows else ("No file has a race.",), header, rows)


def _race_row(race: Race) -> tuple[Cell, ...]:
    note = race.other.facts.get("note")
    aim = f"≥ {race.aim:g}: {race.aim_reached}" if race.aim is not None else ""
    memory = "" if math.isnan(race.memory_ratio) else f"{_digits(race.memory_ratio)} × ours"
    return (
        Cell(race.group),
        Cell(f"{race.other.by} ({note})" if note else race.other.by),
        Cell(f"{interval_text(race.ratio)}: {race.conclusion}", race.ratio.estimate, _colour(race.conclusion)),
        Cell(aim, None, _colour(race.aim_reached)),
        _time(race.ours),
        _time(race.other),
        Cell(_spread(race.ours)),
        Cell(_spread(race.other)),
        Cell(memory, None if math.isnan(race.memory_ratio) else race.memory_ratio),
        Cell(_difference(race.other)),
    )


def _time(timing: Timing) -> Cell:
    return Cell(time_text(timing.median), timing.median)


def _colour(conclusion: str) -> str:
    return {"faster": "good", "reached": "good", "agree": "good"}.get(
        conclusion, "bad" if conclusion in {"slower", "missed", "contradict"} else ""
    )


def _difference(timing: Timing) -> str:
    difference, tolerance = timing.facts.get("difference"), timing.facts.get("tolerance")
    if difference is None or tolerance is None:
        return "not compared"
    return f"differ by {difference:.1g}, tolerance {tolerance:g}".replace("-", "−")


def _reasons(report: Report) -> Section:
    due = [race for race in report.races if race.needs_reason]
    words = ("Where we are slower than other software or short of an aim, by the estimated ratio, and why.",)
    rows = tuple(
        (
            Cell(race.group),
            Cell(race.other.by),
            Cell(interval_text(race.ratio), race.ratio.estimate),
            Cell(f"≥ {race.aim:g}" if race.aim is not None else ""),
            Cell(race.reason or NO_REASON, None, "" if race.reason else "bad"),
        )
        for race in due
    )
    none = ("Nothing is slower than other software, and every aim is reached.",) if report.races else ("No race.",)
    return Section("reasons", "Slower, or short of an aim", words if due else none, _REASON_HEADER, rows)


_REASON_HEADER = ("What", "Beside", "Ratio", "Aim", "Reason")


def _repeat(compared: Repeat) -> Section:
    def cell(race: Race | None) -> Cell:
        return Cell("" if race is None else f"{interval_text(race.ratio)}: {race.conclusion}")

    rows = tuple(
        (
            Cell(each.group),
            Cell(each.other),
            cell(each.before),
            cell(each.after),
            Cell(each.state, None, _colour(each.state)),
        )
        for each in compared.agreements
    )
    words = (
        f"{compared.headline().removeprefix('repeat: ')}. Runs contradict each other where one finds faster and the "
        "other slower, or one finds an aim reached and the other missed.",
        "Repeat: " + ", ".join(extract.session.file for extract in compared.after.extracts),
    )
    return Section("repeat", "A repeat run", words, ("What", "Beside", "First run", "Repeat", "Conclusions"), rows)


def _parts(report: Report) -> Section:
    rows = tuple(
        (
            Cell(race.group),
            Cell(race.other.by),
            _time(race.ours),
            _time(race.other),
            Cell(interval_text(_inverse(race.ratio)), 1 / race.ratio.estimate),
        )
        for race in report.beside_parts
    )
    words = ("Our time over that of the parts alone, such as the matrix products in it, done without anything around.",)
    header = ("What", "Parts", "Ours", "Parts alone", "Ours over parts")
    return Section("parts", "Beside what it consists of", words if rows else ("No file has one.",), header, rows)


def _inverse(ratio: Interval) -> Interval:
    return Interval(1 / ratio.estimate, 1 / ratio.high, 1 / ratio.low if ratio.low else math.inf)


def _roofline(report: Report) -> Section:
    rates = [_rates(extract, *each) for extract in report.extracts for each in extract.rates.items()]
    words = (
        *rates,
        "The floor is the larger of the operations at the rate of a large matrix product and the bytes at the rate of "
        "a large copy; operations and bytes are counted, not measured (docs/speed.md). The fraction is floor over "
        "time. Where data stay in caches it can lie above what memory allows.",
    )
    rows = tuple(
        (
            Cell(f"{floor.timing.path}{_on(floor.timing)}: {_sizes(floor.timing.sizes)}"),
            _time(floor.timing),
            Cell(_engineering(floor.timing.facts.get("flops"), "FLOP"), floor.timing.facts.get("flops")),
            Cell(_engineering(floor.timing.facts.get("bytes"), "B"), floor.timing.facts.get("bytes")),
            Cell(time_text(floor.seconds), floor.seconds),
            Cell(floor.bound),
            Cell(f"{_digits(100 * floor.fraction)} %", floor.fraction),
        )
        for floor in report.floors
    )
    header = ("What", "Time", "Operations", "Bytes", "Floor", "Bound by", "Fraction")
    return Section("roofline", "Beside what the machine allows", words, header, rows)


def _rates(extract: Extract, device: str, rates: Machine) -> str:
    parts = [f"matrix product {_engineering(rate, 'FLOP/s')} ({name})" for name, rate in rates.gemm.items()]
    if rates.bandwidth is not None:
        parts.append(f"copy {_engineering(rates.bandwidth, 'B/s')} read and written")
    where = f"{extract.session.file}{f', {device}' if device else ''}"
    return f"{where}: {', '.join(parts) or 'its rates were not measured in this run'}."


def _on(timing: Timing) -> str:
    """Name the card, where it is one."""
    return f", on {timing.facts['device']}" if "device" in timing.facts else ""


def _growth(report: Report) -> Section:
    rows = tuple(
        (
            Cell(growth.path),
            Cell(growth.axis),
            Cell(", ".join(f"{value:g}" for value in growth.values)),
            Cell(growth.others),
            Cell(interval_text(growth.exponent), growth.exponent.estimate),
            Cell(" to ".join(map(_digits, growth.between))),
            Cell("" if growth.counted is None else _digits(growth.counted), growth.counted),
        )
        for growth in report.growths
    )
    words = (
        "Exponents of time in one size, the others fixed: least squares on logarithms of medians. The 95 % interval "
        "covers the noise of the rounds; slopes between neighbours say how far the growth is from a power.",
    )
    header = ("Path", "Size", "Values", "Fixed", "Exponent", "Between neighbours", "Of counted operations")
    return Section(
        "growth", "Growth of cost", words if rows else ("No path was measured at three sizes.",), header, rows
    )


def _memory(report: Report) -> Section:
    rows = tuple(
        (
            Cell(timing.group or timing.path or timing.name),
            Cell(timing.by),
            Cell(_sizes(timing.sizes)),
            Cell(f"{_digits(timing.facts['peak_gigabytes'])} GB", timing.facts["peak_gigabytes"]),
            *_before_and_added(timing),
        )
        for timing in report.timings
        if timing.facts.get("peak_gigabytes")
    )
    words = (
        "The highest memory of a process of its own that does it once, and what it had held before the work: the "
        "interpreter, libraries and data. 1 GB is 10⁹ bytes.",
    )
    header = ("What", "By", "Sizes", "Peak", "Before", "Added")
    return Section("memory", "Peak memory", words if rows else ("Not measured.",), header, rows)


def _before_and_added(timing: Timing) -> tuple[Cell, Cell]:
    """Split a peak into what was there before the work and what the work added."""
    peak, start = timing.facts["peak_gigabytes"], timing.facts.get("start_gigabytes")
    if start is None:
        return Cell(""), Cell("")
    added = max(0.0, peak - start)
    return Cell(f"{_digits(start)} GB", start), Cell(f"{_digits(added)} GB", added)


def _gpu(report: Report) -> Section:
    rows = tuple(
        (
            Cell(timing.path or timing.name),
            Cell(timing.by),
            Cell(timing.facts["device"]),
            Cell(_sizes(timing.sizes)),
            Cell(timing.facts.get("precision", "")),
            _time(timing),
            _pool(timing),
        )
        for timing in report.on_gpu
    )
    words = ("Times are between CUDA events; memory is the peak of CuPy's pools.",) if rows else (NO_GPU,)
    return Section("gpu", "GPU", words, ("What", "By", "Card", "Sizes", "Precision", "Time", "Memory"), rows)


def _pool(timing: Timing) -> Cell:
    peak = timing.facts.get("pool_gigabytes")
    return Cell("") if peak is None else Cell(f"{_digits(peak)} GB", peak)


def _timings(report: Report) -> Section:
    raced = {id(timing) for race in (*report.races, *report.beside_parts) for timing in (race.ours, race.other)}
    others = [timing for timing in report.timings if id(timing) not in raced]
    rows = tuple(
        (Cell(timing.group or timing.path), Cell(timing.name), Cell(timing.by), _time(timing), Cell(_spread(timing)))
        for timing in others
    )
    return Section("timings", "Other timings", (), ("Group", "Benchmark", "By", "Time", "Spread"), rows)


def _environment(extract: Extract, number: int) -> Section:
    session, found = extract.session, extract.session.environment
    names = ("program", "python", "platform", "processor", "cpus")
    rows = [(name, found.get(name)) for name in names]
    rows += [("packages", _listed(found.get("packages"))), ("variables", _listed(found.get("variables")))]
    rows += [("library", _listed(library)) for library in _mappings(found.get("blas"))]
    words = (f"{session.file}{f', {session.when}' if session.when else ''}",)
    cells = tuple((Cell(name), Cell(str(value))) for name, value in rows if value not in {None, ""})
    none = () if cells else ("The file does not say what it ran on.",)
    return Section(f"environment-{number}", "Environment", (*words, *none), ("What", "Value") if cells else (), cells)


def _listed(values: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) if isinstance(values, Mapping) else ""


def _mappings(values: Any) -> Iterable[Mapping[str, Any]]:
    return [each for each in values if isinstance(each, Mapping)] if isinstance(values, Sequence) else []
