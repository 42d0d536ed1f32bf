"""The simulators' progress bar: late, on terminals only, and gone at the end."""

import io

import numpy as np
import pytest

import simulate
from simulate.dynamics import progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture(name="clock")
def _clock(monkeypatch):
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_bar_appears_after_two_seconds_and_goes_at_the_end(clock):
    terminal = Terminal()
    bar = simulate.progress_bar("SGD", terminal)
    bar(0.1)
    assert terminal.getvalue() == ""
    clock[0] += 3
    bar(0.25)
    assert terminal.getvalue() == f"\rSGD [{'=' * 7}{' ' * 23}]  25%, 9 s left\x1b[K"
    bar(0.3)
    assert "30%" not in terminal.getvalue()
    clock[0] += 1
    bar(0.5)
    assert terminal.getvalue().endswith(f"\rSGD [{'=' * 15}{' ' * 15}]  50%, 4 s left\x1b[K")
    bar(1.0)
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_nothing_is_drawn_elsewhere(clock):
    stream = io.StringIO()
    bar = simulate.progress_bar(stream=stream)
    clock[0] += 10
    bar(0.5)
    bar(1.0)
    assert stream.getvalue() == ""


def test_a_run_tells_how_far_it_is():
    told = []
    simulate.sgd(simulate.Linear(2), np.ones(2), np.eye(2), np.zeros(2), 0.1, 300, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert 0 < told[0] < 1
