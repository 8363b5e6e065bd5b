"""Electrons as the second target of an experiment: where their spectra break, and what they are.

An electron takes the whole energy transfer and is seen without quenching; the rest is the detector
of nuclear recoils, or one of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.detector.contents import Variant
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.refine import Checked
from cevnsjax.detector.response import bin_weights, response
from cevnsjax.electrons import ELECTRON, Electrons, electrons_of
from cevnsjax.experiments.recoils import Kinds, Nodes, Recoils, checked_response
from cevnsjax.experiments.systematics import Morph
from cevnsjax.experiments.waves import Waves
from cevnsjax.flux.source import NeutrinoSource
from cevnsjax.nuclei import Target

# Energies whose probability to be seen in every bin is smaller count nowhere [1].
_UNSEEN = 1e-18
_POINTS = 400
# Energies below which levels are not those of a crystal or a liquid [MeV], and the share of counts
# that may come from there.
_UNKNOWN, _MAX_SHARE = 3e-5, 1e-3
_LIGHTER = (ELECTRON.mass / 123772.5) ** 0.5
_ONE_ELECTRON = Target("electron", (ELECTRON,), (1.0,))


@dataclass(frozen=True)
class ElectronRecoils(Recoils):
    """Electrons that neutrinos of a source strike in a material.

    Attributes:
        electrons: Electrons of the material.
        breaks: Energies at which spectra are not smooth, the highest that is seen last [MeV].
    """

    electrons: Electrons = field(kw_only=True)
    breaks: tuple[float, ...] = field(kw_only=True)

    @property
    def kinks(self) -> Float[np.ndarray, " kink"]:
        """End points and binding energies as far as they are seen, increasing [MeV]."""
        return np.array(self.breaks)

    @property
    def mediators(self) -> tuple[float, ...]:
        """Masses at which spectra of electrons bend where those of cesium do with their own [MeV].

        The energy transfer at which q^2 is m^2 is m^2/2 M.
        """
        return tuple(m * _LIGHTER for m in super().mediators)

    def _kinds(self, T_nr: Nodes, structures: tuple[str, ...], waves: Waves | None = None) -> Kinds:
        return super()._kinds(T_nr, structures, waves) * self.electrons.freed(T_nr)


class CheckedElectrons(NamedTuple):
    """A response to electrons that has been checked, and the electrons."""

    response: Checked
    recoils: ElectronRecoils


def electron_recoils(
    detector: Detector,
    flux: NeutrinoSource,
    target: Target,
    steepness: int,
    oscillating: tuple[str, ...],
) -> ElectronRecoils:
    """Electrons of a material in a source, as far as a detector sees them.

    Args:
        detector: How electrons are seen.
        flux: Neutrino source.
        target: Detector material.
        steepness: Power p of spectra that rise towards T = 0 as T^-p.
        oscillating: Structures of the cross section if neutrinos oscillate, none otherwise.
    """
    electrons = electrons_of(target)
    ends = [float(T_nr_max(E, ELECTRON.mass, "exact")) for E in flux.kink_energies]
    highest = _highest_seen(detector, max(ends))
    breaks = (*sorted({T for T in (*ends, *electrons.kinks) if highest > T}), highest)
    static = flux, _ONE_ELECTRON, "exact", steepness, oscillating
    return ElectronRecoils(*static, electrons=electrons, breaks=breaks)


def _highest_seen(detector: Detector, T_max: float) -> float:
    """The highest energy up to T_max of which something falls into the bins [MeV]."""
    top = detector.edges[-1] / (1e3 * detector.per_keV)
    if top >= T_max or detector.resolution is None:
        return min(top, T_max)
    T = np.geomspace(top, T_max, _POINTS)
    seen = np.flatnonzero(np.asarray(bin_weights(detector, T, {})).max(axis=0) > _UNSEEN)
    return float(T[min(seen[-1] + 1, _POINTS - 1)]) if seen.size else T_max


def checked_electrons(
    detector: Detector,
    morphs: Iterable[Morph],
    flux: NeutrinoSource,
    target: Target,
    steepness: int,
    oscillating: tuple[str, ...],
) -> CheckedElectrons:
    """The response of a detector to electrons, refined to its accuracy, for its morphs too.

    The other arguments are those of ``electron_recoils``.
    """
    recoils = electron_recoils(detector, flux, target, steepness, oscillating)
    moved = dict.fromkeys(Variant(d.of_electrons) for m in morphs for d in m.detectors or ())
    others = tuple(v for v in moved if v.detector != detector)
    return CheckedElectrons(checked_response(detector, recoils, others), recoils)


def require_like(
    experiment: str, electrons: Detector, detector: Detector, morphs: Iterable[Morph]
) -> None:
    """Reject electrons in other bins than nuclei, or without part in what shifts the detector."""
    if electrons.edges != detector.edges:
        raise InputError(f"{experiment}: electrons need the bin edges of the detector")
    moved = [m.name for m in morphs if m.detectors]
    if moved and electrons != detector.of_electrons:
        raise InputError(
            f"{experiment}: {moved[0]} shifts the detector, but electrons have one of their own; "
            "give electrons = detector.of_electrons, or leave the morph out"
        )


def require_known_levels(experiment: str, checked: Checked, recoils: ElectronRecoils) -> None:
    """Reject a detector that sees electrons of steep spectra where levels are not known.

    Raises:
        InputError: If energies below 30 eV count with light mediators, moments or charges.
    """
    nodes, R = response(checked.detector, recoils.kinks, {}, np, checked.panels)
    T = np.asarray(nodes)
    rising = recoils.standard(T) / T**recoils.steepness
    share = R.fold(rising * (T < _UNKNOWN)).max() / R.fold(rising).max()
    if share > _MAX_SHARE:
        raise InputError(
            f"{experiment}: up to {share:.1g} of the electrons that this theory adds are seen "
            "below 30 eV, where levels are not known; give the efficiency a threshold, or let the "
            "bins begin above it"
        )
