"""Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018 (2018): rows and figures."""

from cevnsjax.reproduce.paper import Group, Paper, later

_ROWS = "papers.aristizabal2018.rows"
PAPER = Paper(
    "aristizabal2018",
    "COHERENT analysis of neutrino generalized interactions",
    "D. Aristizabal Sierra, V. De Romeri, N. Rojas, Phys. Rev. D 98, 075018 (2018)",
    (
        Group("one coupling", "quick", ("T1_*",), later(_ROWS, "rows", (1,))),
        Group("two couplings", "slow", ("T2_*",), later(_ROWS, "rows", (2,))),
    ),
)
