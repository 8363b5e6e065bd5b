"""Antineutrinos of nuclear reactors, by fissile isotope.

By default the conversion spectra of Huber (PRC 84, 024617: 235U, 239Pu, 241Pu) and the summation
spectrum of Mueller et al. (PRC 83, 054615: 238U) above 2 MeV, exponentials of polynomials fitted
between 2 and 8 MeV; below it the table of Vogel and Engel (PRD 39, 3378). ``reactor_spectra`` has
others. Published errors are 2-3 % for the first three, 8-15 % for 238U, and larger beyond the fits:

- 8 to 10 MeV: the same polynomials, extrapolated. They fall steeply and hold less than 3e-4 of
  all antineutrinos, but in germanium 0.5 % of the rate at 0.5 keV, 4 % at 1 keV and most of it
  above 1.7 keV; ``E_nu_max=8.0`` leaves them out. Above 10 MeV the spectrum is 0.
- At 2 MeV the two descriptions do not meet: ``step_at_join``, -7 % (238U) to +5 % (235U). The step
  is kept, not smoothed, and is a kink of the rate.
- The table below 2 MeV has too few antineutrinos: per fission the default has 5 to 7 % fewer than
  the summation of 2023 (``prediction="bestiole"``; 5.72 and 6.08 of 235U), all of them below 2 MeV.
- Neutron capture on 238U, about 1.2 antineutrinos per fission below 1.3 MeV, is included on demand
  (``captures_per_fission``, about 0.6): fluences quoted with it (7.2 per fission) are larger, rates
  above 50 eV in germanium are not.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cevnsjax.core import units
from cevnsjax.core.checks import known, number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.flux.reactor_spectra import BELOW, E_JOIN, ISOTOPES, PREDICTIONS, mixture
from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.flux.tabulated import SpectrumSource, require_positive
from cevnsjax.tables import read_csv

Fractions = Mapping[str, float] | tuple[tuple[str, float], ...]

_E_END = 10.0
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
        prediction: Spectrum above 2 MeV: "huber_mueller", "bestiole", "kopeikin" or "hayes".
        below_2_mev: Spectrum below 2 MeV: "vogel_engel" or "bestiole"; None is "bestiole" beside
            itself and "vogel_engel" beside the others.
        captures_per_fission: Neutrons captured by 238U, two antineutrinos each; 0 leaves them
            out, about 0.6 in power reactors [1].

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
    prediction: str = "huber_mueller"
    below_2_mev: str | None = None
    captures_per_fission: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, "thermal_power_gw", "baseline_m", "exposure_days", "E_nu_max")
        if not E_JOIN < self.E_nu_max <= _E_END:
            raise InputError(
                f"ReactorSource: E_nu_max must be above {E_JOIN:g} and up to {_E_END:g} MeV, "
                f"got {self.E_nu_max:g}"
            )
        known(
            "ReactorSource",
            prediction=(self.prediction, PREDICTIONS),
            below_2_mev=(self.below_2_mev, (None, *BELOW)),
        )
        if number("ReactorSource: captures_per_fission", self.captures_per_fission) < 0:
            raise InputError(
                f"ReactorSource: captures_per_fission must be >= 0, got "
                f"{self.captures_per_fission:g}"
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
        """Relative rise of the density at 2 MeV, from one table to the other [1]."""
        table = self.shape()
        here = np.asarray(table.densities)[np.asarray(table.energies) == E_JOIN]
        return float(here[-1] / here[0] - 1)

    def shape(self) -> Spectrum:
        """Antineutrinos per fission and MeV of the mixture."""
        assert isinstance(self.fission_fractions, tuple)
        below = self.below_2_mev or ("bestiole" if self.prediction == "bestiole" else "vogel_engel")
        E_nu_max, captures = float(self.E_nu_max), float(self.captures_per_fission)
        return mixture(self.fission_fractions, E_nu_max, self.prediction, below, captures)


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
