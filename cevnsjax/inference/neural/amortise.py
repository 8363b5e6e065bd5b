"""Posteriors from a neural network, trained once on simulated spectra and good for any data.

Neural posterior estimation (Papamakarios and Murray, arXiv:1605.06376; Cranmer, Brehmer and Louppe,
arXiv:1911.01429): a density q(parameters | counts) is trained on parameters drawn from their priors
and counts drawn from the model. Nuisances are drawn from their constraints; those that are not
inferred are integrated over, as the network never sees them. The posterior is an approximation:
check it, e.g. by ranks.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, SupportsIndex, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.checks import MOST_STEPS, whole_numbers
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.neural.amortised_posterior import Amortised
from cevnsjax.inference.neural.flow import conditional_flow, require_flowjax, trained
from cevnsjax.inference.neural.setup import Setup, features
from cevnsjax.inference.neural.standardisation import Standardisation
from cevnsjax.inference.neural.unbounded import from_normal
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.posteriors.priors import Density, densities
from cevnsjax.parameters import Prior

# Simulations that standardise the counts and give the first regression.
_PILOT_TOYS, _MOST_TOYS, _MOST_UNITS = 4096, 1_000_000, 4096


@runtime_checkable
class Simulator(Objective, Protocol):
    """An objective that predicts counts and that JAX can trace.

    Each of its ``experiments`` has a ``statistic``, "poisson" or "gaussian" with ``variance``.
    """

    @property
    def expected(self) -> Callable[..., Mapping[str, Array]]:
        """Function of values, {experiment: expected counts [cell]}."""
        ...


def amortise(
    model: Simulator,
    free: str | Iterable[str] | None = None,
    *,
    infer_nuisances: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    priors: Mapping[str, Prior] | None = None,
    steps: int = 3000,
    batch: int = 256,
    width: int = 64,
    rate: float = 2e-3,
    seed: SupportsIndex = 0,
) -> Amortised:
    """Train a network once that then gives the posterior of any data in milliseconds.

    Priors are those of ``sample``. Auxiliary measurements stay at the centres of their
    constraints.

    Args:
        model: The model.
        free: Theory parameters to infer; those that the table marks free if None.
        infer_nuisances: Nuisances to infer with them; all others are integrated over.
        fixed: Values of parameters to fix; nonlinear nuisances may be among them.
        priors: ``Normal`` or ``Uniform`` by parameter, instead of the table's.
        steps: Number of training steps; with more the result is closer to the exact posterior.
        batch: Number of simulated spectra in each step.
        width: Number of neurons in a hidden layer.
        rate: Highest learning rate [1].
        seed: Whole number >= 0; the same seed gives the same network on the same machine.

    Returns:
        The posterior as a function of data: ``sample``, ``draws``, ``log_prob``, ``save``.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a prior as in ``sample``, an option that cannot be used, counts that are
            not finite under the priors, or without flowjax.

    Examples:
        >>> posterior = cj.amortise(model, "sin2_theta_w", steps=50, batch=16, width=8)
        >>> posterior.draws(draws=20)["sin2_theta_w"].shape
        (20,)
        >>> cj.load_amortised(posterior.save("angle.eqx")).names
        ('sin2_theta_w',)
    """
    steps, batch, width, seed = whole_numbers(
        steps=(steps, 1, MOST_STEPS),
        batch=(batch, 1, _MOST_TOYS),
        width=(width, 1, _MOST_UNITS),
        seed=(seed, 0),
    )
    if not 0 < rate < 1:
        raise InputError(f"rate must lie within (0, 1), got {rate!r}")
    inferred, integrated, values = _parameters(model, free, infer_nuisances, fixed)
    require_flowjax()
    table = densities(model, (*inferred, *integrated), priors)
    simulator = _Simulator(model, tuple(table), values, len(inferred))
    key = jax.random.key(seed)
    z, counts = jax.jit(lambda k: simulator(k, _PILOT_TOYS))(key)
    standardisation = Standardisation.of(np.asarray(z), np.asarray(counts))

    def simulate(k: Array) -> tuple[Array, Array]:
        z, counts = simulator(k, batch)
        standard = standardisation.standard(counts)
        return standardisation.inner(z, standard), standard

    setup = Setup.of(model, tuple(table), len(inferred), values, width)
    flow = conditional_flow(jax.random.fold_in(key, 1), len(inferred), counts.shape[1], width)
    flow, losses = trained(flow, simulate, steps=steps, rate=rate, seed=seed)
    pairs = zip(model.experiments, model.observed, strict=True)
    observed = {n: np.asarray(x, dtype=float) for n, x in pairs}
    return Amortised(flow, standardisation, observed, losses, setup)


def _parameters(
    model: Simulator,
    free: str | Iterable[str] | None,
    infer_nuisances: str | Iterable[str],
    fixed: Mapping[str, float] | None,
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, float]]:
    """Names that are inferred, nuisances that are integrated over, and values that are fixed."""
    names, values = free_names(model, free, fixed)
    nuisances = model.parameters.names(kind="nuisance")
    chosen = [infer_nuisances] if isinstance(infer_nuisances, str) else list(infer_nuisances)
    for name in chosen:
        if name not in nuisances:
            raise UnknownNameError("nuisance", name, nuisances)
        if name in values:
            raise InputError(f"{name} is both fixed and to be inferred; drop one of the two")
    theory = [n for n in names if n not in nuisances]
    inferred = tuple(dict.fromkeys([*theory, *chosen]))
    if not inferred:
        raise InputError("there is nothing to infer: name parameters in free")
    return inferred, tuple(n for n in nuisances if n not in inferred and n not in values), values


class _Simulator(eqx.Module):
    """Draws parameters from their priors, and what the network sees of counts at these values."""

    model: Any = eqx.field(static=True)
    priors: tuple[Density, ...] = eqx.field(static=True)
    fixed: dict[str, float] = eqx.field(static=True)
    inferred: int = eqx.field(static=True)

    def __call__(
        self, key: Array, toys: int
    ) -> tuple[Float[Array, "toy parameter"], Float[Array, "toy feature"]]:
        """Coordinates of the inferred parameters, and features of the counts."""
        keys = jax.random.split(key, 1 + len(self.model.experiments))
        z = jax.random.normal(keys[0], (toys, len(self.priors)))
        values = {p.name: from_normal(p, z[:, k]) for k, p in enumerate(self.priors)}
        mean = jax.vmap(lambda v: self.model.expected({**self.fixed, **v}))(values)
        counts = {
            name: _counts(e, k, mean[name])
            for k, (name, e) in zip(keys[1:], self.model.experiments.items(), strict=True)
        }
        statistics = {n: e.statistic for n, e in self.model.experiments.items()}
        return z[:, : self.inferred], features(counts, statistics)


def _counts(
    experiment: Any, key: Array, mean: Float[Array, "toy cell"]
) -> Float[Array, "toy cell"]:
    """Random counts about their expectation."""
    if experiment.statistic == "poisson":
        return jax.random.poisson(key, jnp.maximum(mean, 0.0)).astype(mean.dtype)
    sd = np.sqrt(np.asarray(experiment.variance))[None]
    return mean + jnp.asarray(sd, dtype=mean.dtype) * jax.random.normal(key, mean.shape)
