"""How far a parameter moves with each nuisance, the largest first."""

from collections.abc import Iterable
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, NumpyReals, distinct, finite
from cevnsjax.plots.frame import dress_rows, figure_of, legend_and_frames, new_figure, row_height
from cevnsjax.plots.likelihoods.pulls import PULL_LABEL, checked_pulls, draw_bands, draw_pulls
from cevnsjax.plots.style import BLACK, BLUE, ORANGE, STYLE
from cevnsjax.plots.text import drawable

Sigma = Literal["post-fit", "prior"]

_UP, _DOWN = BLUE, ORANGE
_IMPACTS, _PULLS, _ROW = 2.3, 1.5, 0.19  # inch
_BAR = 0.7  # of a row


def impacts(
    names: Iterable[str],
    up: ArrayLike,
    down: ArrayLike,
    *,
    label: str,
    pulls: tuple[ArrayLike, ArrayLike] | None = None,
    sigma: Sigma = "post-fit",
    most: int = 20,
    title: str = "",
    axes: Axes | Iterable[Axes] | None = None,
) -> Figure:
    """Ranked impacts: bars for each nuisance moved up and down, largest on top.

    Args:
        names: What to print on the left, mathtext allowed, [nuisance].
        up: Change of the parameter with each nuisance one sigma up, [nuisance]
            [unit of the parameter].
        down: The same with it one sigma down, [nuisance] [unit of the parameter].
        label: Axis label of the parameter, with its unit.
        pulls: Pulls and errors after the fit, for a panel before the bars; nan for a free
            parameter, [nuisance] [1].
        sigma: By what nuisances were moved, for the legend: "post-fit" errors, or widths of the
            "prior".
        most: Largest number of rows; those that are left out are counted below them.
        title: Line over the figure.
        axes: Axes to draw into, two with ``pulls``; a new figure if None.

    Raises:
        InputError: At names that are not distinct, shapes that do not match, impacts that are not
            finite, or another number of axes.

    Examples:
        >>> figure = cj.plots.impacts(["a", "b"], [0.1, 0.3], [-0.1, -0.2], label="x")
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['b', 'a']
    """
    rows = distinct("names", names)
    moved = np.stack([finite(w, x, (len(rows),)) for w, x in (("up", up), ("down", down))])
    if most < 1:
        raise InputError(f"most is {most}; show at least 1 row")
    drawn = None if pulls is None else checked_pulls(len(rows), *pulls, what=" of pulls")
    # Stable, so that equal impacts stay in the order given.
    order = np.argsort(-np.max(np.abs(moved), axis=0), kind="stable")
    shown, rest = order[:most], order[most:]
    with mpl.rc_context(STYLE):
        panels = _panels(axes, len(shown), drawn is not None)
        for panel in panels:
            dress_rows(panel, [rows[i] for i in shown])
        if drawn is not None:
            draw_bands(panels[0], drawn[:, shown])
            draw_pulls(panels[0], drawn[:, shown])
            panels[0].set_xlabel(PULL_LABEL)
            panels[1].tick_params(labelleft=False)
        _draw_bars(panels[-1], moved[:, shown])
        panels[-1].set_xlabel(drawable(f"impact on {label}"))
        if rest.size:
            largest = float(np.max(np.abs(moved[:, rest])))
            _count_rest(panels, shown.size, rest.size, largest)
        _finish(panels, sigma, title, own=axes is None)
    return figure_of(panels[0])


def _panels(axes: Axes | Iterable[Axes] | None, rows: int, with_pulls: bool) -> list[Axes]:
    number = 2 if with_pulls else 1
    if axes is None:
        figure = new_figure(10.0, 6.0 + _ROW * rows)
        ratios = (_PULLS, _IMPACTS) if with_pulls else (1.0,)
        return list(figure.subplots(1, number, squeeze=False, width_ratios=ratios)[0])
    panels = [axes] if isinstance(axes, Axes) else list(axes)
    if len(panels) != number:
        raise InputError(
            f"impacts draws into {number} axes {'with' if with_pulls else 'without'} pulls; got "
            f"{len(panels)}"
        )
    return panels


def _draw_bars(axes: Axes, moved: NumpyReals) -> None:
    """Bars from 0; those to the same side share the height of the row."""
    rows = np.arange(moved.shape[1])
    together = moved[0] * moved[1] > 0
    for (shift, colour), change in zip(((-1, _UP), (1, _DOWN)), moved, strict=True):
        at, height = rows + np.where(together, shift * _BAR / 4, 0.0), np.where(together, 0.5, 1.0)
        axes.barh(at, change, height=height * _BAR, color=colour, linewidth=0, zorder=2)
    axes.axvline(0.0, color=BLACK, linewidth=0.7, zorder=3)
    limit = 1.1 * float(np.max(np.abs(moved))) or 1.0
    axes.set_xlim(-limit, limit)
    axes.locator_params(axis="x", nbins=6)


def _count_rest(panels: list[Axes], rows: int, number: int, largest: float) -> None:
    """Number and size of the impacts that are left out, in a row of its own."""
    for panel in panels:
        panel.set_ylim(rows + 0.7, -0.7)
    text, place = f"{number} more, each within ±{largest:.2g}", panels[-1].get_yaxis_transform()
    look = {"color": "#5F5F5F", "zorder": 4, "fontsize": mpl.rcParams["legend.fontsize"]}
    look |= {"backgroundcolor": "white", "ha": "center", "va": "center"}
    panels[-1].text(0.5, rows, text, transform=place, **look)


def _finish(panels: list[Axes], sigma: Sigma, title: str, *, own: bool) -> None:
    """Legend over the bars, and a figure as large as its rows need."""
    low, high = panels[0].get_ylim()
    width = _IMPACTS + (_PULLS if len(panels) > 1 else 0.0)
    height = (low - high) * row_height(panels[0], _ROW)
    handles: list[Artist] = [
        Patch(color=colour, linewidth=0, label=rf"${sign}1\,\sigma$ ({sigma})")
        for sign, colour in (("+", _UP), ("-", _DOWN))
    ]
    legend_and_frames(panels, handles, width, height, title, own)
