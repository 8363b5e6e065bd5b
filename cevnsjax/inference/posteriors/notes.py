"""What mean and standard deviation of a posterior do not show: several modes, ends of priors."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from cevnsjax.inference.rounding import rounded

_LEVEL = 0.6827
# A flat prior cuts the posterior off where the outermost of its bins has more draws than this part
# of the fullest bin.
_BINS, _CUT_PART = 20, 0.3
# Modes are separate if the density between them is below this part of the density within them.
_VALLEY_PART = 0.5
# Cells of the histogram whose highest make intervals, and the quantiles between which it lies.
_CELLS, _RANGE = 512, (0.001, 0.999)
# Width of the narrowest interval with a quarter of a Gaussian, in standard deviations.
_QUARTER = 0.6373


def notes_of(posterior: xr.Dataset | xr.DataTree) -> tuple[str, ...]:
    """Notes on draws; those of flat priors have the attributes ``prior_low``, ``prior_high``."""
    notes = []
    for name, variable in posterior.data_vars.items():
        draws = np.asarray(variable.values, dtype=float).ravel()
        modes = _modes(draws)
        if len(modes) > 1:
            sd = float(np.std(draws))
            spans = (f"[{rounded(a, sd)[0]}, {rounded(b, sd)[0]}]" for a, b in modes)
            notes.append(f"{name} has several modes: 68 % lie in {' or '.join(spans)}")
        if "prior_low" in variable.attrs:
            low, high = (float(variable.attrs[f"prior_{end}"]) for end in ("low", "high"))
            counts, _ = np.histogram(draws, _BINS, (low, high))
            ends = ((low, counts[0]), (high, counts[-1]))
            if cut := [x for x, count in ends if count > _CUT_PART * counts.max()]:
                where = " and ".join(f"{x:g}" for x in cut)
                notes.append(f"{name} reaches the end of its prior at {where}: the prior decides")
    return tuple(notes)


def _modes(draws: Float[np.ndarray, " draw"]) -> list[tuple[float, float]]:
    """Most probable intervals, joined where no clear valley separates them."""
    if draws.size < 100 or not 0 < np.ptp(draws) < np.inf:
        return []
    intervals = _densest_intervals(draws)
    if not len(intervals):
        return []
    density_within = _LEVEL * draws.size / np.sum(np.diff(intervals, axis=1))
    modes = [tuple(intervals[0].tolist())]
    for low, high in intervals[1:].tolist():
        start, end = modes[-1]
        density_between = np.sum((draws > end) & (draws < low)) / (low - end)
        if density_between < _VALLEY_PART * density_within:
            modes.append((low, high))
        else:
            modes[-1] = (start, high)
    return modes


def _densest_intervals(draws: Float[np.ndarray, " draw"]) -> Float[np.ndarray, "interval 2"]:
    """Intervals of highest density that hold ``_LEVEL`` of the draws.

    The density is a histogram smoothed by Silverman's rule, for the mean of two widths: that of all
    draws, and that of the narrowest quarter of them, which several modes do not widen much.
    """
    low, high = np.quantile(draws, _RANGE).tolist()
    counts, walls = np.histogram(draws, _CELLS, (low, high))
    x, quarter = np.sort(draws), draws.size // 4
    sd = (np.std(x) + np.min(x[quarter:] - x[:-quarter]) / _QUARTER) / 2
    cells = max(0.9 * sd * draws.size**-0.2 / (walls[1] - walls[0]), 1.0)
    reach = min(int(4 * cells) + 1, _CELLS)
    kernel = np.exp(-((np.arange(-reach, reach + 1) / cells) ** 2) / 2)
    density = np.convolve(np.pad(counts, reach, mode="symmetric"), kernel, "valid")
    order = np.argsort(-density, kind="stable")
    held = np.cumsum(density[order]) <= _LEVEL * density.sum()
    inside = np.zeros(_CELLS, dtype=bool)
    inside[order[held]] = True
    return walls[np.flatnonzero(np.diff(inside, prepend=False, append=False)).reshape(-1, 2)]
