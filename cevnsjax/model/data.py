"""Data a model is compared with: those of its experiments, a user's, or pseudo-experiments."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from cevnsjax.core.checks import bounded, number, whole_number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.real_arrays import real_array, require_countable
from cevnsjax.core.types import Values, pytree
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.planned import PlannedExperiment
from cevnsjax.likelihood.draws import gaussian_counts, normal, poisson_counts
from cevnsjax.model.structure import Counts, ModelStructure, Observed
from cevnsjax.parameters import Normal

_MOST_TOYS = 100_000_000


@pytree
class Pseudodata:
    """One pseudo-experiment, or a batch: give it as ``data=``, index it, or vmap over it.

    Attributes:
        counts: Counts, {experiment: [cell] or [toy, cell]} [count].
        auxiliary: Results of the auxiliary measurements of constrained nuisances, {nuisance:
            scalar or [toy]} [1]; names left out keep the centres of their priors.

    Examples:
        >>> toys = model.toy(seed=1, toys=3)
        >>> len(toys), toys[0].counts["csi-2017"].shape
        (3, (12,))
        >>> import jax
        >>> jax.vmap(lambda toy: model.nll(data=toy))(toys).shape
        (3,)
    """

    counts: dict[str, Any]
    auxiliary: dict[str, Any]

    def __getitem__(self, index: Any) -> "Pseudodata":
        """One pseudo-experiment of a batch, or a smaller batch."""
        return jax.tree.map(lambda x: x[index], self)

    def __len__(self) -> int:
        """Number of pseudo-experiments in a batch."""
        first = next(iter(self.counts.values()))
        if np.ndim(first) != 2:
            raise InputError("this is one pseudo-experiment; give toys= to draw a batch")
        return len(first)


def array_of(values: Any, dtype: np.dtype) -> jax.Array:
    """Numbers or a tracer as an array of jax."""
    if isinstance(values, Tracer):
        return values.astype(dtype)
    # device_put does not compile a program for each new shape; jnp.asarray does. It may share the
    # memory of what it is given, so a copy that nobody else holds is given.
    return jax.device_put(np.array(values, dtype=dtype))


def observed_of(structure: ModelStructure, own: Observed, names: list[str], data: Any) -> Observed:
    """The data to compare with: ``own`` where ``data``, as for ``Model.nll``, does not replace it.

    ``names`` are those of the experiments.
    """
    if data is None:
        return own
    auxiliary: Mapping[str, Any] = {}
    if isinstance(data, Pseudodata):
        data, auxiliary = data.counts, data.auxiliary
    if not isinstance(data, Mapping):
        if len(names) != 1:
            raise InputError(f"give data as {{experiment: counts}} for each of {names}")
        data = {names[0]: data}
    for name in data:
        if name not in names:
            raise UnknownNameError("experiment", name, names)
    counts = tuple(
        _checked(n, data[n], o) if n in data else o for n, o in zip(names, own.counts, strict=True)
    )
    return Observed(counts, _auxiliary(structure.auxiliary_names, own.auxiliary, auxiliary))


def _checked(name: str, counts: Any, own: Counts) -> Counts:
    if not isinstance(counts, Tracer):
        counts = real_array(f"data for {name}", counts)
    if np.shape(counts) != own.shape:
        raise InputError(f"data for {name} has shape {np.shape(counts)}, expected {own.shape}")
    if not isinstance(counts, Tracer) and not np.all(np.isfinite(counts)):
        where = np.argwhere(~np.isfinite(counts))[0].tolist()
        raise InputError(f"data for {name} are not finite, first at index {where}")
    if not isinstance(counts, Tracer):
        require_countable(f"data for {name}", counts)
    return array_of(counts, own.dtype)


def _auxiliary(
    names: tuple[str, ...], own: Float[Array, " nuisance"], replaced: Mapping[str, Any]
) -> Float[Array, " nuisance"]:
    """Results of the auxiliary measurements, some of them replaced."""
    for name, value in replaced.items():
        if name not in names:
            raise UnknownNameError("constrained nuisance", name, names)
        if np.ndim(value) != 0:
            raise InputError(f"auxiliary {name} has shape {np.shape(value)}, expected one number")
    if not replaced:
        return own
    results = [replaced[n] if n in replaced else own[k] for k, n in enumerate(names)]
    if any(isinstance(r, Tracer) for r in results):
        return jnp.stack([array_of(r, own.dtype) for r in results])
    pairs = zip(names, results, strict=True)
    return array_of([number(f"auxiliary {n}", r) for n, r in pairs], own.dtype)


def require_data(
    experiments: Mapping[str, Experiment], observed: Observed, own: Observed, *, has_data: bool
) -> None:
    """Reject a planned experiment without data, and negative counts of a Poisson likelihood."""
    for (name, e), counts, own_counts in zip(
        experiments.items(), observed.counts, own.counts, strict=True
    ):
        if counts is own_counts:
            if not has_data:
                raise InputError(
                    f"{name} is not what its counts were observed with: give data={{{name!r}: "
                    "counts}"
                )
            if isinstance(e, PlannedExperiment):
                raise InputError(
                    f"{name} is planned and has no data: give data={{{name!r}: counts}}, e.g. "
                    f"model.expected()[{name!r}], or build the model of its with_data(counts)"
                )
        elif e.statistic == "poisson" and not isinstance(counts, Tracer) and np.any(counts < 0):
            raise InputError(f"data for {name} are negative; a Poisson likelihood takes counts")


def expected_data(
    expected: Callable[[Values], Mapping[str, Any]], measured: Iterable[str], truth: Values
) -> Pseudodata:
    """Expected counts, with the true values of measured nuisances as auxiliary measurements."""
    counts = {n: np.asarray(x, dtype=np.float64) for n, x in expected(truth).items()}
    for name, mu in counts.items():
        if not np.all(np.isfinite(mu)):
            raise InputError(f"{name}: expected counts are not finite at these values")
        require_countable(f"{name}: expected counts at these values", mu)
    return Pseudodata(counts, {n: truth[n] for n in measured})


def draw(
    experiments: Mapping[str, Experiment],
    priors: Mapping[str, Normal],
    expected: Callable[[Values], Mapping[str, Any]],
    truth: Values,
    seed: SupportsIndex,
    toys: int | None,
) -> Pseudodata:
    """See ``Model.toy``; ``truth`` has all parameters, ``priors`` those that are measured."""
    seed = whole_number("seed", seed)
    size = 1 if toys is None else bounded("toys", toys, 1, _MOST_TOYS)
    means, counts = expected_data(expected, priors, truth).counts, {}
    for k, (name, e) in enumerate(experiments.items()):
        mu = means[name]
        if e.statistic == "poisson":
            counts[name] = poisson_counts((seed, 0, k), mu, size)
        else:
            counts[name] = gaussian_counts((seed, 0, k), mu, e.variance, size)
    auxiliary = {
        name: normal((seed, 1, k), float(truth[name]), prior.sd, size)
        for k, (name, prior) in enumerate(priors.items())
    }
    batch = Pseudodata(counts, auxiliary)
    return batch if toys is not None else batch[0]
