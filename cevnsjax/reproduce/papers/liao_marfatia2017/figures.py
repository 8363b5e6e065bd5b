"""Figures of Liao and Marfatia, PLB 775, 54: light vector mediators and non-standard couplings."""

from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cevnsjax.analyses import analysis, liao_marfatia2017
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.core.units import keV
from cevnsjax.interactions import NSI
from cevnsjax.model import Model
from cevnsjax.model.spectrum import spectrum
from cevnsjax.plots import ContourSet
from cevnsjax.plots.frame import dress, legend_above
from cevnsjax.plots.style import BLACK, BLUE, GREEN, GREY, STYLE, VERMILION, label, level_label
from cevnsjax.reproduce.figures.drawing import add_to_legend, panels, paper_figure, shared_legend
from cevnsjax.reproduce.figures.regions import RegionPanel, exclusions, region, region_figure
from cevnsjax.reproduce.papers.liao_marfatia2017.muon import coupling_band
from cevnsjax.reproduce.papers.liao_marfatia2017.rows import NAMES, coupled_model

_SUMS = {
    r"$\nu_\mu$": (("nu_mu",), BLUE),
    r"$\nu_\mu + \bar\nu_\mu$": (("nu_mu", "nu_mu_bar"), VERMILION),
    r"$\nu_\mu + \bar\nu_\mu + \nu_e$": (("nu_mu", "nu_mu_bar", "nu_e"), BLACK),
}
_PE_RANGE, _BIN = (4.0, 40.0), 2.0
# Panels (a) to (d) of Fig. 3: couplings and ranges of abscissa and ordinate.
_PLANES = (
    {"eps_dV_ee": (-1.0, 1.0, 401), "eps_uV_ee": (-1.0, 1.0, 401)},
    {"eps_dV_mumu": (-1.0, 1.0, 401), "eps_uV_mumu": (-1.0, 1.0, 401)},
    {"eps_dV_ee": (-0.5, 0.9, 401), "eps_dV_mumu": (-0.4, 0.8, 401)},
    {"eps_dV_ee": (-0.5, 0.9, 401), "eps_dV_etau": (-0.6, 0.6, 401)},
)
# Box of couplings that comes closest to eq. 12; points of each axis of Fig. 4, and along u - d.
_BOX, _POINTS, _ALONG = 0.75, 121, 9


def mediator_model() -> Model:
    """The analysis with a universal light vector, normalised as in eq. 6."""
    return analysis("liao_marfatia2017", interaction_options={"light_vector": {}})


def density(
    model: Model, n_pe: Float[np.ndarray, " n_pe"], **values: float
) -> dict[str, Float[np.ndarray, " n_pe"]]:
    """Expected events per photoelectron by neutrino source, {source: [n_pe]} [1/PE].

    The analysis has photoelectrons proportional to the recoil energy; they lie above 0.
    """
    (experiment,) = model.experiments.values()
    detector = experiment.detector
    per_MeV = float(detector.quenching.E_ee(1.0, {}, np)) * detector.per_keV / keV
    rate = spectrum(model, values, quantity="dR_dT_nr", T_nr=n_pe / per_MeV)
    accepted = detector.efficiency(n_pe, np) * experiment.mass_kg / per_MeV
    return {str(s): rate.sel(source=s).to_numpy() * accepted for s in rate["source"].values}


@paper_figure(
    "fig1",
    "Fig. 1: expected events in the Standard Model and with a light mediator",
    "Density of events times 2 PE, no smearing: dashed the Standard Model, solid a universal Z' of "
    "10 MeV with g = 1e-4 and the normalisation of eq. 6. The acceptance of the data release steps "
    "at 5 and 6 PE. Binned events of the analysis are integrals of these curves.",
)
def events() -> Figure:
    model, n_pe = mediator_model(), np.linspace(*_PE_RANGE, 901)
    figure, (axes,) = panels(1, width=3.6, height=3.2)
    with mpl.rc_context(STYLE):
        dress(axes)
        handles = [Line2D([], [], color=c, label=name) for name, (_, c) in _SUMS.items()]
        for text, values, dash in (
            ("SM", {}, "--"),
            (r"$M_{Z'} = 10$ MeV, $g = 10^{-4}$", {"g_Zp": 1e-4, "m_Zp": 10.0}, "-"),
        ):
            by_source = density(model, n_pe, **values)
            for name, (sources, colour) in _SUMS.items():
                total = _BIN * np.sum([by_source[s] for s in sources], axis=0)
                axes.plot(n_pe, total, dash, color=colour, gid=f"{name} {dash}")
            look: Any = {"color": GREY, "linestyle": dash}
            handles.append(Line2D([], [], label=text, **look))
        axes.set(xlim=_PE_RANGE, xlabel=label("n_pe"), ylabel=f"events / {_BIN:g} PE")
        axes.set_ylim(bottom=0.0)
        legend_above(axes, handles, title="")
    return figure


@paper_figure(
    "fig2",
    "Fig. 2: excluded couplings and masses of a universal vector mediator",
    "Delta chi2 > 6.18, 2 sigma for two parameters, above the minimum over the frame. Coupling "
    "of eq. 6; its eqs. 9 and 10 have sqrt2 in place of 2 sqrt2, which makes every g smaller "
    "by sqrt2. The band of the muon's moment is that of a vector coupling g at one loop, "
    "29 +- 9 within 2 sigma; it lies in the excluded region at every mass drawn. Ranges of "
    "the axes are chosen here.",
)
def mediators() -> Figure:
    masses = np.geomspace(1.0, 1e4, 241)
    axes = {"m_Zp": masses, "g_Zp": (1e-5, 1e-1, 481, "log")}
    excluded = region(mediator_model(), axes, 0.9545, label="excluded by COHERENT")
    (height,) = excluded.levels.values()
    figure, (frame,) = panels(1, width=3.8, height=3.6)
    exclusions(
        frame, [replace(excluded, levels={r"$2\sigma$": height})], (r"$M_{Z'}$ [MeV]", r"$g$")
    )
    look: Any = {"color": GREEN, "alpha": 0.5, "label": r"$(g-2)_\mu$ within $2\sigma$"}
    with mpl.rc_context(STYLE):
        band = frame.fill_between(masses, *coupling_band(masses), linewidth=0, **look)
    add_to_legend(frame, band)
    return figure


@paper_figure(
    "fig3",
    "Fig. 3: allowed regions of two non-standard couplings",
    "Delta chi2 < 4.61, 90 % for two parameters, all other couplings 0. Ranges of the axes are "
    "chosen here.",
)
def two_couplings() -> Figure:
    model = liao_marfatia2017(interactions=[NSI(*dict.fromkeys(n for p in _PLANES for n in p))])
    shown = []
    for plane in _PLANES:
        across, up = (f"${model.parameters[name].latex}$" for name in plane)
        shown.append(RegionPanel((across, up), [region(model, plane, 0.90)]))
    figure = region_figure(*shown, columns=2, height=2.7)
    for frame in figure.axes:
        frame.locator_params(nbins=5)
    shared_legend(figure)
    return figure


def matter_plane() -> ContourSet:
    """Delta chi2 against eps_ee and eps_mumu, minimised over u - d of both flavours in the box."""
    model, eps = coupled_model(), np.linspace(-1.5, 2.5, _POINTS)
    # u = (s + d)/2, d = (s - d)/2 with s = eps/3 stay in the box for |d| <= 2 box - |s|.
    total = np.repeat(eps / 3, _ALONG)
    apart = (2 * _BOX - np.abs(total)) * np.tile(np.linspace(-1, 1, _ALONG), _POINTS)
    both = np.array([(total + apart) / 2, (total - apart) / 2])
    ee, mumu = np.repeat(both, total.size, axis=1), np.tile(both, total.size)
    chi2 = 2 * np.asarray(model.map({}, dict(zip(NAMES, (*ee, *mumu), strict=True))))
    lowest = chi2.reshape(_POINTS, _ALONG, _POINTS, _ALONG).min(axis=(1, 3))
    # The paper's ranges are the ends of the region at the level of one parameter.
    heights = {f"{level_label('0.90')}, {n} dof": delta_chi2_at(0.90, n) for n in (1, 2)}
    return ContourSet(eps, eps, lowest - lowest.min(), heights)


@paper_figure(
    "fig4",
    "Fig. 4: allowed couplings in the Earth's matter",
    "eps_aa = 3 (eps^u_aa + eps^d_aa), lowest Delta chi2 over u - d of both flavours with each "
    "quark coupling within 0.75. The paper names neither this range nor the height: at 2.71 "
    "(filled dark) the ends are closest to its eq. 12, 4.61 is the height for two parameters. "
    "The wider the range, the wider the region and the smaller its hole.",
)
def matter_couplings() -> Figure:
    across, up = (rf"$\varepsilon_{{{pair}}}$" for pair in ("ee", r"\mu\mu"))
    return region_figure(
        RegionPanel((across, up), [matter_plane()]), columns=1, width=3.4, height=3.4
    )


FIGURES = (events, mediators, two_couplings, matter_couplings)
