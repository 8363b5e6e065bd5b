"""Exclusion of light vector mediators on the slides of Picciau 2020, from CsI 2017 and argon.

The quenching scale of CsI enters n_PE nonlinearly, which no template can vary: chi2 is computed at
fixed scales and its minimum interpolated. The two data sets share no nuisance, so their chi2 adds.
"""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from cevnsjax.analyses import picciau2020
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.inference.scans.scan import scan
from cevnsjax.interactions import LightVector
from cevnsjax.plots import ContourSet
from cevnsjax.plots.style import GREY
from cevnsjax.reproduce.figures.drawing import add_to_legend, panels
from cevnsjax.reproduce.figures.regions import exclusions
from cevnsjax.reproduce.paper import PaperFigure
from cevnsjax.reproduce.papers.liao_marfatia2017.muon import coupling_band
from cevnsjax.reproduce.papers.picciau2020.profiles import PROXY
from cevnsjax.reproduce.papers.picciau2020.rates import TITLES

_SCALE = "qf_scale_csi2017"
# Quenching scales: four standard deviations to either side, in steps of half a deviation.
_SCALES = np.linspace(0.796, 1.204, 17)
MASSES = np.geomspace(1.0, 1e3, 151)
"""Masses of every grid [MeV]."""
COUPLINGS = {
    "universal": np.geomspace(1e-5, 1e-2, 1001),
    "B-L": np.geomspace(1e-5, 1e-2, 601),
    "L_mu-L_tau": np.geomspace(1e-4, 1e-1, 601),
}
"""Couplings of each model's grid, from the band of the muon's moment to beyond every limit [1]."""
_DATA = {"csi": "CsI 2017", "ar": "LAr", "csi+ar": "CsI + LAr"}
_REGIONS = (
    "Excluded at 2 sigma (Delta chi2 = 6.18, two parameters, above the lowest point of the frame, "
    "whose Standard Model is the corner of small couplings) by CsI 2017 integrated over time (12 "
    "bins, signal 11.2 %, neutrons 25 %, quenching 5.1 % inside n_PE), by argon (12 energies, "
    "signal 13.4 %, neutrons 32 % and 100 %) and by both. Grey: couplings that give Delta a_mu = "
    "(29 +- 9)e-10 within 2 sigma, the number of Liao and Marfatia 2017; the slides print none. "
    f"Lines of other experiments, whose numbers the slides do not print, are left out. {PROXY}"
)
_MODELS = {
    "universal": "All fermions have charge 1: the boson cancels the Standard Model's amplitude or "
    "reverses its sign; the line along which it does so is allowed again.",
    "B-L": "Amplitudes add to the Standard Model's.",
    "L_mu-L_tau": "One loop couples the boson to protons, with the minus sign of the slide, so "
    "that events of muon flavour are enhanced; the loop itself gives a plus.",
}


def mediator_chi2(
    data: str, boson: str, masses: Float[np.ndarray, " mass"], couplings: Float[np.ndarray, " g"]
) -> Float[np.ndarray, "mass g"]:
    """chi2 of "csi" or "ar" with all nuisances profiled; loops have the slide's sign."""
    model = picciau2020(data, interactions=[LightVector(boson, loop="q0", loop_sign=-1)])
    axes: dict[str, Any] = {"m_Zp": masses, "g_Zp": couplings}
    if _SCALE not in model.parameters:
        return np.asarray(scan(model, **axes)["chi2"])
    by_scale = [
        np.asarray(scan(model, fixed={_SCALE: s}, **axes)["chi2"]) for s in _SCALES.tolist()
    ]
    return lowest_of(np.stack(by_scale))


def lowest_of(chi2: Float[np.ndarray, "step ..."]) -> Float[np.ndarray, "..."]:
    """Minimum over even steps: of the parabola through the lowest point and its neighbours."""
    at = np.clip(np.argmin(chi2, axis=0), 1, chi2.shape[0] - 2)[None]
    left, middle, right = (np.take_along_axis(chi2, at + k, axis=0)[0] for k in (-1, 0, 1))
    bend = (left + right) / 2 - middle
    fall = (left - right) / 4
    inner = middle - np.divide(fall**2, bend, out=np.zeros_like(bend), where=bend > 0)
    # At an end of the range the lowest point itself is the minimum.
    return np.where(np.abs(fall) < bend, inner, np.min(chi2, axis=0))


def mediator_regions(boson: str) -> dict[str, ContourSet]:
    """Delta chi2 of both data sets and of their sum, by data set."""
    grid = MASSES, COUPLINGS[boson]
    chi2 = {data: mediator_chi2(data, boson, *grid) for data in ("csi", "ar")}
    chi2["csi+ar"] = chi2["csi"] + chi2["ar"]
    levels = {"0.9545": delta_chi2_at(0.9545, 2)}
    return {d: ContourSet(*grid, x - x.min(), levels, label=_DATA[d]) for d, x in chi2.items()}


def mediator(boson: str) -> Figure:
    """Excluded couplings of one model against the mass, with the band of the muon's moment."""
    figure, (axes,) = panels(1, width=4.0, height=4.0)
    regions = list(mediator_regions(boson).values())
    exclusions(axes, regions, (r"$M_{Z'}$ [MeV]", r"$g_{Z'}$"))
    look: Any = {"facecolor": GREY, "alpha": 0.35, "linewidth": 0, "zorder": 0.5}
    name = r"$(g-2)_\mu$ explained, 2$\sigma$"
    band = axes.fill_between(MASSES, *coupling_band(MASSES), label=name, **look)
    add_to_legend(axes, band, title=f"{TITLES[boson]} model")
    return figure


def _exclusion(boson: str) -> PaperFigure:
    stem = boson.replace("-", "").replace("_", "")
    title = f"Slide on constraints: {boson.replace('_', '')} boson, coupling against mass"
    caption = f"{_MODELS[boson]} {_REGIONS}"
    return PaperFigure(stem, title, caption, partial(mediator, boson), "slow")


EXCLUSIONS = tuple(_exclusion(boson) for boson in _MODELS)
