"""Contours: scans, profiled scans, profiles of several parameters, a scan to a file.

A loop over points is measured on some of them and its time scaled to all: the row says so. Rows
with minimisers run in a process of their own with one thread of BLAS, jax computing in the calling
thread (``in_own_process``).
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy_contours as peer
import numpy_grid
import numpy_poisson
import processes
import pyhf_fits
import scan_to_file
from numpy_reference import FixedResponse
from poisson_fits import THREADS, installed, own_data
from scipy.optimize import minimize
from timing import Disagreement, Pair, Row, Timing, as_dicts, difference, first_calls, from_dicts
from timing import measure as in_turns

import cevnsjax as cj

NSI: tuple[str, ...] = scan_to_file.NAMES
FLAVOURS = (*NSI, "eps_uV_mumu", "eps_dV_mumu")
RADII = ("r2_nu_ee", "r2_nu_mumu", "r2_nu_emu", "r2_nu_etau", "r2_nu_mutau")
LEVELS, WITHIN = (0.6827, 0.9545, 0.9973), (-150.0, 100.0)
WHY_PULLS = "pulls by iminuit, which stops 2e-4 above the minimum or nearer: 2e-4"
WHY_LIGHT = "light mediators, where pulls by formula cancel as counts far exceed the data: 1e-6"
WHY_PYHF = "scans in pyhf, which stops at a small gradient: 1e-6"
WHY_SCIPY = "profiles by scipy.optimize.minimize, which stops at a small gradient: 1e-6"
_AXIS, _ONE_SIDE = (-1.0, 1.0), [None]
_MUON_STARTS = (-0.5, 0.0, 0.5)
# Starting points in units of the parameters' scales. All transition radii start at 1: at 0 chi2 is
# symmetric in them and its gradient vanishes.
_RADIUS_STARTS = ((0.0, 1.0, 1.0, 1.0), (3.0, 1.0, 1.0, 1.0), (-3.0, 1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Sizes:
    """Points per axis, points that loops are measured on, repetitions, seconds."""

    plane: int = 100
    looped: int = 200
    mediator: int = 1000
    four: int = 60
    profiled: int = 40
    minimised: int = 100
    nuisances: int = 20
    pyhf: int = 10
    poisson: int = 200
    file: int = 10_000
    curve: int = 1000
    budget: float = 2.0
    times: int = 5


QUICK = Sizes(
    plane=30,
    looped=20,
    mediator=100,
    four=10,
    profiled=8,
    minimised=8,
    nuisances=4,
    pyhf=2,
    poisson=20,
    file=3_200,  # Above ten million points, so written block by block.
    curve=4,
    budget=0.2,
    times=1,
)


@dataclass(frozen=True)
class Part:
    """A pair whose other side computes only some of the points; ``factor`` is all over those."""

    pair: Pair
    factor: float

    def measure(self, budget: float) -> Row:
        """Check the pair, time both sides, and scale the time of the other side to all points."""
        row = in_turns(self.pair, budget=budget)
        assert row.numpy is not None
        low, median, high = (
            self.factor * x for x in (row.numpy.low, row.numpy.median, row.numpy.high)
        )
        return replace(row, numpy=Timing(median, low, high, row.numpy.rounds))


def _some(total: int, count: int) -> np.ndarray:
    """``count`` random indices out of ``total``, so that both axes of a plane vary."""
    return np.sort(np.random.default_rng(5).permutation(total)[:count])


def _pair(
    what: str,
    ours: Callable[[], np.ndarray],
    theirs: Callable[[], np.ndarray],
    rtol: float = 1e-8,
    why: str = "",
) -> Pair:
    return Pair(what, lambda _: ours(), lambda _: theirs(), _ONE_SIDE, _ONE_SIDE, rtol, why)


def _looped(
    what: str,
    ours: Callable[[], np.ndarray],
    each: Callable[[int], float],
    total: int,
    count: int,
    why: str,
    rtol: float = 1e-6,
) -> Part:
    """A pair of ``ours``, which gives all points as a flat array, and ``each``, which gives one."""
    chosen = _some(total, count)
    words = f"{what} ({chosen.size} points, scaled)" if chosen.size < total else what
    pair = _pair(
        words, lambda: ours()[chosen], lambda: np.array([each(i) for i in chosen]), rtol, why
    )
    return Part(pair, total / chosen.size)


def _nsi(*names: str) -> cj.Model:
    cj.enable_x64()
    return cj.Model(cj.experiments.csi_2017(), [cj.NSI(*names)])


def scans(sizes: Sizes) -> list[Pair]:
    """Grids beside closed forms in NumPy."""
    fixed = FixedResponse()
    model, four = _nsi(*NSI), _nsi(*FLAVOURS)
    vector = cj.Model(cj.experiments.csi_2017(), [cj.interactions.LightVector()])
    n, m, k = sizes.plane, sizes.mediator, sizes.four
    axis, short = np.linspace(*_AXIS, n), np.linspace(*_AXIS, k)
    g, mass = np.geomspace(1e-6, 1e-2, m), np.geomspace(0.1, 1e4, m)
    plane = partial(_chi2, model, **dict.fromkeys(NSI, (*_AXIS, n)))
    plane()  # Templates are used only from the second scan of the same axes on.
    return [
        _pair(
            f"contour {n} x {n}, eps_uV_ee and eps_dV_ee / NumPy templates",
            plane,
            partial(numpy_grid.scan_nsi, fixed, axis, axis),
        ),
        _pair(
            f"contour {m} x {m}, log g_Zp and log m_Zp / NumPy templates for each mass",
            partial(_chi2, vector, engine="template", g_Zp=g, m_Zp=mass),
            partial(peer.scan_mediator, fixed, g, mass),
            1e-6,
            WHY_LIGHT,
        ),
        _pair(
            f"contour {k}^4, NSI / NumPy templates",
            partial(_chi2, four, engine="template", **dict.fromkeys(FLAVOURS, short)),
            partial(peer.scan_nsi_4d, fixed, short),
        ),
    ]


def _chi2(model: cj.Model, **options: Any) -> np.ndarray:
    return cj.scan(model, **options)["chi2"].to_numpy()


def minuit_loop(sizes: Sizes) -> Part:
    """A plane of two NSI couplings with both pulls minimised by iminuit at each point."""
    fixed, model, n = FixedResponse(), _nsi(*NSI), sizes.plane
    axis = np.linspace(*_AXIS, n)
    ours = partial(_chi2, model, **dict.fromkeys(NSI, (*_AXIS, n)))
    ours()

    def each(i: int) -> float:
        u, d = axis[i // n], axis[i % n]
        return peer.by_minuit(peer.electron(fixed, u, d) + peer.muon(fixed, 0.0, 0.0))

    what = f"contour {n} x {n}, eps_uV_ee and eps_dV_ee / NumPy, iminuit over pulls"
    return _looped(what, lambda: ours().ravel(), each, n * n, sizes.looped, WHY_PULLS, 2e-4)


def profiled_scan(sizes: Sizes) -> Part:
    """A plane of two NSI couplings with a third one minimised at each point."""
    fixed, n = FixedResponse(), sizes.profiled
    model, free = _nsi(*NSI, FLAVOURS[2]), [FLAVOURS[2]]
    axis = np.linspace(*_AXIS, n)
    ours = partial(_chi2, model, free=free, **dict.fromkeys(NSI, (*_AXIS, n)))

    def each(i: int) -> float:
        return peer.profiled(fixed, axis[i // n], axis[i % n], _MUON_STARTS)

    what = f"contour {n} x {n}, eps_uV_ee and eps_dV_ee over eps_uV_mumu / NumPy, scipy BFGS"
    return _looped(what, lambda: ours().ravel(), each, n * n, sizes.minimised, WHY_SCIPY)


def beside_pyhf(sizes: Sizes) -> Iterator[Row]:
    """NSI on csi_2021 with seven nuisances at their best, near the Standard Model.

    pyhf makes a model of templates read off before and fits it at each point, the strength held.

    Raises:
        Disagreement: If chi2 differs.
    """
    cj.enable_x64()
    experiment = cj.experiments.csi_2021(pulls={"sig": math.inf})
    model = cj.Model(experiment, [cj.NSI(*NSI)], free_pulls=[pyhf_fits.STRENGTH])
    n, data = sizes.nuisances, own_data(model)
    axis = np.linspace(-0.05, 0.05, n)
    chosen = _some(n * n, sizes.pyhf)
    at = [dict(zip(NSI, (float(axis[i // n]), float(axis[i % n])), strict=True)) for i in chosen]
    samples = [pyhf_fits.samples_at(model, point) for point in at]

    def ours() -> np.ndarray:
        held = {pyhf_fits.STRENGTH: 0.0}
        return _chi2(model, fixed=held, **dict.fromkeys(NSI, axis)).ravel()[chosen]

    def theirs(backend: str) -> list[float]:
        minima = []
        for sample in samples:
            other = pyhf_fits.PyhfModel(model, backend, sample)
            counts = other.data(next(iter(data.counts.values())), {})
            minima.append(other.at_standard_strength(counts))
        return minima

    sides = {"cevnsjax": ours, **{b: partial(theirs, b) for b in pyhf_fits.BACKENDS}}
    # The second scan of the same axes compiles the templates.
    ours()
    chi2s = {side: function() for side, function in sides.items()}
    clocks: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(min(sizes.times, 3)):
        for side, function in sides.items():
            started = time.perf_counter()
            function()
            clocks[side].append(time.perf_counter() - started)
    scale = n * n / chosen.size
    for backend in pyhf_fits.BACKENDS:
        what = (
            f"contour {n} x {n}, eps_uV_ee and eps_dV_ee, csi_2021 over 7 nuisances / "
            f"pyhf, {backend} ({chosen.size} points, scaled)"
        )
        worst = difference(what, chi2s["cevnsjax"], chi2s[backend])
        if not worst <= 1e-6:
            raise Disagreement(f"{what}: differ by {worst:.2g}")
        other = Timing.of([scale * x for x in clocks[backend]])
        yield Row(what, Timing.of(clocks["cevnsjax"]), other, worst, WHY_PYHF)


def poisson_plane(sizes: Sizes) -> Part:
    """NSI on csi_2021 with eight nuisances at their best; templates of NumPy are not timed."""
    cj.enable_x64()
    model, n = cj.Model(cj.experiments.csi_2021(), [cj.NSI(*NSI)]), sizes.poisson
    axis = np.linspace(*_AXIS, n)
    ours = partial(_chi2, model, engine="template", **dict.fromkeys(NSI, axis))
    ours()
    prepared: dict[int, numpy_poisson.Likelihood] = {}

    def each(i: int) -> float:
        if i not in prepared:
            point = dict(zip(NSI, (float(axis[i // n]), float(axis[i % n])), strict=True))
            prepared[i] = numpy_poisson.Likelihood(model, point)
        return prepared[i].conditional()

    what = f"contour {n} x {n}, eps_uV_ee and eps_dV_ee, csi_2021 over 8 nuisances / NumPy, scipy"
    return _looped(what, lambda: ours().ravel(), each, n * n, sizes.pyhf, WHY_SCIPY)


def radii(data: str, **options: Any) -> cj.Model:
    """The analysis of Cadeddu et al. with five charge radii."""
    cj.enable_x64()
    interaction = cj.ChargeRadius(*RADII, reading="total")
    return cj.analyses.picciau2020(data, interactions=[interaction], **options)


def argon() -> cj.Model:
    """The argon part of that analysis."""
    return radii("ar", threshold_kevee=1.75)


def interval(model: cj.Model) -> Any:
    """Profile of the first radius over the other four."""
    return cj.profile(model, RADII[0], free=RADII[1:], levels=LEVELS, within=WITHIN)


def at_best(model: cj.Model, x: float) -> float:
    """chi2 at a radius, minimised over the other four by scipy with the gradient of cevnsjax."""
    free = RADII[1:]
    scale = np.array([model.parameters[n].scale for n in free])

    def cost(u: np.ndarray) -> tuple[float, np.ndarray]:
        values = dict(zip(free, (u * scale).tolist(), strict=True))
        value, slopes = model.value_and_grad({RADII[0]: x, **values}, names=free)
        return float(value), np.array([float(slopes[n]) for n in free]) * scale

    options = {"gtol": 1e-6}
    fits = (minimize(cost, s, jac=True, method="L-BFGS-B", options=options) for s in _RADIUS_STARTS)
    return 2 * min(float(f.fun) for f in fits)


def interval_pair(sizes: Sizes) -> Part:
    """The argon interval, beside a scipy minimisation at each point of its curve."""
    model = argon()
    x = interval(model).x
    what = f"interval of r2_nu_ee over four radii, argon, {x.size} points / scipy L-BFGS-B"
    return _looped(
        what,
        lambda: interval(model).chi2,
        lambda i: at_best(model, float(x[i])),
        x.size,
        sizes.curve,
        WHY_SCIPY,
    )


def intervals(sizes: Sizes) -> Iterator[Row]:
    """Five-parameter intervals: first calls, which compile, and a later call."""
    on_argon, what = argon(), "interval of r2_nu_ee over four radii"
    first = first_calls(lambda: interval(on_argon), jax.clear_caches, min(sizes.times, 3))
    yield Row(f"first call: {what}, argon", first)
    on_csi = radii("csi", statistic="time")
    first = first_calls(lambda: interval(on_csi), jax.clear_caches, 1)
    yield Row(f"first call: {what}, CsI in energy and time", first)
    warm = first_calls(lambda: interval(on_csi), lambda: None, sizes.times)
    yield Row(f"{what}, CsI in energy and time", warm)


def to_file(points: int, times: int) -> Row:
    """A scan to a file in a process of its own: wall time and peak memory.

    Raises:
        Disagreement: If the two files differ.
    """
    import xarray as xr

    what = f"contour {points} x {points} to a file, whole process / NumPy script"
    walls: dict[str, list[float]] = {"cevnsjax": [], "numpy": []}
    peaks: dict[str, list[float]] = {"cevnsjax": [], "numpy": []}
    worst = 0.0
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            files = {"cevnsjax": Path(folder, "scan.nc"), "numpy": Path(folder, "scan.npy")}
            for side, file in files.items():
                script = [sys.executable, scan_to_file.__file__, side, str(points), str(file)]
                done = processes.run(script, folder)
                walls[side].append(done.wall)
                peaks[side].append(json.loads(done.output)["peak_MiB"])
            step = max(1, points // 100)
            with xr.open_dataset(files["cevnsjax"], engine="h5netcdf") as dataset:
                ordered = dataset["chi2"].transpose(*NSI)
                mine = ordered[::step].to_numpy()[:, ::step]
            theirs = np.load(files["numpy"], mmap_mode="r")[::step, ::step]
            worst = max(worst, difference(what, mine, theirs))
    if not worst <= 1e-8:
        raise Disagreement(f"{what}: differ by {worst:.2g}")
    both = float(np.median(peaks["cevnsjax"])), float(np.median(peaks["numpy"]))
    ours, theirs = Timing.of(walls["cevnsjax"]), Timing.of(walls["numpy"])
    return Row(what, ours, theirs, worst, peak_MiB=both)


def _minimised(sizes: Sizes) -> Iterator[Row]:
    if installed("iminuit"):
        yield minuit_loop(sizes).measure(sizes.budget)
    yield profiled_scan(sizes).measure(sizes.budget)
    yield poisson_plane(sizes).measure(sizes.budget)
    yield interval_pair(sizes).measure(sizes.budget)
    yield from intervals(sizes)
    if installed("pyhf"):
        yield from beside_pyhf(sizes)


def in_own_process(quick: bool) -> Iterator[Row]:
    """Rows with minimisers, in a new process with one thread of BLAS and synchronous dispatch."""
    command = [sys.executable, __file__, *(["--quick"] if quick else [])]
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout
    yield from from_dicts(json.loads(printed.splitlines()[-1]))


def rows(quick: bool) -> Iterator[Row]:
    """All rows of the group.

    Raises:
        Disagreement: If two sides differ.
    """
    sizes = QUICK if quick else Sizes()
    for pair in scans(sizes):
        yield in_turns(pair, budget=sizes.budget)
    yield from in_own_process(quick)
    yield to_file(sizes.file, min(sizes.times, 3))


def main(arguments: Sequence[str]) -> None:
    """Print the rows with minimisers as JSON."""
    # With asynchronous dispatch each gradient that scipy asks for would wait for another thread.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    jax.config.update("jax_enable_compilation_cache", False)
    print(json.dumps(as_dicts(_minimised(QUICK if "--quick" in arguments else Sizes()))))


if __name__ == "__main__":
    main(sys.argv[1:])
