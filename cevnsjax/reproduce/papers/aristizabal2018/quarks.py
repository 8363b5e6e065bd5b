"""Allowed regions of quark couplings in Aristizabal Sierra, De Romeri and Rojas: Figs. 4-6.

Couplings of u and d quarks give those of Cs and of I, each with its own Z and N. The paper says
that it takes xi_X^2 = 2 xi_X,Cs^2, which divides every coupling by sqrt2; this is drawn as lines.
"""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cevnsjax.analyses import aristizabal2018
from cevnsjax.analyses.papers.aristizabal2018 import SCALED_CV
from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.interactions import GeneralizedInteractions
from cevnsjax.plots import ContourSet
from cevnsjax.plots.style import GREEN, STYLE
from cevnsjax.reproduce.figures.drawing import add_to_legend, panels, paper_figure, shared_legend
from cevnsjax.reproduce.figures.regions import RegionPanel, region
from cevnsjax.reproduce.papers.aristizabal2018.planes import (
    AXIAL,
    POINTS,
    PSEUDOSCALAR,
    SCALAR,
    SCALAR_TENSOR,
    SCALAR_VECTOR,
    TENSOR,
    VECTOR,
    VECTOR_TENSOR,
    Plane,
)
from cevnsjax.reproduce.papers.aristizabal2018.rows import effective_model

SCALED_TEXT = (
    "All rates x 1.07 and C_V^SM/N = 0.939, two fitted numbers of unknown origin that give the "
    "limits of the paper's tables."
)
_SHORTCUT = (
    "Filled: 90 % and 99 %, couplings of Cs and I each by eq. 19. Lines: 90 % with the paper's "
    "xi_X^2 = 2 xi_X,Cs^2."
)
_WIDER = f"{SCALED_TEXT} Without the two numbers regions are 2-4 % wider."


def exact_region(plane: Plane) -> ContourSet:
    """Delta chi2 of both quark couplings, each nucleus with its own coupling."""
    both = GeneralizedInteractions(plane.x, plane.y)
    model = aristizabal2018(scaled=True, interactions=[both])
    axes = dict(zip((plane.x, plane.y), plane.grid(), strict=True))
    return region(model, axes, 0.90, 0.99, dof=plane.dof, label="Cs and I apart")


def shortcut_region(plane: Plane) -> ContourSet:
    """Delta chi2 with xi_X^2 = 2 xi_X,Cs^2 as the couplings of both nuclei."""
    x, y = plane.grid()
    flat = {name: xi.ravel() for name, xi in plane.effective(math.sqrt(2.0)).items()}
    chi2 = _effective_chi2(flat).reshape(x.size, y.size)
    heights = {level_key(0.90): delta_chi2_at(0.90, plane.dof)}
    return ContourSet(x, y, chi2 - chi2.min(), heights, label=r"$\xi^2 = 2\xi^2_\mathrm{Cs}$")


def _effective_chi2(points: Mapping[str, np.ndarray]) -> np.ndarray:
    """chi2 of nuclear couplings that both nuclei share, [point]; couplings left out are 0."""
    model = effective_model(scaled=True)
    (size,) = {xi.size for xi in points.values()}
    # All three couplings are passed in every case, so that one compiled program serves all panels.
    # Clipping is harmless: couplings far below the bounds are excluded already.
    whole = {
        name: np.clip(points.get(name, np.zeros(size)), *model.parameters[name].bounds)
        for name in ("xi_S", "xi_V", "xi_T")
    }
    return 2 * np.asarray(model.map({}, whole))


def best_fits(structure: str) -> list[float]:
    """Best values of xi_S, xi_V or xi_T alone, in increasing order; xi_V has two."""
    # chi2 depends only on |C_V^SM/N + xi_V|, and on the squares of the other couplings.
    start = -SCALED_CV if structure == "V" else 0.0
    xi = np.linspace(start, 2.0, POINTS**2)
    chi2 = _effective_chi2({f"xi_{structure}": xi})
    best = float(xi[chi2.argmin()])
    return [-2 * SCALED_CV - best, best] if structure == "V" else [best]


def _panel(axes: Axes, plane: Plane) -> None:
    both = GeneralizedInteractions(plane.x, plane.y).own_parameters()
    latex = {p.name: f"${p.latex}$" for p in both}
    labels = latex[plane.x], latex[plane.y]
    RegionPanel(labels, [exact_region(plane), shortcut_region(plane)]).draw(axes)
    axes.locator_params(nbins=5)
    if plane.dof == 1:
        # Lines where xi_X of Cs takes its best values.
        ((name, xi),) = plane.effective().items()
        look: Any = {"linestyles": "-.", "linewidths": 1.1}
        with mpl.rc_context(STYLE):
            values = best_fits(name[-1])
            axes.contour(*plane.grid(), xi.T, levels=values, colors=[GREEN], **look)
        line = Line2D([], [], color=GREEN, linestyle="-.", label=r"best $\xi_\mathrm{Cs}$")
        add_to_legend(axes, line)


def _figure(*planes: Plane, columns: int) -> Figure:
    figure, axes = panels(columns, len(planes) // columns, height=2.7)
    for one, plane in zip(axes, planes, strict=True):
        _panel(one, plane)
    shared_legend(figure)
    return figure


@paper_figure(
    "fig4",
    "Fig. 4: allowed quark couplings of scalar and vector interactions",
    _SHORTCUT,
    "Scenarios (1-i) left and (1-ii) right, Delta chi2 < 2.71 and 6.63 as in the paper; "
    "dash-dotted where xi of Cs takes the best values of one parameter (the origin for C_S and "
    "D_P). The reach that the paper's conclusions state, below 0.05 for D_P and C_S and 0.85 for "
    "vectors, is that of the filled regions, 0.049 and 0.87; with the shortcut it is 0.035 and "
    "0.62. The paper states no quark masses; those of the PDG enter scalars.",
    _WIDER,
    cost="slow",
)
def scalar_and_vector() -> Figure:
    return _figure(SCALAR, PSEUDOSCALAR, VECTOR, AXIAL, columns=2)


@paper_figure(
    "fig5",
    "Fig. 5: allowed quark couplings of tensor interactions",
    _SHORTCUT,
    "Delta chi2 < 2.71 and 6.63; the paper's caption names 90 % alone, its text both. Dash-dotted: "
    "best xi_T, which is 0.",
    _WIDER,
)
def tensor() -> Figure:
    figure, (axes,) = panels(1, width=3.6, height=3.6)
    _panel(axes, TENSOR)
    return figure


@paper_figure(
    "fig6",
    "Fig. 6: allowed quark couplings of two interactions",
    _SHORTCUT,
    "Scenarios (2-i), (2-ii) and (2-iii), Delta chi2 < 4.61 and 9.21 for two parameters. The "
    "scalar-tensor product R of eq. 21 is kept; it changes nothing visible.",
    _WIDER,
)
def two_interactions() -> Figure:
    return _figure(SCALAR_VECTOR, SCALAR_TENSOR, VECTOR_TENSOR, columns=3)
