"""Profiles on the slides of Picciau 2020, and the weak mixing angle against momentum transfer."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from cevnsjax.analyses import picciau2020
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.model import Model
from cevnsjax.nuclei import Target
from cevnsjax.plots.frame import dress, legend_above, new_figure
from cevnsjax.plots.style import BLACK, CURVES, STYLE
from cevnsjax.rate import dR_dT_nr
from cevnsjax.reproduce.figures.drawing import ProfilePanel, paper_figure, profile_figure
from cevnsjax.reproduce.papers.picciau2020.electromagnetic import FIXED, model_of, profile_of
from cevnsjax.reproduce.papers.picciau2020.rows import angle_profile, radius_profile
from cevnsjax.reproduce.quantities import SIGMAS

Nodes = Float[np.ndarray, " node"]
DATA = {"Ar": "ar", "CsI": "csi", "CsI + Ar": "csi+ar"}
"""Data sets of the analysis by their names on the slides."""
PROXY = (
    "On the CsI side a tuned proxy stands in for the authors' quenching curve, which is not among "
    "the data."
)
# Upper end of the ordinate, above 3 sigma [1].
_TOP = 12.0
_LABELS = {
    "radius": r"$\langle r^2\rangle$ [$10^{-32}$ cm$^2$]",
    "charge": r"$q_\nu$ [$10^{-8}\,e$]",
    "moment": r"$|\mu_\nu|$ [$10^{-10}\,\mu_B$]",
}
_PREDICTED = 0.23857


@paper_figure(
    "sin2_theta_w",
    "Slide on the weak mixing angle: Delta chi2 from argon, CsI and both",
    "Printed couplings, R_n from theory; lines at 1, 2 and 3 sigma.",
    PROXY,
    cost="slow",
)
def weak_mixing_angle() -> Figure:
    curves = {name: angle_profile(data) for name, data in DATA.items()}
    panel = ProfilePanel(r"$\sin^2\theta_W$", curves, (0.0, 0.6))
    return profile_figure(panel, top=_TOP, width=3.6, height=3.2)


@paper_figure(
    "R_n_Ar",
    "Slide on the neutron radius: Delta chi2 against R_n of argon",
    "Signal 13.2 %, the form factor's part taken out; R_n at or above R_p = 3.448 fm, where "
    "the lowest chi2 lies, as on the slides. Lines at 1, 2 and 3 sigma.",
)
def neutron_radius() -> Figure:
    profiled = radius_profile()
    within = float(profiled.x[0]), float(profiled.x[-1])
    panel = ProfilePanel(r"$R_n(^{40}\mathrm{Ar})$ [fm]", {"Ar": profiled}, within)
    return profile_figure(panel, top=_TOP, width=3.6, height=3.2)


@paper_figure(
    "electromagnetic_Ar",
    "Slides on electromagnetic properties: Delta chi2 from argon, fixed R_n",
    "Charge radii (total reading), electric charges and moments, each profiled over the others of "
    "its table, with off-diagonal quantities and moments at or above 0. Cuts at 1.75 and, for "
    "moments, 1.5 keVee, and one spectrum for all sources in moments, which reproduces the tables. "
    "The tables' ends are the outermost crossings at 1, 2 and 3 sigma.",
    cost="slow",
)
def electromagnetic() -> Figure:
    shown = []
    for table in FIXED:
        if table.column == "fixed":
            model = model_of(table, "Ar")
            curves = {_symbol(p): profile_of(model, table, "Ar", p) for p in table.parameters}
            shown.append(ProfilePanel(_LABELS[table.name], curves))
    return profile_figure(*shown, top=_TOP, width=3.2, height=3.4)


def _symbol(parameter: str) -> str:
    letters = parameter.rpartition("_")[2].replace("mu", r"\mu ").replace("tau", r"\tau ")
    return f"${letters.strip()}$"


@dataclass(frozen=True)
class Measured:
    """A weak mixing angle, and mean and sd of the events' momentum transfers [MeV]."""

    q: float
    q_sd: float
    profiled: ProfileResult


def measured(data: str) -> Measured:
    """The weak mixing angle of "ar", "csi" or "csi+ar" at its mean momentum transfer."""
    q, events = momentum_transfers(picciau2020(data))
    mean = float(np.average(q, weights=events))
    sd = float(np.sqrt(np.average((q - mean) ** 2, weights=events)))
    return Measured(mean, sd, angle_profile(data))


def momentum_transfers(model: Model) -> tuple[Nodes, Nodes]:
    """Momentum transfers of all nuclei [MeV] and the counts there, for data without smearing."""
    transfers, events = [], []
    for experiment in model.experiments.values():
        material, detector = experiment.target, experiment.detector
        for nucleus, per_kg in zip(material.nuclei, material.per_kg, strict=True):
            # Recoils up to slightly more than the end point of the muon-decay spectra.
            T = np.linspace(1e-6, 2 * 53.0**2 / nucleus.mass, 8001)
            alone = Target(nucleus.name, (nucleus,), (per_kg,))
            rates = dR_dT_nr(jnp.asarray(T), alone, experiment.flux, model.interactions)
            seen = detector.observable(T, {}, np)
            inside = (seen >= detector.edges[0]) & (seen < detector.edges[-1])
            weight = experiment.mass_kg * detector.efficiency(seen, np) * inside * (T[1] - T[0])
            transfers.append(np.sqrt(2 * nucleus.mass * T))
            events.append(sum(np.asarray(r) for r in rates.values()) * weight)
    return np.concatenate(transfers), np.concatenate(events)


@paper_figure(
    "running",
    "Fig. 4 of PRD 102, 015030: sin2_theta_w against momentum transfer",
    "Argon, CsI 2017 and both at the mean momentum transfer of the events each expects; bars are 1 "
    "sigma, and the standard deviation of q. The line is the printed prediction 0.23857 at low "
    "energy; its running, and points of other experiments, of which the slides print no numbers, "
    "are left out.",
    PROXY,
    cost="slow",
)
def running() -> Figure:
    with mpl.rc_context(STYLE):
        figure = new_figure(3.8, 3.2)
        axes = figure.subplots()
        dress(axes)
        line = axes.axhline(_PREDICTED, color=BLACK, linewidth=1.0)
        line.set_label("Standard Model, low energy")
        handles: list[Any] = [line]
        for i, (name, data) in enumerate(DATA.items()):
            point = measured(data)
            ((low, high),) = point.profiled.intervals[SIGMAS[0]]
            best = point.profiled.best_fit
            look: Any = {"fmt": "osD"[i], "color": CURVES[i], "elinewidth": 0.9, "label": name}
            errors: Any = {"yerr": [[best - low], [high - best]], "xerr": [point.q_sd]}
            handles.append(axes.errorbar([point.q], [best], **errors, **look))
        axes.set(xlabel=r"$q$ [MeV]", ylabel=r"$\sin^2\theta_W$", xlim=(0, 120), ylim=(0.15, 0.40))
        legend_above(axes, handles, title="")
    return figure
