"""Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018 (2018): rows and figures."""

from collections.abc import Sequence
from functools import partial

from cevnsjax.reproduce.paper import Group, Paper
from cevnsjax.reproduce.rows import Row


def _rows(table: int) -> Sequence[Row]:
    from cevnsjax.reproduce.papers.aristizabal2018.rows import rows

    return rows((table,))


PAPER = Paper(
    "aristizabal2018",
    "COHERENT analysis of neutrino generalized interactions",
    "D. Aristizabal Sierra, V. De Romeri, N. Rojas, Phys. Rev. D 98, 075018 (2018)",
    (
        Group("one coupling", "quick", ("T1_*",), partial(_rows, 1)),
        Group("two couplings", "slow", ("T2_*",), partial(_rows, 2)),
    ),
)
