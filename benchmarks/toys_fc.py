"""Pseudo-experiments of csi_2017 beside NumPy: every toy on a grid by matrix products.

The NumPy side takes the templates of the signal, solves both pulls in closed form and takes the
lowest of 301 grid points, as a good physicist would; it is exact up to the spacing of the grid.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from timing import Disagreement, Row, first_calls, interleave

import cevnsjax as cj

NAME, POINTS, CHUNK = "sin2_theta_w", 301, 4096
WHY = "q of toys, absolutely, where NumPy has the minimum to its grid: 0.05"
_MAX_Q_DIFFERENCE = 0.05


def closed_forms(model: cj.Model, truth: float) -> Callable[[Any], np.ndarray]:
    """A function that gives q of many toys by minimising over a grid of sin2_theta_w.

    At each grid point both pulls are minimised in closed form.
    """
    (e,) = model.experiments.values()
    grid = np.append(np.linspace(0.0, 1.0, POINTS), truth)
    parts = [model.by_component({NAME: float(x)})[e.name] for x in grid]
    signal = np.array([sum(np.asarray(s) for s in p["signal"].values()) for p in parts])
    (neutrons,) = e.backgrounds.values()
    w, sd = 1 / e.variance, [p.sd for p in e.pulls]
    a11 = signal**2 @ w + 1 / sd[0] ** 2
    a12, a22 = signal @ (w * neutrons), neutrons**2 @ w + 1 / sd[1] ** 2
    det = a11 * a22 - a12**2

    def q(toys: Any) -> np.ndarray:
        counts = toys.counts[e.name]
        c1, c2 = (1 + toys.auxiliary[p.name][:, None] for p in e.pulls)
        b1 = (counts * w) @ signal.T + c1 / sd[0] ** 2
        b2 = ((counts * w) @ neutrons)[:, None] + c2 / sd[1] ** 2
        gain = (a22 * b1**2 - 2 * a12 * b1 * b2 + a11 * b2**2) / det
        return gain.max(axis=1) - gain[:, -1]

    def all_of(toys: Any) -> np.ndarray:
        size = len(toys)
        return np.concatenate([q(toys[i : i + CHUNK]) for i in range(0, size, CHUNK)])

    return all_of


def csi_2017(n: int) -> tuple[Callable[[], Any], Callable[[], np.ndarray]]:
    """Two functions that give q of the same toys, by cevnsjax and by NumPy."""
    cj.enable_x64()
    model = cj.Model(cj.experiments.csi_2017())
    sample = cj.toys(model, n, test=NAME)
    truth = json.loads(sample.attrs["truth"])
    theirs = closed_forms(model, truth[NAME])

    def ours() -> np.ndarray:
        return cj.toys(model, n, test=NAME)["q"].to_numpy()

    return ours, lambda: theirs(model.toy(0, truth, toys=n))


def rows(quick: bool) -> Iterator[Row]:
    """Rows of conditional and global fits of many toys.

    Raises:
        Disagreement: If q lies below that of the grid, or far above it.
    """
    n = 10_000 if quick else 100_000
    ours, theirs = csi_2017(n)
    above = ours() - theirs()
    if not -1e-8 < above.min() <= above.max() < _MAX_Q_DIFFERENCE:
        raise Disagreement(f"toys: q differs by {above.min():.2g} to {above.max():.2g}")
    what = f"{n} toys of csi_2017, conditional and global fits / NumPy, {POINTS} grid points"
    sides = [(lambda _: ours(), [None]), (lambda _: theirs(), [None])]
    timings = interleave(sides, budget=1.0 if quick else 20.0)
    yield Row(what, *timings, float(above.max()), WHY)
    model = cj.Model(cj.experiments.csi_2021(morphs=()))
    few = 1024 if quick else 10 * 1024
    cj.toys(model, few, test=NAME)
    once = first_calls(lambda: cj.toys(model, few, test=NAME), lambda: None, 1 if quick else 3)
    yield Row(f"{few} toys of csi_2021 with four pulls, conditional and global fits", once)
