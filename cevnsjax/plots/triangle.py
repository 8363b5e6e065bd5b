"""Triangles of panels: one parameter on the diagonal, each pair of parameters below it."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.legend import Legend

from cevnsjax.core.errors import InputError
from cevnsjax.plots.frame import figure_of, label_as_drawable, new_figure, set_frames
from cevnsjax.plots.text import drawable

Panels = list[list[Axes]]
_MIN_PANEL = 1.45  # inch


def triangle(axes: Iterable[Iterable[Axes]] | None, number: int, *, what: str) -> Panels:
    """Rows of panels, those above the diagonal hidden, in the axes given or a new figure."""
    if axes is None:
        side = number * _MIN_PANEL + 3.0
        axes = new_figure(side, side).subplots(number, number, squeeze=False)
    panels = [list(row) for row in axes]
    if [len(row) for row in panels] != [number] * number:
        raise InputError(
            f"{what} draws into {number} rows of {number} axes; got rows of "
            f"{[len(row) for row in panels]}"
        )
    for i, row in enumerate(panels):
        for panel in row[i + 1 :]:
            panel.set_visible(False)
    return panels


def corner_legend(panels: Panels, handles: Sequence[Any], *, title: str, own: bool) -> Legend:
    """Legend right of the first panel, in the empty corner; frames of our own leave room for it."""
    first, number = panels[0][0], len(panels)
    label_as_drawable(handles)
    legend = first.legend(
        handles=handles,
        title=drawable(title) or None,
        loc="upper left",
        bbox_to_anchor=(1.05, 1.0),
        borderaxespad=0.0,
    )
    legend.set_alignment("left")
    figure = figure_of(first)
    figure.align_labels([a for row in panels for a in row if a.get_visible()])
    if number == 1:
        return legend
    # Otherwise the layout would push the next column away from it.
    legend.set_in_layout(False)
    if own:
        box = legend.get_window_extent()
        needed = np.array([box.width / (number - 1), box.height]) / figure.dpi + 0.1
        width, height = np.maximum(needed, _MIN_PANEL) * number
        set_frames(panels[-1], float(width), float(height), down=[row[0] for row in panels])
    return legend
