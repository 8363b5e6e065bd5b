"""What a fit is worth: its status, the goodness of fit, and notes on where errors mislead."""

import math

import numpy as np
from jaxtyping import Float

from cevnsjax.core.levels import chance_of_more
from cevnsjax.inference.minimise.problems import Minimum
from cevnsjax.inference.objective import Objective

# An even parameter closer to 0 than this, in scales, sits at its symmetry point.
_SYMMETRY_DISTANCE = 1e-6
# chi2 of data that are the prediction itself may be so far below 0 by rounding.
_ROUNDING = 1e-6


def way_out_of_float32(model: Objective) -> str:
    """What to add to the advice on a search that failed; empty if counts are float64."""
    if not any(np.asarray(o).dtype == np.float32 for o in model.observed):
        return ""
    return ", or use dtype='float64' (after cevnsjax.enable_x64()) instead of the coarse float32"


def status_of(
    model: Objective,
    minimum: Minimum,
    variances: Float[np.ndarray, " value"],
    at_bound: tuple[str, ...],
    names: list[str],
) -> str:
    """Whether the fit converged, or what went wrong, with advice."""
    if not minimum.solved:
        return (
            "not converged: the solved nuisances are not at their minimum there, so that chi2 is "
            "not profiled; narrow the bounds, or give a start where counts are nearer the data"
            + way_out_of_float32(model)
        )
    if not minimum.converged:
        what = "not converged: the gradient is not zero; give a start nearer the minimum"
        return what + way_out_of_float32(model)
    missing = [n for n, v in zip(names, variances, strict=True) if not v > 0 and n not in at_bound]
    if missing:
        return f"flat: the likelihood does not fix {', '.join(missing)}; fix one of them"
    return "converged"


def goodness(
    model: Objective, names: list[str], chi2: float
) -> tuple[int, float | None, tuple[str, ...]]:
    """Degrees of freedom, the probability of a larger chi2, and why there is none."""
    table = model.parameters
    # A constrained nuisance brings its own measurement along; the others cost a degree each.
    unconstrained = [n for n in names if table[n].kind == "theory" or table[n].prior is None]
    bins = sum(int(np.size(o)) for o in model.observed)
    ndf = bins - len(unconstrained)
    if ndf <= 0:
        why = f"{bins} bins less {len(unconstrained)} fitted parameters leave no degree of freedom"
    elif not math.isfinite(chi2) or chi2 < -_ROUNDING:
        why = f"chi2 = {chi2:g} does not measure a distance"
    else:
        return ndf, chance_of_more(chi2, ndf), ()
    return ndf, None, (f"no p-value: {why}",)


def lost_ends(minima: list[Minimum]) -> tuple[str, ...]:
    """A note where other starts ended without a solution of the nuisances."""
    lost = sum(not m.solved for m in minima[1:])
    if not lost or not minima[0].solved:
        return ()
    return (f"left out: {lost} ends where the solved nuisances are not at their minimum",)


def notes_of(
    model: Objective,
    fitted: dict[str, float],
    variances: Float[np.ndarray, " value"],
    at_bound: tuple[str, ...],
    held: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Warnings where the inverse Hessian does not give one-sigma intervals.

    ``at_bound`` are fitted parameters and, last, the solved nuisances that are ``held``.
    """
    notes, on_bound = [], at_bound[: len(at_bound) - len(held)]
    if on_bound:
        others = len(fitted) > len(on_bound)
        meaning = "errors of the others hold it there; profile them" if others else "profile it"
        notes.append(f"{', '.join(on_bound)} on a bound: {meaning}")
    if held:
        listed = ", ".join(held)
        notes.append(f"{listed}: counts cannot be lower; errors of the others hold it there")
    for (name, value), variance in zip(fitted.items(), variances, strict=False):
        p = model.parameters[name]
        width = p.bounds[1] - p.bounds[0]
        if variance > 0 and np.sqrt(variance) > width / 4:
            notes.append(f"{name} is hardly constrained within its bounds: profile it")
        elif p.even and abs(value) < _SYMMETRY_DISTANCE * p.scale:
            notes.append(f"{name} sits at its symmetry point, where chi2 is flat: profile it")
    return tuple(notes)
