"""Arrival times at a pulsed source: proton pulse x pion decay x muon decay, in closed form.

A Gaussian pulse convolved with one exponential is an exponentially modified Gaussian; with two
exponentials it is the weighted difference of two such densities. Prompt nu_mu follow the decay of
the pion, nu_e and nu_mu_bar the decays of pion and muon. Fractions in time bins are differences of
cumulative distributions, so that they are right for a pulse of any width.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from cevnsjax.core.checks import number
from cevnsjax.core.errors import InputError

TAU_PION_US, TAU_MUON_US = 0.026033, 2.1969811
"""Lifetimes of charged pion and muon [us] (PDG 2020)."""
_NARROWEST_US, _WIDEST_US = 1e-9, 1e9
# More standard deviations than any probability can tell apart; their square is finite.
_MAX_DEVIATIONS = 1e100

# Arguments of erfc beyond which exp(v^2) erfc(v) is a continued fraction.
_FAR = 3.0

Times = Float[np.ndarray, "..."]
"""Times [us], or numbers at them."""


@dataclass(frozen=True)
class TimeEfficiency:
    """Efficiency 1 up to ``flat_us``, then exp(-slope (t - flat_us)).

    Attributes:
        flat_us: End of the plateau [us].
        slope_per_us: Fall-off after it, 0 or more [1/us].

    Raises:
        InputError: At a slope below 0, or a number that is not finite.
    """

    flat_us: float = math.inf
    slope_per_us: float = 0.0

    def __post_init__(self) -> None:
        if self.flat_us != math.inf:
            number("time efficiency: flat_us", self.flat_us)
        if number("time efficiency: slope_per_us", self.slope_per_us) < 0:
            raise InputError(f"time efficiency: slope_per_us must be >= 0, got {self.slope_per_us}")

    def __call__(self, t_us: np.ndarray) -> np.ndarray:
        """Efficiency at recoil time, shaped like ``t_us`` [1]."""
        late = np.maximum(t_us - self.flat_us, 0.0) if math.isfinite(self.flat_us) else 0.0 * t_us
        return np.exp(-self.slope_per_us * late)


@dataclass(frozen=True)
class Pulse:
    """Gaussian proton pulse.

    Attributes:
        mean_us: Centre on the experiment's clock [us].
        sigma_us: Standard deviation, 1e-9 to 1e9 [us].

    Raises:
        InputError: At a width outside 1e-9 to 1e9 us, or a centre that is not finite.
    """

    mean_us: float
    sigma_us: float

    def __post_init__(self) -> None:
        if not self.sigma_us > 0:
            raise InputError(f"pulse width must be > 0 us, got {self.sigma_us}")
        if not _NARROWEST_US <= self.sigma_us <= _WIDEST_US:
            raise InputError(
                f"pulse width must lie between {_NARROWEST_US:g} and {_WIDEST_US:g} us, got "
                f"{self.sigma_us:g}; write {_NARROWEST_US:g} for a pulse without width"
            )
        number("pulse centre [us]", self.mean_us)

    def density(self, source: str, t_us: Times) -> Times:
        """Arrival-time density of "nu_mu" (prompt) or another source [1/us]."""
        u = self._deviations(t_us)
        return _by_decays(source, lambda tau: _discounted(-u, self.sigma_us / tau) / tau)

    def fractions(
        self, source: str, edges_us: Sequence[float], efficiency: TimeEfficiency | None = None
    ) -> Times:
        """Probability times efficiency in time bins, [time] [1].

        Args:
            source: "nu_mu" (prompt) or another source.
            edges_us: Bin edges, increasing [us].
            efficiency: Efficiency at recoil time; None accepts every recoil.

        Raises:
            InputError: At edges that do not increase.
        """
        if any(not low < high for low, high in pairwise(edges_us)):
            raise InputError(f"edges of time bins must increase, got {list(edges_us)}")
        accepted = efficiency or TimeEfficiency()
        bend = accepted.flat_us
        inner = [bend] if edges_us[0] < bend < edges_us[-1] else []
        walls = np.unique([*map(float, edges_us), *inner])
        flat = self._between(source, walls[walls <= bend])
        after = self._accepted_after(source, walls[walls >= bend], accepted)
        shares = np.maximum([*flat, *(after[:-1] - after[1:])], 0.0)
        return np.add.reduceat(shares, np.searchsorted(walls, edges_us[:-1]))

    def _deviations(self, t_us: Times) -> Times:
        """Distance from the centre in standard deviations [1]."""
        with np.errstate(over="ignore"):
            u = (np.asarray(t_us) - self.mean_us) / self.sigma_us
        return np.clip(u, -_MAX_DEVIATIONS, _MAX_DEVIATIONS)

    def _between(self, source: str, t_us: Times) -> Times:
        """Probability between consecutive times, from the tail on their side of the centre [1]."""
        u, width = self._deviations(t_us), self.sigma_us
        before = _by_decays(source, lambda tau: _discounted(-u, 0) - _discounted(-u, width / tau))
        after = self._accepted_after(source, t_us, TimeEfficiency())
        return np.where(t_us[1:] <= self.mean_us, np.diff(before), after[:-1] - after[1:])

    def _accepted_after(self, source: str, t_us: Times, accepted: TimeEfficiency) -> Times:
        """Integral of density times efficiency from times after the bend to infinity [1].

        Its parts are the protons that are still to come and the mesons in flight.
        """
        u, width, slope = self._deviations(t_us), self.sigma_us, accepted.slope_per_us
        coming = _discounted(u, slope * width)
        return accepted(t_us) * _by_decays(
            source, lambda tau: (coming + _discounted(-u, width / tau)) / (1 + slope * tau)
        )


def _by_decays(source: str, of_lifetime: Callable[[float], Times]) -> Times:
    """What holds for one exponential decay, carried over to the decays behind a source."""
    prompt = of_lifetime(TAU_PION_US)
    if source == "nu_mu":
        return prompt
    delayed = of_lifetime(TAU_MUON_US)
    return (TAU_MUON_US * delayed - TAU_PION_US * prompt) / (TAU_MUON_US - TAU_PION_US)


def _discounted(u: Times, rate: float) -> Times:
    """Integral over x > u of the unit normal density times exp(-rate (x - u)), rate >= 0 [1]."""
    v = (u + rate) / math.sqrt(2)
    # The exponent of the product may overflow where the argument of erfc is large, and only there.
    near = np.exp(np.minimum(rate * u + rate * rate / 2, _FAR**2)) * _erfc(np.minimum(v, _FAR))
    far = np.exp(-(u**2) / 2) / (math.sqrt(math.pi) * _inverse_erfcx(np.maximum(v, _FAR)))
    return np.where(v > _FAR, far, near) / 2


def _erfc(v: Times) -> Times:
    return np.asarray(np.frompyfunc(math.erfc, 1, 1)(v), dtype=float)


def _inverse_erfcx(v: Times) -> Times:
    """1/(sqrt(pi) exp(v^2) erfc(v)) beyond ``_FAR``, as Laplace's continued fraction [1].

    Its 50 levels are exact to rounding there (Abramowitz and Stegun 7.1.14). scipy has it too, but
    takes 0.2 s to import.
    """
    value = v
    for k in range(50, 0, -1):
        value = v + k / 2 / value
    return value
