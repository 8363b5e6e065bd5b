"""What a mean and a standard deviation do not say of a posterior: modes apart, ends of priors."""

import warnings
from typing import Any

import numpy as np

from cevnsjax.inference.rounding import rounded

_LEVEL = 0.6827
# Parts of a flat prior's range; a density at its end above this part of the largest one is cut off.
_PARTS, _CUT = 20, 0.3
# Between modes the density is below this part of that within them.
_VALLEY = 0.5


def notes_of(posterior: Any) -> tuple[str, ...]:
    """Notes on a sampled posterior.

    Args:
        posterior: Dataset of draws; variables with flat priors have the attributes ``prior_low``
            and ``prior_high``.
    """
    notes = []
    for name, variable in posterior.data_vars.items():
        draws = np.asarray(variable.values, dtype=float).ravel()
        modes = _modes(draws)
        if len(modes) > 1:
            sd = float(np.std(draws))
            spans = (f"[{rounded(a, sd)[0]}, {rounded(b, sd)[0]}]" for a, b in modes)
            notes.append(f"{name} has several modes: 68 % lie in {' or '.join(spans)}")
        ends = [variable.attrs.get(f"prior_{end}") for end in ("low", "high")]
        if None not in ends:
            cut = _cut(draws, *(float(x) for x in ends))
            if cut:
                where = " and ".join(f"{x:g}" for x in cut)
                notes.append(f"{name} reaches the end of its prior at {where}: the prior decides")
    return tuple(notes)


def _cut(draws: np.ndarray, low: float, high: float) -> list[float]:
    """Ends of a flat prior at which the density has not died out."""
    counts, _ = np.histogram(draws, _PARTS, (low, high))
    both = ((low, counts[0]), (high, counts[-1]))
    return [x for x, count in both if count > _CUT * counts.max()]


def _modes(draws: np.ndarray) -> list[tuple[float, float]]:
    """Most probable intervals; those that no clear valley parts are one."""
    if np.ptp(draws) == 0 or draws.size < 100:
        return []
    with warnings.catch_warnings():
        # arviz announces its own future.
        warnings.simplefilter("ignore")
        import arviz

        found = np.atleast_2d(arviz.hdi(draws, hdi_prob=_LEVEL, multimodal=True))
    spans = found[np.isfinite(found).all(axis=1)]
    if not len(spans):
        return []
    inside = _LEVEL * draws.size / np.sum(np.diff(spans, axis=1))
    out = [tuple(spans[0].tolist())]
    for low, high in spans[1:].tolist():
        start, end = out[-1]
        gap = np.sum((draws > end) & (draws < low)) / (low - end)
        if gap < _VALLEY * inside:
            out.append((low, high))
        else:
            out[-1] = (start, high)
    return out
