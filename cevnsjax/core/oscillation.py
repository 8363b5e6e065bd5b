"""The range of oscillations that spectra are prepared for, and what is averaged.

A phase is 2.534 dm2 L/E. Quadratures resolve it up to ``MAX_DM2`` and ``MAX_DM2_L``; where phases
exceed some thousand radians, at the lowest neutrino energies, the average replaces the cosine.
"""

from types import ModuleType

from cevnsjax.core import constants as c
from cevnsjax.core.types import Numbers

MAX_DM2 = 100.0
"""Largest mass-squared difference [eV^2]."""
MAX_DM2_L = 5000.0
"""Largest product with a baseline: 50 m at ``MAX_DM2`` [eV^2 m]."""
_PHASE = 1e3 / (4 * c.hbar_c)
"""1/(4 hbar c) for eV^2 m/MeV: the familiar 1.267 [MeV/(eV^2 m)]."""
_RESOLVED_RADIANS = 6000.0


def half_phase(dm2: Numbers, baseline_m: float) -> Numbers:
    """1.267 dm2 L, which over E_nu is the argument of sin^2 [MeV].

    Args:
        dm2: Mass-squared difference [eV^2].
        baseline_m: Distance from source to detector [m].
    """
    return _PHASE * baseline_m * dm2


def max_dm2(baseline_m: float) -> float:
    """Largest mass-squared difference that is resolved at a baseline [m], in eV^2."""
    return min(MAX_DM2, MAX_DM2_L / baseline_m)


def fastest(baseline_m: float) -> float:
    """Largest phase times E_nu at a baseline [m], in MeV."""
    return 2 * _PHASE * baseline_m * max_dm2(baseline_m)


def averaging_energy(baseline_m: float) -> float:
    """Energy below which the fastest oscillation at a baseline [m] is averaged [MeV]."""
    return fastest(baseline_m) / _RESOLVED_RADIANS


def fastest_resolved(E_nu: Numbers, baseline_m: float, xp: ModuleType) -> Numbers:
    """Largest phase times E_nu that is not averaged at an energy [MeV], in MeV."""
    most = fastest(baseline_m)
    return xp.minimum(most, 2 * most * (E_nu / averaging_energy(baseline_m)) ** 2)


def resolved(dm2: Numbers, E_nu: Numbers, baseline_m: float, xp: ModuleType) -> Numbers:
    """Part of an oscillation that is not averaged: 1, and smoothly to 0 at the lowest energies.

    The cosine of the phase is multiplied by it. A cosine that begins and ends smoothly integrates
    to nothing; a spectrum f cut at E_nu loses at most f E_nu/phase there.

    Args:
        dm2: Mass-squared difference [eV^2].
        E_nu: Neutrino energy [MeV].
        baseline_m: Distance from source to detector [m].
        xp: numpy or jax.numpy.

    Returns:
        Between 0 and 1, twice differentiable, shaped like ``E_nu`` [1].
    """
    speed = dm2 / max_dm2(baseline_m) * (averaging_energy(baseline_m) / E_nu) ** 2
    t = xp.clip(speed - 1, 0.0, 1.0)
    return 1 - t**3 * (10 - 15 * t + 6 * t**2)
