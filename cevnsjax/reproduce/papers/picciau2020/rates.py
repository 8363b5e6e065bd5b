"""Recoil spectra on argon with light vector mediators, as on a slide of Picciau 2020."""

import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.experiments import lar_2020
from cevnsjax.interactions import LightVector, StandardModel
from cevnsjax.plots.frame import dress, legend_above
from cevnsjax.plots.style import CURVES, STYLE
from cevnsjax.plots.ticks import tidy_numbers
from cevnsjax.rate import dR_dT_nr
from cevnsjax.reproduce.figures.drawing import panels

MASS_MEV = 10.0
COUPLINGS = {"universal": 5e-5, "B-L": 5e-5, "L_mu-L_tau": 1.4e-3}
"""Couplings of the example bosons [1]."""
_TITLES = {"universal": "universal", "B-L": "B - L", "L_mu-L_tau": r"$L_\mu - L_\tau$"}
# Recoils of argon up to the end point of the muon-decay spectra.
_T_NR_KEV = np.geomspace(0.5, 148.0, 400)


def spectra(boson: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events on argon before efficiency, without and with a boson.

    Args:
        boson: Name in ``COUPLINGS``; loops have the sign on the slide.

    Returns:
        Recoil energies [keV], and both spectra [1/keV], [node] each.
    """
    experiment, sm = lar_2020(), StandardModel("erler_su_printed")
    values = {"g_Zp": COUPLINGS[boson], "m_Zp": MASS_MEV}
    cases = ((sm,), {}), ((sm, LightVector(boson, loop_sign=-1)), values)
    without, with_boson = (
        sum(
            np.asarray(rate)
            for rate in dR_dT_nr(
                jnp.asarray(_T_NR_KEV * 1e-3),
                experiment.target,
                experiment.flux,
                interactions,
                values,
            ).values()
        )
        * (experiment.mass_kg * 1e-3)
        for interactions, values in cases
    )
    return _T_NR_KEV, np.asarray(without), np.asarray(with_boson)


def rates() -> Figure:
    """One panel a model: the Standard Model alone and with the boson."""
    figure, frames = panels(len(COUPLINGS), width=2.7, height=2.8)
    for (boson, g), axes in zip(COUPLINGS.items(), frames, strict=True):
        T, without, with_boson = spectra(boson)
        with mpl.rc_context(STYLE):
            axes.set(xscale="log", yscale="log", xlim=(T[0], T[-1]), ylim=(3e-3, 3e3))
            dress(axes)
            shown = [
                *axes.plot(T, without, color=CURVES[0], label="Standard Model"),
                *axes.plot(T, with_boson, "--", color=CURVES[1], label=f"$g_{{Z'}}$ = {g:g}"),
            ]
            axes.set(xlabel=r"$T_\mathrm{nr}$ [keV]", ylabel="events / keV")
            tidy_numbers(axes)
            legend_above(axes, shown, title=_TITLES[boson])
    return figure
