"""Expected errors and intervals: Asimov data, and how they change with exposure and design.

The Asimov data are the expected counts themselves; the profile of their likelihood gives the
median interval of an experiment yet to be done (Cowan et al., EPJC 71, 1554, section 3.2).
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS, delta_chi2_at, level_key
from cevnsjax.experiments.planned import PlannedExperiment
from cevnsjax.inference.fits.profile import SIDES, profile
from cevnsjax.inference.forecasts.design import KINDS, rebuilt, redesigned
from cevnsjax.inference.forecasts.fisher import fisher, truth_of
from cevnsjax.inference.objective import free_names
from cevnsjax.inference.progress import track
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.model import Model
from cevnsjax.model.structure import gaussian_priors

if TYPE_CHECKING:
    import xarray as xr

Over = Mapping[str, Sequence[float] | np.ndarray]


def asimov(model: Model, truth: Mapping[str, float] | None = None) -> Pseudodata:
    """The Asimov data of a model: expected counts, auxiliary measurements at the truth.

    They need no observed data, so that planned experiments have them too.

    Args:
        model: The model.
        truth: True values, nuisances included; names left out take their defaults.

    Returns:
        Data for ``data=`` of fits, profiles and the model's own functions.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, or expected counts that are not finite.
    """
    if not isinstance(model, Model):
        raise InputError(f"Asimov data need a Model, got {model!r}")
    true = truth_of(model.parameters, truth, {})
    counts = {n: np.asarray(x, dtype=np.float64) for n, x in model.expected(true).items()}
    for name, mu in counts.items():
        if not np.all(np.isfinite(mu)):
            raise InputError(f"{name}: expected counts are not finite at these values")
        if model.experiments[name].statistic == "poisson" and np.any(mu < 0):
            raise InputError(f"{name}: expected counts are negative at these values")
    return Pseudodata(counts, {n: true[n] for n in gaussian_priors(model.parameters)})


def forecast(
    model: Model | Callable[[float], Model],
    parameter: str,
    *,
    truth: Mapping[str, float] | None = None,
    free: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    level: float | Sequence[float] = DEFAULT_LEVELS,
    over: Over | None = None,
    side: str = "both",
    statistical: str | Collection[str] = (),
) -> "xr.Dataset":
    """Expected error and interval of a parameter, for one design or many.

    Args:
        model: The experiments as they are, or a function of x that builds them.
        parameter: What is measured.
        truth: True values; names left out take their defaults.
        free: Further parameters to profile over; nuisances always are.
        fixed: Parameters known exactly, at these true values.
        level: Confidence level or several, within (0, 1).
        over: {name: values}: a key of ``inference.redesign`` (exposure, exposure.EXPERIMENT,
            background.EXPERIMENT, sd.NUISANCE, ...), or with a function any name for its x. The
            experiments as they are if None.
        side: "both"; "upper" or "lower" for one-sided limits.
        statistical: Nuisances measured with the data themselves, whose widths fall with the root of
            the exposure.

    Returns:
        Dataset over x: ``sd`` from the information (NaN where there is none), ``low`` and ``high``
        of the profile's interval about the truth [x, level], infinite where there is no limit,
        ``pieces``, the number of intervals, and ``converged``.

    Raises:
        UnknownNameError: At an unknown parameter, experiment or key.
        InputError: At levels, exposures or values out of bounds, or a parameter that the counts do
            not depend on.
    """
    import xarray as xr

    levels = _levels(level, side)
    name, grid = _axis(over, is_function=not isinstance(model, Model))
    build = _builder(model, name, grid, statistical)
    names = [free] if isinstance(free, str) else list(free)
    given = dict(truth or {})
    first = build(float(grid[0]))
    _, held = free_names(first, names, fixed, exclude=(parameter,))
    true = truth_of(first.parameters, given, held)
    rows = []
    for k, x in enumerate(track(grid.tolist(), "forecast")):
        made = build(x) if k else first
        rows.append(_point(made, parameter, names, given, dict(fixed or {}), levels, side))
    columns = {n: np.array([row[n] for row in rows]) for n in rows[0]}
    about = first.parameters[parameter]
    return xr.Dataset(
        {n: ((name, "level")[: c.ndim], c) for n, c in columns.items()},
        coords={name: grid, "level": np.array(levels)},
        attrs={
            "parameter": parameter,
            "truth": true[parameter],
            "unit": about.unit,
            "label": about.label,
            "side": side,
            "free": names,
            "fixed": json.dumps(held),
            "analysis": first.name,
            "experiments": list(first.experiments),
        },
    )


def _levels(level: float | Sequence[float], side: str) -> list[float]:
    listed = list(level) if isinstance(level, Sequence) else [level]
    if side not in SIDES:
        raise InputError(f"side must be one of {', '.join(SIDES)}, got {side!r}")
    if not listed or isinstance(level, str):
        raise InputError(f"levels are numbers within (0, 1), e.g. 0.90, got {level!r}")
    for one in listed:
        delta_chi2_at(one)
    return [float(x) for x in listed]


def _axis(over: Over | None, *, is_function: bool) -> tuple[str, np.ndarray]:
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
    if name in ("level", "sd", "low", "high", "pieces", "converged"):
        raise InputError(f"over cannot be called {name}, which the result holds; choose another")
    return name, grid


def _builder(
    model: Model | Callable[[float], Model],
    name: str,
    grid: np.ndarray,
    statistical: str | Collection[str],
) -> Callable[[float], Model]:
    """Function of x that makes a model."""
    if isinstance(model, Model):
        if name.partition(".")[0] not in KINDS and name in model.parameters:
            raise InputError(f"{name} is a parameter: give its true values one by one in truth")
        # Every number is checked before the first is worked on.
        for x in (grid.min(), grid.max()):
            redesigned(model, {name: float(x)}, statistical=statistical)
        return lambda x: redesigned(model, {name: x}, statistical=statistical)
    if not callable(model):
        raise InputError(f"a forecast needs a Model or a function that builds one, got {model!r}")
    if statistical:
        raise InputError("statistical goes with exposures of a Model; set widths in your function")
    build = model

    def made(x: float) -> Model:
        one = build(x)
        if not isinstance(one, Model):
            raise InputError(f"the function that builds models gave {one!r} at {name} = {x:g}")
        return one

    return made


def _point(
    model: Model,
    parameter: str,
    free: list[str],
    given: dict[str, float],
    fixed: dict[str, float],
    levels: list[float],
    side: str,
) -> dict[str, Any]:
    """Expected error and intervals of one design."""
    truth = truth_of(model.parameters, given, fixed)
    data = asimov(model, truth)
    ready = _with_variances(model, data)
    expected = fisher(ready, [parameter, *free], truth=given, fixed=fixed)
    theory = {
        n: x for n, x in given.items() if ready.parameters[n].kind == "theory" and n != parameter
    }
    held = {**{n: x for n, x in theory.items() if n not in free}, **fixed}
    found = profile(ready, parameter, levels=levels, free=free, fixed=held, side=side, data=data)
    ends = [_about(truth[parameter], found, level_key(x)) for x in levels]
    sd = expected.errors[parameter]
    return {
        "sd": np.nan if sd is None else sd,
        "low": [low for low, _ in ends],
        "high": [high for _, high in ends],
        "pieces": [len(found.intervals[level_key(x)]) for x in levels],
        "converged": found.status == "converged",
    }


def _with_variances(model: Model, data: Pseudodata) -> Model:
    """The model, planned Gaussian experiments with the variances of their Asimov data."""
    planned = [
        n
        for n, e in model.experiments.items()
        if isinstance(e, PlannedExperiment) and e.statistic == "gaussian"
    ]
    if not planned:
        return model
    made = [
        e.with_data(data.counts[n]) if isinstance(e, PlannedExperiment) and n in planned else e
        for n, e in model.experiments.items()
    ]
    return rebuilt(model, made)


def _about(truth: float, found: Any, key: str) -> tuple[float, float]:
    """The interval that holds the truth, infinite where it is open."""
    spans = found.intervals[key]
    if not spans:
        return float("nan"), float("nan")
    low, high = min(spans, key=lambda s: max(s[0] - truth, truth - s[1], 0.0))
    return (
        -np.inf if low in found.open_at else low,
        np.inf if high in found.open_at else high,
    )
