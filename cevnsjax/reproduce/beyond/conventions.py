"""What misprints and conventions of the papers change, computed both ways."""

from cevnsjax.experiments import csi_2017
from cevnsjax.interactions import StandardModel
from cevnsjax.model import Model
from cevnsjax.reproduce.beyond.conventions_argon import argon
from cevnsjax.reproduce.beyond.conventions_csi import (
    aristizabal,
    liao_marfatia,
    papoulias,
    papoulias_kosmas,
)
from cevnsjax.reproduce.beyond.limits import cells, limits
from cevnsjax.reproduce.beyond.section import Result, ResultTable
from cevnsjax.reproduce.quantities import signal_events

_COLUMNS = (
    "paper",
    "choice",
    "quantity",
    "taken",
    "value",
    "instead",
    "value then",
    "in print",
    "where",
)
_GROUPS = (papoulias, papoulias_kosmas, aristizabal, liao_marfatia, argon)
_QUENCHINGS = {
    "constant": "8.78 % at all energies",
    "pe117": "1.17 PE/keV",
    "coherent2020": "COHERENT 2020, polynomial",
    "c20_proxy": "proxy of the curve in Cadeddu et al.",
}
"""Quenching factors of CsI by name, and what they are."""


def result() -> Result:
    """Choices of the papers, and what the quenching factor of CsI changes."""
    rows = tuple(reading.cells() for group in _GROUPS for reading in group())
    return Result([ResultTable("Choices of the papers", _COLUMNS, rows), _quenching_table()])


def _quenching_table() -> ResultTable:
    """Events and weak mixing angle of CsI 2017 with each quenching factor, all else the same."""
    rows = []
    for name, meaning in _QUENCHINGS.items():
        model = Model(csi_2017(name), [StandardModel()], name=name)
        profiled = limits(model, "sin2_theta_w", (0.0, 0.6))
        rows.append((name, meaning, signal_events(model), *cells(profiled)))
    return ResultTable(
        "Quenching factor of CsI 2017",
        ("name", "quenching factor", "events", "sin2_theta_w", "68.27 % CL", "90 % CL"),
        tuple(rows),
        "Defaults of csi_2017 with one and the same signal pull of 12.8 %; papers that take an "
        "older curve take 28 % too.",
    )
