"""The toys command: pseudo-experiments, and the distribution of a likelihood ratio."""

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

import cevnsjax as cj
from cevnsjax.cli.options import Auxiliary, Free, Seed, Truth, Words
from cevnsjax.cli.request import Request
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import DatasetSink
from cevnsjax.cli.words import numbers_of
from cevnsjax.core.levels import DEFAULT_LEVELS, level_key

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset

# Attributes of datasets that are JSON.
_JSON = ("fixed", "intervals", "truth")


def toys(
    request: Request,
    *,
    toys: Annotated[int, typer.Option("--toys", help="Number of pseudo-experiments.")] = 100_000,
    test: Annotated[Words, typer.Option("--test", help="Parameter to test; repeatable.")] = (),
    truth: Truth = (),
    free: Free = (),
    auxiliary: Auxiliary = True,
    seed: Seed = 0,
    run: RunOptions,
    sink: DatasetSink,
) -> None:
    """Pseudo-experiments: distribution and p-value of the likelihood ratio of tested parameters.

    Exit status 1 if fits failed.
    """
    true_values = numbers_of(truth, "--truth")
    run.begin()
    model = request.model(free, [*test, *true_values])
    dataset = cj.toys(
        model,
        toys,
        truth=true_values,
        free=tuple(dict.fromkeys([*free, *test])) or None,
        test=test or None,
        fixed=request.fixed,
        auxiliary=auxiliary,
        seed=seed,
        folder=run.folder,
        resume=run.resume,
    )
    if not run.is_first:
        return
    quantiles = dataset["q"].quantile(DEFAULT_LEVELS, skipna=True).values.tolist()
    by_level = dict(zip(map(level_key, DEFAULT_LEVELS), quantiles, strict=True))
    result = {**plain(dataset.attrs), "n": toys, "q_quantiles": by_level}
    sink.deliver(result, _text(dataset, toys, quantiles), dataset)
    sink.draw(_figure, model, dataset)
    if dataset.attrs["failed"]:
        sink.say(
            f"{dataset.attrs['failed']} failed fits are left out of all p-values and quantiles; "
            "see the variable converged"
        )
        raise typer.Exit(1)


def _text(dataset: "Dataset", toys: int, quantiles: list[float]) -> str:
    a = dataset.attrs
    truth = json.loads(a["truth"])
    tested = ", ".join(f"{name} = {truth[name]:.5g}" for name in a["tested"])
    levels = ", ".join(f"{100 * level:g} %" for level in DEFAULT_LEVELS)
    lines = [
        f"{toys} pseudo-experiments at {tested} ({a['engine']} engine)",
        f"q of the data = {a['q_data']:.4f}, p = {a['p_value']:.4g} +- {a['p_value_error']:.1g}",
        f"chi2 of the data = {a['chi2_data']:.4f}, p = {a['p_value_chi2']:.4g} "
        f"+- {a['p_value_chi2_error']:.1g}",
        f"q at {levels}: " + ", ".join(f"{x:.3f}" for x in quantiles),
    ]
    return "\n".join(lines)


def plain(attributes: dict[Any, Any]) -> dict[str, Any]:
    """Attributes of a dataset as plain data; texts that are JSON are read, NaN becomes null."""
    values = {}
    for name, attribute in attributes.items():
        value = attribute.item() if hasattr(attribute, "item") else attribute
        if isinstance(value, float) and not math.isfinite(value):
            value = None
        values[str(name)] = json.loads(str(value)) if name in _JSON else value
    return values


def _figure(model: "cj.Model", dataset: "Dataset") -> "Figure":
    return cj.plots.statistic_distribution(
        dataset["q"].values,
        q_data=dataset.attrs["q_data"],
        dof=len(dataset.attrs["tested"]),
        title=model.title,
    )
