"""Figures 4, 7 and 8 of Papoulias, PRD 102, 113004: regions of two parameters, 90 %."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cevnsjax.analyses import analysis
from cevnsjax.inference.scans.scan import scan
from cevnsjax.plots import ContourSet, contours
from cevnsjax.reproduce.figures.drawing import exclusions, panels, region
from cevnsjax.reproduce.papers.papoulias2020.profiles import QUENCHINGS, radius_label

_LEVEL = 0.90
_STANDARD_MODEL = [("SM", 0.0, 0.0)]


def nonstandard_interactions() -> Figure:
    """Figure 4: couplings of d and u quarks, of nu_e (left) and nu_mu (right)."""
    figure, axes = panels(2, width=3.1, height=3.1)
    for frame, flavour, tex in zip(axes, ("ee", "mumu"), ("ee", r"\mu\mu"), strict=True):
        names = [f"eps_{quark}V_{flavour}" for quark in "du"]
        across, up = (rf"$\varepsilon^{{{quark}V}}_{{{tex}}}$" for quark in "du")
        curves = _regions(dict.fromkeys(names, (-1.0, 1.0, 401)))
        contours(curves, x_label=across, y_label=up, points=_STANDARD_MODEL, axes=frame)
    return figure


def charge_radii() -> Figure:
    """Figure 7: charge radii of two sources at a time."""
    figure, axes = panels(3, width=2.7, height=2.9)
    pairs = (("r2_nu_e", "r2_nu_mu"), ("r2_nu_e", "r2_nu_mu_bar"), ("r2_nu_mu", "r2_nu_mu_bar"))
    for frame, names in zip(axes, pairs, strict=True):
        across, up = (radius_label(name) for name in names)
        curves = _regions(dict.fromkeys(names, (-120.0, 60.0, 361)))
        contours(curves, x_label=across, y_label=up, points=_STANDARD_MODEL, axes=frame)
    return figure


def mediators() -> Figure:
    """Figure 8: mass and squared coupling of a vector (left) and of a scalar boson (right)."""
    figure, (left, right) = panels(2, width=3.2, height=3.0)
    masses = (0.1, 1e4, 241, "log")
    vector = {"m_Zp": masses, "g_Zp": (1e-5, 1e-1, 1201, "log")}
    scalar = {"m_phi": masses, "g_phi": (1e-5, 1e-1, 401, "log")}
    exclusions(
        left,
        _regions(vector, squared=True),
        x_label=r"$M_{Z'}$ [MeV]",
        y_label=r"$g_{Z'}^2$",
    )
    exclusions(
        right,
        _regions(scalar, squared=True),
        x_label=r"$M_\phi$ [MeV]",
        y_label=r"$g_\phi^2$",
    )
    return figure


def _regions(axes: dict[str, Any], *, squared: bool = False) -> list[ContourSet]:
    """Delta chi2 with each quenching factor over two parameters, the second one squared or not."""
    return [
        region(
            scan(analysis("papoulias2020", named=axes, quenching=quenching), **axes),
            _LEVEL,
            label=f"{quenching} QF",
            y=np.square if squared else None,
            best_fit=False,
        )
        for quenching in QUENCHINGS
    ]
