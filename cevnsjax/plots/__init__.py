"""Figures: arrays in, matplotlib figures out; they know no model and no optimiser."""

from cevnsjax.plots.comparison import comparison as comparison
from cevnsjax.plots.contours import ContourSet as ContourSet
from cevnsjax.plots.contours import contours as contours
from cevnsjax.plots.correlations import correlations as correlations
from cevnsjax.plots.impacts import impacts as impacts
from cevnsjax.plots.profile import profile as profile
from cevnsjax.plots.projections import projections as projections
from cevnsjax.plots.pulls import pulls as pulls
from cevnsjax.plots.scans import scan_contours as scan_contours
from cevnsjax.plots.spectrum import spectrum as spectrum
from cevnsjax.plots.style import save as save

__all__ = [
    "ContourSet",
    "comparison",
    "contours",
    "correlations",
    "impacts",
    "profile",
    "projections",
    "pulls",
    "save",
    "scan_contours",
    "spectrum",
]
