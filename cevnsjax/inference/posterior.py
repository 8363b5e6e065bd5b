"""Posteriors by Hamiltonian Monte Carlo: numpyro's NUTS on a model's own likelihood."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from cevnsjax.errors import InputError
from cevnsjax.inference.chains import relaxed, run_chains
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.posterior_groups import (
    counts_groups,
    inference_data,
    over_draws,
    table_dataset,
)
from cevnsjax.inference.priors import Density, densities
from cevnsjax.parameters import Prior

# Starts lie within so many scales of the default; so many tries to find finite ones.
_SPREAD, _TRIES = 1.0, 20


@runtime_checkable
class Likelihood(Objective, Protocol):
    """An objective that jax can differentiate.

    Where it has ``marginal_nll`` pulls can be integrated out; where it has ``expected`` and
    ``observed_or``, as ``Model`` does, the result holds counts.
    """

    @property
    def nll(self) -> Any:
        """Function of (values, data), with every parameter given."""
        ...


@dataclass(frozen=True, eq=False)
class Target:
    """A posterior density as priors times a likelihood of the counts.

    Attributes:
        objective: The model.
        priors: One for each sampled parameter.
        held: Values of parameters that are held.
        marginal: Whether linear pulls are integrated out.
        data: Data to use instead of the model's.
    """

    objective: Any
    priors: list[Density]
    held: dict[str, float]
    marginal: bool
    data: Any

    def _key(self) -> Any:
        # Data may be arrays that change in place: a posterior with data equals itself only.
        own = None if self.data is None else id(self)
        return id(self.objective), tuple(self.priors), *self.held.items(), self.marginal, own

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Target) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def log_likelihood(self, values: Mapping[str, Any]) -> Any:
        """Of the counts alone: constraints that the nll holds are priors here, counted once."""
        kind = self.objective.marginal_nll if self.marginal else self.objective.nll
        counted = sum(p.counted_nll(values[p.name]) for p in self.priors)
        return counted - kind({**self.held, **values}, data=self.data)

    def numpyro_model(self) -> None:
        """The posterior as a numpyro model; each site is a parameter in units of its scale."""
        import numpyro

        values = {p.name: numpyro.sample(p.name, p.distribution) * p.scale for p in self.priors}
        numpyro.factor("counts", self.log_likelihood(values))


def sample(
    objective: Likelihood,
    free: str | Iterable[str] | None = None,
    *,
    fixed: Mapping[str, float] | None = None,
    priors: Mapping[str, Prior] | None = None,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 500,
    seed: int = 0,
    marginalize_linear: bool = False,
    data: Any = None,
    target_accept: float = 0.8,
) -> Any:
    """Draw from the posterior with NUTS, all chains side by side.

    Theory parameters have the table's prior, flat within finite bounds if it has none; nuisances
    the Gaussian constraint that the model holds. A Gaussian that reaches beyond bounds is cut.

    Args:
        objective: The model.
        free: Theory parameters to sample; those the table marks free if None. Nuisances that are
            not fixed are always sampled.
        fixed: Parameters to hold at given values.
        priors: ``Normal`` or ``Uniform`` by parameter, instead of the table's.
        chains: Number of chains, at least 1; R-hat needs two.
        draws: Draws of each chain.
        warmup: Steps before them that adapt step size and mass matrix, and are not kept.
        seed: Whole number >= 0; the same one gives the same draws.
        marginalize_linear: Integrate linear pulls out in closed form (Gaussian cells only) and
            draw them afterwards, each given the rest: fewer dimensions, the same posterior.
        data: Data to use instead of the model's.
        target_accept: Within (0, 1); nearer 1 takes smaller steps and diverges less.

    Returns:
        arviz ``InferenceData`` (``DataTree`` from arviz 1 on) with groups ``posterior`` in the
        parameters' units, ``sample_stats``, and, where the model predicts counts,
        ``log_likelihood`` by experiment and cell, ``posterior_predictive`` counts of a thinned
        set of draws, and ``observed_data``. ``report`` says in words whether it can be used.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At an improper prior or one outside bounds, a parameter both free and fixed,
            numbers of chains or draws below 1, or pulls that have no closed form.
    """
    _require_numbers(chains, draws, warmup, seed, target_accept)
    target, pulls = _target(objective, free, fixed, priors, marginalize_linear, data)
    found = run_chains(
        target,
        _starts(target, chains, seed),
        draws=draws,
        warmup=warmup,
        seed=seed,
        target_accept=target_accept,
    )
    values = {p.name: _natural(p, found.values[p.name]) for p in target.priors}
    if pulls:
        values |= _conditional(target, values, pulls, seed)
    attributes = {
        "analysis": objective.name,
        "experiments": ", ".join(objective.experiments),
        "fixed": ", ".join(f"{n} = {x:g}" for n, x in target.held.items()),
        "seed": seed,
        "warmup": warmup,
        "inference_library": "numpyro",
        "marginalized": ", ".join(pulls),
    }
    groups = {
        "posterior": table_dataset(values, objective.parameters, attributes),
        "sample_stats": table_dataset(found.stats, {}, attributes),
        **counts_groups(objective, target.held, values, data, seed),
    }
    return inference_data(groups)


def _require_numbers(chains: int, draws: int, warmup: int, seed: int, target_accept: float) -> None:
    for what, number, least in (
        ("chains", chains, 1),
        ("draws", draws, 1),
        ("warmup", warmup, 0),
        ("seed", seed, 0),
    ):
        if type(number) is not int or number < least:
            raise InputError(f"{what} must be a whole number >= {least}, got {number!r}")
    if not 0 < target_accept < 1:
        raise InputError(f"target_accept must lie within (0, 1), got {target_accept!r}")


def _target(
    objective: Any,
    free: str | Iterable[str] | None,
    fixed: Mapping[str, float] | None,
    priors: Mapping[str, Prior] | None,
    marginalize_linear: bool,
    data: Any,
) -> tuple[Target, tuple[str, ...]]:
    """The posterior and the pulls integrated out."""
    names, held = free_names(objective, free, fixed)
    solved = objective.parameters.names(linear=True)
    pulls = solved if marginalize_linear else ()
    sampled = names if marginalize_linear else (*names, *solved)
    for name in priors or ():
        if name in pulls:
            raise InputError(
                f"{name} is integrated out with the model's own constraint; drop its prior, or "
                "sample it with marginalize_linear=False"
            )
    if not sampled:
        raise InputError("there is nothing to sample: name parameters in free")
    return Target(
        objective, densities(objective, sampled, priors, data), held, bool(pulls), data
    ), pulls


def _starts(target: Target, chains: int, seed: int) -> dict[str, np.ndarray]:
    """Scattered first points with finite likelihood in unbounded coordinates, {name: [chain]}."""
    table, rng = target.objective.parameters, np.random.default_rng((seed, 0))
    found: dict[str, list[float]] = {p.name: [] for p in target.priors}
    for _ in range(_TRIES * chains):
        point = {
            p.name: p.near(table[p.name].default, rng.uniform(-_SPREAD, _SPREAD))
            for p in target.priors
        }
        if np.isfinite(float(target.log_likelihood(point))):
            for name, x in point.items():
                found[name].append(x)
        if len(next(iter(found.values()))) == chains:
            return {p.name: _unbounded(p, np.array(found[p.name])) for p in target.priors}
    raise InputError("the likelihood is not finite near the defaults; fix or bound parameters")


def _unbounded(prior: Density, values: np.ndarray) -> np.ndarray:
    return np.asarray(_transform(prior).inv(values / prior.scale))


def _natural(prior: Density, unbounded: np.ndarray) -> np.ndarray:
    """Values in the parameter's unit; rounding may put one a hair beyond an end."""
    scaled = np.asarray(_transform(prior)(unbounded))
    return np.clip(scaled * prior.scale, prior.low, prior.high)


def _transform(prior: Density) -> Any:
    """From unbounded coordinates, the same that numpyro samples in."""
    from numpyro.distributions import biject_to

    with relaxed():
        return biject_to(prior.distribution.support)


def _conditional(
    target: Target, values: dict[str, np.ndarray], pulls: tuple[str, ...], seed: int
) -> dict[str, np.ndarray]:
    """Pulls drawn from their Gaussian given everything else, {name: [chain, draw]}."""
    objective, held, data = target.objective, target.held, target.data

    def at(point: dict[str, Any]) -> tuple[Any, Any]:
        given = {**held, **point}
        best = objective.best_pulls(given, data=data)

        def nll(pulled: dict[str, Any]) -> Any:
            return objective.nll({**given, **pulled}, data=data)

        # Quadratic in the pulls: exact, and the signal is not differentiated.
        return best, jax.hessian(nll)(best)

    shape = next(iter(values.values())).shape
    best, rows = over_draws(at, values)
    centre = np.stack([best[n] for n in pulls], axis=-1)
    hessian = np.stack([np.stack([rows[n][m] for m in pulls], axis=-1) for n in pulls], axis=-2)
    factor = np.linalg.cholesky(hessian)
    noise = np.random.default_rng((seed, 1)).normal(size=(*centre.shape, 1))
    drawn = centre + np.linalg.solve(np.swapaxes(factor, 1, 2), noise)[..., 0]
    return {n: drawn[:, k].reshape(shape) for k, n in enumerate(pulls)}
