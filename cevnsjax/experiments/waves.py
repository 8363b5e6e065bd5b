"""Waves in the phase of an oscillation, from the fastest to the slowest, and their flux moments."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Float

from cevnsjax.core.kinematics import E_nu_min, Kinematics
from cevnsjax.core.oscillation import half_phase, max_dm2, resolved
from cevnsjax.core.types import Moments, Numbers
from cevnsjax.flux.source import NeutrinoSource, OscillatingSource

# Each oscillation is slower than the one before by this factor; the phase of the slowest at the
# highest energy is so many radians.
_SLOWER, _SLOWEST = 1.25, 0.05


@dataclass(frozen=True, eq=False)
class Waves:
    """Cosine and sine of the phases of some oscillations, in place of a survival probability.

    Attributes:
        flux: Neutrino source.
        dm2: Mass-squared differences [eV^2].
    """

    flux: NeutrinoSource
    dm2: Float[np.ndarray, " speed"]
    _sums: dict[str, np.ndarray] = field(default_factory=dict)

    def moments(
        self, T_nr: Float[np.ndarray, " node"], mass: float, kinematics: Kinematics
    ) -> dict[str, Moments]:
        """Flux moments as a source gives them, each [wave, node] [MeV^-k]."""
        if not isinstance(self.flux, OscillatingSource):
            return self._one_by_one(T_nr, mass, kinematics)
        moments: dict[str, Moments] = {}
        E_min = E_nu_min(T_nr, mass, kinematics, np)
        for source, nodes in self.flux.nodes_above(E_min, np).items():
            if source not in self._sums:
                self._sums[source] = np.asarray(nodes.sums_above(self._all, np))
            I_0, I_1, I_2 = nodes.moments(self._all, np, self._sums[source])
            moments[source] = I_0, I_1, I_2
        return moments

    def _one_by_one(
        self, T_nr: Float[np.ndarray, " node"], mass: float, kinematics: Kinematics
    ) -> dict[str, Moments]:
        """The moments from a source that only knows one survival probability at a time."""
        each = [
            self.flux.moments(T_nr, mass, kinematics, np, partial(self._one, k))
            for k in range(2 * self.dm2.size)
        ]
        stacked = {s: np.stack([np.stack(e[s]) for e in each], axis=1) for s in each[0]}
        return {s: (m[0], m[1], m[2]) for s, m in stacked.items()}

    def _all(self, E_nu: Numbers) -> Float[np.ndarray, "wave ..."]:
        """All waves at energies [1]."""
        E, baseline_m = np.asarray(E_nu), self.flux.baseline_m
        dm2 = self.dm2.reshape(-1, *(1,) * E.ndim)
        phase, size = 2 * half_phase(dm2, baseline_m) / E, resolved(dm2, E, baseline_m, np)
        return np.concatenate([size * np.cos(phase), size * np.sin(phase)])

    def _one(self, k: int, source: str, E_nu: Numbers) -> Numbers:  # noqa: ARG002
        return self._all(E_nu)[k]


def waves_of(flux: NeutrinoSource, together: int) -> list[Waves]:
    """Waves of all speeds that a source is prepared for, so many speeds together."""
    fastest = max_dm2(flux.baseline_m)
    phase = 2 * half_phase(fastest, flux.baseline_m) / max(flux.kink_energies)
    steps = int(np.ceil(np.log(phase / _SLOWEST) / np.log(_SLOWER)))
    dm2 = fastest / _SLOWER ** np.arange(max(0, steps) + 1)
    return [Waves(flux, dm2[k : k + together]) for k in range(0, dm2.size, together)]
