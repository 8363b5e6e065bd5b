"""Pseudo-experiments of csi_2017 beside NumPy: every toy on a grid by matrix products.

The NumPy side takes the templates of the signal, solves both pulls in closed form and takes the
lowest of 301 grid points, as a good physicist would; it is exact up to the spacing of the grid.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy_poisson
from timing import Disagreement, Row, Timing, first_calls, interleave

import cevnsjax as cj

NAME, POINTS, CHUNK = "sin2_theta_w", 301, 4096
WHY_SCIPY = "chi2 of toys, absolutely, by how much it is above that of scipy: 1e-6"
WHY = "q of toys, absolutely, where NumPy has the minimum to its grid: 0.05"
_MAX_Q_DIFFERENCE, _MAX_SCIPY = 0.05, 1e-6


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
    yield csi_2021(1024 if quick else 10 * 1024, 8 if quick else 100, 1 if quick else 3)


def csi_2021(n: int, fitted: int, times: int) -> Row:
    """Toys of the default analysis, eight nuisances; scipy fits some of them, one by one.

    Raises:
        Disagreement: If q differs where scipy has found a minimum as low.
    """
    cj.enable_x64()
    model = cj.Model(cj.experiments.csi_2021())
    sample = cj.toys(model, n, test=NAME)
    truth = json.loads(sample.attrs["truth"])
    toys = model.toy(0, truth, toys=n)
    likelihood = numpy_poisson.Likelihood(model)

    def theirs() -> np.ndarray:
        out = []
        for k in range(fitted):
            auxiliary = [float(toys[k].auxiliary.get(m, 0.0)) for m in numpy_poisson.NAMES[1:]]
            likelihood.set_data(toys[k].counts[numpy_poisson.EXPERIMENT], auxiliary)
            best = likelihood.by_scipy("L-BFGS-B", analytic=True).chi2
            out.append((best, likelihood.conditional(truth[NAME])))
        return np.array(out).T

    best, conditional = theirs()
    mine = sample["chi2"].to_numpy()[:fitted], sample["chi2_conditional"].to_numpy()[:fitted]
    worst = float(max(np.max(mine[0] - best), np.max(mine[1] - conditional)))
    if not worst < _MAX_SCIPY:
        raise Disagreement(f"toys of csi_2021: chi2 is higher than scipy's by {worst:.2g}")
    rounds = [
        first_calls(f, lambda: None, times) for f in (lambda: cj.toys(model, n, test=NAME), theirs)
    ]
    what = (
        f"{n} toys of csi_2021 with eight nuisances, conditional and global fits / "
        f"NumPy, scipy L-BFGS-B ({fitted} toys, scaled)"
    )
    scaled = Timing.of([rounds[1].median * n / fitted])
    return Row(what, rounds[0], scaled, worst, WHY_SCIPY)
