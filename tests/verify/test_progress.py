"""The progress bar: on a terminal only, after a while only, and gone at the end."""

from __future__ import annotations

import io
import re
import sys

import pytest

from verify.progress import Bar, Silent, Told, sink_for


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make the standard error stream a terminal (in the test itself: pytest sets the stream again after fixtures)."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return stream


def work(bar: Bar) -> None:
    with bar:
        bar.begin("3.3", 1, 4)
        bar.update(0.5, "ray 2 of [5]")
        bar.points(7, 29)
        bar.update(0.5, "ray 3 of [5]")


def test_the_bar_names_the_claim_and_how_far_it_is(monkeypatch):
    terminal = on_terminal(monkeypatch)
    work(Bar())
    shown = terminal.getvalue()
    for wanted in ("3.3", "claim 2 of 4", "ray 3 of [5]", "38%"):
        assert wanted in shown
    # The last thing written clears the line and shows the cursor again.
    assert shown.rstrip().endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [(1, 2, "training 1/2"), (1.5, 2, "training 1/2, 75%"), (0.25, 1, "training 25%"), (1, 1, "training")],
)
def test_points_are_counted_and_those_in_progress_by_their_share(monkeypatch, done, total, text):
    terminal = on_terminal(monkeypatch)
    with Bar() as bar:
        bar.update(0.1, "training")
        bar.points(done, total)
    # The bar is one line, which ends with the text and blanks.
    lines = re.split(r"\x1b\[\d*[A-Za-z]|\r|\n", terminal.getvalue())
    assert any(line.rstrip().endswith(text) for line in lines)
    assert any("/" in line for line in lines) == (total > 1)


def test_a_bar_for_one_thing_counts_nothing(monkeypatch):
    terminal = on_terminal(monkeypatch)
    work(Bar(noun=""))
    assert "2 of 4" not in terminal.getvalue()
    assert isinstance(sink_for(None, noun=""), Bar)


def test_a_short_run_shows_nothing(monkeypatch):
    terminal = on_terminal(monkeypatch)
    work(Bar(patience=60.0))
    assert terminal.getvalue() == ""


def test_python_gets_a_bar_on_a_terminal_only(monkeypatch):
    on_terminal(monkeypatch)
    assert isinstance(sink_for(None), Bar)
    assert isinstance(sink_for(False), Silent)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert type(sink_for(None)) is Silent
    assert isinstance(sink_for(True), Bar)
    monkeypatch.setattr(sys, "stderr", None)
    assert type(sink_for(None)) is type(sink_for(True)) is Silent


def test_fractions_beyond_the_ends_are_cut():
    heard: list[tuple[str, float, str]] = []
    told = Told(lambda *news: heard.append(news))
    told.update(1.2, "late")
    told.update(-0.1, "early")
    assert [fraction for _, fraction, _ in heard] == [1.0, 0.0]
