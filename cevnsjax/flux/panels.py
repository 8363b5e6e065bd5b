"""Spectra as cubics on narrow panels of energy."""

import math
from types import ModuleType

import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.core.types import Arrays, Numbers

Panels = tuple[Arrays, Arrays]
"""Panel edges, [panel + 1] [MeV], and local cubics as in ``PPoly.c``, [4, panel]."""
Index = np.integer | Int[np.ndarray, "..."] | Int[Array, "..."]

PANEL_RATIO = 1.1
"""Energies of a panel differ by 10 % at most: six nodes integrate a cubic over E^2 to 1e-15."""


def geometric_cuts(low: float, high: float) -> Float[np.ndarray, " edge"]:
    """Edges from low to high [MeV], neighbours within ``PANEL_RATIO``."""
    panels = max(1, math.ceil(math.log(high / low) / math.log(PANEL_RATIO) - 1e-9))
    return np.geomspace(low, high, panels + 1)


def place(edges: Arrays, E: Numbers, xp: ModuleType) -> Index:
    """Index of the panel that holds each energy [MeV] of the panels' range."""
    return xp.clip(xp.searchsorted(edges, E, side="right") - 1, 0, len(edges) - 2)


def density(panels: Panels, index: Index | slice, E: Numbers) -> Numbers:
    """The cubic of each panel in ``index`` at energies E [MeV]."""
    edges, cubics = panels
    c3, c2, c1, c0 = (row[index] for row in cubics)
    d = E - edges[:-1][index]
    return ((c3 * d + c2) * d + c1) * d + c0
