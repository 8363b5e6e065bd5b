"""Several curves in one frame, with their ratio to the first below."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, NumpyReals, finite, increasing
from cevnsjax.plots.frame import dress, legend_above, new_figure
from cevnsjax.plots.style import BLACK, CURVES, DASHES, STYLE
from cevnsjax.plots.text import drawable


def comparison(
    x: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    steps: bool = False,
    logarithmic: bool = False,
    data: tuple[ArrayLike, ArrayLike] | None = None,
) -> Figure:
    """Curves over a common abscissa and their ratio to the first.

    Args:
        x: Points, increasing, or bin edges if ``steps`` [unit of the abscissa].
        curves: Ordinates by legend name; the first is the reference [unit of the ordinate].
        x_label: Axis label with unit.
        y_label: Axis label with unit.
        title: Line over the figure.
        steps: Draw histograms between edges.
        logarithmic: Logarithmic ordinate.
        data: Points and their errors at the bin centres, with ``steps`` only.

    Raises:
        InputError: At shapes that do not match, or no curve.

    Examples:
        >>> x = np.linspace(1.0, 2.0, 5)
        >>> curves = {"first": x, "second": x**2}
        >>> figure = cj.plots.comparison(x, curves, x_label="x", y_label="y")
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['y', 'ratio']
    """
    xs = increasing("x", x)
    if not curves:
        raise InputError("comparison needs at least one curve")
    size = (xs.size - 1 if steps else xs.size,)
    ys = {name: finite(name, y, size) for name, y in curves.items()}
    reference = next(iter(ys.values()))
    with mpl.rc_context(STYLE):
        figure = new_figure(3.6, 3.6)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        handles = []
        for i, (name, y) in enumerate(ys.items()):
            look = {
                "color": CURVES[i % len(CURVES)],
                "linestyle": DASHES[(i // len(CURVES)) % len(DASHES)],
                "label": name,
            }
            ratio = np.divide(y, reference, out=np.full_like(y, np.nan), where=reference > 0)
            for axes, ordinate in ((upper, y), (lower, ratio)):
                shown = np.append(ordinate, ordinate[-1]) if steps else ordinate
                style = {"drawstyle": "steps-post"} if steps else {}
                (line,) = axes.plot(xs, shown, **look, **style)
                if axes is upper:
                    handles.append(line)
        if data is not None:
            handles.append(_points(upper, lower, xs, reference, data))
        for axes in (upper, lower):
            dress(axes)
        upper.set(ylabel=drawable(y_label), xlim=(xs[0], xs[-1]))
        if logarithmic:
            upper.set_yscale("log")
        lower.set(xlabel=drawable(x_label), ylabel="ratio")
        legend_above(upper, handles, title=title)
        figure.align_ylabels((upper, lower))
        figure.draw_without_rendering()
    return figure


def _points(
    upper: Axes,
    lower: Axes,
    edges: NumpyReals,
    reference: NumpyReals,
    data: tuple[ArrayLike, ArrayLike],
) -> Any:
    """Data with errors in the upper frame, and over the reference in the lower."""
    y, error = (
        finite(name, a, reference.shape) for name, a in zip(("data", "errors"), data, strict=True)
    )
    centres = (edges[1:] + edges[:-1]) / 2
    look: dict[str, Any] = {"fmt": "o", "color": BLACK, "markersize": 3, "linewidth": 0.8}
    shown = reference > 0
    lower.errorbar(centres[shown], (y / reference)[shown], (error / reference)[shown], **look)
    return upper.errorbar(centres, y, error, label="data", **look)
