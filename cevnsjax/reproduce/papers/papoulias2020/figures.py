"""Figures of Papoulias, PRD 102, 113004."""

from cevnsjax.reproduce.papers.papoulias2020 import profiles as profiles
from cevnsjax.reproduce.papers.papoulias2020 import regions as regions

FIGURES = (
    profiles.events,
    profiles.standard_model,
    profiles.nonstandard_interactions,
    regions.nonstandard_interactions,
    profiles.magnetic_moment,
    profiles.charge_radii,
    regions.charge_radii,
    regions.mediators,
)
