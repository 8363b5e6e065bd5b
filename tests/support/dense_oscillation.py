"""Oscillating neutrinos for the dense folding: disappearance of all flavours alike.

Panels in energy and in recoil energy follow the phase up to 2e4 radians. Before, the cosine fades
smoothly: it integrates to less than 1e-8 there. Units: MeV, m, eV^2.
"""

from dataclasses import dataclass, replace

import numpy as np
from support import oracle
from support.dense_sections import Continuum, Line, cut

# Phases between which the cosine fades; panels of eight nodes are so many radians wide.
_FADING, _MOST_PHASE, _WIDTH = 1e4, 2e4, 3.0


@dataclass(frozen=True)
class Oscillation:
    """Mixing s = sin^2(2 theta) with a mass-squared difference over a baseline."""

    s: float
    dm2: float
    baseline_m: float
    step: float

    @property
    def rate(self):
        """Phase times energy."""
        return 2 * 1e3 / (4 * 197.3269804) * self.dm2 * self.baseline_m

    def arrives(self, E):
        """Probability to arrive."""
        phase = self.rate / E
        faded = np.clip((phase - _FADING) / (_MOST_PHASE - _FADING), 0, 1)
        return 1 - self.s / 2 * (1 - np.cos(phase) * (1 + np.cos(np.pi * faded)) / 2)

    def at_detector(self, source):
        """The source with the neutrinos that arrive."""
        if isinstance(source, Line):
            return replace(source, fluence=source.fluence * self.arrives(oracle.E_PI))
        return Continuum(
            lambda E: source.density(E) * self.arrives(E),
            cut(source.walls, self._pieces),
            source.ends,
            source.flavour,
            self.step,
        )

    def cut_recoils(self, walls, nuclei):
        """Walls in recoil energy between which no phase at the least energy grows by much."""
        for nucleus in nuclei:
            walls = cut(
                walls,
                lambda a, b, M=nucleus.mass: self._pieces(*(oracle.E_min(T, M) for T in (a, b))),
            )
        return walls

    def _pieces(self, low, high):
        slowest = max(self.rate / _MOST_PHASE, 1e-300)
        low, high = (np.maximum(E, slowest) for E in (low, high))
        return self.rate * (1 / low - 1 / high) / (_WIDTH * self.step)
