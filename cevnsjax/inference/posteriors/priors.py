"""Priors of a posterior: the table's or the user's, within bounds, none of them counted twice.

A Gaussian prior that reaches beyond the bounds is cut there and normalised to the rest. The prior
of a constrained nuisance is its constraint, centred on the auxiliary measurement; the likelihood
holds that constraint already, so it is taken out of the likelihood (``counted_nll``).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Array, Float, PyTree

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.objective import Objective
from cevnsjax.parameters import Normal, Prior, Uniform

Real = float | np.ndarray | Array
"""A number, or an array of them."""

# A Gaussian with less probability than this within the bounds contradicts them.
_MIN_MASS = 1e-6


@dataclass(frozen=True)
class Density:
    """Prior of one parameter: flat or Gaussian between two ends, which may be infinite.

    Attributes:
        scale: Typical change of the parameter; samplers work in units of it.
        normal: Gaussian that is cut at the ends; None for a flat prior.
        counted: Gaussian constraint that the model's nll holds; None if there is none.
        improper: Whether the ends are those of an axis, as neither a prior nor bounds exist.
    """

    name: str
    low: float
    high: float
    scale: float
    normal: Normal | None = None
    counted: Normal | None = None
    improper: bool = False

    @property
    def mass(self) -> float:
        """Probability of the Gaussian between the ends; 1 for a flat prior."""
        if self.normal is None:
            return 1.0
        from scipy import special  # 0.2 s to import

        low, high, _ = self.ends_in_sd
        return float(special.ndtr(high) - special.ndtr(low))

    @property
    def ends_in_sd(self) -> tuple[float, float, float]:
        """Ends of a Gaussian in its standard deviations from the mean, and their sign.

        Mirrored (-1) where both are above the mean, as ndtr is exact in the lower tail only.
        """
        assert self.normal is not None
        ends = [(x - self.normal.mean) / self.normal.sd for x in (self.low, self.high)]
        return (ends[0], ends[1], 1.0) if ends[0] < 0 else (-ends[1], -ends[0], -1.0)

    def log(self, x: Real, xp: ModuleType = np) -> Array | np.ndarray:
        """Logarithm of the normalised density, -inf beyond the ends, shaped like x [1/unit].

        ``xp`` is the module numpy, or jax.numpy inside a trace.
        """
        if self.normal is None:
            out = xp.full(xp.shape(x), -math.log(self.high - self.low))
        else:
            pull = (x - self.normal.mean) / self.normal.sd
            norm = math.log(self.normal.sd * math.sqrt(2 * math.pi) * self.mass)
            out = -0.5 * pull**2 - norm
        return xp.where((x >= self.low) & (x <= self.high), out, -xp.inf)

    def draw(self, rng: np.random.Generator, size: int) -> Float[np.ndarray, " size"]:
        """Independent values in the parameter's unit."""
        if self.normal is None:
            return rng.uniform(self.low, self.high, size)
        from scipy import special  # 0.2 s to import

        low, high = ((x - self.normal.mean) / self.normal.sd for x in (self.low, self.high))
        # Mirrored if above the mean, so that probabilities are not close to 1 and lose no digits.
        turn = -1.0 if low > 0 else 1.0
        ends = sorted(float(special.ndtr(turn * x)) for x in (low, high))
        pull = turn * special.ndtri(rng.uniform(ends[0], ends[1], size))
        return np.clip(self.normal.mean + self.normal.sd * pull, self.low, self.high)

    @property
    def is_constraint(self) -> bool:
        """Whether it is the model's own constraint, centred where the data put it."""
        return self.counted is not None and self.normal == self.counted

    def counted_nll(self, x: Real, centre: Real | None = None) -> Real:
        """Part of the model's nll that is the prior [1], about another centre if given."""
        if self.counted is None:
            return 0.0
        centre = self.counted.mean if centre is None else centre
        return 0.5 * ((x - centre) / self.counted.sd) ** 2

    def distribution(self, centre: Real | None = None) -> Any:
        """The prior of value/scale as a numpyro distribution, about another centre if given."""
        import numpyro.distributions as dist

        low, high = self.low / self.scale, self.high / self.scale
        if self.normal is None:
            return dist.Uniform(low, high)
        mean = (self.normal.mean if centre is None else centre) / self.scale
        sd = self.normal.sd / self.scale
        if math.isinf(low) and math.isinf(high):
            return dist.Normal(mean, sd)
        ends = (x if math.isfinite(x) else None for x in (low, high))
        return dist.TruncatedNormal(mean, sd, low=next(ends), high=next(ends))

    def near(self, default: float, away: float) -> float:
        """A point near the mean of a Gaussian or near the default, well within the ends.

        ``away`` is its distance in scales, or in sd of a Gaussian that is narrower than the scale.
        """
        x = default if self.normal is None else self.normal.mean
        step = self.scale if self.normal is None else min(self.scale, self.normal.sd)
        width = self.high - self.low
        # Away from the ends, where the sampler's coordinates go to infinity.
        room = min(0.05 * width, 0.5 * step)
        return min(max(x + step * away, self.low + room), self.high - room)


def densities(
    model: Objective,
    names: Iterable[str],
    priors: Mapping[str, Prior] | None,
    data: PyTree = None,
    ranges: Mapping[str, Uniform] | None = None,
) -> list[Density]:
    """Priors of the parameters that vary, those in ``priors`` instead of the table's.

    Pseudodata move the centres of constraints. ``ranges`` are flat priors to use where one over the
    bounds would be improper.

    Raises:
        UnknownNameError: At a prior of an unknown parameter.
        InputError: At a prior of a parameter that does not vary, an improper prior, one that is
            neither ``Normal`` nor ``Uniform``, or one outside the parameter's bounds.
    """
    varying = list(names)
    if priors is not None and not isinstance(priors, Mapping):
        raise InputError(f"priors must be {{name: Normal(...) or Uniform(...)}}, got {priors!r}")
    for name, prior in (priors or {}).items():
        if name not in model.parameters:
            raise UnknownNameError("parameter", name, model.parameters)
        if name not in varying:
            raise InputError(f"a prior is given for {name}, which does not vary; {varying} do")
        if not isinstance(prior, Normal | Uniform):
            raise InputError(f"prior of {name} must be Normal or Uniform, got {prior!r}")
    chosen, spare = priors or {}, ranges or {}
    return [_density(model, n, chosen.get(n), data, spare.get(n)) for n in varying]


def _density(
    model: Objective, name: str, chosen: Prior | None, data: PyTree, spare: Uniform | None
) -> Density:
    parameter = model.parameters[name]
    (low, high), counted, prior = parameter.bounds, None, parameter.prior
    if parameter.kind == "nuisance" and isinstance(prior, Normal):
        # Result of the auxiliary measurement, which pseudo-experiments draw at random.
        centre = getattr(data, "auxiliary", {}).get(name, prior.mean)
        prior = counted = Normal(float(centre), prior.sd)
    prior = prior if chosen is None else chosen
    if isinstance(prior, Normal):
        if not (math.isfinite(prior.mean) and math.isfinite(prior.sd)):
            raise InputError(f"prior of {name} must be finite, got {prior}")
        density = Density(name, low, high, parameter.scale, prior, counted)
        if density.mass < _MIN_MASS:
            raise InputError(
                f"prior of {name}, {prior}, has next to nothing within its bounds "
                f"[{low:g}, {high:g}]; move it"
            )
        return density
    if isinstance(prior, Uniform):
        if prior.low < low or prior.high > high:
            raise InputError(
                f"prior of {name}, [{prior.low:g}, {prior.high:g}], reaches outside its bounds "
                f"[{low:g}, {high:g}]; narrow it"
            )
        low, high = prior.low, prior.high
    if not (math.isfinite(low) and math.isfinite(high)):
        if spare is not None:
            ends = spare.low, spare.high
            return Density(name, *ends, parameter.scale, None, counted, improper=True)
        raise InputError(
            f"{name} has no prior and no finite bounds [{low:g}, {high:g}]: a flat prior would be "
            f"improper; give priors={{{name!r}: Normal(mean, sd)}} or Uniform(low, high) "
            f"(--prior {name}=normal:mean,sd or uniform:low,high)"
        )
    return Density(name, low, high, parameter.scale, None, counted)
