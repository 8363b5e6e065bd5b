"""Figures, axes and legends, as every plot here needs them."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from cevnsjax.errors import InputError
from cevnsjax.plots.arrays import NumpyReals
from cevnsjax.plots.style import STYLE

Scale = Literal["linear", "log"]


def new_figure(width: float, height: float) -> Figure:
    """An empty figure outside pyplot's list, so it needs no display and no closing.

    Args:
        width: Width [inch].
        height: Height [inch].
    """
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, hspace=0.0)
    return Figure(figsize=(width, height), layout=layout)


def figure_of(axes: Axes) -> Figure:
    """The whole figure that axes belong to, also from within a subfigure."""
    figure = axes.figure
    root = figure.figure if isinstance(figure, SubFigure) else figure
    if not isinstance(root, Figure):
        raise InputError("the axes belong to no figure; make them with Figure.subplots()")
    return root


def dress(axes: Axes) -> None:
    """Ticks inwards on all four sides, with minor ones, and labels that keep apart."""
    axes.minorticks_on()
    axes.tick_params(which="both", direction="in", top=True, right=True, width=0.7)
    axes.tick_params(which="major", length=4, pad=4, labelsize=STYLE["xtick.labelsize"])
    axes.tick_params(which="minor", length=2)
    if isinstance(axes.xaxis.get_major_locator(), MaxNLocator):
        axes.locator_params(axis="x", nbins=8, steps=[1, 2, 5, 10])


def scale_axes(setter: Callable[[str], None], scale: Scale, what: str, values: NumpyReals) -> None:
    """Set the scale of an axis; the default leaves axes that came with another one alone.

    Args:
        setter: ``set_xscale`` or ``set_yscale`` of the axes.
        scale: "linear" or "log".
        what: Name of the values, for messages.
        values: What is drawn along the axis, in its unit.

    Raises:
        InputError: At a logarithmic scale for values that are not above 0.
    """
    if scale == "linear":
        return
    if values.min() <= 0:
        raise InputError(
            f"{what} starts at {values.min():g}; a logarithmic axis needs values above 0"
        )
    setter(scale)


def legend_above(axes: Axes, handles: Sequence[Any], *, title: str) -> None:
    """Legend over the frame, where it can never cover a curve; the title tops it.

    Args:
        axes: Axes it belongs to.
        handles: Labelled artists, filling column after column.
        title: First line, "" for none.
    """
    if not handles:
        axes.set_title(title, loc="left")
        return
    legend = axes.legend(
        handles=list(handles),
        title=title or None,
        ncols=2 if len(handles) == 4 else min(len(handles), 3),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.3,
        borderpad=0.0,
    )
    legend.set_alignment("left")
