"""COHERENT, PRL 129, 081801 (2022): rows and figures."""

from collections.abc import Sequence

from cevnsjax.reproduce.paper import Group, Paper, Supplement
from cevnsjax.reproduce.rows import Row


def _rows() -> Sequence[Row]:
    from cevnsjax.reproduce.papers.coherent2021.rows import rows

    return rows()


def _variations() -> str:
    from cevnsjax.reproduce.papers.coherent2021.rows import variations

    return variations()


PAPER = Paper(
    "coherent2021",
    "Measurement of the coherent elastic neutrino-nucleus scattering cross section on CsI by "
    "COHERENT",
    "D. Akimov et al. (COHERENT), Phys. Rev. Lett. 129, 081801 (2022), arXiv:2110.07730",
    (Group("events, cross section, mixing angle", "quick", ("*",), _rows),),
    (Supplement("slow", _variations),),
)
