"""Figures of Liao and Marfatia, PLB 775, 54: light vector mediators and non-standard couplings."""

from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cevnsjax.analyses import analysis, liao_marfatia2017
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.core.units import keV
from cevnsjax.inference.scans.scan import scan
from cevnsjax.interactions import NSI
from cevnsjax.model import Model
from cevnsjax.model.spectrum import spectrum
from cevnsjax.plots import ContourSet, contours
from cevnsjax.plots.frame import dress, legend_above
from cevnsjax.plots.style import BLACK, BLUE, GREEN, GREY, STYLE, VERMILION, label, level_label
from cevnsjax.reproduce.figures.drawing import (
    add_to_legend,
    exclusions,
    panels,
    region,
    shared_legend,
)
from cevnsjax.reproduce.paper import PaperFigure
from cevnsjax.reproduce.papers.liao_marfatia2017.muon import coupling_band
from cevnsjax.reproduce.papers.liao_marfatia2017.rows import PAIRS, coupled_model, coupling_names

_COUPLING, _MASS = r"$g$", r"$M_{Z'}$ [MeV]"
# Values in the caption of Fig. 1.
_EXAMPLE = {"g_Zp": 1e-4, "m_Zp": 10.0}
_SUMS = {
    r"$\nu_\mu$": (("nu_mu",), BLUE),
    r"$\nu_\mu + \bar\nu_\mu$": (("nu_mu", "nu_mu_bar"), VERMILION),
    r"$\nu_\mu + \bar\nu_\mu + \nu_e$": (("nu_mu", "nu_mu_bar", "nu_e"), BLACK),
}
_PE_RANGE, _BIN = (4.0, 40.0), 2.0
# Panels (a) to (d) of Fig. 3: couplings and ranges of abscissa and ordinate.
_PLANES = (
    {"eps_dV_ee": (-1.0, 1.0), "eps_uV_ee": (-1.0, 1.0)},
    {"eps_dV_mumu": (-1.0, 1.0), "eps_uV_mumu": (-1.0, 1.0)},
    {"eps_dV_ee": (-0.5, 0.9), "eps_dV_mumu": (-0.4, 0.8)},
    {"eps_dV_ee": (-0.5, 0.9), "eps_dV_etau": (-0.6, 0.6)},
)
# Box of couplings that comes closest to eq. 12; points of each axis of Fig. 4, and along u - d.
BOX, _POINTS, _ALONG = 0.75, 121, 9


def mediator_model() -> Model:
    """The analysis with a universal light vector, normalised as in eq. 6."""
    return analysis("liao_marfatia2017", interaction_options={"light_vector": {}})


def density(model: Model, n_pe: np.ndarray, **values: float) -> dict[str, np.ndarray]:
    """Expected events per photoelectron by neutrino source, {source: [n_pe]} [1/PE].

    Args:
        model: The analysis; its photoelectrons are proportional to the recoil energy.
        n_pe: Photoelectrons, above 0.
        **values: Parameters by name; others take their defaults.
    """
    (experiment,) = model.experiments.values()
    detector = experiment.detector
    per_MeV = float(detector.quenching.E_ee(1.0, {}, np)) * detector.per_keV / keV
    rate = spectrum(model, values, quantity="dR_dT_nr", T_nr=n_pe / per_MeV)
    accepted = detector.efficiency(n_pe, np) * experiment.mass_kg / per_MeV
    return {str(s): rate.sel(source=s).to_numpy() * accepted for s in rate["source"].values}


def events() -> Figure:
    """Fig. 1: events by photoelectrons in the Standard Model and with a light mediator."""
    model, n_pe = mediator_model(), np.linspace(*_PE_RANGE, 901)
    figure, (axes,) = panels(1, width=3.6, height=3.2)
    with mpl.rc_context(STYLE):
        dress(axes)
        for values, dash in (({}, "--"), (_EXAMPLE, "-")):
            events = density(model, n_pe, **values)
            for name, (sources, colour) in _SUMS.items():
                total = _BIN * np.sum([events[s] for s in sources], axis=0)
                axes.plot(n_pe, total, dash, color=colour, gid=f"{name} {dash}")
        axes.set(xlim=_PE_RANGE, xlabel=label("n_pe"), ylabel=f"events / {_BIN:g} PE")
        axes.set_ylim(bottom=0.0)
        handles = [Line2D([], [], color=c, label=name) for name, (_, c) in _SUMS.items()]
        for name, dash in (("SM", "--"), (r"$M_{Z'} = 10$ MeV, $g = 10^{-4}$", "-")):
            look: Any = {"color": GREY, "linestyle": dash}
            handles.append(Line2D([], [], label=name, **look))
        legend_above(axes, handles, title="")
    return figure


def mediators() -> Figure:
    """Fig. 2: excluded couplings of a universal vector by mass, and the muon's moment."""
    masses = np.geomspace(1.0, 1e4, 241)
    grid = scan(mediator_model(), engine="template", m_Zp=masses, g_Zp=(1e-5, 1e-1, 481, "log"))
    figure, (axes,) = panels(1, width=3.8, height=3.6)
    drawn = region(grid, 0.9545, label="excluded by COHERENT")
    named = replace(drawn, levels={r"$2\sigma$": delta_chi2_at(0.9545, dof=2)})
    exclusions(axes, [named], x_label=_MASS, y_label=_COUPLING)
    with mpl.rc_context(STYLE):
        name = r"$(g-2)_\mu$ within $2\sigma$"
        low, high = coupling_band(masses)
        band = axes.fill_between(masses, low, high, color=GREEN, alpha=0.5, linewidth=0, label=name)
    add_to_legend(axes, band)
    return figure


def two_couplings() -> Figure:
    """Fig. 3: allowed regions of two couplings, all others 0."""
    names = list(dict.fromkeys(name for plane in _PLANES for name in plane))
    model = liao_marfatia2017(interactions=[NSI(*names)])
    figure, axes = panels(2, 2, height=2.7)
    for one, plane in zip(axes, _PLANES, strict=True):
        grids: dict[str, Any] = {name: np.linspace(*ends, 401) for name, ends in plane.items()}
        grid = scan(model, engine="template", **grids)
        labels = [f"${model.parameters[name].latex}$" for name in plane]
        contours(
            [region(grid, 0.90, best_fit=False)],
            x_label=labels[0],
            y_label=labels[1],
            points=[("SM", 0.0, 0.0)],
            axes=one,
        )
        one.locator_params(nbins=5)
    shared_legend(figure, axes)
    return figure


def matter_plane(box: float = BOX) -> ContourSet:
    """Delta chi2 against eps_ee and eps_mumu, minimised over u - d of both flavours.

    Args:
        box: Largest |eps| of a quark coupling.
    """
    model = coupled_model()
    eps = np.linspace(-1.5, 2.5, _POINTS)
    # u = (s + d)/2, d = (s - d)/2 with s = eps/3 stay in the box for |d| <= 2 box - |s|.
    total = np.repeat(eps / 3, _ALONG)
    apart = (2 * box - np.abs(total)) * np.tile(np.linspace(-1, 1, _ALONG), _POINTS)
    both = np.array([(total + apart) / 2, (total - apart) / 2])
    ee, mumu = np.repeat(both, total.size, axis=1), np.tile(both, total.size)
    names = [name for pair in PAIRS for name in coupling_names(pair)]
    chi2 = 2 * np.asarray(model.map({}, dict(zip(names, (*ee, *mumu), strict=True))))
    lowest = chi2.reshape(_POINTS, _ALONG, _POINTS, _ALONG).min(axis=(1, 3))
    # The paper's ranges are the ends of the region at the level of one parameter.
    heights = {f"{level_label('0.90')}, {n} dof": delta_chi2_at(0.90, n) for n in (1, 2)}
    return ContourSet(eps, eps, lowest - lowest.min(), heights)


def matter_couplings() -> Figure:
    """Fig. 4: allowed couplings in the Earth's matter."""
    figure, (axes,) = panels(1, width=3.4, height=3.4)
    labels = [rf"$\varepsilon_{{{pair}}}$" for pair in ("ee", r"\mu\mu")]
    contours(
        [matter_plane()],
        x_label=labels[0],
        y_label=labels[1],
        points=[("SM", 0.0, 0.0)],
        axes=axes,
    )
    return figure


FIGURES = (
    PaperFigure(
        "fig1",
        "Fig. 1: expected events in the Standard Model and with a light mediator",
        "Density of events times 2 PE, no smearing: dashed the Standard Model, solid a universal "
        "Z' of 10 MeV with g = 1e-4 and the normalisation of eq. 6. The acceptance of the data "
        "release steps at 5 and 6 PE. Binned events of the analysis are integrals of these curves.",
        events,
    ),
    PaperFigure(
        "fig2",
        "Fig. 2: excluded couplings and masses of a universal vector mediator",
        "Delta chi2 > 6.18, 2 sigma for two parameters, above the minimum over the frame. Coupling "
        "of eq. 6; its eqs. 9 and 10 have sqrt2 in place of 2 sqrt2, which makes every g smaller "
        "by sqrt2. The band of the muon's moment is that of a vector coupling g at one loop, "
        "29 +- 9 within 2 sigma; it lies in the excluded region at every mass drawn. Ranges of "
        "the axes are chosen here.",
        mediators,
    ),
    PaperFigure(
        "fig3",
        "Fig. 3: allowed regions of two non-standard couplings",
        "Delta chi2 < 4.61, 90 % for two parameters, all other couplings 0. Ranges of the axes "
        "are chosen here.",
        two_couplings,
    ),
    PaperFigure(
        "fig4",
        "Fig. 4: allowed couplings in the Earth's matter",
        "eps_aa = 3 (eps^u_aa + eps^d_aa), lowest Delta chi2 over u - d of both flavours with each "
        "quark coupling within 0.75. The paper names neither this range nor the height: at 2.71 "
        "(filled dark) the ends are closest to its eq. 12, 4.61 is the height for two parameters. "
        "The wider the range, the wider the region and the smaller its hole.",
        matter_couplings,
    ),
)
