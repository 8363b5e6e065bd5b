"""Figures: arrays in, matplotlib figures out; they know no model and no optimiser."""

from cevnsjax.plots.comparison import comparison as comparison
from cevnsjax.plots.contours import ContourSet as ContourSet
from cevnsjax.plots.contours import contours as contours
from cevnsjax.plots.corner import corner as corner
from cevnsjax.plots.correlations import correlations as correlations
from cevnsjax.plots.feldman_cousins import feldman_cousins as feldman_cousins
from cevnsjax.plots.feldman_cousins import statistic_distribution as statistic_distribution
from cevnsjax.plots.forecast import forecast as forecast
from cevnsjax.plots.impacts import impacts as impacts
from cevnsjax.plots.predictive import predictive as predictive
from cevnsjax.plots.profile import profile as profile
from cevnsjax.plots.projections import projections as projections
from cevnsjax.plots.pulls import pulls as pulls
from cevnsjax.plots.ranks import ranks as ranks
from cevnsjax.plots.scans import scan_contours as scan_contours
from cevnsjax.plots.spectrum import spectrum as spectrum
from cevnsjax.plots.style import save as save
from cevnsjax.plots.trace import trace as trace

__all__ = [
    "ContourSet",
    "comparison",
    "contours",
    "corner",
    "correlations",
    "feldman_cousins",
    "forecast",
    "impacts",
    "predictive",
    "profile",
    "projections",
    "pulls",
    "ranks",
    "save",
    "scan_contours",
    "spectrum",
    "statistic_distribution",
    "trace",
]
