"""Posteriors from a neural network, trained once on simulated spectra and good for any data.

Neural posterior estimation (Papamakarios and Murray, arXiv:1605.06376; Cranmer, Brehmer and Louppe,
arXiv:1911.01429): parameters from their priors and counts from the model train a density
q(parameters | counts). Nuisances are drawn from their constraints and, unless asked for, integrated
over by not telling the network. What it gives is an approximation: check it, e.g. by ranks.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.checks import whole_numbers
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.neural.amortised_posterior import Amortised
from cevnsjax.inference.neural.flow import conditional_flow, require_flowjax, trained
from cevnsjax.inference.neural.setup import Setup, features
from cevnsjax.inference.neural.standardisation import Standardisation
from cevnsjax.inference.neural.unbounded import from_normal
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.posteriors.priors import Density, densities
from cevnsjax.parameters import Prior

# Simulations from which counts are standardised and a first regression is made.
_PILOT = 4096


@runtime_checkable
class Simulator(Objective, Protocol):
    """An objective that predicts counts and that jax can trace.

    Each of its ``experiments`` has a ``statistic``, "poisson" or "gaussian" with ``variance``.
    """

    @property
    def expected(self) -> Any:
        """Function of values, {experiment: expected counts [cell]}."""
        ...


def amortise(
    model: Simulator,
    free: str | Iterable[str] | None = None,
    *,
    nuisances: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    priors: Mapping[str, Prior] | None = None,
    steps: int = 3000,
    batch: int = 256,
    width: int = 64,
    rate: float = 2e-3,
    seed: int = 0,
) -> Amortised:
    """Train a network that gives the posterior of any data at once.

    Priors are those of ``sample``. Auxiliary measurements stay at the centres of their
    constraints.

    Args:
        model: The model.
        free: Theory parameters to infer; those the table marks free if None.
        nuisances: Nuisances to infer with them; all others are integrated over.
        fixed: Parameters to hold at given values, nuisances that are not solved among them.
        priors: ``Normal`` or ``Uniform`` by parameter, instead of the table's.
        steps: Training steps; more are closer to the exact posterior.
        batch: Simulated spectra in each step.
        width: Neurons in a hidden layer.
        rate: Highest learning rate.
        seed: Whole number >= 0; the same one gives the same network on the same machine.

    Returns:
        The posterior as a function of data: ``sample``, ``draws``, ``log_prob``, ``save``.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a prior as in ``sample``, an option that cannot be used, counts that are
            not finite under the priors, or without flowjax.
    """
    steps, batch, width, seed = whole_numbers(
        steps=(steps, 1), batch=(batch, 1), width=(width, 1), seed=(seed, 0)
    )
    if not 0 < rate < 1:
        raise InputError(f"rate must lie within (0, 1), got {rate!r}")
    wanted, others, held = _split(model, free, nuisances, fixed)
    require_flowjax()
    table = densities(model, (*wanted, *others), priors)
    simulator = _Simulation(model, tuple(table), held, len(wanted))
    key = jax.random.key(seed)
    z, seen = jax.jit(lambda k: simulator(k, _PILOT))(key)
    frame = Standardisation.of(np.asarray(z), np.asarray(seen))

    def simulate(k: Any) -> tuple[Any, Any]:
        z, seen = simulator(k, batch)
        given = frame.standard(seen)
        return frame.inner(z, given), given

    setup = Setup.of(model, tuple(table), len(wanted), held, width)
    flow = conditional_flow(jax.random.fold_in(key, 1), len(wanted), seen.shape[1], width)
    flow, losses = trained(flow, simulate, steps=steps, rate=rate, seed=seed)
    own = dict(zip(model.experiments, model.observed, strict=True))
    observed = {n: np.asarray(x, dtype=float) for n, x in own.items()}
    return Amortised(flow, frame, observed, losses, setup)


def _split(
    model: Simulator,
    free: str | Iterable[str] | None,
    nuisances: str | Iterable[str],
    fixed: Mapping[str, float] | None,
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, float]]:
    """What is inferred, what is integrated over, and what is held."""
    names, held = free_names(model, free, fixed)
    every = model.parameters.names(kind="nuisance")
    asked = [nuisances] if isinstance(nuisances, str) else list(nuisances)
    for name in asked:
        if name not in every:
            raise UnknownNameError("nuisance", name, every)
        if name in held:
            raise InputError(f"{name} is both fixed and to be inferred; drop one of the two")
    theory = [n for n in names if n not in every]
    wanted = tuple(dict.fromkeys([*theory, *asked]))
    if not wanted:
        raise InputError("there is nothing to infer: name parameters in free")
    return wanted, tuple(n for n in every if n not in wanted and n not in held), held


class _Simulation(eqx.Module):
    """Parameters from their priors and what the network sees of the counts they give."""

    model: Any = eqx.field(static=True)
    priors: tuple[Density, ...] = eqx.field(static=True)
    held: dict[str, float] = eqx.field(static=True)
    inferred: int = eqx.field(static=True)

    def __call__(self, key: Any, size: int) -> tuple[Any, Any]:
        """Coordinates [toy, inferred] and features [toy, feature] of so many toys."""
        keys = jax.random.split(key, 1 + len(self.model.experiments))
        z = jax.random.normal(keys[0], (size, len(self.priors)))
        values = {p.name: from_normal(p, z[:, k]) for k, p in enumerate(self.priors)}
        mean = jax.vmap(lambda v: self.model.expected({**self.held, **v}))(values)
        counts = {
            name: _counts(e, k, mean[name])
            for k, (name, e) in zip(keys[1:], self.model.experiments.items(), strict=True)
        }
        statistics = {n: e.statistic for n, e in self.model.experiments.items()}
        return z[:, : self.inferred], features(counts, statistics)


def _counts(experiment: Any, key: Any, mean: Any) -> Any:
    """Random counts [toy, cell] about their expectation."""
    if experiment.statistic == "poisson":
        return jax.random.poisson(key, jnp.maximum(mean, 0.0)).astype(mean.dtype)
    sd = np.sqrt(np.asarray(experiment.variance))[None]
    return mean + jnp.asarray(sd, dtype=mean.dtype) * jax.random.normal(key, mean.shape)
