"""What to know of a profile: where its searches failed, what it counts from, where it is open."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.fits.fit_verdict import way_out_of_float32
from cevnsjax.inference.fits.nuisance_notes import notes_along
from cevnsjax.inference.fits.profile_curve import Curve
from cevnsjax.inference.fits.profile_intervals import Allowed
from cevnsjax.inference.minimise.problems import CONVERGED
from cevnsjax.inference.objective import Data, Objective

# Points that a text names.
_MAX_SHOWN = 3

Points = Float[np.ndarray, "point"]


def status_of(
    model: Objective, parameter: str, failed: Sequence[float], names: tuple[str, ...]
) -> str:
    """Whether all inner searches converged, or how many did not, with advice."""
    if not failed:
        return "converged"
    what, remedy = "the nuisances were not found", "narrow the range"
    if names:
        what, remedy = "inner fits failed", "free fewer parameters or narrow the range"
    shown = ", ".join(f"{x:g}" for x in failed[:_MAX_SHOWN])
    return f"not converged: {what} at {len(failed)} points ({parameter} = {shown}); {remedy}" + (
        way_out_of_float32(model)
    )


def notes_on_failures(parameter: str, failed: Sequence[float], lost: Sequence[float]) -> list[str]:
    """Where the curve cannot be trusted, and which ends suffer from it."""
    notes = []
    if failed:
        where = f"{len(failed)} points from {parameter} = {failed[0]:g} to {failed[-1]:g}"
        notes.append(f"chi2 is not at its minimum at {where}: they bound no interval")
    if lost:
        ends = ", ".join(f"{end:.4g}" for end in lost[:_MAX_SHOWN])
        notes.append(
            f"the end at {ends} is the nearest point outside that converged: the crossing lies "
            "between failed ones"
        )
    return notes


def notes_on_the_base(curve: Curve, parameter: str, asked: float | None) -> list[str]:
    """Where the curve goes below the fit that it started from, or below what it should count from.

    ``asked`` is the chi2 that the caller wanted to count from.
    """
    best, lowest = curve.lowest()
    place = f"the lowest chi2, {lowest:.6g} at {parameter} = {best:.4g}, lies"
    notes = []
    if np.isfinite(curve.anchor) and is_lower(lowest, curve.anchor):
        notes.append(
            f"{place} {curve.anchor - lowest:.3g} below the fit of all parameters that the profile "
            "started from: Delta chi2 counts from the lower one; fit again with a start there"
        )
    if asked is not None and is_lower(lowest, asked):
        notes.append(
            f"{place} {asked - lowest:.3g} below chi2_min = {asked:.6g}: Delta chi2 counts from it"
        )
    return notes


def notes_on_solved(
    model: Objective, curve: Curve, fixed: Mapping[str, float], points: Points, data: Data
) -> list[str]:
    """What the solved nuisances do at some points, the best one first."""

    def solve(values: list[Mapping[str, float]]) -> list[dict[str, float]]:
        columns = {n: np.array([x[n] for x in values]) for n in values[0]}
        pulls = model.expand(dict(fixed), columns, data=data).pulls
        return [{n: float(x[i]) for n, x in pulls.items()} for i in range(len(values))]

    chi2 = curve.chi2(points).tolist()
    values = [curve.values(x) for x in points.tolist()]
    return notes_along(model, list(zip(values, chi2, strict=True)), solve)


def is_lower(chi2: float, other: float) -> bool:
    """Whether one chi2 is below another by more than searches leave over."""
    return bool(chi2 < other - 2 * CONVERGED - 1e-12 * abs(other))


def notes_on_open_ends(
    parameter: str,
    allowed: Allowed,
    heights: dict[str, float],
    delta_chi2: Points,
    open_at: tuple[float, ...],
) -> list[str]:
    """Levels that chi2 does not reach on one side: the interval ends with the range."""
    highest = float(np.max(delta_chi2))
    notes = []
    for key, intervals in allowed.intervals.items():
        ends = [end for interval in intervals for end in interval if end in open_at]
        if ends:
            where = " and ".join(f"{end:g}" for end in ends)
            text = f"{key}: open at {parameter} = {where}, no limit within the range"
            if highest <= heights[key]:
                text += f": chi2 rises by {highest:.4g} at most, {heights[key]:.4g} is needed"
            notes.append(text)
    return notes
