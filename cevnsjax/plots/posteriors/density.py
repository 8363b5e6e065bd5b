"""Smooth densities of draws in one or two parameters, and heights of their regions.

Kernel estimate whose Gaussian kernel has the shape of the draws' own covariance, or where that is
much wider than the structures (parallel bands, separated modes) of the inverse of the density's
information about a shift, so that nothing narrow is blown up across. The width is the one with the
least expected square error, found by leaving half of the chains out (Bowman, Biometrika 71 (1984)
353). Beside a hard end of a parameter it is divided by the part of the kernel that has room.

A region's height is a quantile of the density at the draws themselves (Hyndman, Am. Stat. 50 (1996)
120), each draw's own kernel taken off: the region holds its part of the draws, however much the
kernel widens the density.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cevnsjax.plots.arrays import NumpyReals

Ends = tuple[float, float]

# Cells along each axis for one and for two parameters; more where parameters are correlated.
_CELLS, _MAX_CELLS = (1024, 192), 512
# Kernel widths to try, in units of Scott's rule, which suits a Gaussian.
_WIDTHS = np.geomspace(0.08, 2.0, 11)
# The widest kernel within this part of the best score is taken: smaller differences are noise.
_TOLERANCES = (1e-3, 5e-3)
# Below this width a kernel of another shape than the covariance is tried as well.
_NARROW = 0.7
# Part of the variances that is added to make matrices invertible.
_RIDGE = 1e-6
# Lower limit of the part of a kernel within the ends; only acute corners have less.
_MIN_ROOM = 0.02
# Kernel widths between the outermost draws and the ends of the grid.
_GRID_MARGIN = 3.5


@dataclass(frozen=True, eq=False)
class Estimate:
    """Density of draws at the centres of the cells of a grid, and where the draws are.

    The first index is along the first axis. ``at_draws`` is what the other draws give at each draw.
    """

    axes: tuple[NumpyReals, ...]
    density: NumpyReals
    at_draws: NumpyReals

    def height(self, level: float) -> float:
        """Density above which the most probable region of this probability lies."""
        return float(np.quantile(self.at_draws, 1 - level))

    def heights(self, levels: Sequence[float]) -> dict[float, float]:
        """Heights by level, as long as they differ and lie below the top of the density."""
        top = float(self.density.max())
        heights = {}
        for level in levels:
            height = self.height(level)
            if 0 < height < top:
                heights[level], top = height, height
        return heights


def estimate(draws: NumpyReals, ends: Sequence[Ends]) -> Estimate:
    """Density of draws [axis, chain, draw] of one or two parameters, not all of them equal."""
    halves = _halves(draws)
    covariance = np.atleast_2d(np.cov(np.concatenate(halves, axis=1)))
    # Draws on a line have no width across it.
    covariance = covariance + _RIDGE * np.diag(np.diag(covariance))
    smoothing = _Smoothing.best(halves, covariance, ends)
    if len(draws) == 2 and smoothing.width < _NARROW:
        shape = _inverse_information(smoothing, covariance)
        other = _Smoothing.best(halves, shape, ends)
        smoothing = min(smoothing, other, key=lambda s: s.score)
    return smoothing.estimate(halves)


def _halves(draws: NumpyReals) -> list[NumpyReals]:
    """Every other chain, or two halves of one, [axis, draw]: independent of each other."""
    if draws.shape[1] > 1:
        parts = [draws[:, ::2], draws[:, 1::2]]
    else:
        parts = np.array_split(draws, 2, axis=2)
    return [part.reshape(len(draws), -1) for part in parts]


@dataclass(frozen=True, eq=False)
class _Grid:
    """Cells between two ends of each axis, with a margin on both sides to smooth into."""

    ends: list[Ends]
    cells_along: int
    margins: list[int]
    hard: list[tuple[bool, bool]]

    @classmethod
    def around(cls, draws: NumpyReals, widest: NumpyReals, ends: Sequence[Ends]) -> "_Grid":
        reach = _GRID_MARGIN * np.sqrt(np.diag(widest))
        sides, hard = [], []
        for x, r, (low, high) in zip(draws, reach, ends, strict=True):
            first, last = float(x.min() - r), float(x.max() + r)
            hard.append((first < low, last > high))
            sides.append((max(first, low), min(last, high)))
        cells = _CELLS[len(draws) - 1]
        if len(draws) == 2:
            # Enough of them across an oblique kernel.
            apart = 1 - widest[0, 1] ** 2 / (widest[0, 0] * widest[1, 1])
            cells = int(min(_MAX_CELLS, cells / max(apart, 1e-6) ** 0.25))
        steps = [(b - a) / cells for a, b in sides]
        margins = [int(r / s) + 1 for r, s in zip(reach, steps, strict=True)]
        return cls(sides, cells, margins, hard)

    @property
    def steps(self) -> list[float]:
        return [(b - a) / self.cells_along for a, b in self.ends]

    @property
    def centres(self) -> tuple[NumpyReals, ...]:
        middle = np.arange(self.cells_along) + 0.5
        return tuple(a + step * middle for (a, _), step in zip(self.ends, self.steps, strict=True))

    @property
    def shape(self) -> list[int]:
        # Multiples of 16 keep the transforms fast.
        return [-(-(self.cells_along + 2 * m) // 16) * 16 for m in self.margins]

    def cells(self, draws: NumpyReals) -> tuple[np.ndarray, ...]:
        """Indices of the cells that draws lie in."""
        return tuple(
            np.clip(((x - a) / step).astype(int), 0, self.cells_along - 1)
            for x, (a, _), step in zip(draws, self.ends, self.steps, strict=True)
        )

    def counts(self, draws: NumpyReals) -> NumpyReals:
        """Draws by cell, margins in front and behind."""
        where = [c + m for c, m in zip(self.cells(draws), self.margins, strict=True)]
        out = np.zeros(self.shape)
        np.add.at(out, tuple(where), 1.0)
        return out

    def exponent(self, covariance: NumpyReals) -> NumpyReals:
        """Of a Gaussian kernel's Fourier transform, at the frequencies of the grid [1]."""
        shape, steps = self.shape, self.steps
        along = [np.fft.fftfreq(n, d) for n, d in zip(shape[:-1], steps[:-1], strict=True)]
        waves = np.meshgrid(*along, np.fft.rfftfreq(shape[-1], steps[-1]), indexing="ij")
        wave = np.stack(waves)
        return -2 * np.pi**2 * np.einsum("i...,ij,j...", wave, covariance, wave, optimize=True)

    @property
    def inside(self) -> tuple[slice, ...]:
        return tuple(slice(m, m + self.cells_along) for m in self.margins)

    def room(self, exponent: NumpyReals) -> NumpyReals:
        """Part of a kernel about each cell that lies within the hard ends [1]."""
        if not any(map(any, self.hard)):
            return np.ones([self.cells_along] * len(self.ends))
        within = np.ones(self.shape)
        for axis, (margin, (low, high)) in enumerate(zip(self.margins, self.hard, strict=True)):
            along = np.moveaxis(within, axis, 0)
            along[: margin if low else 0] = 0.0
            along[margin + self.cells_along if high else len(along) :] = 0.0
        part = self.counted(np.fft.rfftn(within) * np.exp(exponent))[self.inside]
        return np.maximum(part, _MIN_ROOM)

    def smoothed(self, spectrum: np.ndarray, exponent: NumpyReals) -> NumpyReals:
        """Density from the transform of counts, kernels divided by their part within the ends."""
        density = self.counted(spectrum * np.exp(exponent))[self.inside] / self.room(exponent)
        density = np.maximum(density, 0.0)
        return density / (density.sum() * float(np.prod(self.steps)))

    def counted(self, spectrum: np.ndarray) -> NumpyReals:
        """Back from the transform to cells, margins included."""
        return np.fft.irfftn(spectrum, s=self.shape, axes=range(len(self.shape)))


@dataclass(frozen=True, eq=False)
class _Smoothing:
    """A kernel, its best width in units of Scott's rule, and its score (lower is better)."""

    grid: _Grid
    spectra: np.ndarray
    covariance: NumpyReals
    width: float
    score: float

    @classmethod
    def best(
        cls, halves: list[NumpyReals], shape: NumpyReals, ends: Sequence[Ends]
    ) -> "_Smoothing":
        """Kernel of a shape, its width by cross-validation between the halves."""
        every = np.concatenate(halves, axis=1)
        dimension, number = every.shape
        covariance = shape * number ** (-2 / (dimension + 4))
        grid = _Grid.around(every, covariance * _WIDTHS[-1] ** 2, ends)
        exponent, cell = grid.exponent(covariance), float(np.prod(grid.steps))
        counts = [grid.counts(half) / half.shape[1] for half in halves]
        spectra = np.stack([np.fft.rfftn(c) for c in counts])
        seen = [c[grid.inside] for c in counts]
        scores = []
        for width in _WIDTHS:
            one, two = (grid.smoothed(s, exponent * width**2) for s in spectra)
            square = 0.5 * cell * (np.sum(one**2) + np.sum(two**2))
            scores.append(square - np.sum(one * seen[1]) - np.sum(two * seen[0]))
        lowest = min(scores)
        enough = lowest + _TOLERANCES[dimension - 1] * abs(lowest)
        good = [w for w, s in zip(_WIDTHS, scores, strict=True) if s <= enough]
        # The best kernel for half of the draws is wider than the best for all of them.
        width = float(max(good)) * 2 ** (-1 / (dimension + 4))
        return cls(grid, spectra, covariance, width, lowest)

    @property
    def exponent(self) -> NumpyReals:
        return self.grid.exponent(self.covariance) * self.width**2

    def density(self, parts: Sequence[float]) -> NumpyReals:
        """On the grid, each half weighed with its part."""
        spectrum = np.tensordot(np.asarray(parts), self.spectra, axes=1)
        return self.grid.smoothed(spectrum, self.exponent)

    def estimate(self, halves: list[NumpyReals]) -> Estimate:
        every = np.concatenate(halves, axis=1)
        dimension, number = every.shape
        density = self.density([half.shape[1] / number for half in halves])
        where = self.grid.cells(every)
        norm = np.sqrt(np.linalg.det(2 * np.pi * self.covariance)) * self.width**dimension
        own = 1 / (norm * self.grid.room(self.exponent)[where])
        alone = np.maximum((number * density[where] - own) / (number - 1), 0.0)
        return Estimate(self.grid.centres, density, alone)


def _inverse_information(smoothing: _Smoothing, covariance: NumpyReals) -> NumpyReals:
    """Inverse of the integral of grad f grad f / f, as wide as the covariance along one axis.

    It is the covariance for a Gaussian, and as narrow as the bands are for parallel bands.
    """
    density = smoothing.density([0.5, 0.5])
    slopes = np.gradient(density, *smoothing.grid.steps)
    weight = np.where(density > 1e-3 * density.max(), 1 / np.maximum(density, 1e-300), 0.0)
    cell = float(np.prod(smoothing.grid.steps))
    information = cell * np.array([[np.sum(a * b * weight) for b in slopes] for a in slopes])
    shape = np.linalg.inv(information + _RIDGE * np.diag(1 / np.diag(covariance)))
    return shape * np.min(np.diag(covariance) / np.diag(shape))
