"""What is sampled: priors times a likelihood, with the data as arguments of compiled programs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.posteriors.priors import Density, densities
from cevnsjax.parameters import Prior

# Starts lie within so many scales of the default; so many tries to find finite ones.
_SPREAD, _TRIES = 1.0, 20


@runtime_checkable
class Likelihood(Objective, Protocol):
    """An objective that jax can differentiate.

    Where it has ``marginal_nll`` pulls can be integrated out; where it has ``expected`` and
    ``observed_counts``, as ``Model`` does, the result holds counts.
    """

    @property
    def nll(self) -> Any:
        """Function of (values, data), with every parameter given."""
        ...


class Inputs(NamedTuple):
    """What changes from data set to data set, and recompiles nothing.

    Attributes:
        data: Arrays in the form the objective takes them; None for the target's own.
        centres: Centres of constraints that the objective's nll holds, {nuisance: scalar}.
    """

    data: Any
    centres: dict[str, Any]


@dataclass(frozen=True, eq=False)
class LogPosterior:
    """A posterior density as priors times a likelihood of the counts.

    Equal targets share compiled programs, whatever arrays their data are.

    Attributes:
        model: The model.
        priors: One for each sampled parameter.
        held: Values of parameters that are held.
        marginal: Whether linear pulls are integrated out.
        data: Data to use instead of the model's.
    """

    model: Any
    priors: list[Density]
    held: dict[str, float]
    marginal: bool
    data: Any = None

    def _key(self) -> Any:
        # Data that are no arrays are built into programs: such a posterior equals itself only.
        built_in = self.data is not None and as_arrays(self.data) is None
        own = id(self) if built_in else self.data is None
        priors = tuple(map(_without_centre, self.priors))
        return id(self.model), priors, *self.held.items(), self.marginal, own

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogPosterior) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def names(self) -> tuple[str, ...]:
        """Sampled parameters."""
        return tuple(p.name for p in self.priors)

    @property
    def inputs(self) -> Inputs:
        """The target's own data and centres, as arrays."""
        centres = {p.name: np.asarray(p.counted.mean, float) for p in self.priors if p.counted}
        return Inputs(as_arrays(self.data), centres)

    def log_likelihood(self, values: Mapping[str, Any], inputs: Inputs | None = None) -> Any:
        """Of the counts alone: constraints that the nll holds are priors here, counted once.

        Args:
            values: Sampled parameters in their units.
            inputs: Data and centres instead of the target's.
        """
        data, centres = self.inputs if inputs is None else inputs
        kind = self.model.marginal_nll if self.marginal else self.model.nll
        counted = sum(p.counted_nll(values[p.name], centres.get(p.name)) for p in self.priors)
        used = self.data if data is None else data
        return counted - kind({**self.held, **values}, data=used)

    def log_prior(self, values: Mapping[str, Any], inputs: Inputs) -> Any:
        """Of all parameters, up to a constant; -inf beyond their ends."""
        total: Any = 0.0
        for p in self.priors:
            x = values[p.name]
            inside = (x >= p.low) & (x <= p.high)
            pull = 0.0 * x if p.normal is None else (x - _centre(p, inputs)) / p.normal.sd
            total = total + jnp.where(inside, -0.5 * pull**2, -jnp.inf)
        return total

    def numpyro_model(self, inputs: Inputs) -> None:
        """The posterior as a numpyro model; each site is a parameter in units of its scale."""
        import numpyro

        values = {
            p.name: numpyro.sample(p.name, p.distribution_about(_centre(p, inputs))) * p.scale
            for p in self.priors
        }
        numpyro.factor("counts", self.log_likelihood(values, inputs))


def _centre(prior: Density, inputs: Inputs) -> Any:
    """Mean of a Gaussian prior, where the data put it if it is the model's own constraint."""
    if prior.follows:
        return inputs.centres[prior.name]
    return None if prior.normal is None else prior.normal.mean


def _without_centre(prior: Density) -> Any:
    """What programs are built for: a prior but for the numbers that they take as arguments."""
    sd = None if prior.counted is None else prior.counted.sd
    normal = None if prior.follows else prior.normal
    return replace(prior, normal=normal, counted=None), sd, prior.follows


def as_arrays(data: Any) -> Any:
    """Data with numbers as NumPy arrays, in the same form; None where they are something else.

    Args:
        data: Whatever an objective takes as ``data``: numbers, a dict or a pytree of them.
    """
    if type(data) in (list, tuple):
        # Numbers in a row are one array, not a tree of scalars.
        data = np.asarray(data)
    leaves = jax.tree.leaves(data)
    try:
        arrays = [np.asarray(x, dtype=float) for x in leaves]
    except (TypeError, ValueError):
        return None
    return jax.tree.unflatten(jax.tree.structure(data), arrays) if leaves else None


def target_of(
    model: Any,
    free: str | Iterable[str] | None,
    fixed: Mapping[str, float] | None,
    priors: Mapping[str, Prior] | None,
    marginalize_linear: bool,
    data: Any = None,
) -> tuple[LogPosterior, tuple[str, ...]]:
    """The posterior of some parameters and the pulls that are integrated out.

    Arguments as for ``sample``, which see.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At priors or parameters that ``sample`` refuses.
    """
    names, held = free_names(model, free, fixed)
    solved = model.parameters.names(linear=True)
    pulls = solved if marginalize_linear else ()
    sampled = names if marginalize_linear else (*names, *solved)
    for name in priors or ():
        if name in pulls:
            raise InputError(
                f"{name} is integrated out with the model's own constraint; drop its prior, or "
                "leave marginalize_linear=True (--marginalise) out"
            )
    if not sampled:
        raise InputError("there is nothing to sample: name parameters in free")
    table = densities(model, sampled, priors, data)
    return LogPosterior(model, table, held, bool(pulls), data), pulls


def starts(
    target: LogPosterior, inputs: Inputs, chains: int, seed: Any, *, shared: bool = True
) -> dict[str, np.ndarray]:
    """Scattered points about the defaults with finite likelihood, {name: [chain]}.

    Args:
        target: The posterior.
        inputs: Its data, with [chain] in front unless shared.
        chains: How many points.
        seed: Of the random numbers, as NumPy takes it.
        shared: Whether all chains have the same data.

    Raises:
        InputError: If the likelihood is finite hardly anywhere there.
    """
    rng = np.random.default_rng(seed)
    points: list[dict[str, float]] = []
    for k in range(chains):
        own = inputs if shared else jax.tree.map(lambda x, k=k: x[k], inputs)
        points.append(_start(target, own, rng))
    return {n: np.array([p[n] for p in points]) for n in target.names}


def _start(target: LogPosterior, inputs: Inputs, rng: np.random.Generator) -> dict[str, float]:
    table = target.model.parameters
    for _ in range(_TRIES):
        point = {
            p.name: p.near(table[p.name].default, rng.uniform(-_SPREAD, _SPREAD))
            for p in target.priors
        }
        if np.isfinite(float(target.log_likelihood(point, inputs))):
            return point
    raise InputError("the likelihood is not finite near the defaults; fix or bound parameters")
