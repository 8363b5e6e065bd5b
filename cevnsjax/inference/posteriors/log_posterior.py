"""The density that is sampled: priors times a likelihood, with data as arguments of programs."""

import math
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from types import ModuleType
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from cevnsjax.core.errors import InputError
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.posteriors.priors import Density, Real, densities
from cevnsjax.parameters import Prior

# First points lie within so many scales of the defaults.
_MAX_DISTANCE = 1.0
_MAX_TRIES = 20


@runtime_checkable
class Likelihood(Objective, Protocol):
    """An objective that JAX can differentiate.

    Where it has ``marginal_nll``, pulls can be integrated out; where it has ``expected`` and
    ``observed_counts``, as ``Model`` does, the result holds counts.
    """

    @property
    def nll(self) -> Callable[..., Real]:
        """Function of (values, data) that needs the value of every parameter."""
        ...


class Inputs(NamedTuple):
    """What changes from data set to data set and compiles nothing again.

    Data are arrays in the form that the objective takes, None for its own; centres are those of
    the constraints that its nll holds, by nuisance.
    """

    data: PyTree
    centres: Mapping[str, Real]


@dataclass(frozen=True, eq=False)
class LogPosterior:
    """Logarithm of a posterior density: priors times a likelihood of the counts.

    Equal posteriors share compiled programs, whatever arrays their data are. Linear pulls are
    integrated out of a marginal one.
    """

    model: Any
    priors: list[Density]
    fixed: dict[str, float]
    marginal: bool
    data: PyTree = None

    def _key(self) -> tuple[Hashable, ...]:
        # Data that are not arrays are built into programs: such a posterior equals only itself.
        built_in = self.data is not None and as_arrays(self.data) is None
        data = id(self) if built_in else self.data is None
        priors = tuple(map(_without_centre, self.priors))
        return id(self.model), priors, *self.fixed.items(), self.marginal, data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogPosterior) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sampled parameters."""
        return tuple(p.name for p in self.priors)

    @property
    def inputs(self) -> Inputs:
        """Data and centres of this posterior, as arrays."""
        centres = {p.name: np.asarray(p.counted.mean, float) for p in self.priors if p.counted}
        return Inputs(as_arrays(self.data), centres)

    def log_likelihood(self, values: Mapping[str, Real], inputs: Inputs | None = None) -> Real:
        """Logarithm of the likelihood of the counts alone [1].

        Constraints that the nll holds are priors here, so they are taken out of it.
        """
        data, centres = self.inputs if inputs is None else inputs
        nll = self.model.marginal_nll if self.marginal else self.model.nll
        counted = sum(p.counted_nll(values[p.name], centres.get(p.name)) for p in self.priors)
        return counted - nll({**self.fixed, **values}, data=self.data if data is None else data)

    def log_prior(self, values: Mapping[str, Real], inputs: Inputs) -> Real:
        """Logarithm of the prior of all parameters, up to a constant; -inf beyond their ends."""
        total: Real = 0.0
        for p in self.priors:
            x = jnp.asarray(values[p.name])
            inside = (x >= p.low) & (x <= p.high)
            pull = 0.0 * x if p.normal is None else (x - _centre(p, inputs)) / p.normal.sd
            total = total + jnp.where(inside, -0.5 * pull**2, -jnp.inf)
        return total

    def numpyro_model(self, inputs: Inputs) -> None:
        """The posterior as a numpyro model; each site is a parameter in units of its scale."""
        numpyro = _whole_numpyro()
        values: dict[str, Any] = {
            p.name: numpyro.sample(p.name, p.distribution(_centre(p, inputs))) * p.scale
            for p in self.priors
        }
        numpyro.factor("counts", self.log_likelihood(values, inputs))


def _whole_numpyro() -> ModuleType:
    """The module numpyro with all its parts.

    arviz 1.x imports it lazily, and its package of distributions then lacks the names of its own
    modules, of which ``numpyro.factor`` needs one.
    """
    import numpyro
    import numpyro.distributions

    for name, module in tuple(sys.modules.items()):
        package, _, part = name.rpartition(".")
        if package == "numpyro.distributions" and not hasattr(numpyro.distributions, part):
            setattr(numpyro.distributions, part, module)
    return numpyro


def _centre(prior: Density, inputs: Inputs) -> Real:
    """Mean of a Gaussian prior; where the data put it if it is the model's own constraint."""
    if prior.is_constraint:
        return inputs.centres[prior.name]
    return math.nan if prior.normal is None else prior.normal.mean


def _without_centre(prior: Density) -> tuple[Density, float | None, bool]:
    """What programs are compiled for: a prior without the numbers that they take as arguments."""
    sd = None if prior.counted is None else prior.counted.sd
    normal = None if prior.is_constraint else prior.normal
    return replace(prior, normal=normal, counted=None), sd, prior.is_constraint


def as_arrays(data: PyTree) -> PyTree:
    """Data with numbers as NumPy arrays, in the same form; None where they are not numbers."""
    if type(data) in (list, tuple):
        # Numbers in a row are one array, not a tree of scalars.
        data = np.asarray(data)
    leaves = jax.tree.leaves(data)
    try:
        arrays = [np.asarray(x, dtype=float) for x in leaves]
    except (TypeError, ValueError):
        return None
    return jax.tree.unflatten(jax.tree.structure(data), arrays) if leaves else None


def log_posterior_of(
    model: Likelihood,
    free: str | Iterable[str] | None,
    fixed: Mapping[str, float] | None,
    priors: Mapping[str, Prior] | None,
    marginalise_linear: bool,
    data: PyTree = None,
) -> tuple[LogPosterior, tuple[str, ...]]:
    """The posterior that ``sample`` draws from, and the pulls that are integrated out."""
    names, values = free_names(model, free, fixed)
    linear = model.parameters.names(linear=True)
    pulls = linear if marginalise_linear else ()
    sampled = names if marginalise_linear else (*names, *linear)
    for name in priors or ():
        if name in pulls:
            raise InputError(
                f"{name} is integrated out with the model's own constraint; drop its prior, or "
                "leave marginalise_linear=True (--marginalise) out"
            )
    if not sampled:
        raise InputError("there is nothing to sample: name parameters in free")
    table = densities(model, sampled, priors, data)
    return LogPosterior(model, table, values, bool(pulls), data), pulls


def first_points(
    posterior: LogPosterior,
    inputs: Inputs,
    chains: int,
    seed: int | Sequence[int],
    *,
    shared: bool = True,
) -> dict[str, Float[np.ndarray, " chain"]]:
    """Scattered points about the defaults at which the likelihood is finite.

    Inputs have [chain] in front unless all chains share them.
    """
    rng = np.random.default_rng(seed)
    data = [inputs if shared else jax.tree.map(itemgetter(k), inputs) for k in range(chains)]
    points = [_first_point(posterior, one, rng) for one in data]
    return {n: np.array([p[n] for p in points]) for n in posterior.names}


def _first_point(
    posterior: LogPosterior, inputs: Inputs, rng: np.random.Generator
) -> dict[str, float]:
    table = posterior.model.parameters
    for _ in range(_MAX_TRIES):
        point = {
            p.name: p.near(table[p.name].default, rng.uniform(-_MAX_DISTANCE, _MAX_DISTANCE))
            for p in posterior.priors
        }
        if np.isfinite(float(_log_likelihood(posterior, point, inputs))):
            return point
    raise InputError("the likelihood is not finite near the defaults; fix or bound parameters")


@partial(jax.jit, static_argnums=0)
def _log_likelihood(posterior: LogPosterior, point: dict[str, Array], inputs: Inputs) -> Array:
    """Of values as the samplers have them, which then need not trace the likelihood again."""
    return jnp.asarray(posterior.log_likelihood(point, inputs))
