"""Pions and muons decaying at rest: the neutrinos of a spallation source, in closed form.

nu_mu is a line at 29.79 MeV; nu_mu_bar and nu_e follow the Michel spectra
f(E) = a E^2/m_mu^3 - b E^3/m_mu^4 up to m_mu/2 (Louis, Prog. Part. Nucl. Phys. 63, 51).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import numpy as np

from cevnsjax.core import constants as c
from cevnsjax.core import units
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import E_nu_min, Kinematics
from cevnsjax.core.types import Kind, Moments, Numbers, Survival
from cevnsjax.flux import oscillation
from cevnsjax.flux.panels import geometric_cuts

SOURCES = ("nu_mu", "nu_mu_bar", "nu_e")
_MICHEL = {"nu_mu_bar": (48.0, 64.0), "nu_e": (96.0, 192.0)}

# Below it lie 3e-14 of the neutrinos [MeV].
_LOWEST_ENERGY = 1e-3


@dataclass(frozen=True)
class DecayAtRest:
    """Fluence of a stopped-pion source at a detector, one of each flavour per pion.

    Attributes:
        neutrinos_per_proton: Neutrinos of each flavour per proton on target [1].
        protons_on_target: Protons on target [1].
        baseline_m: Distance from source to detector [m].

    Examples:
        >>> flux = cj.DecayAtRest(neutrinos_per_proton=0.09, protons_on_target=1e23, baseline_m=20)
        >>> flux.sources
        ('nu_mu', 'nu_mu_bar', 'nu_e')
        >>> f"{flux.fluence:.3g}"
        '1.79e+14'
    """

    neutrinos_per_proton: float
    protons_on_target: float
    baseline_m: float

    def __post_init__(self) -> None:
        for name in ("neutrinos_per_proton", "protons_on_target", "baseline_m"):
            if not getattr(self, name) > 0:
                raise InputError(f"DecayAtRest: {name} must be > 0, got {getattr(self, name)}")

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the neutrino sources."""
        return SOURCES

    @property
    def fluence(self) -> float:
        """Time-integrated flux of each flavour at the detector [1/cm^2]."""
        baseline = self.baseline_m * units.m_in_cm
        return self.neutrinos_per_proton * self.protons_on_target / (4 * math.pi * baseline**2)

    @property
    def kink_energies(self) -> tuple[float, ...]:
        """Energies whose end-point recoils are kinks of the folded rate [MeV]."""
        return (c.E_nu_prompt, c.E_nu_michel_max)

    def spectrum(self, source: str, E_nu: Numbers, xp: ModuleType) -> Numbers:
        """Unit-normalised spectrum of a delayed source (the prompt line has no density).

        Args:
            source: "nu_mu_bar" or "nu_e".
            E_nu: Neutrino energy [MeV].
            xp: numpy or jax.numpy.

        Returns:
            Density, shaped like ``E_nu`` [1/MeV].

        Raises:
            UnknownNameError: For any other source.
        """
        if source not in _MICHEL:
            raise UnknownNameError("continuous source", source, _MICHEL)
        a, b = _MICHEL[source]
        density = a * E_nu**2 / c.m_mu**3 - b * E_nu**3 / c.m_mu**4
        return xp.where((E_nu > 0) & (E_nu < c.E_nu_michel_max), density, 0.0)

    def moments(
        self,
        T_nr: Numbers,
        mass: float,
        kinematics: Kinematics,
        xp: ModuleType,
        survival: Survival | None = None,
    ) -> dict[str, Moments]:
        """Moments I_0, I_1, I_2 of each unit-normalised source above E_min(T_nr).

        They have a closed form, or are integrated numerically if there is a survival probability.
        Units and shapes are those of ``NeutrinoSource.moments``.
        """
        E_min = E_nu_min(T_nr, mass, kinematics, xp)
        if survival is not None:
            return oscillation.moments_of(self.nodes_above(E_min, xp), E_min, xp, survival)
        line = xp.where(E_min < c.E_nu_prompt, 1.0, 0.0)
        out: dict[str, Moments] = {"nu_mu": (line, line / c.E_nu_prompt, line / c.E_nu_prompt**2)}
        for source, (a, b) in _MICHEL.items():
            I_0, I_1, I_2 = (_michel_moment(a, b, k, E_min, xp) for k in range(3))
            out[source] = I_0, I_1, I_2
        return out

    def nodes_above(self, E_min: Numbers, xp: ModuleType) -> dict[str, oscillation.NodesAbove]:
        """Nodes of the moments above E_min of neutrinos that oscillate.

        Units and shapes are those of ``OscillatingSource.nodes_above``.
        """
        line = oscillation.line_above(c.E_nu_prompt, E_min, xp)
        panels = ((s, _phase_panels(s, self.baseline_m)) for s in _MICHEL)
        return {"nu_mu": line, **{s: oscillation.nodes_above(p, E_min, xp) for s, p in panels}}


@lru_cache(maxsize=32)
def _phase_panels(source: str, baseline_m: float) -> oscillation.PhasePanels:
    """A Michel spectrum for a survival probability."""
    edges = geometric_cuts(_LOWEST_ENERGY, c.E_nu_michel_max)
    a, b = (x / c.m_mu**n for x, n in zip(_MICHEL[source], (3, 4), strict=True))
    E = edges[:-1]
    cubics = np.stack(
        [np.full_like(E, -b), a - 3 * b * E, (2 * a - 3 * b * E) * E, (a - b * E) * E**2]
    )
    return oscillation.phase_panels((edges, cubics), baseline_m)


def _michel_moment(a: float, b: float, k: int, E_min: Numbers, xp: ModuleType) -> Numbers:
    """Closed-form moment of a E^2/m^3 - b E^3/m^4 between E_min and m/2 [MeV^-k]."""
    low = xp.minimum(E_min, c.E_nu_michel_max)

    def primitive(E: Kind) -> Kind:
        rising = a * E ** (3 - k) / ((3 - k) * c.m_mu**3)
        return rising - b * E ** (4 - k) / ((4 - k) * c.m_mu**4)

    return primitive(c.E_nu_michel_max) - primitive(low)
