"""COHERENT, Science 357, 1123 (2017): rows and figures."""

from cevnsjax.reproduce.paper import Group, Paper, Supplement, later

_ROWS = "papers.coherent2017.rows"
PAPER = Paper(
    "coherent2017",
    "Observation of coherent elastic neutrino-nucleus scattering",
    "D. Akimov et al. (COHERENT), Science 357, 1123 (2017)",
    (Group("events and significance", "quick", ("*",), later(_ROWS, "rows")),),
    (Supplement("slow", later(_ROWS, "smearings")),),
)
