"""Recoil spectra that an experiment's response is refined for, and the refined response."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from jaxtyping import Float

from cevnsjax.core.constants import hbar_c
from cevnsjax.core.errors import InputError
from cevnsjax.core.kinematics import Kinematics
from cevnsjax.cross_section import fermi_scale, kernels
from cevnsjax.detector.detector import Detector, Variant
from cevnsjax.detector.refine import Checked, ShapeBox, also_for, refined
from cevnsjax.detector.response import response
from cevnsjax.experiments.recipe import end_points
from cevnsjax.experiments.waves import Waves, waves_of
from cevnsjax.flux.source import NeutrinoSource
from cevnsjax.nuclei import Nucleus, Target

Nodes = Float[np.ndarray, " node"]
"""Recoil energies [MeV]."""
Kinds = Float[np.ndarray, "kind source node"]
"""Recoil spectra of several kinds, in any unit."""
# Masses of mediators that steep spectra are refined for; with those that are lighter, spectra rise
# as if there were none wherever a detector can see [MeV].
LIGHTEST = 1e-3
"""Least mass of a mediator that a detector without threshold is refined for [MeV]."""
_MEDIATORS = (LIGHTEST, 1e-2, 0.1, 1.0, 10.0, 100.0)
# Releases are finer for the standard model; nodes cost time at every evaluation.
_STEEP_ACCURACY = 1e-7
# Relative growth of a bin by lighter mediators that shows that its counts have no limit.
_DIVERGING = 1e-3
# So many oscillations, times the edges of bins, are served together.
_MOST_WAVES = 500
# Rates that panels are refined for: weak charge of the proton, that of the neutron being 1, and
# Helm's form factor, radius and surface thickness [fm].
_PROTON, _RADIUS_FM, _SKIN_FM = -0.05, 1.2, 0.9
# Arguments below which Helm's form factor is a power series.
_NEAR = 0.3


@dataclass(frozen=True)
class Recoils:
    """Recoils of a source's neutrinos in a target, by a theory.

    Attributes:
        flux: Neutrino source.
        target: Detector material.
        kinematics: Convention of end points and kernels.
        steepness: Power p of recoil spectra that rise towards T = 0 as T^-p, or do so down to the
            mass of a mediator.
        oscillating: Structures of the cross section if neutrinos oscillate, none otherwise.
    """

    flux: NeutrinoSource
    target: Target
    kinematics: Kinematics
    steepness: int = 0
    oscillating: tuple[str, ...] = ()

    @property
    def kinks(self) -> Float[np.ndarray, " kink"]:
        """End-point recoils of every source energy and nucleus, increasing [MeV]."""
        return end_points(self.flux, self.target.nuclei, self.kinematics)

    def standard(self, T_nr: Nodes) -> Float[np.ndarray, "source node"]:
        """Recoil spectra of the standard model to a per cent, in one arbitrary unit."""
        return self._kinds(T_nr, ("vector",))[0]

    def steep(self, T_nr: Nodes) -> Kinds:
        """Recoil spectra with mediators of all masses."""
        kinds = self._propagators(T_nr, range(1, self.steepness + 1))
        standard = self._kinds(T_nr, ("vector", "scalar"))
        return np.concatenate([kinds[:, None, :] * r for r in standard])

    def oscillating_in(self, T_nr: Nodes, waves: Waves) -> Kinds:
        """Recoil spectra without oscillations and, as further sources, with waves."""
        of_steep = ("vector", "scalar") if self.steepness else ()
        structures = tuple(dict.fromkeys((*self.oscillating, *of_steep)))
        kinds = np.concatenate([self._kinds(T_nr, structures, w) for w in (None, waves)], axis=1)
        if not self.steepness:
            return kinds
        steep = self._propagators(T_nr, [self.steepness])[:, None, :]
        both = [kinds[structures.index(s)] for s in of_steep]
        return np.concatenate([kinds, *(steep * kind for kind in both)])

    @property
    def mediators(self) -> tuple[float, ...]:
        """Masses of mediators that steep spectra are refined for, increasing [MeV]."""
        return _MEDIATORS

    def _propagators(self, T_nr: Nodes, powers: Iterable[int]) -> Float[np.ndarray, "kind node"]:
        """Powers of what mediators of all masses multiply a cross section with [MeV^-2p]."""
        two_M, m2 = 2 * max(n.mass for n in self.target.nuclei), np.array(self.mediators) ** 2
        propagator = 1 / (two_M * T_nr + m2[:, None])
        return np.concatenate([propagator**p for p in powers])

    def _kinds(self, T_nr: Nodes, structures: tuple[str, ...], waves: Waves | None = None) -> Kinds:
        """Recoil spectra of structures of the cross section with the charges of the standard model.

        With waves there is one for each source and wave.
        """
        isotopes = dict(zip(self.target.nuclei, self.target.per_kg, strict=True))
        # Isotopes of an element have nearly the same phases.
        nuclei = isotopes if waves is None else _elements(isotopes)
        total: float | np.ndarray = 0.0
        for n, per_kg in nuclei.items():
            if waves is None:
                moments = self.flux.moments(T_nr, n.mass, self.kinematics, np)
            else:
                moments = waves.moments(T_nr, n.mass, self.kinematics)
            own = kernels(T_nr, n, moments, self.kinematics, structures)
            charge = 1.0 if n.is_electron else _charge(n, T_nr)
            kinds = [
                [np.asarray(own[s][source]) for source in self.flux.sources] for s in structures
            ]
            total = total + per_kg * fermi_scale(n.mass) * charge**2 * np.array(kinds)
        return np.asarray(total).reshape(len(structures), -1, T_nr.size)


@lru_cache(maxsize=256)
def checked_response(
    detector: Detector, recoils: Recoils, others: tuple[Variant, ...] = (), box: ShapeBox = ()
) -> Checked:
    """The response of a detector to recoils, refined to its accuracy.

    Args:
        detector: How recoils are seen.
        recoils: Their spectra.
        others: Shifted detectors that share its panels.
        box: Shape parameters with the range that panels must serve.

    Raises:
        InputError: If the accuracy cannot be reached.
    """
    kinks = recoils.kinks
    checked = refined(detector, kinks, recoils.standard, others, box)
    accuracy = max(detector.accuracy, _STEEP_ACCURACY)
    if recoils.steepness:
        checked = also_for(checked, kinks, recoils.steep, accuracy, others, box)
    if recoils.oscillating:
        accuracy = accuracy if recoils.steepness else detector.accuracy
        for waves in waves_of(recoils.flux, max(1, _MOST_WAVES // len(detector.edges))):
            spectra = partial(recoils.oscillating_in, waves=waves)
            checked = also_for(checked, kinks, spectra, accuracy, others, box)
    return checked


def have_no_limit(checked: Checked, recoils: Recoils, power: int = 1) -> bool:
    """Whether counts grow without end with ever lighter mediators: recoils of T = 0 are accepted.

    Args:
        checked: The response of a detector.
        recoils: Recoils of the standard model.
        power: Power p of the spectra that the mediators make rise as T^-p.
    """
    nodes, R = response(checked.detector, recoils.kinks, {}, np, checked.panels)
    T_nr = np.asarray(nodes)
    rates = recoils.standard(T_nr)
    q2 = 2 * max(nucleus.mass for nucleus in recoils.target.nuclei) * T_nr
    each = (R.fold(rates / (q2 + m**2) ** power).max(axis=(1, 2)) for m in recoils.mediators[:2])
    light, heavier = each
    return bool(np.any(light > (1 + _DIVERGING) * heavier))


def require_threshold(experiment: str, checked: Checked, recoils: Recoils) -> None:
    """Reject a detector that sees recoils down to T = 0, where photons make spectra diverge.

    Raises:
        InputError: If the recoils that a light mediator adds count.
    """
    if have_no_limit(checked, recoils):
        raise InputError(
            f"{experiment}: counts of magnetic moments and electric charges grow without end "
            "towards recoils of 0, which its bins accept; let the bins begin above 0, or give the "
            "efficiency a threshold"
        )


def _elements(isotopes: dict[Nucleus, float]) -> dict[Nucleus, float]:
    """The most abundant isotope of each element, standing for all of them."""
    by_Z: dict[int, dict[Nucleus, float]] = {}
    for nucleus, per_kg in isotopes.items():
        by_Z.setdefault(nucleus.Z, {})[nucleus] = per_kg
    return {max(own, key=lambda n: own[n]): sum(own.values()) for own in by_Z.values()}


def _charge(nucleus: Nucleus, T_nr: Nodes) -> Nodes:
    """Weak charge with its form factor [1]."""
    helm = _helm(2 * nucleus.mass * T_nr, nucleus.A)
    return (nucleus.N + _PROTON * nucleus.Z) * helm


def _helm(q2: Float[np.ndarray, " node"], A: int) -> Float[np.ndarray, " node"]:
    """Helm's form factor at momentum transfers squared [MeV^2] [1]."""
    x = np.sqrt(q2) / hbar_c
    box = x * _RADIUS_FM * A ** (1 / 3)
    # 3 j1(box)/box; the closed form cancels near 0.
    far = np.maximum(box, _NEAR)
    y = np.minimum(box, _NEAR) ** 2
    closed = 3 * (np.sin(far) - far * np.cos(far)) / far**3
    series = 1 - y / 10 * (1 - y / 28 * (1 - y / 54 * (1 - y / 88)))
    return np.where(box < _NEAR, series, closed) * np.exp(-((x * _SKIN_FM) ** 2) / 2)
