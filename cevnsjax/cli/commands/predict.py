"""The predict command: counts by component, and spectra in recoil energy."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import cevnsjax as cj
from cevnsjax.cli.request import Request
from cevnsjax.cli.sink import FigureSink, table
from cevnsjax.core.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike
    from xarray import DataArray

    from cevnsjax.experiments import Experiment

_LABELS = {
    "counts": "counts",
    "dR_dT_nr": r"$dR/dT_\mathrm{nr}$ [1/kg/keV]",
    "dsigma_dT_nr": r"$d\sigma/dT_\mathrm{nr}$ [cm$^2$/keV]",
}
_TABLE_ROWS = 20


def predict(
    request: Request,
    *,
    quantity: Annotated[str, "counts, dR_dT_nr or dsigma_dT_nr."] = "counts",
    energy: Annotated[
        float | None, "Neutrino energy of dsigma_dT_nr; 30 if left out [MeV]."
    ] = None,
    sink: FigureSink,
) -> None:
    """Expected counts by neutrino source and background, or spectra in recoil energy.

    With interactions beyond the Standard Model the figure compares the two.
    """
    if quantity not in _LABELS:
        raise UnknownNameError("quantity", quantity, _LABELS)
    if energy is not None and quantity != "dsigma_dT_nr":
        raise InputError(f"--energy belongs to --quantity dsigma_dT_nr, not to {quantity}")
    if energy is not None and not 0 < energy < 1e5:
        raise InputError(f"--energy must lie between 0 and 1e5 MeV, got {energy:g}")
    model = request.model()
    if quantity == "counts":
        _predict_counts(model, request.fixed, sink)
    else:
        _predict_recoil(model, request.fixed, quantity, 30.0 if energy is None else energy, sink)


def _predict_counts(model: "cj.Model", values: dict[str, float], sink: FigureSink) -> None:
    predicted = model.predicted(values)
    for name, kinds in predicted.items():
        _require_finite(name, [counts for kind in kinds.values() for counts in kind.values()])
    results = {}
    for name, experiment in model.experiments.items():
        results[name] = {
            "observables": [experiment.observable, *experiment.extra],
            "edges": {experiment.observable: experiment.edges, **experiment.extra},
            **{
                kind: {n: _on_grid(experiment, counts) for n, counts in components.items()}
                for kind, components in predicted[name].items()
            },
            "observed": _on_grid(experiment, experiment.observed),
        }
    text = "\n\n".join(_counts_table(n, r) for n, r in results.items())
    # One experiment gives its object; several give an object of them by name.
    sink.deliver(next(iter(results.values())) if len(results) == 1 else results, text)
    sink.draw(_counts_figure, model, values)


def _require_finite(what: str, arrays: "Sequence[ArrayLike]") -> None:
    import numpy as np

    if not all(np.all(np.isfinite(np.asarray(array))) for array in arrays):
        raise InputError(
            f"{what}: the prediction is not finite; check masses, exposures and values"
        )


def _on_grid(experiment: "Experiment", counts: "ArrayLike") -> "np.ndarray":
    """Flat counts over the experiment's axes, [bin ...] [count]."""
    import numpy as np

    return np.asarray(counts).reshape(experiment.grid)


def _projected(experiment: "Experiment", counts: "ArrayLike") -> "np.ndarray":
    """Counts summed over all axes but the first, [bin] [count]."""
    import numpy as np

    return np.asarray(counts).reshape(experiment.grid[0], -1).sum(axis=1)


def _counts_table(name: str, result: Mapping[str, Any]) -> str:
    import numpy as np

    observable = result["observables"][0]
    edges = result["edges"][observable]
    bins = [f"{low:g}-{high:g}" for low, high in pairwise(edges)]
    components = {**result["signal"], **result["background"]}
    columns = {n: np.asarray(c).reshape(len(bins), -1).sum(axis=1) for n, c in components.items()}
    observed = np.asarray(result["observed"]).reshape(len(bins), -1).sum(axis=1)
    total = np.sum(list(columns.values()), axis=0)
    rows = [
        [label, *(f"{c[i]:.3f}" for c in columns.values()), f"{total[i]:.3f}", f"{observed[i]:g}"]
        for i, label in enumerate(bins)
    ]
    sums = [f"{c.sum():.3f}" for c in (*columns.values(), total)]
    rows.append(["sum", *sums, f"{observed.sum():g}"])
    return table(name, (observable, *columns, "total", "observed"), rows)


def _counts_figure(model: "cj.Model", values: dict[str, float]) -> "Figure":
    """Data and prediction; with interactions beyond it, the Standard Model beside them."""
    if len(model.interactions) == 1:
        return spectrum_figure(model, values, [])
    import numpy as np

    from cevnsjax.plots.style import label
    from cevnsjax.plots.text import plain

    _, experiment = only_experiment(model)
    curves = {
        name: _projected(experiment, m.expected(_among(m, values))[experiment.name])
        for name, m in _side_by_side(model).items()
    }
    return cj.plots.comparison(
        experiment.edges,
        curves,
        x_label=label(experiment.observable),
        y_label="counts",
        title=plain(experiment.title),
        steps=True,
        data=(
            _projected(experiment, experiment.observed),
            np.sqrt(_projected(experiment, experiment.variance)),
        ),
    )


def _side_by_side(model: "cj.Model") -> "dict[str, cj.Model]":
    """The Standard Model of a model, and the model itself."""
    beyond = " + ".join(getattr(i, "__name__", type(i).__name__) for i in model.interactions[1:])
    standard = cj.Model(list(model.experiments.values()), [model.interactions[0]])
    return {"Standard Model": standard, **({f"+ {beyond}": model} if beyond else {})}


def _among(model: "cj.Model", values: Mapping[str, float]) -> dict[str, float]:
    """The values of parameters that the model has."""
    return {n: x for n, x in values.items() if n in model.parameters}


def _predict_recoil(
    model: "cj.Model", values: dict[str, float], quantity: str, energy: float, sink: FigureSink
) -> None:
    """A spectrum in recoil energy for every source, and its sum beside the Standard Model's."""
    # All names are checked here: the Standard Model is given those that it has.
    for name, value in values.items():
        model.parameters[name].check(value)
    spectra = {
        name: cj.spectrum(m, _among(m, values), quantity=quantity, E_nu=energy)
        for name, m in _side_by_side(model).items()
    }
    spectrum = list(spectra.values())[-1]
    _require_finite(quantity, [spectrum.values])
    result = {
        "quantity": quantity,
        "units": spectrum.attrs["units"],
        "T_nr": spectrum["T_nr"].values,
        "source": spectrum["source"].values,
        **({"nucleus": spectrum["nucleus"].values} if "nucleus" in spectrum.dims else {}),
        "values": spectrum.values,
    }
    by_source = spectrum.sum("nucleus") if "nucleus" in spectrum.dims else spectrum
    step = max(1, spectrum.sizes["T_nr"] // _TABLE_ROWS)
    rows = [
        (f"{T * 1e3:.4g}", *(f"{x:.4g}" for x in by_source.sel(T_nr=T).values))
        for T in spectrum["T_nr"].values[::step]
    ]
    head = ("T_nr [keV]", *result["source"])
    sink.deliver(result, table(f"{quantity} [{result['units']}]", head, rows))
    title = next(iter(model.experiments.values())).title
    sink.draw(_recoil_figure, spectra, _LABELS[quantity], title)


def _recoil_figure(spectra: "Mapping[str, DataArray]", label: str, title: str) -> "Figure":
    from cevnsjax.plots.text import plain

    totals = {
        name: array.sum([d for d in array.dims if d != "T_nr"]) * 1e-3
        for name, array in spectra.items()
    }
    standard = next(iter(totals.values()))
    # Towards the end point the rate vanishes and its ratio says nothing.
    shown = standard.values > 1e-4 * float(standard.max())
    return cj.plots.comparison(
        standard["T_nr"].values[shown] * 1e3,
        {name: total.values[shown] for name, total in totals.items()},
        x_label=r"$T_\mathrm{nr}$ [keV]",
        y_label=label,
        title=plain(title),
        logarithmic=True,
    )


def spectrum_figure(model: "cj.Model", values: dict[str, float], note: Sequence[str]) -> "Figure":
    """Data and stacked prediction of a model's only experiment, nuisances applied."""
    from cevnsjax.plots.text import plain

    name, experiment = only_experiment(model)
    predicted = model.predicted(values)[name]
    return cj.plots.spectrum(
        experiment.edges,
        _projected(experiment, experiment.observed),
        _projected(experiment, experiment.variance),
        {s: _projected(experiment, c) for s, c in predicted["signal"].items()},
        {b: _projected(experiment, c) for b, c in predicted["background"].items()},
        observable=experiment.observable,
        title=plain(experiment.title),
        note="\n".join(note),
    )


def only_experiment(model: "cj.Model") -> "tuple[str, Experiment]":
    """Name and description of a model's one experiment; a figure cannot show several."""
    if len(model.experiments) > 1:
        raise InputError(
            f"the figure shows one experiment, the model has {', '.join(model.experiments)}; "
            "draw them one by one"
        )
    return next(iter(model.experiments.items()))
