"""Liao and Marfatia, PLB 775, 54 (2017): rows and figures."""

from collections.abc import Sequence
from functools import partial

from cevnsjax.reproduce.paper import Group, Paper
from cevnsjax.reproduce.rows import Row


def _rows(box: float) -> Sequence[Row]:
    from cevnsjax.reproduce.papers.liao_marfatia2017.rows import rows

    return rows((box,))


PAPER = Paper(
    "liao_marfatia2017",
    "COHERENT constraints on nonstandard neutrino interactions",
    "J. Liao and D. Marfatia, Phys. Lett. B 775, 54 (2017)",
    tuple(
        Group(f"couplings up to {box}", "quick", (f"eq12_*_box_{box}_*",), partial(_rows, box))
        for box in (0.5, 0.75, 1.0, 2.0)
    ),
)
