"""What mean and standard deviation of a posterior do not show: several modes, ends of priors."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from cevnsjax.inference.posteriors.diagnostics import densest_intervals
from cevnsjax.inference.rounding import rounded

_LEVEL = 0.6827
# A flat prior cuts the posterior off where the outermost of its bins has more draws than this part
# of the fullest bin.
_BINS, _CUT_PART = 20, 0.3
# Modes are separate if the density between them is below this part of the density within them.
_VALLEY_PART = 0.5


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
    if np.ptp(draws) == 0 or draws.size < 100:
        return []
    intervals = densest_intervals(draws, _LEVEL)
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
