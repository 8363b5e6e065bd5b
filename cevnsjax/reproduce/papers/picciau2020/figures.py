"""Figures of the slides of Picciau 2020 (Cadeddu et al.): mediators, profiles, mixing angle."""

from cevnsjax.reproduce.papers.picciau2020.mediators import EXCLUSIONS
from cevnsjax.reproduce.papers.picciau2020.profiles import (
    electromagnetic,
    neutron_radius,
    running,
    weak_mixing_angle,
)
from cevnsjax.reproduce.papers.picciau2020.rates import rates

FIGURES = (rates, *EXCLUSIONS, weak_mixing_angle, neutron_radius, electromagnetic, running)
"""In the order of the slides."""
