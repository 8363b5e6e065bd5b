"""Feldman-Cousins intervals and regions: critical values of q from pseudo-experiments.

Feldman and Cousins, Phys. Rev. D 57, 3873: a point belongs to the region at a confidence level if
the data's q = chi2(point) - chi2(best) is at most the critical value: the q below which that part
of the pseudo-experiments drawn at the point lies. Other parameters and nuisances are at their best
in every fit; where their true values are is a choice (``true_nuisances``).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.levels import DEFAULT_LEVELS, checked_levels
from cevnsjax.inference.axes import Axis, grids_of
from cevnsjax.inference.fits.profile import profile
from cevnsjax.inference.runs.blocks import block_ranges, run_in
from cevnsjax.inference.toys.construction import Construction
from cevnsjax.inference.toys.feldman_cousins_result import dataset_of
from cevnsjax.inference.toys.fitter import ToyFitter
from cevnsjax.inference.toys.toys import requested_parameters
from cevnsjax.likelihood.draws import BLOCK
from cevnsjax.model.model import Model

TRUE_NUISANCES = ("profile", "prior", "default")
"""Where true nuisances are: at the conditional fit of the data, drawn from priors, at centres."""
_MAX_POINTS, _MAX_TOYS, _MAX_AXES = 100_000, 10_000_000, 2
# Grid of one parameter without an axis: points, and by how much the profile's interval is widened.
_GRID_POINTS, _WIDENING = 81, 1.5
# Pseudo-experiments above a critical value, for it to be known at all.
_LEAST_TOYS_ABOVE = 10


def feldman_cousins(
    model: Model,
    parameter: str | None = None,
    *,
    free: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    levels: float | Sequence[float] | ArrayLike = DEFAULT_LEVELS,
    toys: int = 8 * BLOCK,
    true_nuisances: str = "profile",
    auxiliary: bool = True,
    seed: SupportsIndex = 0,
    data: Any = None,
    folder: str | Path | None = None,
    resume: bool = False,
    **axes: Axis | ArrayLike,
) -> xr.Dataset:
    """Feldman-Cousins construction on a grid of one or two parameters.

    Every point has 1024 pseudo-experiments at least, and more, up to ``toys``, until the data's q
    is clear of all critical values there.

    Args:
        model: The model.
        parameter: Name of one parameter; its grid spans the interval of the profile likelihood.
        free: Further parameters of all fits.
        fixed: Parameters to hold at given values.
        levels: Confidence levels within (0, 1).
        toys: Pseudo-experiments of a point at most.
        true_nuisances: Where pseudo-experiments have their nuisances: "profile", at the conditional
            fit of the data; "prior", drawn from their priors (auxiliary measurements then stay
            where they are); "default", at the centres of the priors.
        auxiliary: Draw auxiliary measurements too.
        seed: Of the random numbers.
        data: Data to use instead of the model's.
        folder: Keep the points here, so that processes can share the work; the numbers are the
            same.
        resume: Continue the construction in ``folder``.
        **axes: One or two parameters -> (low, high, points), (..., "log"), or an array.

    Returns:
        Dataset over the axes: ``q_data``, ``p_value`` with its error, ``toys`` used, ``failed``
        ones of them, ``converged``, whether the data were fitted; over ``level`` too ``critical``
        values, their errors, and ``accepted``. Attributes hold the best fit, ``fixed`` (JSON),
        ``notes`` on failed fits and on where the grid is too coarse or too narrow for the region,
        and, for one parameter, ``intervals`` as JSON, a list of [low, high] for each level.

    Raises:
        UnknownNameError: At an unknown parameter or choice of nuisances.
        InputError: At levels outside (0, 1), numbers that are not whole, more than two axes, or a
            folder that holds another run.
        RunError: If the folder is in use, or cannot be written any more.

    Examples:
        >>> result = cj.feldman_cousins(model, levels=0.90, toys=1024, sin2_theta_w=(0.1, 0.4, 4))
        >>> result["accepted"].sel(level=0.90).values.tolist()
        [False, True, False, False]
    """
    chosen = tuple(sorted(checked_levels(levels)))
    toys, seed = whole_number("toys", toys, 1, _MAX_TOYS), whole_number("seed", seed)
    _require_enough(toys, max(chosen))
    if true_nuisances not in TRUE_NUISANCES:
        raise UnknownNameError("true_nuisances", true_nuisances, TRUE_NUISANCES)
    tested = _tested(parameter, axes)
    others = [free] if isinstance(free, str) else list(free)
    for name in tested:
        if name in others:
            raise InputError(f"{name} is both free and tested; leave it out of free")
    names, _, fixed_values = requested_parameters(model, [*tested, *others], tested, fixed)
    if parameter is not None and not axes:
        axes = {parameter: _default_axis(model, parameter, others, fixed, max(chosen), data)}
    grids = grids_of(model, axes, _MAX_POINTS)
    shape = tuple(g.size for g in grids.values())
    if np.prod(shape, dtype=float) > _MAX_POINTS:
        raise InputError(f"a grid of {shape} points is too large; limit {_MAX_POINTS}")
    points = [dict(zip(grids, map(float, x), strict=True)) for x in product(*grids.values())]
    configuration = {
        "command": "feldman_cousins",
        "axes": grids,
        "order": list(grids),
        "free": names,
        "fixed": fixed_values,
        "levels": chosen,
        "toys": toys,
        "true_nuisances": true_nuisances,
        "auxiliary": auxiliary,
        "seed": seed,
        "data": data,
    }
    run = run_in(folder, resume, model, configuration, len(block_ranges(len(points))))
    with run or nullcontext():
        fitter = ToyFitter(model, names, tested, fixed_values)
        construction = Construction(fitter, true_nuisances, auxiliary, seed, data)
        chi2_min, best = construction.best(points)
        grid_points = construction.grid_points(points, chi2_min, chosen, toys, run)
    about = {
        "true_nuisances": true_nuisances,
        "auxiliary": int(auxiliary and true_nuisances != "prior"),
        "seed": seed,
        "engine": fitter.name,
        "fixed": json.dumps(fixed_values),
        "chi2_min": chi2_min,
        **{f"best_fit_{n}": x for n, x in best.items()},
    }
    return dataset_of(model, grids, grid_points, chosen, best, about)


def _require_enough(toys: int, level: float) -> None:
    least = max(BLOCK, math.ceil(_LEAST_TOYS_ABOVE / (1 - level)))
    if toys < least:
        raise InputError(f"toys={toys} are too few for a level of {level:g}: take {least}")


def _tested(parameter: str | None, axes: Mapping[str, Any]) -> tuple[str, ...]:
    if parameter is not None and axes and tuple(axes) != (parameter,):
        raise InputError(f"give {parameter} or axes {list(axes)}, not both")
    tested = tuple(axes) or ((parameter,) if parameter is not None else ())
    if not 1 <= len(tested) <= _MAX_AXES:
        raise InputError(
            f"Feldman-Cousins needs one or two parameters, got {list(tested) or 'none'}; e.g. "
            "parameter='sin2_theta_w', or eps_uV_ee=(-1, 1, 41)"
        )
    return tested


def _default_axis(
    model: Model,
    parameter: str,
    free: list[str],
    fixed: Mapping[str, float] | None,
    level: float,
    data: Any,
) -> Float[np.ndarray, " point"]:
    """Points over the interval of the profile likelihood at a level, widened, within bounds."""
    result = profile(model, parameter, levels=level, free=free, fixed=fixed, data=data)
    spans = next(iter(result.intervals.values()))
    low, high = model.parameters[parameter].bounds
    middle, half = (spans[0][0] + spans[-1][1]) / 2, (spans[-1][1] - spans[0][0]) / 2
    first, last = max(middle - _WIDENING * half, low), min(middle + _WIDENING * half, high)
    return np.unique(np.append(np.linspace(first, last, _GRID_POINTS), result.best_fit))
