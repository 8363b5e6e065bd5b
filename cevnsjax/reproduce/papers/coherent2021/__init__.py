"""COHERENT, PRL 129, 081801 (2022): rows and figures."""

from cevnsjax.reproduce.paper import Group, Paper, Supplement, later

_ROWS = "papers.coherent2021.rows"
PAPER = Paper(
    "coherent2021",
    "Measurement of the coherent elastic neutrino-nucleus scattering cross section on CsI by "
    "COHERENT",
    "D. Akimov et al. (COHERENT), Phys. Rev. Lett. 129, 081801 (2022), arXiv:2110.07730",
    (Group("events, cross section, mixing angle", "quick", ("*",), later(_ROWS, "rows")),),
    (Supplement("slow", later(_ROWS, "variations")),),
)
