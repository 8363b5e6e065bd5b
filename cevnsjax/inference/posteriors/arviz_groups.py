"""Groups of a sampled posterior: datasets, joined to what the installed arviz calls a result."""

import tempfile
import warnings
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from importlib.metadata import version
from types import ModuleType
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, PyTree, Shaped

from cevnsjax.inference.axes import coordinate
from cevnsjax.parameters import Parameter

# Draws of each chain for which replicated counts are drawn.
_REPLICATED_DRAWS = 125
# Larger likelihoods by cell are summed over the cells.
_MAX_LIKELIHOODS = 20_000_000
_BATCH_SIZE = 64


def inference_data(tree: xr.DataTree) -> Any:
    """The groups as ``arviz.InferenceData``, or as they are, which arviz 1 works with."""
    if int(version("arviz").split(".")[0]) >= 1:
        return tree
    return quiet_arviz().InferenceData(**{n: node.to_dataset() for n, node in tree.items()})


def tree_of(groups: Mapping[str, xr.Dataset]) -> xr.DataTree:
    """Groups of datasets as a tree."""
    return xr.DataTree.from_dict({f"/{name}": group for name, group in groups.items()})


def quiet_arviz() -> ModuleType:
    """The module arviz, without the warning about its own future that version 0.23 gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            import arviz
        except OSError:
            arviz = _without_cache()
    return arviz


def _without_cache() -> ModuleType:
    """The module arviz where its cache, with the day of that warning, cannot be written."""
    from unittest import mock

    import platformdirs

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(platformdirs, "user_cache_dir", return_value=folder),
    ):
        import arviz
    return arviz


def table_dataset(
    values: Mapping[str, Shaped[np.ndarray, "chain draw"]],
    table: Mapping[str, Parameter],
    attributes: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Arrays by name as a dataset, with units and meanings of the parameters in the table."""
    chains, draws = next(iter(values.values())).shape
    about = {n: coordinate(p) | {"kind": p.kind} for n, p in table.items()}
    variables = {n: (("chain", "draw"), x, about.get(n, {})) for n, x in values.items()}
    coordinates = {"chain": np.arange(chains), "draw": np.arange(draws)}
    return xr.Dataset(variables, coords=coordinates, attrs=dict(attributes or {}))


def over_draws(
    function: Callable[[Any, dict[str, Array], PyTree], PyTree],
    static: Hashable,
    values: Mapping[str, Float[np.ndarray, "chain draw"]],
    inputs: PyTree = None,
) -> PyTree:
    """A function of (static, {name: scalar}, inputs) at every draw: arrays [chain * draw, ...].

    JAX traces it once for equal arguments.
    """
    draws = next(iter(values.values())).size
    # Filled up: the rest of a batch would be compiled as a program of its own.
    index = np.arange(-(-draws // _BATCH_SIZE) * _BATCH_SIZE) % draws
    points = {n: jax.device_put(x.reshape(-1)[index]) for n, x in values.items()}
    results = _over_points(function, static, points, inputs)
    return jax.tree.map(lambda x: np.asarray(x)[:draws], results)


@partial(jax.jit, static_argnums=(0, 1))
def _over_points(
    function: Callable[[Any, dict[str, Array], PyTree], PyTree],
    static: Hashable,
    points: dict[str, Float[Array, " point"]],
    inputs: PyTree,
) -> PyTree:
    return jax.lax.map(lambda p: function(static, p, inputs), points, batch_size=_BATCH_SIZE)


def _expected(static: tuple[Any, tuple], point: dict[str, Array], _: None) -> Mapping[str, Array]:
    model, fixed = static
    return model.expected({**dict(fixed), **point})


def counts_groups(
    model: Any,
    fixed: Mapping[str, float],
    values: Mapping[str, Float[np.ndarray, "chain draw"]],
    data: PyTree,
    seed: int,
) -> dict[str, xr.Dataset]:
    """Likelihood by cell, and counts replicated and observed; no group without predicted counts."""
    if not (hasattr(model, "expected") and hasattr(model, "observed_counts")):
        return {}
    observed = model.observed_counts(data)
    expected = over_draws(_expected, (model, tuple(fixed.items())), values)
    chains, draws = next(iter(values.values())).shape
    step = -(-draws // _REPLICATED_DRAWS)
    likelihood, replicated, seen = {}, {}, {}
    for k, (name, e) in enumerate(model.experiments.items()):
        n, mean = np.asarray(observed[name], float), expected[name].reshape(chains, draws, -1)
        dims = ("chain", "draw", f"{name}_cell")
        log = _log_likelihood(e, n, mean)
        by_cell = log.size <= _MAX_LIKELIHOODS
        likelihood[name] = (dims, log) if by_cell else (dims[:2], log.sum(axis=-1))
        rng = np.random.default_rng((seed, 2, k))
        thin = mean[:, ::step]
        if e.statistic == "poisson":
            drawn = rng.poisson(np.maximum(thin, 0.0))
        else:
            drawn = rng.normal(thin, np.sqrt(e.variance))
        replicated[name] = (dims, drawn, {"units": "count"})
        seen[name] = (dims[2:], n, {"units": "count"})
    whole = {"chain": np.arange(chains), "draw": np.arange(draws)}
    thinned = whole | {"draw": np.arange(draws)[::step]}
    return {
        "log_likelihood": xr.Dataset(likelihood, coords=whole),
        "posterior_predictive": xr.Dataset(replicated, coords=thinned),
        "observed_data": xr.Dataset(seen),
    }


def _log_likelihood(
    experiment: Any, n: Float[np.ndarray, " cell"], mean: Float[np.ndarray, "chain draw cell"]
) -> Float[np.ndarray, "chain draw cell"]:
    """Logarithm of the probability (Poisson) or density (Gaussian) of the count in each cell."""
    if experiment.statistic == "poisson":
        from scipy import special

        # The gamma function also takes counts that are not whole numbers (Asimov data).
        mean = np.maximum(mean, np.finfo(float).tiny)
        return special.xlogy(n, mean) - mean - special.gammaln(n + 1)
    variance = np.asarray(experiment.variance)
    return -0.5 * ((n - mean) ** 2 / variance + np.log(2 * np.pi * variance))
