"""COHERENT, PRL 126, 012002 (2021): rows and figures."""

from cevnsjax.reproduce.paper import Group, Paper, Supplement, later

_ROWS = "papers.coherent2020_lar.rows"
PAPER = Paper(
    "coherent2020_lar",
    "First measurement of coherent elastic neutrino-nucleus scattering on argon",
    "D. Akimov et al. (COHERENT), Phys. Rev. Lett. 126, 012002 (2021)",
    (Group("events and significance", "quick", ("*",), later(_ROWS, "rows")),),
    tuple(Supplement("slow", later(_ROWS, "variations", s)) for s in ("release", "computed")),
)
