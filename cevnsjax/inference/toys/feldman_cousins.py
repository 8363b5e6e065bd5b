"""Feldman-Cousins intervals and regions: critical values of q from pseudo-experiments.

Feldman and Cousins, Phys. Rev. D 57, 3873: a point belongs to the region at a confidence level if
the data's q = chi2(point) - chi2(best) is no larger than what that part of the pseudo-experiments
thrown at the point have. Other parameters and nuisances are at their best in every fit; where they
are thrown from is a choice (``true_nuisances``).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.levels import DEFAULT_LEVELS, delta_chi2_at, level_key
from cevnsjax.inference.axes import Axis, grids_of
from cevnsjax.inference.fits.profile import profile
from cevnsjax.inference.objective import Objective
from cevnsjax.inference.runs.blocks import block_ranges, run_in
from cevnsjax.inference.toys.data_fit import observed, truth_of
from cevnsjax.inference.toys.feldman_cousins_points import in_order
from cevnsjax.inference.toys.feldman_cousins_result import GridPoint, dataset_of
from cevnsjax.inference.toys.fitter import ToyFitter, batch_of_one
from cevnsjax.inference.toys.toys import ToyFits, asked
from cevnsjax.likelihood.draws import BLOCK
from cevnsjax.parameters import Normal

NUISANCES = ("profile", "prior", "default")
"""Where true nuisances are: at the conditional fit of the data, thrown from priors, at centres."""
_MOST_POINTS, _MOST_TOYS, _AXES = 100_000, 10_000_000, 2
# Grid of one parameter that is given no axis: points, and by how much the profile's is widened.
_POINTS, _WIDER = 81, 1.5
# Blocks at first, and until the data's q is that many errors away from every critical value.
_FIRST, _CLEAR = 1, 4.0
# Pseudo-experiments above a critical value, for it to be known at all.
_ABOVE = 10


def feldman_cousins(
    model: Objective,
    parameter: str | None = None,
    *,
    free: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    levels: float | Sequence[float] = DEFAULT_LEVELS,
    toys: int = 8 * BLOCK,
    true_nuisances: str = "profile",
    auxiliary: bool = True,
    seed: int = 0,
    data: Any = None,
    folder: str | Path | None = None,
    resume: bool = False,
    **axes: Axis | np.ndarray,
) -> xr.Dataset:
    """Feldman-Cousins construction on a grid of one or two parameters.

    Every point has 1024 pseudo-experiments at least, and more, up to ``toys``, until the data's q
    is clear of all critical values there.

    Args:
        model: The model.
        parameter: Name of one parameter; its grid spans what the profile likelihood leaves.
        free: Further parameters of all fits.
        fixed: Parameters to hold at given values.
        levels: Confidence levels within (0, 1).
        toys: Pseudo-experiments of a point at most.
        true_nuisances: Where pseudo-experiments have their nuisances: "profile", at the conditional
            fit of the data; "prior", thrown from their priors (auxiliary measurements then stay
            where they are); "default", at the centres of the priors.
        auxiliary: Throw auxiliary measurements too.
        seed: Of the random numbers.
        data: Data to use instead of the model's.
        folder: Keep the points here, so that the construction can be interrupted and shared out
            among processes; the numbers are the same.
        resume: Go on with the construction in ``folder``.
        **axes: One or two parameters -> (low, high, points), (..., "log"), or an array.

    Returns:
        Dataset over the axes: ``q_data``, ``p_value`` with its error, ``toys`` used; over ``level``
        too ``critical`` values, their errors, and ``accepted``. Attributes carry the best fit,
        ``notes`` on where the grid is too coarse or too narrow for the region, and, for one
        parameter, ``intervals`` as JSON, a list of [low, high] for each level.

    Raises:
        UnknownNameError: At an unknown parameter or choice of nuisances.
        InputError: At levels outside (0, 1), numbers that are none, or more than two axes; a folder
            that holds another run.
        RunError: If the folder is in use, or cannot be written any more.
    """
    chosen = _levels(levels)
    least = max(BLOCK, math.ceil(_ABOVE / (1 - max(chosen))))
    toys, seed = whole_number("toys", toys, 1, _MOST_TOYS), whole_number("seed", seed)
    if toys < least:
        raise InputError(f"toys={toys} are too few for a level of {max(chosen):g}: take {least}")
    if true_nuisances not in NUISANCES:
        raise UnknownNameError("true_nuisances", true_nuisances, NUISANCES)
    tested = _tested(parameter, axes)
    extra = [free] if isinstance(free, str) else list(free)
    for name in tested:
        if name in extra:
            raise InputError(f"{name} is both free and what is tested; leave it out of free")
    names, _, held = asked(model, [*tested, *extra], tested, fixed)
    if parameter is not None and not axes:
        axes = {parameter: _own_axis(model, parameter, extra, fixed, max(chosen), data)}
    grids = grids_of(model, axes, _MOST_POINTS)
    shape = tuple(g.size for g in grids.values())
    if np.prod(shape, dtype=float) > _MOST_POINTS:
        raise InputError(f"a grid of {shape} points is too large; limit {_MOST_POINTS}")
    places = [
        dict(zip(grids, map(float, place), strict=True)) for place in product(*grids.values())
    ]
    asked_for = {
        "command": "feldman_cousins",
        "axes": grids,
        "order": list(grids),
        "free": names,
        "fixed": held,
        "levels": chosen,
        "toys": toys,
        "true_nuisances": true_nuisances,
        "auxiliary": auxiliary,
        "seed": seed,
        "data": data,
    }
    run = run_in(folder, resume, model, asked_for, len(block_ranges(len(places))))
    with run or nullcontext():
        work = _Construction(model, names, tested, held, true_nuisances, auxiliary, seed, data)
        best = work.best(places)
        points = in_order(
            lambda k: work.point(places[k], best[0], chosen, toys), len(places), chosen, run
        )
    about = {
        "levels": chosen,
        "true_nuisances": true_nuisances,
        "auxiliary": int(auxiliary and true_nuisances != "prior"),
        "seed": seed,
        "engine": work.engine.name,
        "fixed": json.dumps(held),
        "chi2_min": best[0],
        **{f"best_fit_{n}": x for n, x in best[1].items()},
    }
    return dataset_of(model, grids, points, about)


def _levels(levels: float | Sequence[float]) -> tuple[float, ...]:
    listed = [float(levels)] if isinstance(levels, int | float) else list(levels)
    if not listed:
        raise InputError("levels is empty; give at least one, e.g. 0.90")
    for level in listed:
        delta_chi2_at(level)
    if len({level_key(x) for x in listed}) < len(listed):
        raise InputError(f"levels must differ, got {listed}")
    return tuple(sorted(listed))


def _tested(parameter: str | None, axes: Mapping[str, Any]) -> tuple[str, ...]:
    if parameter is not None and axes and tuple(axes) != (parameter,):
        raise InputError(f"give {parameter} or axes {list(axes)}, not both")
    tested = tuple(axes) or ((parameter,) if parameter is not None else ())
    if not 1 <= len(tested) <= _AXES:
        raise InputError(
            f"Feldman-Cousins needs one or two parameters, got {list(tested) or 'none'}; e.g. "
            "parameter='sin2_theta_w', or eps_uV_ee=(-1, 1, 41)"
        )
    return tested


def _own_axis(
    model: Objective,
    parameter: str,
    free: list[str],
    fixed: Mapping[str, float] | None,
    level: float,
    data: Any,
) -> np.ndarray:
    """Points over what the profile likelihood leaves at a level, widened, within bounds."""
    found = profile(model, parameter, levels=level, free=free, fixed=fixed, data=data)
    spans = next(iter(found.intervals.values()))
    low, high = model.parameters[parameter].bounds
    middle, half = (spans[0][0] + spans[-1][1]) / 2, (spans[-1][1] - spans[0][0]) / 2
    first, last = max(middle - _WIDER * half, low), min(middle + _WIDER * half, high)
    return np.unique(np.append(np.linspace(first, last, _POINTS), found.best_fit))


class _Construction:
    """Pseudo-experiments and fits at the points of a grid."""

    def __init__(
        self,
        model: Any,
        names: tuple[str, ...],
        tested: tuple[str, ...],
        held: dict[str, float],
        nuisances: str,
        auxiliary: bool,
        seed: int,
        data: Any,
    ) -> None:
        self._objective, self._names, self._held = model, names, held
        self._nuisances, self._data = nuisances, data
        self._one = observed(model, data)
        table = model.parameters
        self._constrained = tuple(
            n for n, p in table.items() if p.kind == "nuisance" and isinstance(p.prior, Normal)
        )
        thrown = self._constrained if nuisances == "prior" else ()
        thrown = tuple(n for n in thrown if n not in held)
        self.engine = ToyFitter(model, names, tested, held)
        # Thrown nuisances stand for what their measurements leave open.
        self._throw = ToyFits(model, self.engine, seed, auxiliary and not thrown, thrown)
        self._of_data: dict[tuple[float, ...], Any] = {}

    def best(self, places: list[dict[str, float]]) -> tuple[float, dict[str, float]]:
        """Lowest chi2 of the data and its place; every point of the grid is fitted on the way."""
        lowest, where = np.inf, {}
        for place in places:
            fits = self.engine.fitter(place, self._one)(batch_of_one(self._one))
            self._of_data[tuple(place.values())] = fits
            for chi2, x in ((fits.chi2[0], fits.x[0]), (fits.fixed_chi2[0], fits.fixed_x[0])):
                if chi2 < lowest:
                    lowest, where = float(chi2), dict(zip(self._names, x.tolist(), strict=True))
        return lowest, where

    def point(
        self, place: dict[str, float], lowest: float, levels: tuple[float, ...], most: int
    ) -> GridPoint:
        """Pseudo-experiments at one point, until the data's q is clear of the critical values."""
        fits = self._of_data[tuple(place.values())]
        q_data = max(float(fits.fixed_chi2[0]) - lowest, 0.0)
        run = self._throw.at(self._truth(place, fits), place)
        q, blocks = np.zeros(0), -(-most // BLOCK)
        done, more = 0, _FIRST
        while done < blocks and more:
            wanted = list(range(done, min(done + more, blocks)))
            q = np.concatenate([q, *(run(block).q for block in wanted)])[:most]
            done += len(wanted)
            more = 0 if GridPoint(q, q_data, levels).clear(_CLEAR) else done
        return GridPoint(q, q_data, levels)

    def _truth(self, place: dict[str, float], fits: Any) -> dict[str, float]:
        values = {**dict(zip(self._names, fits.fixed_x[0].tolist(), strict=True)), **place}
        if self._nuisances == "profile":
            found = truth_of(self._objective, self._names, self._held, values, self._data)
            return {**found, **self._held, **place}
        table = self._objective.parameters
        centres = {n: table[n].prior.mean for n in self._constrained}
        return {**values, **centres, **self._held, **place}
