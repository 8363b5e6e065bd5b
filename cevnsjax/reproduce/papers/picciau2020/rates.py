"""Recoil spectra on argon with light vector mediators, as on a slide of Picciau 2020."""

import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from cevnsjax.experiments import lar_2020
from cevnsjax.interactions import LightVector, StandardModel
from cevnsjax.plots.frame import dress, legend_above
from cevnsjax.plots.style import CURVES, STYLE
from cevnsjax.plots.ticks import tidy_numbers
from cevnsjax.rate import dR_dT_nr
from cevnsjax.reproduce.figures.drawing import panels, paper_figure

Nodes = Float[np.ndarray, " node"]
COUPLINGS = {"universal": 5e-5, "B-L": 5e-5, "L_mu-L_tau": 1.4e-3}
"""Couplings of the example bosons of 10 MeV [1]."""
TITLES = {"universal": "universal", "B-L": "B - L", "L_mu-L_tau": r"$L_\mu - L_\tau$"}
# Recoils of argon up to the end point of the muon-decay spectra.
_T_NR_KEV = np.geomspace(0.5, 148.0, 400)


def spectra(boson: str) -> tuple[Nodes, Nodes]:
    """Events on argon before efficiency, without and with a boson [1/keV], [node].

    Loops have the sign on the slide.
    """
    experiment, T = lar_2020(), jnp.asarray(_T_NR_KEV * 1e-3)
    out = []
    for added, g in (((), 0.0), ((LightVector(boson, loop="q0", loop_sign=-1),), COUPLINGS[boson])):
        interactions = (StandardModel("erler_su_printed"), *added)
        values = {"g_Zp": g, "m_Zp": 10.0} if added else {}
        by_source = dR_dT_nr(T, experiment.target, experiment.flux, interactions, values)
        total = np.sum([np.asarray(rate) for rate in by_source.values()], axis=0)
        out.append(total * experiment.mass_kg * 1e-3)
    return out[0], out[1]


@paper_figure(
    "rates",
    "Slide on mediators: events on argon with and without a boson",
    "Recoils in 24 kg of argon before efficiency, with a boson of 10 MeV whose couplings are "
    "examples chosen here; the slide prints none. The universal boson adds events at low energies "
    "and cancels them at some higher one; the others add everywhere, L_mu - L_tau with the minus "
    "sign of the slide.",
)
def rates() -> Figure:
    figure, frames = panels(len(COUPLINGS), width=2.7, height=2.8)
    for (boson, g), axes in zip(COUPLINGS.items(), frames, strict=True):
        T, (without, with_boson) = _T_NR_KEV, spectra(boson)
        with mpl.rc_context(STYLE):
            axes.set(xscale="log", yscale="log", xlim=(T[0], T[-1]), ylim=(3e-3, 3e3))
            dress(axes)
            shown = [
                *axes.plot(T, without, color=CURVES[0], label="Standard Model"),
                *axes.plot(T, with_boson, "--", color=CURVES[1], label=f"$g_{{Z'}}$ = {g:g}"),
            ]
            axes.set(xlabel=r"$T_\mathrm{nr}$ [keV]", ylabel="events / keV")
            tidy_numbers(axes)
            legend_above(axes, shown, title=TITLES[boson])
    return figure
