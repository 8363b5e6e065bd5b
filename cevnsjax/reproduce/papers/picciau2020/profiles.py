"""Profiles on the slides of Picciau 2020, and the weak mixing angle against momentum transfer."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.analyses import picciau2020
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.inference.fits.profile import profile
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.model import Model
from cevnsjax.nuclei import Target, isotope, theory_radii
from cevnsjax.plots.frame import dress, legend_above, new_figure
from cevnsjax.plots.style import BLACK, CURVES, STYLE
from cevnsjax.rate import dR_dT_nr
from cevnsjax.reproduce.figures.drawing import panels, profiles
from cevnsjax.reproduce.papers.picciau2020.electromagnetic import FIXED, Table, model_of, profile_of
from cevnsjax.reproduce.quantities import SIGMAS

DATA = {"Ar": "ar", "CsI": "csi", "CsI + Ar": "csi+ar"}
"""Data sets of the analysis by their names on the slides."""
_LEVELS = [float(level) for level in SIGMAS]
# Upper end of the ordinate, above 3 sigma [1], and of R_n [fm].
_TOP, _LARGEST_R_N = 12.0, 12.0
_MIN_T_NR_MEV = 1e-6
PREDICTED, PREDICTED_ERROR = 0.23857, 0.00005
"""sin^2 theta_W at low energy as the slides print it."""


def weak_mixing_angle() -> Figure:
    """sin^2 theta_W from argon, from CsI, and from both."""
    curves = {name: angle_profile(data) for name, data in DATA.items()}
    figure, (axes,) = panels(1, width=3.6, height=3.2)
    profiles(axes, curves, label=r"$\sin^2\theta_W$", x_range=(0.0, 0.6), top=_TOP)
    return figure


def angle_profile(data: str) -> ProfileResult:
    """Profile of sin2_theta_w at 1, 2 and 3 sigma.

    Args:
        data: "ar", "csi" or "csi+ar".
    """
    return profile(picciau2020(data), "sin2_theta_w", levels=_LEVELS, within=(0.0, 0.7))


def neutron_radius() -> Figure:
    """R_n of argon, at or above the protons' radius."""
    R_p, _ = theory_radii(isotope("40Ar"))
    within = (R_p, _LARGEST_R_N)
    profiled = profile(picciau2020("ar", radius="free"), "R_n_Ar", levels=_LEVELS, within=within)
    figure, (axes,) = panels(1, width=3.6, height=3.2)
    profiles(
        axes, {"Ar": profiled}, label=r"$R_n(^{40}\mathrm{Ar})$ [fm]", x_range=within, top=_TOP
    )
    return figure


@dataclass(frozen=True)
class Measured:
    """A weak mixing angle and the momentum transfers it was measured at.

    Attributes:
        q: Mean momentum transfer of the events expected [MeV].
        q_sd: Their standard deviation [MeV].
        profiled: Profile of sin2_theta_w.
    """

    q: float
    q_sd: float
    profiled: ProfileResult


def measured(data: str) -> Measured:
    """The weak mixing angle of a data set at its mean momentum transfer.

    Args:
        data: "ar", "csi" or "csi+ar".
    """
    q, events = momentum_transfers(picciau2020(data))
    mean = float(np.average(q, weights=events))
    sd = float(np.sqrt(np.average((q - mean) ** 2, weights=events)))
    return Measured(mean, sd, angle_profile(data))


def momentum_transfers(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Momentum transfers of all nuclei of a model, and the events expected there.

    Args:
        model: A model of experiments without smearing.

    Returns:
        q [MeV] and counts, [node] each.
    """
    parts = [
        _of_nucleus(experiment, k, model)
        for experiment in model.experiments.values()
        for k in range(len(experiment.target.nuclei))
    ]
    q, events = (np.concatenate(column) for column in zip(*parts, strict=True))
    return q, events


def _of_nucleus(experiment: Experiment, k: int, model: Model) -> tuple[np.ndarray, np.ndarray]:
    material, detector = experiment.target, experiment.detector
    nucleus = material.nuclei[k]
    alone = Target(nucleus.name, (nucleus,), (material.per_kg[k],))
    # Recoils up to slightly more than the end point of the muon-decay spectra.
    T = np.linspace(_MIN_T_NR_MEV, 2 * 53.0**2 / nucleus.mass, 8001)
    rate = dR_dT_nr(jnp.asarray(T), alone, experiment.flux, model.interactions)
    seen = detector.observable(T, {}, np)
    inside = (seen >= detector.edges[0]) & (seen < detector.edges[-1])
    weight = experiment.mass_kg * detector.efficiency(seen, np) * inside * (T[1] - T[0])
    return np.sqrt(2 * nucleus.mass * T), sum(np.asarray(r) for r in rate.values()) * weight


def running() -> Figure:
    """The computed weak mixing angles at their momentum transfers, and the prediction."""
    with mpl.rc_context(STYLE):
        figure = new_figure(3.8, 3.2)
        axes = figure.subplots()
        dress(axes)
        line = axes.axhline(PREDICTED, color=BLACK, linewidth=1.0)
        line.set_label("Standard Model, low energy")
        handles: list[Any] = [line]
        for i, (name, data) in enumerate(DATA.items()):
            point = measured(data)
            ((low, high),) = point.profiled.intervals[SIGMAS[0]]
            best = point.profiled.best_fit
            handles.append(
                axes.errorbar(
                    [point.q],
                    [best],
                    yerr=[[best - low], [high - best]],
                    xerr=[point.q_sd],
                    fmt="osD"[i],
                    color=CURVES[i],
                    elinewidth=0.9,
                    label=name,
                )
            )
        axes.set(xlabel=r"$q$ [MeV]", ylabel=r"$\sin^2\theta_W$", xlim=(0, 120), ylim=(0.15, 0.40))
        legend_above(axes, handles, title="")
    return figure


def electromagnetic() -> Figure:
    """Argon's charge radii, electric charges and moments, each over all others of its table."""
    titles = {
        "radius": r"$\langle r^2\rangle$ [$10^{-32}$ cm$^2$]",
        "charge": r"$q_\nu$ [$10^{-8}\,e$]",
        "moment": r"$|\mu_\nu|$ [$10^{-10}\,\mu_B$]",
    }
    figure, axes = panels(3, width=3.2, height=3.4)
    tables = {t.name: t for t in FIXED if t.column == "fixed"}
    for frame, (name, label) in zip(axes, titles.items(), strict=True):
        profiles(frame, _curves(tables[name]), label=label, top=_TOP)
    return figure


def _curves(table: Table) -> dict[str, ProfileResult]:
    model = model_of(table, "Ar")
    return {_symbol(p): profile_of(model, table, "Ar", p) for p in table.parameters}


def _symbol(parameter: str) -> str:
    letters = parameter.rpartition("_")[2].replace("mu", r"\mu ").replace("tau", r"\tau ")
    return f"${letters.strip()}$"
