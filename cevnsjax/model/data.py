"""Data a model is compared with: the experiments' own, given counts, or pseudo-experiments."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import Values
from cevnsjax.likelihood.draws import gaussian_counts, normal, poisson_counts
from cevnsjax.model.build import measured
from cevnsjax.model.evaluate import ModelStructure, Observed


class Pseudodata(eqx.Module):
    """One pseudo-experiment, or a batch: give it as ``data=``, index it, or vmap over it.

    Attributes:
        counts: Counts, {experiment: [cell] or [toy, cell]} [count].
        auxiliary: What measured the constrained nuisances found, {nuisance: scalar or [toy]} [1];
            names left out keep the centres of their priors.
    """

    counts: dict[str, Any]
    auxiliary: dict[str, Any]

    def __getitem__(self, index: Any) -> "Pseudodata":
        """Some of a batch."""
        return jax.tree.map(lambda x: x[index], self)

    def __len__(self) -> int:
        """Number of pseudo-experiments in a batch."""
        first = next(iter(self.counts.values()))
        if np.ndim(first) != 2:
            raise InputError("this is one pseudo-experiment; give size= to draw a batch")
        return len(first)


def observed_of(static: ModelStructure, own: Observed, names: list[str], data: Any) -> Observed:
    """What to compare with: ``own`` where ``data`` does not replace it.

    Args:
        static: The model's description.
        own: The experiments' data and the centres of the priors.
        names: Names of the experiments.
        data: None, counts [cell], {experiment: counts [cell]}, or Pseudodata.

    Raises:
        UnknownNameError: At an unknown experiment or nuisance.
        InputError: At a shape that does not fit.
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
    return Observed(counts, _auxiliary(static, own.auxiliary, auxiliary))


def _checked(name: str, counts: Any, own: jax.Array) -> Any:
    if np.shape(counts) != own.shape:
        raise InputError(f"data for {name} has shape {np.shape(counts)}, expected {own.shape}")
    if not isinstance(counts, Tracer) and not np.all(np.isfinite(counts)):
        where = np.argwhere(~np.isfinite(counts))[0].tolist()
        raise InputError(f"data for {name} are not finite, first at index {where}")
    return _leaf(counts, own.dtype)


def _leaf(given: Any, dtype: Any) -> Any:
    if isinstance(given, Tracer):
        return given.astype(dtype)
    # device_put does not compile a program for each new shape; jnp.asarray does.
    return jax.device_put(np.asarray(given, dtype=dtype))


def _auxiliary(static: ModelStructure, own: jax.Array, given: Mapping[str, Any]) -> Any:
    known = static.measured
    for name, found in given.items():
        if name not in known:
            raise UnknownNameError("constrained nuisance", name, known)
        if np.ndim(found) != 0:
            raise InputError(f"auxiliary {name} has shape {np.shape(found)}, expected one number")
    if not given:
        return own
    found = [_leaf(given[n], own.dtype) if n in given else own[k] for k, n in enumerate(known)]
    if any(isinstance(f, Tracer) for f in found):
        return jnp.stack(found)
    return _leaf([float(f) for f in found], own.dtype)


def draw(
    model: Any, seed: int, values: Values | None, size: int | None, auxiliary: bool
) -> Pseudodata:
    """Pseudo-experiments of a model; see ``Model.toy``."""
    seed = whole_number("seed", seed)
    size = None if size is None else whole_number("size", size, 1)
    truth = {**model.parameters.defaults(), **(values or {})}
    mean, toys = model.expected(truth), size or 1
    counts = {}
    for k, (name, e) in enumerate(model.experiments.items()):
        mu = np.asarray(mean[name], dtype=np.float64)
        if not np.all(np.isfinite(mu)):
            raise InputError(f"{name}: expected counts are not finite at these values")
        if e.statistic == "poisson":
            counts[name] = poisson_counts((seed, 0, k), mu, toys)
        else:
            counts[name] = gaussian_counts((seed, 0, k), mu, e.variance, toys)
    thrown = list(measured(model.parameters).items()) if auxiliary else []
    found = {
        name: normal((seed, 1, k), float(truth[name]), prior.sd, toys)
        for k, (name, prior) in enumerate(thrown)
    }
    out = Pseudodata(counts, found)
    return out if size is not None else out[0]
