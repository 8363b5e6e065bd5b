"""Exclusion of light vector mediators on the slides of Picciau 2020, from CsI 2017 and argon.

The quenching scale of CsI enters n_PE nonlinearly, which no template can vary: chi2 is computed at
fixed scales and its minimum interpolated. The two data sets share no nuisance, so their chi2 adds.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cevnsjax.analyses import picciau2020
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.inference.scans.scan import scan
from cevnsjax.interactions import LightVector
from cevnsjax.plots import ContourSet
from cevnsjax.plots.style import GREY
from cevnsjax.reproduce.figures.drawing import add_to_legend, exclusions, panels
from cevnsjax.reproduce.papers.liao_marfatia2017.muon import coupling_band

TWO_SIGMA = 0.9545
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
_NAMES = {"universal": "universal", "B-L": "B - L", "L_mu-L_tau": r"$L_\mu - L_\tau$"}
_DATA = {"csi": "CsI 2017", "ar": "LAr", "csi+ar": "CsI + LAr"}


def mediator_chi2(data: str, boson: str, masses: np.ndarray, couplings: np.ndarray) -> np.ndarray:
    """chi2 with all nuisances profiled, [mass, coupling] [1].

    Args:
        data: "csi" or "ar".
        boson: Name of a model of ``LightVector``; loops have the slide's sign.
        masses: Masses of the boson [MeV].
        couplings: Its couplings [1].
    """
    model = picciau2020(data, interactions=[LightVector(boson, loop_sign=-1)])
    axes: dict[str, Any] = {"m_Zp": masses, "g_Zp": couplings}
    if _SCALE not in model.parameters:
        return np.asarray(scan(model, **axes)["chi2"])
    by_scale = [
        np.asarray(scan(model, fixed={_SCALE: s}, **axes)["chi2"]) for s in _SCALES.tolist()
    ]
    return lowest_of(np.stack(by_scale))


def lowest_of(chi2: np.ndarray) -> np.ndarray:
    """Minimum along the first axis: of the parabola through the lowest point and its neighbours.

    Args:
        chi2: At even steps along the first axis, [step, ...] [1].
    """
    at = np.clip(np.argmin(chi2, axis=0), 1, chi2.shape[0] - 2)[None]
    left, middle, right = (np.take_along_axis(chi2, at + k, axis=0)[0] for k in (-1, 0, 1))
    bend = (left + right) / 2 - middle
    fall = (left - right) / 4
    inner = middle - np.divide(fall**2, bend, out=np.zeros_like(bend), where=bend > 0)
    # At an end of the range the lowest point itself is the minimum.
    return np.where(np.abs(fall) < bend, inner, np.min(chi2, axis=0))


def mediator_regions(boson: str) -> dict[str, ContourSet]:
    """Delta chi2 of both data sets and of their sum, by data set.

    Args:
        boson: Name of a model of ``LightVector``.
    """
    grid = MASSES, COUPLINGS[boson]
    chi2 = {data: mediator_chi2(data, boson, *grid) for data in ("csi", "ar")}
    chi2["csi+ar"] = chi2["csi"] + chi2["ar"]
    levels = {str(TWO_SIGMA): delta_chi2_at(TWO_SIGMA, 2)}
    return {d: ContourSet(*grid, x - x.min(), levels, label=_DATA[d]) for d, x in chi2.items()}


def mediator(boson: str) -> Figure:
    """Excluded couplings of one model against the mass, with the band of the muon's moment.

    Args:
        boson: Name of a model of ``LightVector``.
    """
    figure, (axes,) = panels(1, width=4.0, height=4.0)
    _draw(axes, boson, mediator_regions(boson))
    return figure


def _draw(axes: Axes, boson: str, regions: Mapping[str, ContourSet]) -> None:
    exclusions(
        axes,
        list(regions.values()),
        x_label=r"$M_{Z'}$ [MeV]",
        y_label=r"$g_{Z'}$",
    )
    low, high = coupling_band(MASSES)
    name = r"$(g-2)_\mu$ explained, 2$\sigma$"
    band = axes.fill_between(
        MASSES, low, high, facecolor=GREY, alpha=0.35, linewidth=0, label=name, zorder=0.5
    )
    add_to_legend(axes, band, title=f"{_NAMES[boson]} model")
