"""COHERENT, PRL 126, 012002 (2021): rows and figures."""

from collections.abc import Sequence
from functools import partial

from cevnsjax.reproduce.paper import Group, Paper, Supplement
from cevnsjax.reproduce.rows import Row


def _rows() -> Sequence[Row]:
    from cevnsjax.reproduce.papers.coherent2020_lar.rows import rows

    return rows()


def _variations(signal: str) -> str:
    from cevnsjax.reproduce.papers.coherent2020_lar.rows import variations

    return variations(signal)


PAPER = Paper(
    "coherent2020_lar",
    "First measurement of coherent elastic neutrino-nucleus scattering on argon",
    "D. Akimov et al. (COHERENT), Phys. Rev. Lett. 126, 012002 (2021)",
    (Group("events and significance", "quick", ("*",), _rows),),
    tuple(Supplement("slow", partial(_variations, signal)) for signal in ("release", "computed")),
)
