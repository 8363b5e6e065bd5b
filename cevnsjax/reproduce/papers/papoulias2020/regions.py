"""Figures 4, 7 and 8 of Papoulias, PRD 102, 113004: regions of two parameters, 90 %."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from matplotlib.figure import Figure

from cevnsjax.analyses import analysis
from cevnsjax.plots import ContourSet
from cevnsjax.plots.style import label
from cevnsjax.reproduce.figures.drawing import panels, paper_figure
from cevnsjax.reproduce.figures.regions import RegionPanel, exclusions, region, region_figure
from cevnsjax.reproduce.papers.papoulias2020.profiles import (
    FLAVOURS,
    FRAME,
    QUENCHINGS,
    SOURCES,
    TWO,
    UNPRINTED,
)


def _regions(axes: Mapping[str, Any], *, squared: bool = False) -> list[ContourSet]:
    """Delta chi2 with each quenching factor over two parameters, the second one squared or not."""
    models = {q: analysis("papoulias2020", named=axes, quenching=q) for q in QUENCHINGS}
    return [
        region(model, axes, 0.90, label=f"{q} QF", squared=squared) for q, model in models.items()
    ]


@paper_figure(
    "fig4",
    "Fig. 4: Regions of vector couplings to d and u quarks",
    TWO,
    "90 % for two parameters, Delta chi2 from the lowest within the frame; along the bands chi2 is "
    "flat to 0.01, so that no best fit is marked. With the old quenching factor the bands of nu_mu "
    "are separate too, but barely.",
    UNPRINTED,
    FRAME,
)
def nonstandard_interactions() -> Figure:
    shown = []
    for flavour, tex in FLAVOURS.items():
        across, up = (rf"$\varepsilon^{{{quark}V}}_{{{tex}}}$" for quark in "du")
        names = [f"eps_{quark}V_{flavour}" for quark in "du"]
        curves = _regions(dict.fromkeys(names, (-1.0, 1.0, 401)))
        shown.append(RegionPanel((across, up), curves))
    return region_figure(*shown, columns=2, width=3.1, height=3.1)


@paper_figure(
    "fig7",
    "Fig. 7: Regions of charge radii of two sources",
    TWO,
    "90 % for two parameters, the third radius 0; half the shift of eq. 17. No best fit is marked, "
    "because several are nearly as good. The paper finds the new region smaller in every plane; "
    "here it reaches a little further in the radius of nu_mu beside that of the antineutrino.",
    UNPRINTED,
    FRAME,
)
def charge_radii() -> Figure:
    shown = []
    for pair in combinations(SOURCES, 2):
        sources = (label(SOURCES[name]).strip("$") for name in pair)
        across, up = (rf"$\langle r^2_{{{s}}}\rangle$ [$10^{{-32}}$ cm$^2$]" for s in sources)
        curves = _regions(dict.fromkeys(pair, (-120.0, 60.0, 361)))
        shown.append(RegionPanel((across, up), curves))
    return region_figure(*shown, columns=3, width=2.7, height=2.9)


@paper_figure(
    "fig8",
    "Fig. 8: Excluded masses and couplings of a vector and of a scalar mediator",
    TWO,
    "90 % for two parameters, Delta chi2 from the lowest over mass and coupling. Vector: equal "
    "couplings of all quarks and neutrinos, which interfere destructively; in the strip within the "
    "excluded area they reverse the sign of the weak charge. Scalar: eq. 20 with Q = 14A + 1.1Z.",
    UNPRINTED,
    FRAME,
    cost="slow",
)
def mediators() -> Figure:
    figure, axes = panels(2, width=3.2, height=3.0)
    for frame, boson, tex, points in zip(
        axes, ("Zp", "phi"), ("Z'", r"\phi"), (1201, 401), strict=True
    ):
        grid = {f"m_{boson}": (0.1, 1e4, 241, "log"), f"g_{boson}": (1e-5, 1e-1, points, "log")}
        labels = rf"$M_{{{tex}}}$ [MeV]", rf"$g_{{{tex}}}^2$"
        exclusions(frame, _regions(grid, squared=True), labels)
    return figure
