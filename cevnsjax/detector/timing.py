"""Arrival times at a pulsed source: proton pulse x pion decay x muon decay, in closed form.

A Gaussian pulse convolved with one exponential is an exponentially modified Gaussian; with two
exponentials it is the weighted difference of two such densities. Prompt nu_mu follow the decay of
the pion, nu_e and nu_mu_bar the decays of pion and muon.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.numerics import panel_nodes

TAU_PION_US, TAU_MUON_US = 0.026033, 2.1969811
"""Lifetimes of charged pion and muon [us] (PDG 2020)."""
# Panels of the time integral are at most this wide and have this many nodes.
_PANEL_US, _NODES = 0.05, 10


@dataclass(frozen=True)
class TimeEfficiency:
    """Efficiency 1 up to ``flat_us``, then exp(-slope (t - flat_us)).

    Attributes:
        flat_us: End of the plateau [us].
        slope_per_us: Fall-off after it [1/us].
    """

    flat_us: float = math.inf
    slope_per_us: float = 0.0

    def __call__(self, t_us: np.ndarray) -> np.ndarray:
        """Efficiency at recoil time, shaped like ``t_us`` [1]."""
        late = np.maximum(t_us - self.flat_us, 0.0) if math.isfinite(self.flat_us) else 0.0 * t_us
        return np.exp(-self.slope_per_us * late)


@dataclass(frozen=True)
class Pulse:
    """Gaussian proton pulse.

    Attributes:
        mean_us: Centre on the experiment's clock [us].
        sigma_us: Standard deviation [us].
    """

    mean_us: float
    sigma_us: float

    def __post_init__(self) -> None:
        if not self.sigma_us > 0:
            raise InputError(f"pulse width must be > 0 us, got {self.sigma_us}")

    def density(self, source: str, t_us: np.ndarray) -> np.ndarray:
        """Arrival-time density of "nu_mu" (prompt) or another source [1/us]."""
        prompt = self._modified(t_us, TAU_PION_US)
        if source == "nu_mu":
            return prompt
        delayed = self._modified(t_us, TAU_MUON_US)
        return (TAU_MUON_US * delayed - TAU_PION_US * prompt) / (TAU_MUON_US - TAU_PION_US)

    def _modified(self, t_us: np.ndarray, tau: float) -> np.ndarray:
        """Exponentially modified Gaussian with decay time tau [1/us]."""
        from scipy import special

        u = (t_us - self.mean_us) / self.sigma_us
        z = (self.sigma_us / tau - u) / math.sqrt(2)
        # erfcx avoids overflow where its argument is positive; elsewhere the product is safe.
        early = np.exp(-(u**2) / 2) * special.erfcx(np.maximum(z, 0.0))
        exponent = (self.sigma_us / tau) ** 2 / 2 - (t_us - self.mean_us) / tau
        late = np.exp(np.minimum(exponent, 0.0)) * special.erfc(np.minimum(z, 0.0))
        return np.asarray(np.where(z > 0, early, late) / (2 * tau))

    def fractions(
        self, source: str, edges_us: Sequence[float], efficiency: TimeEfficiency | None = None
    ) -> np.ndarray:
        """Probability times efficiency in time bins with increasing edges, [bin] [1]."""
        accepted = efficiency or TimeEfficiency()
        out = []
        for low, high in pairwise(edges_us):
            kinks = [k for k in (accepted.flat_us,) if low < k < high]
            pieces = max(1, math.ceil((high - low) / _PANEL_US))
            breaks = np.unique([*np.linspace(low, high, pieces + 1), *kinks])
            t, w = panel_nodes(breaks, _NODES)
            out.append(float(np.sum(w * self.density(source, t) * accepted(t))))
        return np.array(out)
