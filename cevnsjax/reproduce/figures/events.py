"""Expected events of a model of one experiment, drawn over its data."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cevnsjax.model import Model
from cevnsjax.plots.arrays import ArrayLike, finite, increasing
from cevnsjax.plots.frame import dress, legend_above
from cevnsjax.plots.style import BLACK, CURVES, DASHES, STYLE
from cevnsjax.reproduce.figures.drawing import panels

Counts = Float[np.ndarray, " bin"]


def signal_by_source(model: Model, **values: float) -> dict[str, Counts]:
    """CEvNS events before pulls, {neutrino source: [bin]} [count].

    Args:
        model: A model of one experiment.
        **values: Parameters; those left out take their defaults.
    """
    (parts,) = model.by_component(values).values()
    return {source: np.asarray(counts) for source, counts in parts["signal"].items()}


def total_signal(model: Model, **values: float) -> Counts:
    """CEvNS events of all sources before pulls, [bin] [count].

    Args:
        model: A model of one experiment.
        **values: Parameters; those left out take their defaults.
    """
    return np.sum(list(signal_by_source(model, **values).values()), axis=0)


def histograms(
    axes: Axes,
    edges: ArrayLike,
    expected: Mapping[str, ArrayLike],
    *,
    data: tuple[ArrayLike, ArrayLike] | None = None,
    x_label: str,
    y_label: str,
    data_label: str = "data",
    title: str = "",
    looks: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """Expected events as steps, data as points with errors.

    Args:
        axes: Axes to draw into.
        edges: Bin edges, increasing [unit of x_label].
        expected: Events by bin and name in the legend, {name: [bin]}.
        data: Observed events and their errors, [bin] each.
        x_label: Axis label with unit.
        y_label: Axis label with unit.
        data_label: Name of the data in the legend.
        title: Line over the panel.
        looks: Colour and line style by name, where they are to be others than the order gives.
    """
    x = increasing("edges", edges)
    size = (x.size - 1,)
    with mpl.rc_context(STYLE):
        dress(axes)
        handles: list[Any] = []
        for i, (name, counts) in enumerate(expected.items()):
            usual = CURVES[i % len(CURVES)], DASHES[i % len(DASHES)]
            colour, dash = (looks or {}).get(name, usual)
            look: dict[str, Any] = {"color": colour, "linestyle": dash}
            axes.stairs(finite(name, counts, size), x, baseline=None, label=name, **look)
            handles.append(Line2D([], [], label=name, **look))
        if data is not None:
            seen, error = (finite("data", a, size) for a in data)
            style: Any = {"fmt": "o", "color": BLACK, "elinewidth": 0.9, "zorder": 3}
            handles.append(
                axes.errorbar((x[1:] + x[:-1]) / 2, seen, yerr=error, label=data_label, **style)
            )
        axes.axhline(0.0, color=BLACK, linewidth=0.5)
        axes.set(xlim=(x[0], x[-1]), xlabel=x_label, ylabel=y_label)
        legend_above(axes, handles, title=title)


def events_over_data(
    model: Model,
    expected: Mapping[str, Counts],
    *,
    x_label: str = "number of photoelectrons",
    data_label: str = "COHERENT data",
    looks: Mapping[str, tuple[str, str]] | None = None,
) -> Figure:
    """Expected events by photoelectrons, and the data of a CsI experiment with their errors.

    Args:
        model: A model of the experiment.
        expected: Events by name in the legend, {name: [bin]}.
        x_label: Axis label.
        data_label: Name of the data in the legend.
        looks: Colour and dash of each name; those of ``histograms`` if None.
    """
    (experiment,) = model.experiments.values()
    figure, (axes,) = panels(1, width=3.8, height=3.2)
    histograms(
        axes,
        experiment.edges,
        expected,
        data=(experiment.observed, np.sqrt(experiment.variance)),
        x_label=x_label,
        y_label="events / 2 PE",
        data_label=data_label,
        looks=looks,
    )
    return figure
