"""Liao and Marfatia, PLB 775, 54 (2017): rows and figures."""

from cevnsjax.reproduce.paper import Group, Paper, later

_ROWS = "papers.liao_marfatia2017.rows"
PAPER = Paper(
    "liao_marfatia2017",
    "COHERENT constraints on nonstandard neutrino interactions",
    "J. Liao and D. Marfatia, Phys. Lett. B 775, 54 (2017)",
    tuple(
        Group(f"couplings up to {b}", "quick", (f"eq12_*_box_{b}_*",), later(_ROWS, "rows", (b,)))
        for b in (0.5, 0.75, 1.0, 2.0)
    ),
)
