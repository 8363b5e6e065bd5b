"""The toys command: pseudo-experiments, and the distribution of a likelihood ratio."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

import cevnsjax as cj
from cevnsjax.cli.options import Auxiliary, Free, Seed, Truth, Words
from cevnsjax.cli.request import Request
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import DatasetSink, attributes_of
from cevnsjax.cli.words import numbers_of
from cevnsjax.core.levels import DEFAULT_LEVELS, level_key

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset


def toys(
    request: Request,
    *,
    toys: Annotated[int, "Number of pseudo-experiments."] = 100_000,
    test: Annotated[Words, "Parameter to test; repeatable."] = (),
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
    result = {**attributes_of(dataset), "n": toys, "q_quantiles": by_level}
    sink.deliver(result, _text(result), dataset)
    sink.draw(_figure, model, dataset)
    for note in dataset.attrs["notes"]:
        sink.say(f"note: {note}")
    if dataset.attrs["notes"]:
        raise typer.Exit(1)


def _text(result: Mapping[str, Any]) -> str:
    tested = ", ".join(f"{name} = {result['truth'][name]:.5g}" for name in result["tested"])
    levels = ", ".join(f"{100 * level:g} %" for level in DEFAULT_LEVELS)
    lines = [
        f"{result['n']} pseudo-experiments at {tested} ({result['engine']} engine)",
        f"q of the data = {result['q_data']:.4f}, p = {result['p_value']:.4g} "
        f"+- {result['p_value_error']:.1g}",
        f"chi2 of the data = {result['chi2_data']:.4f}, p = {result['p_value_chi2']:.4g} "
        f"+- {result['p_value_chi2_error']:.1g}",
        f"q at {levels}: " + ", ".join(f"{x:.3f}" for x in result["q_quantiles"].values()),
    ]
    return "\n".join(lines)


def _figure(model: "cj.Model", dataset: "Dataset") -> "Figure":
    return cj.plots.statistic_distribution(
        dataset["q"].values,
        q_data=dataset.attrs["q_data"],
        dof=len(dataset.attrs["tested"]),
        title=model.title,
    )
