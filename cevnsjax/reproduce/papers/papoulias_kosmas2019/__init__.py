"""Papoulias and Kosmas, PRD 97, 033003 (2018): rows and figures."""

from cevnsjax.reproduce.paper import Group, Paper, later

PAPER = Paper(
    "papoulias_kosmas2019",
    "COHERENT constraints to conventional and exotic neutrino physics",
    "D. K. Papoulias and T. S. Kosmas, Phys. Rev. D 97, 033003 (2018); as quoted in 2019",
    (Group("mixing angle", "quick", ("*",), later("papers.papoulias_kosmas2019.rows", "rows")),),
)
