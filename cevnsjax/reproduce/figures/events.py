"""Expected events of a model of one experiment, drawn over its data."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cevnsjax.model import Model
from cevnsjax.plots.frame import dress, legend_above
from cevnsjax.plots.style import BLACK, CURVES, DASHES, STYLE
from cevnsjax.reproduce.figures.drawing import panels

Counts = Float[np.ndarray, " bin"]


def signal_by_source(model: Model, **values: float) -> dict[str, Counts]:
    """CEvNS events before pulls, {neutrino source: [bin]} [count]."""
    (parts,) = model.by_component(values).values()
    return {source: np.asarray(counts) for source, counts in parts["signal"].items()}


def total_signal(model: Model, **values: float) -> Counts:
    """CEvNS events of all sources before pulls, [bin] [count]."""
    return np.sum(list(signal_by_source(model, **values).values()), axis=0)


def histograms(
    model: Model,
    expected: Mapping[str, Counts],
    *,
    x_label: str = "number of photoelectrons",
    data: str = "COHERENT data",
    colours: Mapping[str, str] | None = None,
    size: tuple[float, float] = (3.8, 3.2),
) -> Figure:
    """Events of a CsI experiment by photoelectrons: expected as steps, data as points with errors.

    Args:
        model: A model of the experiment.
        expected: Events by name in the legend, {name: [bin]}.
        x_label: Axis label.
        data: Name of the data in the legend; "" leaves them out.
        colours: Colours of solid lines by name, where the order is not to choose colour and dash.
        size: Width and height of the figure [inch].
    """
    (experiment,) = model.experiments.values()
    edges = np.asarray(experiment.edges)
    figure, (axes,) = panels(1, width=size[0], height=size[1])
    with mpl.rc_context(STYLE):
        dress(axes)
        handles: list[Any] = []
        for i, (name, counts) in enumerate(expected.items()):
            look: dict[str, Any] = {
                "color": CURVES[i % len(CURVES)],
                "linestyle": DASHES[i % len(DASHES)],
            }
            if colours is not None:
                look = {"color": colours[name], "linestyle": "-"}
            axes.stairs(counts, edges, baseline=None, label=name, **look)
            handles.append(Line2D([], [], label=name, **look))
        if data:
            style: Any = {"fmt": "o", "color": BLACK, "elinewidth": 0.9, "zorder": 3}
            errors = np.sqrt(experiment.variance)
            centres = (edges[1:] + edges[:-1]) / 2
            handles.append(
                axes.errorbar(centres, experiment.observed, yerr=errors, label=data, **style)
            )
        axes.axhline(0.0, color=BLACK, linewidth=0.5)
        axes.set(xlim=(edges[0], edges[-1]), xlabel=x_label, ylabel="events / 2 PE")
        legend_above(axes, handles, title="")
    return figure
