"""Figures of Papoulias and Kosmas (2019), the shorter account of PRD 97, 033003."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cevnsjax.analyses import analysis, papoulias_kosmas2019
from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.experiments import csi_2017
from cevnsjax.model import Model
from cevnsjax.plots import ContourSet
from cevnsjax.plots.likelihoods.contours import outline
from cevnsjax.plots.style import CURVES
from cevnsjax.reproduce.figures.curves import Curve, delta_chi2_curve, one_at_a_time
from cevnsjax.reproduce.figures.drawing import ProfilePanel, panels, paper_figure, profile_figure
from cevnsjax.reproduce.figures.events import histograms, total_signal
from cevnsjax.reproduce.figures.regions import RegionPanel, exclusions, region, region_figure

_LEVEL, _TOP = 0.90, 8.0
_BOTH = r"$\nu_\mu + \bar\nu_\mu$"
_KINDS = {"V": "vector", "T": "tensor"}
_FLAVOURS = {"ee": "ee", "mumu": r"\mu\mu"}
_ONE_BIN = "Single bin of 142 events, 28 % on the signal and 25 % on six neutrons."
_FRAME = "The paper prints no numbers and its axes are not in the text; ranges are chosen here."
_TENSOR = (
    "Tensor couplings, which the abstract names without a formula, by 4 G_F^2 M/pi Q_T^2 "
    "(1 - T/E - M T/4E^2): a choice."
)


def _with(*names: str) -> Model:
    """The single-bin analysis with the interactions that own the named parameters."""
    return analysis("papoulias_kosmas2019", named=names)


def _region(axes: Mapping[str, Any], label: str) -> ContourSet:
    return region(_with(*axes), axes, _LEVEL, label=label)


@paper_figure(
    "fig1",
    "Fig. 1: Events by photoelectrons",
    "CEvNS events at 1.17 photoelectrons per keV, tree-level couplings, Helm form factor with "
    "s = 0.5 fm; counts of the data release with beam less those of the anticoincidence "
    "window, with their statistical errors; they contain about five neutrons from the beam.",
)
def events() -> Figure:
    model = Model(csi_2017("pe117"), papoulias_kosmas2019().interactions)
    counts = total_signal(model)
    return histograms(model, {f"estimated, {counts.sum():.0f} events": counts})


@paper_figure("fig2", "Fig. 2: Profile of the weak mixing angle", _ONE_BIN, _FRAME)
def weak_mixing_angle() -> Figure:
    reach = (0.05, 0.45)
    curves = {"COHERENT": delta_chi2_curve(papoulias_kosmas2019(), "sin2_theta_w", reach)}
    panel = ProfilePanel(r"$\sin^2\theta_W$", curves, reach)
    return profile_figure(panel, levels=(0.6827, _LEVEL), top=_TOP, width=3.8, height=3.0)


@paper_figure(
    "fig3",
    "Fig. 3: Profiles of nonuniversal couplings",
    _ONE_BIN,
    "One coupling at a time; the left panel is the one the text describes.",
    _TENSOR,
    _FRAME,
)
def nonstandard_profiles() -> Figure:
    shown = []
    for kind, reach in (("V", (-0.3, 0.7)), ("T", (-0.2, 0.2))):
        curves = {}
        for flavour, tex in _FLAVOURS.items():
            names = f"eps_u{kind}_{flavour}", f"eps_d{kind}_{flavour}"
            for name, curve in one_at_a_time(_with(*names), names, reach).items():
                curves[rf"$\varepsilon^{{{name[4]}{kind}}}_{{{tex}}}$"] = curve
        text = rf"$\varepsilon^{{q{kind}}}_{{\alpha\alpha}}$"
        shown.append(ProfilePanel(text, curves, reach, f"{_KINDS[kind]} couplings"))
    return profile_figure(*shown, levels=(_LEVEL,), top=_TOP, height=2.9)


@paper_figure(
    "fig4",
    "Fig. 4: Regions of couplings to d and u quarks",
    _ONE_BIN,
    "90 % for two parameters; the vector panel is the paper's upper one. A single bin is fitted "
    "exactly along whole curves, so that no best fit is marked. The simpler analysis that the "
    "paper compares with is not defined there, and is left out.",
    _TENSOR,
    _FRAME,
)
def nonstandard_regions() -> Figure:
    shown = []
    for kind, name in _KINDS.items():
        grids = {
            tex: dict.fromkeys([f"eps_{quark}{kind}_{f}" for quark in "du"], (-1.0, 1.0, 401))
            for f, tex in _FLAVOURS.items()
        }
        curves = [_region(axes, rf"$\alpha\alpha = {tex}$") for tex, axes in grids.items()]
        across, up = (rf"$\varepsilon^{{{quark}{kind}}}_{{\alpha\alpha}}$" for quark in "du")
        shown.append(RegionPanel((across, up), curves, f"{name} couplings"))
    return region_figure(*shown, columns=2, width=3.1, height=3.1)


@paper_figure(
    "fig5",
    "Fig. 5: Profiles of magnetic moments and charge radii",
    _ONE_BIN,
    "One beam at a time, and the same for all neutrinos; form factor squared; charge radii by the "
    "full shift of the weak mixing angle (PRD 102, 113004, takes half).",
    _FRAME,
)
def electromagnetic() -> Figure:
    moments, radii = (0.0, 100.0), (-45.0, 20.0)
    names = {r"$\nu_e$": "mu_nu_e", _BOTH: "mu_nu_mu", "universal": "mu_nu"}
    of_moments = {beam: delta_chi2_curve(_with(n), n, moments) for beam, n in names.items()}
    model = _with("r2_nu_ee", "r2_nu_mumu")
    names = {r"$\nu_e$": "r2_nu_ee", _BOTH: "r2_nu_mumu"}
    of_radii = {beam: delta_chi2_curve(model, n, radii) for beam, n in names.items()}
    of_radii["universal"] = _common_radius(model, radii)
    return profile_figure(
        ProfilePanel(r"$\mu_\nu$ [$10^{-10}\,\mu_B$]", of_moments, moments),
        ProfilePanel(r"$\langle r^2_\nu\rangle$ [$10^{-32}$ cm$^2$]", of_radii, radii),
        levels=(_LEVEL,),
        top=_TOP,
    )


def _common_radius(model: Model, reach: tuple[float, float]) -> Curve:
    """One charge radius for all neutrinos and its Delta chi2, [point]."""
    radius = np.linspace(*reach, 1001)
    chi2 = 2 * np.asarray(model.map({}, {"r2_nu_ee": radius, "r2_nu_mumu": radius}))
    return radius, chi2 - chi2.min()


@paper_figure(
    "fig6",
    "Fig. 6: Excluded mixing with a sterile neutrino",
    _ONE_BIN,
    "19.3 m; mixing of nu_e, of nu_mu and its antineutrino, or of all flavours alike. For two "
    "parameters at 90 %, as the paper states, neither flavour alone excludes anything; dotted "
    "lines are the 90 % of one parameter.",
    _FRAME,
    cost="slow",
)
def sterile() -> Figure:
    figure, (axes,) = panels(1, width=4.4, height=3.6)
    angles = {"all": "sin2_2theta", r"$\nu_\mu$": "sin2_2theta_mumu", r"$\nu_e$": "sin2_2theta_ee"}
    curves = [
        _region({angle: (0.0, 1.0, 201), "dm2_41": (0.1, 30.0, 301, "log")}, label)
        for label, angle in angles.items()
    ]
    exclusions(
        axes,
        [_or_none(one) for one in curves],
        (r"$\sin^2 2\theta$", r"$\Delta m^2_{41}$ [eV$^2$]"),
        x_scale="linear",
        title="shaded: two parameters; dotted: one",
    )
    for curve, colour in zip(curves, CURVES[: len(curves)], strict=True):
        less = replace(curve, levels={level_key(_LEVEL): delta_chi2_at(_LEVEL)})
        outline(axes, less, colour, dict.fromkeys(less.levels, ":"))
    return figure


def _or_none(curve: ContourSet) -> ContourSet:
    """The curve; if it excludes nothing, its label says how high Delta chi2 gets."""
    highest = float(np.max(np.asarray(curve.delta_chi2)))
    if highest > min(curve.levels.values()):
        return curve
    return replace(curve, label=rf"{curve.label} (none: $\Delta\chi^2 \leq {highest:.2f}$)")


FIGURES = (
    events,
    weak_mixing_angle,
    nonstandard_profiles,
    nonstandard_regions,
    electromagnetic,
    sterile,
)
