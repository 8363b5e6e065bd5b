"""Progress where stderr is not a terminal: a line a minute with the share done and time left."""

import io
import itertools
import sys
from types import SimpleNamespace

import pytest

from cevnsjax.inference import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock of ``progress`` that advances ten seconds with every call."""
    seconds = itertools.count(0.0, 10.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(seconds)))


def test_a_line_a_minute(clock, monkeypatch):
    del clock
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert list(progress.track(range(22), "toys")) == list(range(22))
    # Piece k begins after 10 (k + 1) seconds.
    assert sys.stderr.getvalue().splitlines() == [
        "toys: 6 of 22 after 70 s, 187 s left",
        "toys: 13 of 22 after 140 s, 97 s left",
        "toys: 20 of 22 after 210 s, 21 s left",
    ]


def test_quick_work_prints_nothing(capsys):
    assert list(progress.track(range(1000), "toys")) == list(range(1000))
    assert capsys.readouterr().err == ""


def test_time_left():
    """A quarter of the work in 30 s: 90 s are left."""
    assert progress.line("toys", 5, 20, 30.0) == "toys: 5 of 20 after 30 s, 90 s left"
    assert progress.line("toys", 0, 20, 30.0) == "toys: 0 of 20 after 30 s"
