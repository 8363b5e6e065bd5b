"""Figures: arrays in, matplotlib figures out; they know no model and no optimiser."""

from cevnsjax.plots.likelihoods.comparison import comparison as comparison
from cevnsjax.plots.likelihoods.contours import ContourSet as ContourSet
from cevnsjax.plots.likelihoods.contours import contours as contours
from cevnsjax.plots.likelihoods.correlations import correlations as correlations
from cevnsjax.plots.likelihoods.feldman_cousins import feldman_cousins as feldman_cousins
from cevnsjax.plots.likelihoods.feldman_cousins import (
    statistic_distribution as statistic_distribution,
)
from cevnsjax.plots.likelihoods.forecast import forecast as forecast
from cevnsjax.plots.likelihoods.impacts import impacts as impacts
from cevnsjax.plots.likelihoods.profile import profile as profile
from cevnsjax.plots.likelihoods.projections import projections as projections
from cevnsjax.plots.likelihoods.pulls import pulls as pulls
from cevnsjax.plots.likelihoods.scans import scan_contours as scan_contours
from cevnsjax.plots.posteriors.corner import corner as corner
from cevnsjax.plots.posteriors.predictive import predictive as predictive
from cevnsjax.plots.posteriors.ranks import ranks as ranks
from cevnsjax.plots.posteriors.trace import trace as trace
from cevnsjax.plots.spectrum import spectrum as spectrum
from cevnsjax.plots.style import save as save

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
