"""Pairs that must agree before they are timed, and interleaved timing with medians."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


class Disagreement(Exception):
    """The two sides of a benchmark compute different numbers."""


@dataclass(frozen=True)
class Pair:
    """The same numbers from cevnsjax and from NumPy.

    Attributes:
        what: Row of the table.
        ours: Function of one of ``points``.
        theirs: Function of the matching entry of ``numpy_points``.
        points: Arguments of the calls, taken in turn, so that no call repeats the last one.
        numpy_points: The same points in the form that the NumPy function takes.
        rtol: Largest relative difference, element by element.
        why: Reason where ``rtol`` is above 1e-8.
    """

    what: str
    ours: Callable[[Any], Any]
    theirs: Callable[[Any], Any]
    points: Sequence[Any]
    numpy_points: Sequence[Any]
    rtol: float = 1e-8
    why: str = ""

    def check(self) -> float:
        """Largest relative difference over all points.

        Raises:
            Disagreement: If it exceeds ``rtol``, or shapes differ, or a number is not finite.
        """
        worst = 0.0
        for mine, other in zip(self.points, self.numpy_points, strict=True):
            worst = max(worst, difference(self.what, self.ours(mine), self.theirs(other)))
        if not worst <= self.rtol:
            raise Disagreement(f"{self.what}: differ by {worst:.2g}, allowed {self.rtol:.0e}")
        return worst


@dataclass(frozen=True)
class Timing:
    """Seconds per call.

    Attributes:
        median: Over rounds.
        low: Lower quartile.
        high: Upper quartile.
        rounds: Number of rounds.
    """

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Timing":
        low, median, high = np.percentile(samples, [25, 50, 75]).tolist()
        return cls(median, low, high, len(samples))


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``numpy`` is None where NumPy has no counterpart; ``peak_MiB`` is the resident memory of both
    sides where they are processes that were measured for it.
    """

    what: str
    cevnsjax: Timing | None
    numpy: Timing | None = None
    difference: float | None = None
    note: str = field(default="")
    peak_MiB: tuple[float, float] | None = None

    @property
    def ratio(self) -> float | None:
        """Time of NumPy over time of cevnsjax: above 1 cevnsjax is faster."""
        if self.numpy is None or self.cevnsjax is None:
            return None
        return self.numpy.median / self.cevnsjax.median


def as_dicts(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows for JSON."""
    return [asdict(row) for row in rows]


def from_dicts(dicts: Iterable[dict[str, Any]]) -> list[Row]:
    """Rows from ``as_dicts``."""
    out = []
    for row in dicts:
        sides = {s: Timing(**row[s]) if row[s] else None for s in ("cevnsjax", "numpy")}
        peak = tuple(row["peak_MiB"]) if row["peak_MiB"] else None
        out.append(Row(**{**row, **sides, "peak_MiB": peak}))
    return out


def difference(what: str, mine: Any, other: Any) -> float:
    """Largest relative difference of two arrays, element by element.

    Raises:
        Disagreement: If shapes differ or a number is not finite.
    """
    a, b = np.asarray(mine, dtype=float), np.asarray(other, dtype=float)
    if a.shape != b.shape:
        raise Disagreement(f"{what}: shapes differ, {a.shape} and {b.shape}")
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        raise Disagreement(f"{what}: a number is not finite")
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(b), np.finfo(float).tiny)))


def _seconds(function: Callable[[Any], Any], points: Sequence[Any], number: int) -> float:
    """Seconds per call, going through the points in turn."""
    turns = [points[i % len(points)] for i in range(number)]
    started = time.perf_counter()
    for point in turns:
        function(point)
    return (time.perf_counter() - started) / number


def _number(function: Callable[[Any], Any], points: Sequence[Any], seconds: float) -> int:
    """Calls that fill about the given time."""
    once = min(_seconds(function, points, 1) for _ in range(3))
    return max(1, round(seconds / max(once, 1e-9)))


def interleave(
    sides: Sequence[tuple[Callable[[Any], Any], Sequence[Any]]],
    *,
    budget: float,
    rounds: int = 31,
) -> list[Timing]:
    """Time functions in turns, so that load on the machine hits all alike.

    Args:
        sides: Functions and the points they go through.
        budget: Seconds for everything; at least five rounds are made.
        rounds: Rounds at most; fewer where the budget ends before.
    """
    chunk = budget / rounds / len(sides)
    numbers = [_number(f, points, chunk) for f, points in sides]
    samples: list[list[float]] = [[] for _ in sides]
    started = time.perf_counter()
    for turn in range(rounds):
        if turn >= 5 and time.perf_counter() - started > budget:
            break
        for taken, (f, points), number in zip(samples, sides, numbers, strict=True):
            taken.append(_seconds(f, points, number))
    return [Timing.of(s) for s in samples]


def measure(pair: Pair, *, budget: float) -> Row:
    """Check a pair, then time its sides in turns.

    Raises:
        Disagreement: If the sides differ.
    """
    worst = pair.check()
    sides = [(pair.ours, pair.points), (pair.theirs, pair.numpy_points)]
    ours, theirs = interleave(sides, budget=budget)
    return Row(pair.what, ours, theirs, worst, pair.why)


def first_calls(function: Callable[[], Any], reset: Callable[[], Any], times: int) -> Timing:
    """Time of the first call after a reset."""
    samples = []
    for _ in range(times):
        reset()
        started = time.perf_counter()
        function()
        samples.append(time.perf_counter() - started)
    return Timing.of(samples)


def shown(seconds: float) -> str:
    """Seconds with a readable unit, three digits."""
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 0.9995:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
