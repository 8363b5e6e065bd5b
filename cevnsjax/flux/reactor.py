"""Antineutrinos of nuclear reactors, by fissile isotope.

Above 2 MeV the conversion spectra of Huber (PRC 84, 024617: 235U, 239Pu, 241Pu) and the summation
spectrum of Mueller et al. (PRC 83, 054615: 238U), exponentials of polynomials fitted between 2
and 8 MeV; below it the table of Vogel and Engel (PRD 39, 3378). Published errors are 2-3 % for
the first three, 8-15 % for 238U, and larger beyond the fits:

- 8 to 10 MeV: the same polynomials, extrapolated. They fall steeply and hold less than 3e-4 of
  all antineutrinos, but in germanium 0.5 % of the rate at 0.5 keV, 4 % at 1 keV and most of it
  above 1.7 keV; ``E_nu_max=8.0`` leaves them out. Above 10 MeV the spectrum is 0.
- At 2 MeV the two descriptions do not meet: ``step_at_join``, -7 % (238U) to +5 % (235U). The step
  is kept, not smoothed, and is a kink of the rate.
- Neutron capture on 238U, about 1.2 antineutrinos per fission below 1.3 MeV, is not included:
  fluences quoted with it (7.2 per fission) are larger, rates above 50 eV in germanium are not.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cevnsjax.core import units
from cevnsjax.core.checks import number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.flux.tabulated import SpectrumSource, require_positive
from cevnsjax.tables import read_csv

ISOTOPES = ("U235", "U238", "Pu239", "Pu241")
"""Fissile isotopes with data."""

Fractions = Mapping[str, float] | tuple[tuple[str, float], ...]

_E_JOIN, _E_END = 2.0, 10.0
# Interpolates the polynomials so that moments above 6 MeV and less are right to 2e-9, 8 to 1e-8.
_E_SPACING = 0.01
_MEV_PER_GW_S = 1e9 / 1.602176634e-13
_SECONDS_PER_DAY = 86400.0
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class ReactorSource(SpectrumSource):
    """Electron antineutrinos of one reactor core, seen as a point at constant power.

    Make one source for each core: their rates add.

    Attributes:
        thermal_power_gw: Thermal power [GW].
        baseline_m: Distance from core to detector [m].
        exposure_days: Live time at that power [day].
        fission_fractions: Share of each isotope in the fissions, {isotope: fraction} [1].
        E_nu_max: Energy above which the spectrum is 0, above 2 and up to 10 [MeV].

    Examples:
        >>> fractions = {"U235": 0.55, "U238": 0.07, "Pu239": 0.32, "Pu241": 0.06}
        >>> core = cj.ReactorSource(3.9, 17.1, 365.0, fractions)
        >>> round(core.neutrinos_per_fission, 2)
        5.61
        >>> f"{core.fluence:.2e}"
        '5.68e+20'
    """

    thermal_power_gw: float
    baseline_m: float
    exposure_days: float
    fission_fractions: Fractions
    E_nu_max: float = _E_END

    def __post_init__(self) -> None:
        require_positive(self, "thermal_power_gw", "baseline_m", "exposure_days", "E_nu_max")
        if not _E_JOIN < self.E_nu_max <= _E_END:
            raise InputError(
                f"ReactorSource: E_nu_max must be above {_E_JOIN:g} and up to {_E_END:g} MeV, "
                f"got {self.E_nu_max:g}"
            )
        object.__setattr__(self, "fission_fractions", _checked(dict(self.fission_fractions)))

    @property
    def sources(self) -> tuple[str, ...]:
        """Name of the one neutrino source."""
        return ("nu_e_bar",)

    @property
    def energy_per_fission(self) -> float:
        """Thermal energy per fission of the mixture [MeV] (Ma et al., PRC 88, 014605)."""
        table = read_csv("flux_reactor", "energy_per_fission.csv")
        energies = dict(zip(table["isotope"].tolist(), table["energy_mev"].tolist(), strict=True))
        return sum(a * energies[name] for name, a in dict(self.fission_fractions).items())

    @property
    def fission_rate(self) -> float:
        """Fissions per second [1/s]."""
        return self.thermal_power_gw * _MEV_PER_GW_S / self.energy_per_fission

    @property
    def neutrinos_per_fission(self) -> float:
        """Antineutrinos per fission below ``E_nu_max`` [1]."""
        return self.shape().integral

    @property
    def fluence(self) -> float:
        """Time-integrated flux at the detector [1/cm^2]."""
        emitted = self.fission_rate * self.neutrinos_per_fission * self.exposure_days
        return emitted * _SECONDS_PER_DAY / (4 * math.pi * (self.baseline_m * units.m_in_cm) ** 2)

    @property
    def step_at_join(self) -> float:
        """Relative rise of the density at 2 MeV, from the table to the polynomials [1]."""
        table = self.shape()
        below, above = np.asarray(table.densities)[np.asarray(table.energies) == _E_JOIN]
        return float(above / below - 1)

    def shape(self) -> Spectrum:
        """Antineutrinos per fission and MeV of the mixture."""
        assert isinstance(self.fission_fractions, tuple)
        return _mixture(self.fission_fractions, self.E_nu_max)


def _checked(fractions: dict[str, float]) -> tuple[tuple[str, float], ...]:
    """The fractions in the order of ``ISOTOPES``, if they are not negative and sum to 1."""
    for name, fraction in fractions.items():
        if name not in ISOTOPES:
            raise UnknownNameError("fissile isotope", name, ISOTOPES)
        if number(f"fission fraction of {name}", fraction) < 0:
            raise InputError(f"fission fraction of {name} must be >= 0, got {fraction:g}")
    whole = sum(fractions.values())
    if abs(whole - 1) > _SUM_TOLERANCE:
        raise InputError(f"fission fractions must sum to 1, got {whole:g}; divide by their sum")
    return tuple((name, float(fractions[name])) for name in ISOTOPES if fractions.get(name))


@lru_cache(maxsize=32)
def _mixture(fractions: tuple[tuple[str, float], ...], E_nu_max: float) -> Spectrum:
    low = read_csv("flux_reactor", "vogel_engel1989_low.csv")
    E_low = low["energy_mev"]
    E_high = np.linspace(_E_JOIN, E_nu_max, math.ceil((E_nu_max - _E_JOIN) / _E_SPACING - 1e-9) + 1)
    below = sum((a * low[f"{name.lower()}_per_mev"] for name, a in fractions), np.zeros(len(E_low)))
    above = sum((a * _fitted(name, E_high) for name, a in fractions), np.zeros(len(E_high)))
    return Spectrum(np.append(E_low, E_high), np.append(below, above), "monotone")


def _fitted(isotope: str, E_nu: np.ndarray) -> np.ndarray:
    """Antineutrinos per fission and MeV: Mueller for 238U, Huber for the others [1/MeV]."""
    table = read_csv("flux_reactor", "mueller2011.csv" if isotope == "U238" else "huber2011.csv")
    row = table["isotope"].tolist().index(isotope)
    coefficients = [column[row] for name, column in table.items() if name != "isotope"]
    return np.exp(np.polynomial.polynomial.polyval(E_nu, coefficients))
