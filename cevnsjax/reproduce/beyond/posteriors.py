"""Credible intervals beside those of the profile likelihood."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from cevnsjax.core.levels import level_key
from cevnsjax.experiments import csi_2017, csi_2021, lar_2020
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.inference.posteriors.grid import credible_intervals, grid_posterior, marginal
from cevnsjax.inference.posteriors.sample import sample
from cevnsjax.interactions import NSI, ChargeRadius, MagneticMoment, StandardModel
from cevnsjax.model import Model
from cevnsjax.plots.frame import dress
from cevnsjax.plots.style import CURVES
from cevnsjax.reproduce.beyond.limits import LEVELS, limits, spans_of
from cevnsjax.reproduce.beyond.section import Result, ResultTable, intervals_text, percent
from cevnsjax.reproduce.figures.drawing import add_to_legend, panels

RANGES = {
    "sin2_theta_w": (0.0, 0.6),
    "eps_dV_ee": (-0.6, 1.0),
    "r2_nu_mumu": (-110.0, 60.0),
    "mu_nu_mu": (0.0, 100.0),
}
"""Parameters of the exact posteriors and the ranges of their flat priors."""
_GRID = 1201
_SAMPLED = "sin2_theta_w"
_CHAINS, _DRAWS, _WARMUP, _SEED = 2, 3000, 500, 3
_COLUMNS = ("data", "parameter", "prior flat in", "level", "posterior", "profile")


def gaussian_model() -> Model:
    """CsI 2017 and argon 2020, which have Gaussian cells, with the parameters in ``RANGES``."""
    beyond = [NSI("eps_dV_ee"), ChargeRadius("r2_nu_mumu"), MagneticMoment("mu_nu_mu")]
    experiments = [csi_2017(split_flux=True), lar_2020(split_flux=True)]
    return Model(experiments, [StandardModel(), *beyond], name="csi_2017 + lar_2020")


def exact(model: Model, parameter: str) -> xr.Dataset:
    """Posterior of one parameter; all other theory parameters stay at their defaults."""
    axis: dict[str, Any] = {parameter: (*RANGES[parameter], _GRID)}
    others = {n: p.default for n, p in model.parameters.items() if p.free and n != parameter}
    return grid_posterior(model, fixed=others, **axis)


def sampled_draws() -> tuple[Model, np.ndarray]:
    """CsI 2021 with argon 2020, and draws of the weak mixing angle [1]."""
    experiments = [csi_2021(split_flux=True), lar_2020(split_flux=True)]
    model = Model(experiments, [StandardModel()], name="csi_2021 + lar_2020")
    draws = sample(model, [_SAMPLED], chains=_CHAINS, draws=_DRAWS, warmup=_WARMUP, seed=_SEED)
    return model, np.asarray(draws.posterior[_SAMPLED]).reshape(-1)


def shortest(draws: np.ndarray, level: float) -> tuple[float, float]:
    """Shortest interval that contains a fraction of the draws of one parameter."""
    ordered = np.sort(draws)
    count = int(np.ceil(level * ordered.size))
    widths = ordered[count - 1 :] - ordered[: ordered.size - count + 1]
    first = int(np.argmin(widths))
    return float(ordered[first]), float(ordered[first + count - 1])


def result() -> Result:
    """Both kinds of intervals, and both curves of the exact ones."""
    model, rows = gaussian_model(), []
    figure, frames = panels(len(RANGES), width=2.7, height=2.8)
    for parameter, frame in zip(RANGES, frames, strict=True):
        posterior = exact(model, parameter)
        profiled = limits(model, parameter, RANGES[parameter], points=401)
        credible = credible_intervals(posterior, parameter, LEVELS)
        rows += _rows(model, RANGES[parameter], credible, profiled)
        _draw(frame, posterior, profiled)
    sampled, draws = sampled_draws()
    credible = {level_key(level): [shortest(draws, level)] for level in LEVELS}
    profiled = limits(sampled, _SAMPLED, RANGES[_SAMPLED])
    rows += _rows(sampled, sampled.parameters[_SAMPLED].bounds, credible, profiled)
    note = f"The last two rows are shortest intervals of {draws.size} draws."
    table = ResultTable("Credible and confidence intervals", _COLUMNS, tuple(rows), note)
    return Result([table], {"posteriors": figure})


def _rows(
    model: Model,
    prior: tuple[float, float],
    credible: Mapping[str, Sequence[tuple[float, float]]],
    profiled: ProfileResult,
) -> list[tuple[str, ...]]:
    shown = f"[{prior[0]:g}, {prior[1]:g}] {profiled.unit}".rstrip()
    rows = []
    for level in LEVELS:
        key = level_key(level)
        both = intervals_text(credible[key]), spans_of(profiled, key)
        rows.append((model.name, profiled.parameter, shown, percent(level), *both))
    return rows


def _draw(frame: Axes, posterior: xr.Dataset, profiled: ProfileResult) -> None:
    """Posterior and exp(-Delta chi2/2), each relative to its maximum."""
    density = marginal(posterior, profiled.parameter)
    dress(frame)
    x = density[profiled.parameter]
    likelihood = np.exp(-profiled.delta_chi2 / 2)
    shown = [
        *frame.plot(x, density / density.max(), color=CURVES[0], label="posterior"),
        *frame.plot(profiled.x, likelihood, "--", color=CURVES[1], label="profile likelihood"),
    ]
    inside = np.asarray(x)[np.asarray(density / density.max()) > 1e-3]
    frame.set(xlim=(inside[0], inside[-1]), ylim=(0.0, 1.08), xlabel=posterior[x.name].label)
    frame.set_ylabel("relative to the highest point")
    add_to_legend(frame, *shown)
