"""Expected errors and intervals: Asimov data, and how they change with exposure and design.

The Asimov data are the expected counts themselves. The profile of their likelihood gives the median
interval of an experiment yet to be done (Cowan et al., EPJC 71, 1554, section 3.2).
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS, checked_levels, level_key
from cevnsjax.inference.axes import coordinate
from cevnsjax.inference.fits.profile import SIDES, ProfileResult, profile
from cevnsjax.inference.forecasts.asimov import asimov
from cevnsjax.inference.forecasts.design import KINDS, truth_of
from cevnsjax.inference.forecasts.fisher import fisher
from cevnsjax.inference.forecasts.traced_design import cell_variance, kind_of, redesigned
from cevnsjax.inference.objective import free_names
from cevnsjax.inference.progress import track
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.model import Model

if TYPE_CHECKING:
    import xarray as xr

Over = Mapping[str, Sequence[float] | np.ndarray]
Builder = Callable[[float], Model]
_RESULTS = ("sd", "low", "high", "pieces", "converged")
_NOTES = "notes"


def forecast(
    model: Model | Builder,
    parameter: str,
    *,
    truth: Mapping[str, float] | None = None,
    free: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    level: float | Sequence[float] | ArrayLike = DEFAULT_LEVELS,
    over: Over | None = None,
    side: str = "both",
    statistical: str | Collection[str] = (),
) -> "xr.Dataset":
    """Expected error and interval of a parameter, for one design or many.

    Args:
        model: The experiments as they are, or a function of x that builds their model.
        parameter: What is measured.
        truth: True values; names left out take their defaults.
        free: Further parameters to profile over; nuisances always are.
        fixed: Parameters known exactly, at these true values.
        level: Confidence level or several, within (0, 1).
        over: {name: values}: a key of ``inference.forecasts.design`` (exposure,
            exposure.EXPERIMENT, background.EXPERIMENT, sd.NUISANCE, ...), or with a function any
            name for its x. None takes the experiments as they are.
        side: "both"; "upper" or "lower" for one-sided limits.
        statistical: Nuisances measured with the data themselves, whose widths fall with the square
            root of the exposure.

    Returns:
        Dataset over x: ``sd`` from the information (NaN where there is none), ``low`` and ``high``
        of the profile's interval about the true value [x, level], infinite where there is no limit,
        ``pieces``, the number of intervals, and ``converged``. Attributes hold the true value
        (``truth``), ``free``, ``fixed`` (JSON), the experiments, and ``notes`` on designs whose
        profiles did not converge.

    Raises:
        UnknownNameError: At an unknown parameter, experiment or key.
        InputError: At levels, exposures or values out of bounds, or a parameter that the counts do
            not depend on.

    Examples:
        >>> expected = cj.forecast(model, "sin2_theta_w", over={"exposure": [1, 10]}, level=0.90)
        >>> expected["sd"].values.round(3).tolist()
        [0.04, 0.024]
        >>> expected["high"].values.round(3).tolist()
        [[0.307], [0.284]]
    """
    import xarray as xr

    name, grid = _axis(over, is_function=not isinstance(model, Model))
    build = _builder(model, name, grid, statistical)
    names = (free,) if isinstance(free, str) else tuple(free)
    levels, asked = _levels(level, side), (dict(truth or {}), dict(fixed or {}))
    first = build(float(grid[0]))
    _, fixed_values = free_names(first, names, fixed, exclude=(parameter,))
    true = truth_of(first.parameters, truth, fixed_values)[parameter]
    points = [
        _expected(build(x) if k else first, parameter, names, *asked, levels, side)
        for k, x in enumerate(track(grid.tolist(), "forecast"))
    ]
    columns = {n: np.array([point[n] for point in points]) for n in _RESULTS}
    about = coordinate(first.parameters[parameter])
    return xr.Dataset(
        {n: ((name, "level")[: c.ndim], c) for n, c in columns.items()},
        coords={name: grid, "level": np.array(levels)},
        attrs={
            "parameter": parameter,
            "truth": true,
            "unit": about["units"],
            "label": about["label"],
            "side": side,
            "free": list(names),
            "fixed": json.dumps(fixed_values),
            "analysis": first.name,
            "experiments": list(first.experiments),
            _NOTES: [
                f"{name} = {x:g}: {note}"
                for x, point in zip(grid.tolist(), points, strict=True)
                for note in point[_NOTES]
            ],
        },
    )


def _levels(level: float | Sequence[float] | ArrayLike, side: str) -> list[float]:
    if side not in SIDES:
        raise InputError(f"side must be one of {', '.join(SIDES)}, got {side!r}")
    return list(checked_levels(level, one_sided=side != "both"))


def _axis(over: Over | None, *, is_function: bool) -> tuple[str, Float[np.ndarray, " x"]]:
    """Name and values of what changes."""
    if over is None:
        if is_function:
            raise InputError("a function that builds models needs its x: over={'mass_kg': [...]}")
        return "exposure", np.ones(1)
    if not isinstance(over, Mapping) or len(over) != 1:
        raise InputError(f"over must be one {{name: values}}, e.g. {{'exposure': [1, 10]}}: {over}")
    ((name, numbers),) = over.items()
    try:
        grid = np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"over {name} must be numbers, got {numbers!r}") from None
    if grid.ndim != 1 or not grid.size or not np.all(np.isfinite(grid)):
        raise InputError(f"over {name} must be a list of finite numbers, got {numbers!r}")
    if name in ("level", *_RESULTS):
        raise InputError(f"over cannot be called {name}, which the result holds; choose another")
    return name, grid


def _builder(
    model: Model | Builder,
    name: str,
    grid: Float[np.ndarray, " x"],
    statistical: str | Collection[str],
) -> Builder:
    """Function of x that returns a model."""
    if isinstance(model, Model):
        if name.partition(".")[0] not in KINDS and name in model.parameters:
            raise InputError(f"{name} is a parameter: give its true values one by one in truth")
        # All numbers are checked before work begins.
        for x in (grid.min(), grid.max()):
            redesigned(model, {name: float(x)}, statistical=statistical)
        return lambda x: redesigned(model, {name: x}, statistical=statistical)
    if not callable(model):
        raise InputError(f"a forecast needs a Model or a function that builds one, got {model!r}")
    if statistical:
        raise InputError("statistical goes with exposures of a Model; set widths in your function")
    build = model

    def checked_build(x: float) -> Model:
        built = build(x)
        if not isinstance(built, Model):
            raise InputError(f"the function that builds models gave {built!r} at {name} = {x:g}")
        return built

    return checked_build


def _expected(
    model: Model,
    parameter: str,
    free: tuple[str, ...],
    truth: dict[str, float],
    fixed: dict[str, float],
    levels: list[float],
    side: str,
) -> dict[str, Any]:
    """Expected error and intervals of one design, and notes if its profile did not converge."""
    all_true = truth_of(model.parameters, truth, fixed)
    data = asimov(model, all_true)
    information = fisher(model, [parameter, *free], truth=truth, fixed=fixed)
    theory = {n: x for n, x in truth.items() if model.parameters[n].kind == "theory"}
    fixed = {n: x for n, x in theory.items() if n not in (parameter, *free)} | fixed
    model = _with_variances(model, data)
    result = profile(model, parameter, levels=levels, free=free, fixed=fixed, side=side, data=data)
    keys = [level_key(x) for x in levels]
    ends = [_interval_about(all_true[parameter], result, key) for key in keys]
    error = information.errors[parameter]
    return {
        "sd": np.nan if error is None else error,
        "low": [low for low, _ in ends],
        "high": [high for _, high in ends],
        "pieces": [len(result.intervals[key]) for key in keys],
        "converged": result.status == "converged",
        _NOTES: [] if result.status == "converged" else [result.status, *result.notes],
    }


def _with_variances(model: Model, data: Pseudodata) -> Model:
    """The model, planned Gaussian experiments with the variances of their Asimov data."""
    kinds = {n: kind_of(e) for n, e in model.experiments.items()}
    if "planned" not in kinds.values():
        return model
    arrays = [
        replace(e, weights=1 / cell_variance("planned", data.counts[e.name], None, np))
        if kinds[e.name] == "planned"
        else e
        for e in model.state.arrays
    ]
    return model.with_arrays(arrays, model.parameters)


def _interval_about(truth: float, result: ProfileResult, key: str) -> tuple[float, float]:
    """The interval that holds the true value, infinite where it is open."""
    spans = result.intervals[key]
    if not spans:
        return float("nan"), float("nan")
    low, high = min(spans, key=lambda s: max(s[0] - truth, truth - s[1], 0.0))
    return (
        -np.inf if low in result.open_at else low,
        np.inf if high in result.open_at else high,
    )
