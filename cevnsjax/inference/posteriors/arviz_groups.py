"""Groups of a sampled posterior as datasets, and as what the installed arviz calls a result."""

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from cevnsjax.inference.axes import coordinate
from cevnsjax.parameters import Parameter

# Draws of each chain that counts are thrown for; numbers above which cells are added up.
_THROWN = 125
_MOST = 20_000_000
_LANES = 64


def quiet_arviz() -> Any:
    """The module arviz, whose version 0.23 announces its own future on import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz
    return arviz


def inference_data(groups: Mapping[str, xr.Dataset]) -> Any:
    """The groups as ``arviz.InferenceData``, or as the ``DataTree`` that arviz 1 works with."""
    arviz = quiet_arviz()
    named: dict[str, Any] = dict(groups)
    if int(arviz.__version__.split(".")[0]) < 1:
        return arviz.InferenceData(**named)
    return xr.DataTree.from_dict({f"/{name}": group for name, group in named.items()})


def table_dataset(
    values: Mapping[str, np.ndarray],
    table: Mapping[str, Parameter],
    attributes: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Arrays [chain, draw] as a dataset, with units and meanings of those in the table.

    Args:
        values: By name.
        table: Parameters.
        attributes: Of the dataset.
    """
    chains, draws = next(iter(values.values())).shape
    about = {n: coordinate(p) | {"kind": p.kind} for n, p in table.items()}
    variables = {n: (("chain", "draw"), x, about.get(n, {})) for n, x in values.items()}
    coordinates = {"chain": np.arange(chains), "draw": np.arange(draws)}
    return xr.Dataset(variables, coords=coordinates, attrs=dict(attributes or {}))


def over_draws(
    function: Callable[[Any, dict[str, Any], Any], Any],
    static: Any,
    values: Mapping[str, np.ndarray],
    inputs: Any = None,
) -> Any:
    """A function of one point at every draw: arrays with all draws of all chains in front.

    Args:
        function: Of (static, {name: scalar}, inputs); jax traces it, once for equal arguments.
        static: What it depends on besides arrays, hashable.
        values: {name: [chain, draw]}.
        inputs: Arrays that are the same for all draws.
    """
    draws = next(iter(values.values())).size
    # Filled up: what is left of a batch would be compiled as a program of its own.
    index = np.arange(-(-draws // _LANES) * _LANES) % draws
    points = {n: jax.device_put(x.reshape(-1)[index]) for n, x in values.items()}
    found = _over_points(function, static, points, inputs)
    return jax.tree.map(lambda x: np.asarray(x)[:draws], found)


@partial(jax.jit, static_argnums=(0, 1))
def _over_points(function: Any, static: Any, points: dict[str, Any], inputs: Any) -> Any:
    return jax.lax.map(lambda p: function(static, p, inputs), points, batch_size=_LANES)


def _expected(static: Any, point: dict[str, Any], _: Any) -> Any:
    model, held = static
    return model.expected({**dict(held), **point})


def counts_groups(
    model: Any,
    held: Mapping[str, float],
    values: Mapping[str, np.ndarray],
    data: Any,
    seed: int,
) -> dict[str, xr.Dataset]:
    """Likelihood by cell, counts predicted and observed; none where the model predicts no counts.

    Args:
        model: The model.
        held: Values of parameters that are held.
        values: Draws, nuisances included, {name: [chain, draw]}.
        data: Data to use instead of the model's.
        seed: Of the counts that are thrown.
    """
    if not (hasattr(model, "expected") and hasattr(model, "observed_counts")):
        return {}
    observed = model.observed_counts(data)
    mu = over_draws(_expected, (model, tuple(held.items())), values)
    shape = next(iter(values.values())).shape
    step = -(-shape[1] // _THROWN)
    likelihood, thrown, seen = {}, {}, {}
    for k, (name, e) in enumerate(model.experiments.items()):
        n, mean = np.asarray(observed[name], float), mu[name].reshape(*shape, -1)
        cells = ("chain", "draw", f"{name}_cell")
        log = _log_likelihood(e, n, mean)
        likelihood[name] = (cells, log) if log.size <= _MOST else (cells[:2], log.sum(axis=-1))
        rng = np.random.default_rng((seed, 2, k))
        thrown[name] = (cells, _throw(e, rng, mean[:, ::step]), {"units": "count"})
        seen[name] = (cells[2:], n, {"units": "count"})
    draws = np.arange(shape[1])
    chains = {"chain": np.arange(shape[0])}
    return {
        "log_likelihood": xr.Dataset(likelihood, coords={**chains, "draw": draws}),
        "posterior_predictive": xr.Dataset(thrown, coords={**chains, "draw": draws[::step]}),
        "observed_data": xr.Dataset(seen),
    }


def _log_likelihood(experiment: Any, n: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Of each cell, normalised as a density (Gaussian) or a probability (Poisson) of n."""
    if experiment.statistic == "poisson":
        from scipy import special

        # Counts that are no whole numbers (Asimov data) go through the gamma function.
        mean = np.maximum(mean, np.finfo(float).tiny)
        return special.xlogy(n, mean) - mean - special.gammaln(n + 1)
    variance = np.asarray(experiment.variance)
    return -0.5 * ((n - mean) ** 2 / variance + np.log(2 * np.pi * variance))


def _throw(experiment: Any, rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    if experiment.statistic == "poisson":
        return rng.poisson(np.maximum(mean, 0.0))
    return rng.normal(mean, np.sqrt(experiment.variance))
