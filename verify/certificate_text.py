"""A certificate as a table with sentences, and as plain values."""

from __future__ import annotations

import dataclasses
import math
import sys
from typing import IO, TYPE_CHECKING, Any

from verify.report.terminal import collected, console_for

if TYPE_CHECKING:
    from rich.table import Table

    from verify.certificates import Assessment, Certificate, Entry


def render(certificate: Certificate, stream: IO[str] | None, width: int | None) -> str:
    """Write a certificate for a stream.

    Args:
        certificate: the certificate.
        stream: where it is going to be written, the standard output stream if None; only a terminal gets colours.
        width: columns; None for the terminal's, or 120 where there is none.

    Returns:
        The text, with a final newline.
    """
    from rich.text import Text

    console = console_for(stream or sys.stdout, width)
    console.print(Text(_design(certificate)))
    console.print()
    console.print(_table(certificate))
    console.print()
    for entry in certificate.entries:
        for line in _sentences(entry, certificate):
            console.print(Text.assemble((f"{entry.id}: ", "bold"), line))
    console.print()
    console.print(Text(headline(certificate), style="bold"), soft_wrap=True)
    return collected(console)


def headline(certificate: Certificate) -> str:
    """Say on one line what is certain.

    Args:
        certificate: the certificate.

    Returns:
        Such as "certificate: bounds at ε = 0.5 guaranteed: 3.3, 3.5; 0.65 ≤ μ(θ) ≤ 1.5 for …".
    """
    sure = [entry.id for entry in certificate.entries if entry.guaranteed_by]
    text = f"certificate: bounds at ε = {certificate.eps:g} guaranteed: {', '.join(sure) or 'none'}"
    explicit = next((entry.explicit for entry in certificate.entries if entry.explicit), None)
    if explicit is None or explicit.vacuous:
        return f"{text}; the explicit interval of 3.3 is vacuous"
    return (
        f"{text}; {_number(explicit.lower)} ≤ μ(θ) ≤ {_number(explicit.upper)} for the linear model at every θ with "
        f"probability {explicit.probability:g}"
    )


def described(certificate: Certificate) -> dict[str, Any]:
    """Describe a certificate in nested plain values.

    Args:
        certificate: the certificate.

    Returns:
        Its fields; of each entry also whether it applies, and of each condition whether it is met.
    """
    fields = {f.name: getattr(certificate, f.name) for f in dataclasses.fields(certificate) if f.name != "entries"}
    return fields | {"theorems": [_described_entry(entry) for entry in certificate.entries]}


def _described_entry(entry: Entry) -> dict[str, Any]:
    """Describe one theorem."""
    return {
        "id": entry.id,
        "title": entry.title,
        "applies": entry.applies,
        "guaranteed_by": entry.guaranteed_by,
        "note": entry.note,
        "interval": entry.interval,
        "proved": _described_assessment(entry.proved),
        "fitted": _described_assessment(entry.fitted),
        "explicit": entry.explicit._asdict() if entry.explicit else None,
        "explicit_n": entry.explicit_n,
        "observed": entry.observed._asdict(),
    }


def _described_assessment(assessment: Assessment | None) -> dict[str, Any] | None:
    """Describe the conditions with one choice of constants."""
    if assessment is None:
        return None
    conditions = [dataclasses.asdict(one) | {"met": one.met} for one in assessment.conditions]
    return {"source": assessment.source, "met": assessment.met, "fewest": assessment.fewest, "conditions": conditions}


def _design(certificate: Certificate) -> str:
    """Name the design."""
    return (
        f"n = {certificate.n:,} samples in d = {certificate.d:,} dimensions, effective dimension "
        f"{certificate.d_eff:,.4g}; ε = {certificate.eps:g}, δ = {certificate.delta:g}"
    )


def _table(certificate: Certificate) -> Table:
    """Make the table."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    table.add_column("theorem", no_wrap=True)
    table.add_column("about", ratio=1)
    table.add_column("guaranteed", no_wrap=True)
    table.add_column(f"bounds at ε = {certificate.eps:g}", overflow="fold")
    table.add_column("explicit bounds", overflow="fold")
    table.add_column("seen", overflow="fold")
    for entry in certificate.entries:
        sure = entry.guaranteed_by or ("unknown" if entry.applies is None else "no")
        explicit = "–"
        if entry.explicit:
            explicit = "vacuous" if entry.explicit.vacuous else _range(entry.explicit[:2])
        table.add_row(
            Text(entry.id, style="bold"),
            Text(entry.title),
            Text(sure, style="green" if entry.guaranteed_by else "yellow"),
            Text(_range(entry.interval)),
            Text(explicit),
            Text(_seen(entry)),
        )
    return table


def _seen(entry: Entry) -> str:
    """Write the range that was seen."""
    observed = entry.observed
    if observed.found is not None:
        return _range(observed.found)
    return "–" if observed.certified is None else f"within {_range(observed.certified)}"


def _sentences(entry: Entry, certificate: Certificate) -> list[str]:
    """Say what the conditions ask for, what the explicit bounds need, and what was seen."""
    lines = [f"{entry.note}; nothing is claimed"] if entry.note else []
    if entry.proved is None:
        lines.append("its proof leaves the constants open")
    lines += [_asked(one, certificate) for one in (entry.proved, entry.fitted) if one is not None]
    if entry.explicit is not None:
        within = f"its explicit bounds lie within those at ε = {certificate.eps:g} "
        none = f"{within}for no n: the effective dimension is too small"
        lines.append(none if entry.explicit_n is None else f"{within}at n = {entry.explicit_n:,} first")
    observed = entry.observed
    if not observed.draws:
        lines.append(f"worst case: {observed.about}")
        return lines
    ending = f"on {observed.draws} {'draw' if observed.draws == 1 else 'draws'}, over {observed.about}"
    if observed.found is None:
        lines.append(f"worst case bounded {ending}")
    elif observed.found == observed.certified:
        lines.append(f"worst case exact {ending}")
    else:
        lines.append(f"worst case found {ending}; certified: {_range(observed.certified or (None, None))}")
    return lines


def _asked(assessment: Assessment, certificate: Certificate) -> str:
    """Say which conditions are met with these constants."""
    by_proof = assessment.source == "proof"
    start = "with the constants of its proof" if by_proof else f"with the constant fitted in {certificate.results}"
    parts = [
        f"{one.quantity} ≥ {_number(one.asks)} (C = {_number(one.constant)}) is {'met' if one.met else 'not met'}"
        for one in assessment.conditions
    ]
    promise = "" if by_proof else "; a fit is no proof"
    return f"{start}: {', '.join(parts)}{promise}"


def _range(ends: tuple[float | None, float | None]) -> str:
    """Write an interval."""
    low, high = ends
    return f"[{'–' if low is None else _number(low)}, {'∞' if high is None else _number(high)}]"


def _number(value: float) -> str:
    """Write a number with three or four digits."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
