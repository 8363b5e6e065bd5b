"""Figures of Papoulias and Kosmas (2019), the shorter account of PRD 97, 033003."""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cevnsjax.analyses import analysis, papoulias_kosmas2019
from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.scans.scan import scan
from cevnsjax.model import Model
from cevnsjax.plots import ContourSet, contours
from cevnsjax.plots.likelihoods.contours import outline
from cevnsjax.plots.style import CURVES
from cevnsjax.reproduce.figures.curves import Curve, delta_chi2_curve, one_at_a_time
from cevnsjax.reproduce.figures.drawing import exclusions, panels, profiles, region
from cevnsjax.reproduce.figures.events import events_over_data, total_signal
from cevnsjax.reproduce.paper import PaperFigure

PAPER = "papoulias_kosmas2019"
_LEVEL, _TOP = 0.90, 8.0
_BOTH = r"$\nu_\mu + \bar\nu_\mu$"


def _with(*names: str) -> Model:
    """The single-bin analysis with the interactions that own the named parameters."""
    return analysis(PAPER, named=names)


def _region(names: list[str], axes: list[Any], label: str = "") -> ContourSet:
    """Delta chi2 over two parameters with the 90 % level."""
    grid: dict[str, Any] = dict(zip(names, axes, strict=True))
    # The template engine computes few points exactly; the node engine would compute all of them.
    scanned = scan(_with(*names), engine="template", **grid)
    return region(scanned, _LEVEL, label=label, best_fit=False)


def events() -> Figure:
    """Figure 1: CEvNS events expected by bin of photoelectrons, and those of the data release."""
    model = Model(csi_2017("pe117"), papoulias_kosmas2019().interactions)
    counts = total_signal(model)
    return events_over_data(model, {f"estimated, {counts.sum():.0f} events": counts})


def weak_mixing_angle() -> Figure:
    """Figure 2: the weak mixing angle from the single bin."""
    reach = (0.05, 0.45)
    shown = {"COHERENT": delta_chi2_curve(papoulias_kosmas2019(), "sin2_theta_w", reach)}
    figure, (axes,) = panels(1, width=3.8, height=3.0)
    look: dict[str, Any] = {"levels": (0.6827, _LEVEL), "x_range": reach, "top": _TOP}
    profiles(axes, shown, label=r"$\sin^2\theta_W$", **look)
    return figure


_KINDS = {"V": "vector", "T": "tensor"}
_FLAVOURS = {"ee": "ee", "mumu": r"\mu\mu"}


def nonstandard_profiles() -> Figure:
    """Figure 3: one flavour-preserving coupling at a time, vector (left) and tensor (right)."""
    figure, axes = panels(2, height=2.9)
    for frame, kind, reach in zip(axes, _KINDS, ((-0.3, 0.7), (-0.2, 0.2)), strict=True):
        shown = {}
        for flavour, tex in _FLAVOURS.items():
            names = f"eps_u{kind}_{flavour}", f"eps_d{kind}_{flavour}"
            curves = one_at_a_time(_with(*names), names, reach)
            for quark, name in zip("ud", names, strict=True):
                shown[rf"$\varepsilon^{{{quark}{kind}}}_{{{tex}}}$"] = curves[name]
        look: dict[str, Any] = {"levels": (_LEVEL,), "x_range": reach, "top": _TOP}
        look |= {"title": f"{_KINDS[kind]} couplings", "name_levels": frame is axes[-1]}
        profiles(frame, shown, label=rf"$\varepsilon^{{q{kind}}}_{{\alpha\alpha}}$", **look)
    return figure


def nonstandard_regions() -> Figure:
    """Figure 4: couplings of d and u quarks, vector (left) and tensor (right)."""
    figure, axes = panels(2, width=3.1, height=3.1)
    for frame, kind in zip(axes, _KINDS, strict=True):
        curves = []
        for flavour, tex in _FLAVOURS.items():
            names = [f"eps_{quark}{kind}_{flavour}" for quark in "du"]
            curves.append(_region(names, [(-1.0, 1.0, 401)] * 2, rf"$\alpha\alpha = {tex}$"))
        across, up = (rf"$\varepsilon^{{{quark}{kind}}}_{{\alpha\alpha}}$" for quark in "du")
        points, title = [("SM", 0.0, 0.0)], f"{_KINDS[kind]} couplings"
        contours(curves, x_label=across, y_label=up, points=points, title=title, axes=frame)
    return figure


def electromagnetic() -> Figure:
    """Figure 5: magnetic moments (left) and charge radii (right) of each beam, and of all."""
    figure, (left, right) = panels(2)
    moments, radii = (0.0, 100.0), (-45.0, 20.0)
    names = {r"$\nu_e$": "mu_nu_e", _BOTH: "mu_nu_mu", "universal": "mu_nu"}
    shown = {beam: delta_chi2_curve(_with(name), name, moments) for beam, name in names.items()}
    look: dict[str, Any] = {"levels": (_LEVEL,), "top": _TOP}
    text = r"$\mu_\nu$ [$10^{-10}\,\mu_B$]"
    profiles(left, shown, label=text, x_range=moments, **look, name_levels=False)
    model = _with("r2_nu_ee", "r2_nu_mumu")
    names = {r"$\nu_e$": "r2_nu_ee", _BOTH: "r2_nu_mumu"}
    shown = {beam: delta_chi2_curve(model, name, radii) for beam, name in names.items()}
    shown["universal"] = _common_radius(model, radii)
    text = r"$\langle r^2_\nu\rangle$ [$10^{-32}$ cm$^2$]"
    profiles(right, shown, label=text, x_range=radii, **look)
    return figure


def _common_radius(model: Model, reach: tuple[float, float]) -> Curve:
    """One charge radius for all neutrinos and its Delta chi2, [point]."""
    radius = np.linspace(*reach, 1001)
    chi2 = 2 * np.asarray(model.map({}, {"r2_nu_ee": radius, "r2_nu_mumu": radius}))
    return radius, chi2 - chi2.min()


def sterile() -> Figure:
    """Figure 6: mixing with a sterile neutrino, of nu_e, of nu_mu and of all flavours alike."""
    figure, (axes,) = panels(1, width=4.4, height=3.6)
    angles = {"all": "sin2_2theta", r"$\nu_\mu$": "sin2_2theta_mumu", r"$\nu_e$": "sin2_2theta_ee"}
    grid = [(0.0, 1.0, 201), (0.1, 30.0, 301, "log")]
    curves = [_region([angle, "dm2_41"], grid, label) for label, angle in angles.items()]
    exclusions(
        axes,
        [_or_none(one) for one in curves],
        x_label=r"$\sin^2 2\theta$",
        y_label=r"$\Delta m^2_{41}$ [eV$^2$]",
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


_ONE_BIN = "Single bin of 142 events, 28 % on the signal and 25 % on six neutrons."
_FRAME = "The paper prints no numbers and its axes are not in the text; ranges are chosen here."
_TENSOR = (
    "Tensor couplings, which the abstract names without a formula, by 4 G_F^2 M/pi Q_T^2 "
    "(1 - T/E - M T/4E^2): a choice."
)

FIGURES = (
    PaperFigure(
        "fig1",
        "Fig. 1: Events by photoelectrons",
        "CEvNS events at 1.17 photoelectrons per keV, tree-level couplings, Helm form factor with "
        "s = 0.5 fm; counts of the data release with beam less those of the anticoincidence "
        "window, with their statistical errors; they contain about five neutrons from the beam.",
        events,
    ),
    PaperFigure(
        "fig2",
        "Fig. 2: Profile of the weak mixing angle",
        f"{_ONE_BIN} {_FRAME}",
        weak_mixing_angle,
    ),
    PaperFigure(
        "fig3",
        "Fig. 3: Profiles of nonuniversal couplings",
        f"{_ONE_BIN} One coupling at a time; the left panel is the one the text describes. "
        f"{_TENSOR} {_FRAME}",
        nonstandard_profiles,
    ),
    PaperFigure(
        "fig4",
        "Fig. 4: Regions of couplings to d and u quarks",
        f"{_ONE_BIN} 90 % for two parameters; the vector panel is the paper's upper one. A single "
        "bin is fitted exactly along whole curves, so that no best fit is marked. The simpler "
        f"analysis that the paper compares with is not defined there, and is left out. "
        f"{_TENSOR} {_FRAME}",
        nonstandard_regions,
    ),
    PaperFigure(
        "fig5",
        "Fig. 5: Profiles of magnetic moments and charge radii",
        f"{_ONE_BIN} One beam at a time, and the same for all neutrinos; form factor squared; "
        "charge radii by the full shift of the weak mixing angle (PRD 102, 113004, takes half). "
        f"{_FRAME}",
        electromagnetic,
    ),
    PaperFigure(
        "fig6",
        "Fig. 6: Excluded mixing with a sterile neutrino",
        f"{_ONE_BIN} 19.3 m; mixing of nu_e, of nu_mu and its antineutrino, or of all flavours "
        "alike. For two parameters at 90 %, as the paper states, neither flavour alone excludes "
        f"anything; dotted lines are the 90 % of one parameter. {_FRAME}",
        sterile,
        "slow",
    ),
)
