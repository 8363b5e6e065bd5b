"""Expected counts of whole experiment folders, by sums that halving their steps does not move.

Independent of the package's detector, flux and rate code: counts come from the words of the TOML
file and its tables, with the formulas of the papers, cumulative distributions of scipy and panels
of Gauss-Legendre nodes. Signal only, default Standard Model. Units: MeV, cm^2, kg.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import gammaincc, ndtr
from scipy.stats import poisson
from support import oracle
from support.dense_oscillation import Oscillation
from support.dense_sections import cut, efficiency, ends_of, flux, nodes, nuclei, quenching

# Recoils below this part of the end point are one panel.
_LOWEST = 1e-10


def counts(values, tables, mixing=(), within=3e-7):
    """Signal in every bin of the folder with these sections and tables, {name: columns}.

    Sterile neutrinos come in by ``mixing``, sin^2(2 theta) and a mass-squared difference [eV^2].
    Asserts that no bin moves by more than ``within`` of the largest when all steps are halved.
    """
    coarse, fine = (_counts(values, tables, step, mixing) for step in (1.0, 0.5))
    assert np.max(np.abs(fine - coarse)) <= within * np.max(fine), (coarse, fine)
    return fine


def end_point(values, tables):
    """Largest recoil energy [MeV]."""
    top = flux(values["neutrinos"], tables, 1.0)[0].ends[-1]
    return max(oracle.T_max(top, n.mass) for n in nuclei(values["target"]))


def _counts(values, tables, step, mixing):
    signal = _Signal(values, tables, step, mixing)
    if values.get("resolution", {"kind": "none"})["kind"] == "none":
        return _unsmeared(signal)
    spread = _Spread(values["resolution"], signal.per_MeV)
    return _counted(signal, spread) if spread.kind == "poisson" else _smeared(signal, spread)


class _Signal:
    """What the two foldings share: rate of recoils, mean observable, bins and efficiency."""

    def __init__(self, values, tables, step, mixing):
        binning = values["binning"]
        self.step, self.edges = step, np.array(binning["edges"], float)
        self.per_MeV = 1e3 * binning["observable_per_kevee"]
        self.mass_kg = values["target"]["mass_kg"]
        self.nuclei = nuclei(values["target"])
        self.flux, self.oscillation = flux(values["neutrinos"], tables, step), None
        if mixing:
            baseline_m = values["neutrinos"]["baseline_m"]
            self.oscillation = Oscillation(*mixing, baseline_m, step)
            self.flux = [self.oscillation.at_detector(source) for source in self.flux]
        self.E_ee, self.knots = quenching(values["quenching"], tables)
        self.efficiency = efficiency(values["efficiency"], tables)

    def mean(self, T):
        return self.per_MeV * self.E_ee(T)

    def rate(self, T):
        """Events per MeV of recoil."""
        return self.mass_kg * sum(
            per_kg * source.rate(T, nucleus)
            for source in self.flux
            for nucleus, per_kg in self.nuclei.items()
        )

    @property
    def breaks(self):
        """End points, knots of the quenching, and a geometric grid from 0 [MeV]."""
        ends = [oracle.T_max(E, n.mass) for s in self.flux for E in s.ends for n in self.nuclei]
        top = max(ends)
        decades = -np.log(_LOWEST)
        grid = top * np.exp(-np.linspace(0, decades, int(decades / (0.25 * self.step)) + 1))
        every = np.unique([0.0, *ends, *self.knots, *grid])
        walls = cut(every[every <= top], lambda a, b: (b - a) / (top / 40 * self.step))
        return self.oscillation.cut_recoils(walls, self.nuclei) if self.oscillation else walls


def _unsmeared(signal):
    """Recoil intervals between all recoil energies at which the mean meets an edge or a break."""
    T, edges = signal.breaks, signal.edges
    marks = np.unique([*edges, *signal.efficiency.breaks])
    walls = np.unique([*T, *_crossings(signal.mean, T, marks)])
    low, high = walls[:-1], walls[1:]
    recoil, weight = nodes(low, high, 8)
    parts = weight * signal.rate(recoil.ravel()).reshape(recoil.shape)
    total = np.zeros(len(edges) - 1)
    middles = signal.mean((low + high) / 2)
    for x, part, middle in zip(signal.mean(recoil), parts, middles, strict=True):
        i = np.searchsorted(edges, middle, side="right") - 1
        if 0 <= i < len(total):
            total[i] += part @ signal.efficiency.value(x, middle)
    return total


def _crossings(mean, T, marks):
    """Recoil energies at which the mean observable meets a mark, by bisection between extrema."""
    fine = np.unique(np.concatenate([np.linspace(a, b, 17) for a, b in pairwise(T)]))
    slope = np.sign(np.diff(mean(fine)))
    turns = np.flatnonzero(slope[1:] != slope[:-1]) + 1
    extrema = [_extremum(mean, fine[i - 1], fine[i + 1], slope[i - 1]) for i in turns]
    walls = np.unique([*fine, *extrema])
    x = mean(walls)
    found = list(extrema)
    for mark in marks:
        i = np.flatnonzero((x[:-1] < mark) != (x[1:] < mark))
        low, high, rises = walls[i], walls[i + 1], x[i + 1] > x[i]
        for _ in range(80):
            middle = (low + high) / 2
            below = (mean(middle) < mark) == rises
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        found += ((low + high) / 2).tolist()
    return found


def _extremum(mean, low, high, sign):
    """Where the mean turns between two recoil energies, by golden sections."""
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(80):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (a, high) if sign * (mean(b) - mean(a)) > 0 else (low, b)
    return (low + high) / 2


def _counted(signal, spread):
    """Whole numbers about the mean; n is in the bin of n, with the efficiency at n + 1/2."""
    T, w = _resolved(signal, spread)
    numbers = np.arange(signal.edges[0], signal.edges[-1])
    total = np.zeros(len(signal.edges) - 1)
    for n in numbers:
        i = np.searchsorted(signal.edges, n, side="right") - 1
        accepted = signal.efficiency.value(n + 0.5, n + 0.5)
        total[i] += accepted * (w * signal.rate(T)) @ poisson.pmf(n, signal.mean(T))
    return total


def _smeared(signal, spread):
    """Efficiency times what is lost between two observables, integrated by parts.

    With S(x) the expected events reconstructed above x, a bin holds
    e(low) S(low) - e(high) S(high) + integral of e'(x) S(x) over each smooth piece of efficiency.
    """
    T, w = _resolved(signal, spread)
    survivors = _Survivors(spread, signal.mean(T), w * signal.rate(T))
    eff, edges, total = signal.efficiency, signal.edges, []
    for low, high in pairwise(edges):
        inner = [b for b in eff.breaks if low < b < high]
        events = 0.0
        for a, b in pairwise(np.unique([low, *inner, high])):
            middle = (a + b) / 2
            ends = np.array([a, b])
            events -= np.diff(eff.value(ends, middle) * survivors(ends))[0]
            if np.any(eff.slope(np.linspace(a, b, 5), middle)):
                x, weight = nodes(*_between(a, b, spread, signal.step), 8)
                x = x.ravel()
                events += np.sum(weight.ravel() * eff.slope(x, middle) * survivors(x))
        total.append(events)
    return np.array(total)


class _Spread:
    """A section [resolution]: standard deviation and survival function about a mean."""

    def __init__(self, section, per_MeV):
        self.section, self.kind, self.per_MeV = section, section["kind"], per_MeV

    def shape(self, mean):
        """Shape of the gamma distribution."""
        per_keV = self.section["shape_per_kevee"]
        return self.section.get("shape_offset", 1.0) + per_keV * 1e3 * mean / self.per_MeV

    def sd(self, mean):
        if self.kind == "gaussian":
            return self.section["c"] * np.sqrt(mean)
        if self.kind == "poisson":
            return np.sqrt(mean)
        return mean / np.sqrt(self.shape(mean))

    def reach(self, mean):
        """Distance from the mean beyond which there is less than 1e-14 of the events."""
        if self.kind == "gaussian":
            return 8 * self.sd(mean)
        shape = mean if self.kind == "poisson" else self.shape(mean)
        return (8 + 35 / np.sqrt(shape)) * self.sd(mean)

    def above(self, x, mean):
        """Probability to be reconstructed above x."""
        if self.kind == "gaussian":
            return ndtr((mean - x) / self.sd(mean))
        shape = self.shape(mean)
        return gammaincc(shape, x * shape / mean)


@dataclass(frozen=True)
class _Survivors:
    """Events reconstructed above an observable, from nodes in recoil energy."""

    spread: _Spread
    mean: np.ndarray
    events: np.ndarray

    def __call__(self, x):
        order = np.argsort(self.mean)
        mean, events = self.mean[order], self.events[order]
        after = np.append(np.cumsum(events[::-1])[::-1], 0.0)
        reach = self.spread.reach(mean)
        out = []
        for one in x:
            near = np.flatnonzero(np.abs(mean - one) <= reach)
            none = np.searchsorted(mean, one)
            first, last = (near[0], near[-1] + 1) if len(near) else (none, none)
            part = events[first:last] @ self.spread.above(one, mean[first:last])
            out.append(part + after[last])
        return np.array(out)


def _resolved(signal, spread):
    """Nodes in recoil energy and their weights, no panel wider than a standard deviation."""
    low, high = signal.edges[0], signal.edges[-1]

    def pieces(a, b):
        x = signal.mean(a + (b - a) * np.linspace(0, 1, 9)[:, None])
        least, most = x.min(axis=0), x.max(axis=0)
        reach = spread.reach(np.maximum(most, 1e-300))
        relevant = (most > low - reach) & (least < high + reach)
        finest = np.maximum(spread.sd(np.maximum(least, 1e-300)), 0.2 * spread.sd(most))
        return np.where(relevant, np.ptp(x, axis=0) / (finest * signal.step), 1.0)

    T, w = nodes(*ends_of(cut(signal.breaks, pieces)), 8)
    return T.ravel(), w.ravel()


def _between(low, high, spread, step):
    """Panels between two observables, no wider than a standard deviation; denser towards 0."""
    grid = high * np.exp(-np.arange(0, 20, 0.25 * step))
    walls = np.unique([low, high, *grid[(grid > low) & (grid < high)]])
    return ends_of(cut(walls, lambda a, b: (b - a) / (spread.sd((a + b) / 2) * step)))
