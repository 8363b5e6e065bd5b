"""Priors of a posterior: from the parameter table or given, within bounds, nothing counted twice.

A Gaussian prior that reaches beyond the bounds is cut there and normalised to what is left. A
constrained nuisance has its constraint as prior, centred where the auxiliary measurement found it;
the likelihood holds that constraint already, so it is taken out there (``counted_nll``).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.objective import Objective
from cevnsjax.parameters import Normal, Prior, Uniform

# A prior with less than this within the bounds contradicts them.
_LEAST_MASS = 1e-6


@dataclass(frozen=True)
class Density:
    """Prior of one parameter: flat or Gaussian between two ends.

    Attributes:
        name: The parameter.
        low: Lower end in the parameter's unit, may be -inf.
        high: Upper end, may be inf.
        scale: Typical change, the unit of sampling.
        normal: Gaussian that is cut at the ends; None for flat.
        counted: Gaussian constraint that the model's nll holds; None if there is none.
        improper: Whether it is flat between ends that are no one's, for want of a prior.
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
        """How much of the Gaussian lies between the ends; 1 for a flat prior."""
        if self.normal is None:
            return 1.0
        from scipy import special  # 0.2 s to import

        ends = (np.array([self.low, self.high]) - self.normal.mean) / self.normal.sd
        # Both ends on the side where the tail is computed, not 1 minus it.
        low, high = ends if ends[0] < 0 else -ends[::-1]
        return float(special.ndtr(high) - special.ndtr(low))

    def log(self, x: Any, xp: Any = np) -> Any:
        """Logarithm of the normalised density, -inf beyond the ends, shaped like x [1/unit].

        Args:
            x: In the parameter's unit.
            xp: numpy, or jax.numpy inside a trace.
        """
        if self.normal is None:
            out = xp.full(xp.shape(x), -math.log(self.high - self.low))
        else:
            pull = (x - self.normal.mean) / self.normal.sd
            norm = math.log(self.normal.sd * math.sqrt(2 * math.pi) * self.mass)
            out = -0.5 * pull**2 - norm
        return xp.where((x >= self.low) & (x <= self.high), out, -xp.inf)

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Independent values [size] in the parameter's unit."""
        if self.normal is None:
            return rng.uniform(self.low, self.high, size)
        from scipy import special  # 0.2 s to import

        low, high = ((x - self.normal.mean) / self.normal.sd for x in (self.low, self.high))
        # The tail beyond the mean is turned around, where its probability is no 1 minus little.
        turn = -1.0 if low > 0 else 1.0
        ends = sorted(float(special.ndtr(turn * x)) for x in (low, high))
        pull = turn * special.ndtri(rng.uniform(ends[0], ends[1], size))
        return np.clip(self.normal.mean + self.normal.sd * pull, self.low, self.high)

    @property
    def follows(self) -> bool:
        """Whether it is the model's own constraint, which lies where the data put it."""
        return self.counted is not None and self.normal == self.counted

    def counted_nll(self, x: Any, centre: Any = None) -> Any:
        """What the model's nll holds of the prior already [1].

        Args:
            x: In the parameter's unit.
            centre: Of the constraint, if it is another one, in the same unit.
        """
        if self.counted is None:
            return 0.0
        centre = self.counted.mean if centre is None else centre
        return 0.5 * ((x - centre) / self.counted.sd) ** 2

    @property
    def distribution(self) -> Any:
        """The prior of value/scale as a numpyro distribution."""
        return self.distribution_about(None if self.normal is None else self.normal.mean)

    def distribution_about(self, centre: Any) -> Any:
        """The same with a Gaussian centred elsewhere; centre in the parameter's unit."""
        import numpyro.distributions as dist

        low, high = self.low / self.scale, self.high / self.scale
        if self.normal is None:
            return dist.Uniform(low, high)
        mean, sd = centre / self.scale, self.normal.sd / self.scale
        if math.isinf(low) and math.isinf(high):
            return dist.Normal(mean, sd)
        ends = (x if math.isfinite(x) else None for x in (low, high))
        return dist.TruncatedNormal(mean, sd, low=next(ends), high=next(ends))

    def near(self, default: float, away: float) -> float:
        """A point about the mean of a Gaussian or the default, well within the ends.

        Args:
            default: In the parameter's unit.
            away: Distance in scales, or in sd of a Gaussian narrower than that.

        Returns:
            Value in the parameter's unit.
        """
        x = default if self.normal is None else self.normal.mean
        step = self.scale if self.normal is None else min(self.scale, self.normal.sd)
        width = self.high - self.low
        # Off the ends: there the sampler's coordinates go to infinity.
        room = min(0.05 * width, 0.5 * step)
        return min(max(x + step * away, self.low + room), self.high - room)


def densities(
    model: Objective,
    names: Iterable[str],
    priors: Mapping[str, Prior] | None,
    data: Any = None,
    instead: Mapping[str, Uniform] | None = None,
) -> list[Density]:
    """Priors of named parameters.

    Args:
        model: The model.
        names: Parameters that vary.
        priors: Priors to use instead of the table's.
        data: Data instead of the model's; Pseudodata move the centres of constraints.
        instead: What to take where a flat prior would be improper, by parameter.

    Raises:
        UnknownNameError: At a prior of an unknown parameter.
        InputError: At a prior of a parameter that does not vary, an improper one, one that is no
            ``Normal`` or ``Uniform``, or one outside the parameter's bounds.
    """
    listed = list(names)
    if priors is not None and not isinstance(priors, Mapping):
        raise InputError(f"priors must be {{name: Normal(...) or Uniform(...)}}, got {priors!r}")
    for name, prior in (priors or {}).items():
        if name not in model.parameters:
            raise UnknownNameError("parameter", name, model.parameters)
        if name not in listed:
            raise InputError(f"a prior is given for {name}, which does not vary; it has {listed}")
        if not isinstance(prior, Normal | Uniform):
            raise InputError(f"prior of {name} must be Normal or Uniform, got {prior!r}")
    given, ranges = priors or {}, instead or {}
    return [_density(model, n, given.get(n), data, ranges.get(n)) for n in listed]


def _density(
    model: Objective, name: str, given: Prior | None, data: Any, instead: Uniform | None
) -> Density:
    parameter = model.parameters[name]
    (low, high), counted = parameter.bounds, None
    prior = parameter.prior
    if parameter.kind == "nuisance" and isinstance(prior, Normal):
        # What the auxiliary measurement found: pseudo-experiments throw it.
        found = getattr(data, "auxiliary", {}).get(name, prior.mean)
        prior = counted = Normal(float(found), prior.sd)
    prior = prior if given is None else given
    if isinstance(prior, Normal):
        if not (math.isfinite(prior.mean) and math.isfinite(prior.sd)):
            raise InputError(f"prior of {name} must be finite, got {prior}")
        density = Density(name, low, high, parameter.scale, prior, counted)
        if density.mass < _LEAST_MASS:
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
        if instead is not None:
            ends = instead.low, instead.high
            return Density(name, *ends, parameter.scale, None, counted, improper=True)
        raise InputError(
            f"{name} has no prior and no finite bounds [{low:g}, {high:g}]: a flat prior would be "
            f"improper; give priors={{{name!r}: Normal(mean, sd)}} or Uniform(low, high) "
            f"(--prior {name}=normal:mean,sd or uniform:low,high)"
        )
    return Density(name, low, high, parameter.scale, None, counted)
