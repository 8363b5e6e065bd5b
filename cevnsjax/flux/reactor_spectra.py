"""Antineutrinos per fission and MeV of the fissile isotopes, by several predictions.

Above 2 MeV: Huber (PRC 84, 024617) and Mueller et al. (PRC 83, 054615), exponentials of
polynomials; Kopeikin et al. (PRD 104, L071301: 235U, 238U) and Hayes and Vogel (Annu. Rev. Nucl.
Part. Sci. 66, 219), tables taken as ratios to these; the summation of Perisse et al. (PRC 108,
055501: BESTIOLE), a table from 12.5 keV on. Below 2 MeV: that table, or Vogel and Engel (PRD 39,
3378).
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator

from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.tables import read_csv

ISOTOPES = ("U235", "U238", "Pu239", "Pu241")
"""Fissile isotopes with data."""
PREDICTIONS = ("huber_mueller", "bestiole", "kopeikin", "hayes")
"""Spectra above 2 MeV."""
BELOW = ("vogel_engel", "bestiole")
"""Spectra below 2 MeV."""
E_JOIN = 2.0
"""Where the two meet [MeV]."""

Shares = tuple[tuple[str, float], ...]
# The underscore: energies differ in number from one table to another.
Points = Float[np.ndarray, " _point"]

_RATIOS = {"kopeikin": "kopeikin2021.csv", "hayes": "hayes2016.csv"}
# Interpolates the polynomials so that moments above 6 MeV and less are right to 2e-9, 8 to 1e-8.
_E_SPACING = 0.01


@lru_cache(maxsize=32)
def mixture(
    fractions: Shares, E_nu_max: float, prediction: str, below: str, captures: float
) -> Spectrum:
    """Antineutrinos per fission and MeV of a mixture of isotopes.

    Args:
        fractions: Share of each isotope in the fissions [1].
        E_nu_max: Energy at which the spectrum ends, above 2 [MeV].
        prediction: One of ``PREDICTIONS``.
        below: One of ``BELOW``.
        captures: Neutrons captured by 238U per fission [1].
    """
    if prediction == "bestiole":
        E_high, above = _bestiole(fractions, E_JOIN, E_nu_max)
    else:
        points = math.ceil((E_nu_max - E_JOIN) / _E_SPACING - 1e-9) + 1
        E_high = np.linspace(E_JOIN, E_nu_max, points)
        above = _sum([(a, _predicted(prediction, name, E_high)) for name, a in fractions])
    if below == "bestiole":
        E_low, low = _bestiole(fractions, 0.0, E_JOIN)
    else:
        table = read_csv("flux_reactor", "vogel_engel1989_low.csv")
        E_low = table["energy_mev"]
        low = _sum([(a, table[f"{name.lower()}_per_mev"]) for name, a in fractions])
    if captures:
        E_low, low = _with_captures(E_low, low, captures)
    if prediction == below:
        # One table: nothing steps where its halves meet.
        E_high, above = E_high[1:], above[1:]
    return Spectrum(np.append(E_low, E_high), np.append(low, above), "monotone")


def _sum(terms: Sequence[tuple[float, Points]]) -> Points:
    return sum((a * density for a, density in terms), np.zeros_like(terms[0][1]))


def _bestiole(fractions: Shares, E_low: float, E_high: float) -> tuple[Points, Points]:
    """Energies and densities of the table from E_low (0 is its start) to E_high."""
    table = read_csv("flux_reactor", "bestiole2023.csv")
    E, density = table["energy_mev"], [(a, table[f"{n.lower()}_per_mev"]) for n, a in fractions]
    inside = E[np.searchsorted(E, E_low, "right") : np.searchsorted(E, E_high)]
    points = np.concatenate([[E_low] if E_low else [], inside, [E_high]])
    return points, np.interp(points, E, _sum(density))


def _with_captures(E: Points, density: Points, captures: float) -> tuple[Points, Points]:
    """A spectrum below 2 MeV and the antineutrinos of 239U and 239Np, one each per capture."""
    table = read_csv("flux_reactor", "bestiole2023_capture.csv")
    both = captures * (table["u239_per_mev"] + table["np239_per_mev"])
    E_table = table["energy_mev"]
    # The grid of the table up to 2 MeV: 239U ends at its last point, and the next one is 0.
    grid = np.round(np.arange(E_table[0], E[-1], E_table[1] - E_table[0]), 6)
    added = np.zeros_like(grid)
    added[: len(both)] = both
    points = np.union1d(E, grid)
    plain = PchipInterpolator(E, density)(np.maximum(points, E[0]))
    return points, plain + np.interp(points, grid, added)


def _predicted(prediction: str, isotope: str, E_nu: Points) -> Points:
    """Antineutrinos per fission and MeV above 2 MeV [1/MeV].

    A table gives its ratio to the polynomials, which is constant beyond its last energy.
    """
    fitted = _fitted(isotope, E_nu)
    table = read_csv("flux_reactor", _RATIOS[prediction]) if prediction in _RATIOS else {}
    column = f"{isotope.lower()}_per_mev"
    if column not in table:
        return fitted
    E = table["energy_mev"]
    ratio = PchipInterpolator(E, table[column] / _fitted(isotope, E))
    return fitted * ratio(np.clip(E_nu, E[0], E[-1]))


def _fitted(isotope: str, E_nu: Points) -> Points:
    """Antineutrinos per fission and MeV: Mueller for 238U, Huber for the others [1/MeV]."""
    table = read_csv("flux_reactor", "mueller2011.csv" if isotope == "U238" else "huber2011.csv")
    row = table["isotope"].tolist().index(isotope)
    coefficients = [column[row] for name, column in table.items() if name != "isotope"]
    return np.exp(np.polynomial.polynomial.polyval(E_nu, coefficients))
