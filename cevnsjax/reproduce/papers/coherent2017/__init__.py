"""COHERENT, Science 357, 1123 (2017): rows and figures."""

from collections.abc import Sequence

from cevnsjax.reproduce.paper import Group, Paper, Supplement
from cevnsjax.reproduce.rows import Row


def _rows() -> Sequence[Row]:
    from cevnsjax.reproduce.papers.coherent2017.rows import rows

    return rows()


def _smearings() -> str:
    from cevnsjax.reproduce.papers.coherent2017.rows import smearings

    return smearings()


PAPER = Paper(
    "coherent2017",
    "Observation of coherent elastic neutrino-nucleus scattering",
    "D. Akimov et al. (COHERENT), Science 357, 1123 (2017)",
    (Group("events and significance", "quick", ("*",), _rows),),
    (Supplement("slow", _smearings),),
)
