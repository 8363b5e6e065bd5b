"""The ``predict`` command: counts by component, and spectra in recoil energy."""

from typing import Any

import numpy as np

from cevnsjax.cli.commands.system import prepare, say_table
from cevnsjax.cli.request import Request, build
from cevnsjax.cli.sink import Sink
from cevnsjax.core.errors import InputError, UnknownNameError

_QUANTITIES = {
    "counts": "counts",
    "dR_dT_nr": r"$dR/dT_\mathrm{nr}$ [1/kg/keV]",
    "dsigma_dT_nr": r"$d\sigma/dT_\mathrm{nr}$ [cm$^2$/keV]",
}


def predict(request: Request, sink: Sink, quantity: str, energy: float | None) -> None:
    """Predict at defaults and --fix values, print, draw."""
    if quantity not in _QUANTITIES:
        raise UnknownNameError("quantity", quantity, _QUANTITIES)
    if energy is not None and quantity != "dsigma_dT_nr":
        raise InputError(f"--energy belongs to --quantity dsigma_dT_nr, not to {quantity}")
    if energy is not None and not 0 < energy < 1e5:
        raise InputError(f"--energy must lie between 0 and 1e5 MeV, got {energy:g}")
    prepare()
    model = build(request)
    if quantity == "counts":
        _counts(model, request, sink)
    else:
        _recoil(model, request, sink, quantity, 30.0 if energy is None else energy)


def _counts(model: Any, request: Request, sink: Sink) -> None:
    predicted = model.predicted(request.fixed)
    results = {}
    for name, experiment in model.experiments.items():
        parts = predicted[name]
        results[name] = {
            "observables": [experiment.observable, *experiment.extra],
            "edges": {
                experiment.observable: experiment.edges.tolist(),
                **{name: list(edges) for name, edges in experiment.extra.items()},
            },
            "signal": {s: _on_grid(experiment, c) for s, c in parts["signal"].items()},
            "background": {b: _on_grid(experiment, c) for b, c in parts["background"].items()},
            "observed": _on_grid(experiment, experiment.observed),
        }
    text = "\n\n".join(_prediction_table(n, r) for n, r in results.items())
    # One experiment gives its object; several give an object of them by name.
    sink.deliver(next(iter(results.values())) if len(results) == 1 else results, text)
    if sink.plot is not None:
        sink.draw(_figure(model, request))


def _summed(nested: list[Any]) -> list[float]:
    """Nested counts summed over all axes but the first, [bin] [count]."""
    array = np.asarray(nested)
    return array.reshape(array.shape[0], -1).sum(axis=1).tolist()


def _on_grid(experiment: Any, counts: Any) -> list[Any]:
    """Flat counts as nested lists over the experiment's axes."""
    return np.asarray(counts).reshape(experiment.grid).tolist()


def _projected(experiment: Any, counts: Any) -> np.ndarray:
    """Counts summed over all axes but the first, [bin] [count]."""
    return np.asarray(counts).reshape(experiment.grid[0], -1).sum(axis=1)


def _prediction_table(name: str, result: dict[str, Any]) -> str:
    observable = result["observables"][0]
    edges = result["edges"][observable]
    columns = {n: _summed(c) for n, c in {**result["signal"], **result["background"]}.items()}
    rows, seen = [], _summed(result["observed"])
    for i, observed in enumerate(seen):
        parts = [f"{c[i]:.3f}" for c in columns.values()]
        total = sum(c[i] for c in columns.values())
        rows.append((f"{edges[i]:g}-{edges[i + 1]:g}", *parts, f"{total:.3f}", f"{observed:g}"))
    sums = {k: sum(c) for k, c in columns.items()}
    totals = [f"{s:.3f}" for s in sums.values()]
    rows.append(("sum", *totals, f"{sum(sums.values()):.3f}", f"{sum(seen):g}"))
    return say_table(name, (observable, *columns, "total", "observed"), rows)


def _figure(model: Any, request: Request) -> Any:
    """Data and prediction; with interactions beyond it, the Standard Model beside them."""
    if len(model.interactions) == 1:
        return spectrum_figure(model, request.fixed, [])
    from cevnsjax.plots import comparison
    from cevnsjax.plots.style import label

    _, experiment = only_experiment(model)
    curves = {
        name: _projected(experiment, m.expected(_known(m, request.fixed))[experiment.name])
        for name, m in _side_by_side(model).items()
    }
    return comparison(
        experiment.edges,
        curves,
        x_label=label(experiment.observable),
        y_label="counts",
        title=experiment.title,
        steps=True,
        data=(
            _projected(experiment, experiment.observed),
            np.sqrt(_projected(experiment, experiment.variance)),
        ),
    )


def _side_by_side(model: Any) -> dict[str, Any]:
    """The Standard Model of a model, and the model itself."""
    from cevnsjax.model import Model

    experiments = list(model.experiments.values())
    beyond = " + ".join(getattr(i, "__name__", type(i).__name__) for i in model.interactions[1:])
    standard = Model(experiments, [model.interactions[0]])
    return {"Standard Model": standard, **({f"+ {beyond}": model} if beyond else {})}


def _known(model: Any, values: dict[str, float]) -> dict[str, float]:
    return {n: x for n, x in values.items() if n in model.parameters}


def _recoil(model: Any, request: Request, sink: Sink, quantity: str, energy: float) -> None:
    """A spectrum in recoil energy for every source, and its sum beside the Standard Model's."""
    from cevnsjax.model.spectrum import spectrum

    found = {
        name: spectrum(m, _known(m, request.fixed), quantity=quantity, E_nu=energy)
        for name, m in _side_by_side(model).items()
    }
    array = list(found.values())[-1]
    result = {
        "quantity": quantity,
        "units": array.attrs["units"],
        "T_nr": array["T_nr"].values.tolist(),
        "source": array["source"].values.tolist(),
        **({"nucleus": array["nucleus"].values.tolist()} if "nucleus" in array.dims else {}),
        "values": array.values.tolist(),
    }
    every = slice(None, None, max(1, array.sizes["T_nr"] // 20))
    listed = array.sum("nucleus") if "nucleus" in array.dims else array
    rows = [
        (f"{T * 1e3:.4g}", *(f"{x:.4g}" for x in listed.sel(T_nr=T).values))
        for T in array["T_nr"].values[every]
    ]
    head = ("T_nr [keV]", *result["source"])
    sink.deliver(result, say_table(f"{quantity} [{result['units']}]", head, rows))
    if sink.plot is not None:
        from cevnsjax.plots import comparison

        totals = [_total(a) * 1e-3 for a in found.values()]
        # Towards the end point the rate vanishes and its ratio says nothing.
        shown = totals[0] > 1e-4 * totals[0].max()
        curves = {name: y[shown] for name, y in zip(found, totals, strict=True)}
        figure = comparison(
            array["T_nr"].values[shown] * 1e3,
            curves,
            x_label=r"$T_\mathrm{nr}$ [keV]",
            y_label=_QUANTITIES[quantity],
            title=next(iter(model.experiments.values())).title,
            logarithmic=True,
        )
        sink.draw(figure)


def _total(array: Any) -> np.ndarray:
    """Sum over sources and isotopes."""
    return array.sum([d for d in array.dims if d != "T_nr"]).values


def spectrum_figure(model: Any, values: dict[str, float], note: list[str]) -> Any:
    """Data and stacked prediction of a model's only experiment, nuisances applied."""
    from cevnsjax.plots import spectrum

    name, experiment = only_experiment(model)
    parts = model.predicted(values)[name]
    return spectrum(
        experiment.edges,
        _projected(experiment, experiment.observed),
        _projected(experiment, experiment.variance),
        {s: _projected(experiment, c) for s, c in parts["signal"].items()},
        {b: _projected(experiment, c) for b, c in parts["background"].items()},
        observable=experiment.observable,
        title=experiment.title,
        note="\n".join(note),
    )


def only_experiment(model: Any) -> tuple[str, Any]:
    """Name and description of a model's one experiment.

    Raises:
        InputError: If it has several: a figure shows one.
    """
    if len(model.experiments) > 1:
        raise InputError(
            f"the figure shows one experiment, the model has {', '.join(model.experiments)}; "
            "draw them one by one"
        )
    return next(iter(model.experiments.items()))
