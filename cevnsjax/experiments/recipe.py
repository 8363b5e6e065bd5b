"""The static part of a signal: what folds rates into bins, checked against a finer response."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.constants import hbar_c
from cevnsjax.core.errors import InputError
from cevnsjax.core.kinematics import E_nu_min, Kinematics, T_nr_max
from cevnsjax.core.types import AtNodes, Survival, Values
from cevnsjax.cross_section import Kernels, fermi_scale, kernels
from cevnsjax.detector.contents import Variant
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.panels import Panels
from cevnsjax.detector.refine import Checked, ShapeBox, also_for, refined
from cevnsjax.detector.response import response
from cevnsjax.flux.source import NeutrinoSource, OscillatingSource
from cevnsjax.nuclei import Nucleus, Target
from cevnsjax.rate import flux_kernels

Response = Float[np.ndarray, "bin node"] | Float[Array, "bin node"]
Nodes = Float[np.ndarray, " node"]
"""Recoil energies [MeV]."""
SourceRates = Float[np.ndarray, "source node"]
"""Recoil spectra in any unit."""
# Masses of mediators that steep spectra are refined for; with those that are lighter, spectra rise
# as if there were none wherever a detector can see [MeV].
_MEDIATORS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
# Releases are finer for the standard model; nodes cost time at every evaluation.
_STEEP_ACCURACY = 1e-7
# Relative growth of a bin by lighter mediators that shows that its counts have no limit.
_DIVERGING = 1e-3
# Rates that panels are refined for: weak charge of the proton, that of the neutron being 1, and
# Helm's form factor, radius and surface thickness [fm].
_PROTON, _RADIUS_FM, _SKIN_FM = -0.05, 1.2, 0.9


@dataclass(frozen=True)
class SignalRecipe:
    """Static part of the signal: hashable, so that a compiled program can hold it."""

    detector: Detector
    flux: NeutrinoSource
    nuclei: tuple[Nucleus, ...]
    kinematics: Kinematics
    structures: tuple[str, ...] = ("vector",)
    panels: Panels | None = None

    @property
    def kinks(self) -> Float[np.ndarray, " kink"]:
        """End-point recoils of every source energy and nucleus, increasing [MeV]."""
        return end_points(self.flux, self.nuclei, self.kinematics)

    def nodes(self, shape: Values, xp: ModuleType) -> tuple[AtNodes, Response]:
        """Recoil-energy nodes [MeV] and response matrix [bin, node] [MeV]."""
        return response(self.detector, self.kinks, shape, xp, self.panels)

    def kernels(
        self, T_nr: AtNodes, xp: ModuleType, survival: Survival | None = None
    ) -> dict[str, Kernels]:
        """Flux-folded kernels {nucleus: {structure: {source: [node]}}} [1]."""
        return flux_kernels(
            self.flux, self.nuclei, T_nr, self.kinematics, self.structures, xp, survival
        )

    def lowest_energy(self, T_nr: Float[np.ndarray, " node"]) -> float:
        """Least neutrino energy that reaches any node on any nucleus [MeV]."""
        lowest = [E_nu_min(T_nr.min(), n.mass, self.kinematics, np) for n in self.nuclei]
        return float(min(lowest))

    def survival_kernels(
        self, T_nr: Float[np.ndarray, " node"], E_low: float
    ) -> dict[str, Kernels]:
        """Kernels by energy of a survival probability, {...: [node, energy]} [1]."""
        assert isinstance(self.flux, OscillatingSource)
        by_nucleus = {}
        for n in self.nuclei:
            weights = self.flux.survival_weights(T_nr, n.mass, self.kinematics, E_low)
            column = kernels(T_nr[:, None], n, weights, self.kinematics, self.structures)
            by_nucleus[n.name] = column
        return by_nucleus


def end_points(
    flux: NeutrinoSource, nuclei: tuple[Nucleus, ...], kinematics: Kinematics
) -> Float[np.ndarray, " kink"]:
    """End-point recoils of every source energy and nucleus, increasing [MeV]."""
    ends = {float(T_nr_max(E, n.mass, kinematics)) for E in flux.kink_energies for n in nuclei}
    return np.array(sorted(ends))


@lru_cache(maxsize=256)
def checked_response(
    detector: Detector,
    flux: NeutrinoSource,
    target: Target,
    kinematics: Kinematics,
    others: tuple[Variant, ...] = (),
    steepness: int = 0,
    box: ShapeBox = (),
) -> Checked:
    """The response of a detector to the recoils of a source, refined to its accuracy.

    Args:
        detector: How recoils are seen.
        flux: Neutrino source.
        target: Detector material.
        kinematics: Convention of end points and kernels.
        others: Shifted detectors that share its panels.
        steepness: Power p of recoil spectra that rise towards T = 0 as T^-p, or do so down to the
            mass of a mediator.
        box: Shape parameters with the range that panels must serve.

    Raises:
        InputError: If the accuracy cannot be reached.
    """

    def rates(T_nr: Nodes) -> SourceRates:
        return _standard_rates(T_nr, flux, target, kinematics)

    kinks = end_points(flux, target.nuclei, kinematics)
    checked = refined(detector, kinks, rates, others, box)
    if not steepness:
        return checked
    two_M, m2 = 2 * max(nucleus.mass for nucleus in target.nuclei), np.array(_MEDIATORS) ** 2

    def steep(T_nr: Nodes) -> Float[np.ndarray, "kind source node"]:
        propagator = 1 / (two_M * T_nr + m2[:, None])
        kinds = np.concatenate([propagator**power for power in range(1, steepness + 1)])
        scalar = _standard_rates(T_nr, flux, target, kinematics, "scalar")
        return np.concatenate([kinds[:, None, :] * r for r in (rates(T_nr), scalar)])

    return also_for(checked, kinks, steep, max(detector.accuracy, _STEEP_ACCURACY), others)


def require_threshold(
    experiment: str, checked: Checked, flux: NeutrinoSource, target: Target, kinematics: Kinematics
) -> None:
    """Reject a detector that sees recoils down to T = 0, where photons make spectra diverge.

    Raises:
        InputError: If the recoils that a light mediator adds count.
    """
    kinks = end_points(flux, target.nuclei, kinematics)
    T_nr, R = map(np.asarray, response(checked.detector, kinks, {}, np, checked.panels))
    rates = _standard_rates(T_nr, flux, target, kinematics)
    q2 = 2 * max(nucleus.mass for nucleus in target.nuclei) * T_nr
    light, heavier = (R @ (rates / (q2 + m**2)).T for m in _MEDIATORS[:2])
    if np.any(light.max(axis=0) > (1 + _DIVERGING) * heavier.max(axis=0)):
        raise InputError(
            f"{experiment}: counts of magnetic moments and electric charges grow without end "
            "towards recoils of 0, which its bins accept; let the bins begin above 0, or give the "
            "efficiency a threshold"
        )


def _standard_rates(
    T_nr: Nodes,
    flux: NeutrinoSource,
    target: Target,
    kinematics: Kinematics,
    structure: str = "vector",
) -> SourceRates:
    """Recoil spectra of the standard model to a per cent, in one arbitrary unit.

    Another structure than "vector" has the spectra of that with the same charges.
    """
    by_nucleus = flux_kernels(flux, target.nuclei, T_nr, kinematics, (structure,), np)
    total = np.zeros((len(flux.sources), T_nr.size))
    for nucleus, per_kg in zip(target.nuclei, target.per_kg, strict=True):
        charge = (nucleus.N + _PROTON * nucleus.Z) * _helm(2 * nucleus.mass * T_nr, nucleus.A)
        norm = per_kg * fermi_scale(nucleus.mass) * charge**2
        kernel: Mapping[str, object] = by_nucleus[nucleus.name][structure]
        total += norm * np.stack([np.asarray(kernel[source]) for source in flux.sources])
    return total


def _helm(q2: Float[np.ndarray, " node"], A: int) -> Float[np.ndarray, " node"]:
    """Helm's form factor at momentum transfers squared [MeV^2] [1]."""
    from scipy.special import spherical_jn

    x = np.sqrt(q2) / hbar_c
    box = x * _RADIUS_FM * A ** (1 / 3)
    return 3 * spherical_jn(1, box) / box * np.exp(-((x * _SKIN_FM) ** 2) / 2)
