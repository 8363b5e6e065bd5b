"""Progress where stderr is no terminal: few lines that say how far something is."""

import io
import re
import sys
from itertools import pairwise

import pytest

from cevnsjax.inference import progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass with every look at the clock."""
    now = [0.0]

    def look():
        now[0] += 10.0
        return now[0]

    monkeypatch.setattr(progress.time, "monotonic", look)


def test_a_line_a_minute(clock, monkeypatch):
    del clock
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert list(progress.track(range(20), "toys")) == list(range(20))
    lines = sys.stderr.getvalue().splitlines()
    assert len(lines) > 2
    times = [int(re.fullmatch(r"toys: \d+ of 20 after (\d+) s, \d+ s left", x)[1]) for x in lines]
    assert min(b - a for a, b in pairwise(times)) >= 60


def test_nothing_for_what_is_quick(capsys):
    assert list(progress.track(range(1000), "toys")) == list(range(1000))
    assert capsys.readouterr().err == ""


def test_time_left():
    """A quarter in 30 s leaves 90 s."""
    assert progress.line("toys", 5, 20, 30.0) == "toys: 5 of 20 after 30 s, 90 s left"
    assert progress.line("toys", 0, 20, 30.0) == "toys: 0 of 20 after 30 s"
