"""What the shell offers when the tabulator key is pressed; nothing heavy is imported for it."""

from __future__ import annotations


def claims() -> list[str]:
    """List what can be judged.

    Returns:
        The ids of the claims.
    """
    from verify.claims import known_ids

    return known_ids()


def statements() -> list[str]:
    """List what can be shown.

    Returns:
        The ids of the statements.
    """
    from verify.claims import STATEMENTS

    return list(STATEMENTS)


def figures() -> list[str]:
    """List what can be drawn.

    Returns:
        The ids of the figures.
    """
    from verify.figures import FIGURES

    return [one.id for one in FIGURES]


def scales() -> list[str]:
    """List the scales of the figures on images.

    Returns:
        Their names.
    """
    from verify.figures import SCALES

    return list(SCALES)


def spectra() -> list[str]:
    """List the spectra that have names.

    Returns:
        Their names.
    """
    from verify.cli_certificate import SPECTRA

    return list(SPECTRA)


def profiles() -> list[str]:
    """List how much can be computed.

    Returns:
        The names of the profiles.
    """
    return ["quick", "full"]


def formats() -> list[str]:
    """List what a report can be written as.

    Returns:
        The names of the formats.
    """
    from verify.report import FORMATS

    return list(FORMATS)


def data() -> list[str]:
    """List the data sets.

    Returns:
        Their names.
    """
    from verify.obtaining import NAMES

    return list(NAMES)


def sources() -> list[str]:
    """List from where a data set can be obtained.

    Returns:
        The names of the sources.
    """
    from verify.obtaining.sources import SOURCES

    return list(SOURCES)


def networks() -> list[str]:
    """List the networks that can be trained.

    Returns:
        Their names.
    """
    from verify.trainable import NETWORKS

    return list(NETWORKS)
