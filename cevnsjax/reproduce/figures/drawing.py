"""What figures of several papers share: panels, legends and profiles, in the library's style."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.plots import profile as draw_profile
from cevnsjax.plots.frame import legend_above, new_figure
from cevnsjax.plots.style import STYLE
from cevnsjax.reproduce.figures.curves import Curve
from cevnsjax.reproduce.paper import Cost, PaperFigure

# Distance between two panels, in units of their width.
_GAP = 0.08


def paper_figure(
    name: str, title: str, *caption: str, cost: Cost = "quick"
) -> Callable[[Callable[[], Figure]], PaperFigure]:
    """Turn a function that draws into a figure of a paper; the caption is its parts in a row."""
    return lambda draw: PaperFigure(name, title, " ".join(caption), draw, cost)


def panels(
    columns: int, rows: int = 1, *, width: float = 2.9, height: float = 2.5
) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels [inch], labels included; axes row by row, each from the left."""
    with mpl.rc_context(STYLE):
        figure = new_figure(width * columns, height * rows)
        figure.set_layout_engine("constrained", wspace=_GAP, hspace=_GAP)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def shared_legend(figure: Figure) -> None:
    """Replace the legends of all panels by that of the last one, in one row over the figure."""
    legends = [legend for one in figure.axes if (legend := one.get_legend()) is not None]
    handles = list(legends[-1].legend_handles)
    for legend in legends:
        legend.remove()
    with mpl.rc_context(STYLE):
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))


def add_to_legend(axes: Axes, *artists: Artist, title: str = "") -> None:
    """Put labelled artists at the end of a panel's legend, under a title."""
    legend = axes.get_legend()
    handles = [] if legend is None else list(legend.legend_handles)
    with mpl.rc_context(STYLE):
        legend_above(axes, [*handles, *artists], title=title)


@dataclass(frozen=True)
class ProfilePanel:
    """Delta chi2 of one parameter in several analyses.

    Attributes:
        label: Axis label of the parameter, with its unit.
        curves: Profiles or curves by name in the legend.
        x_range: Limits of the abscissa; where the curves are below the frame's top if None.
        title: Line over the panel.
    """

    label: str
    curves: Mapping[str, ProfileResult | Curve]
    x_range: tuple[float, float] | None = None
    title: str = ""


def profile_figure(
    *shown: ProfilePanel,
    levels: Sequence[float] = (),
    top: float | None = None,
    width: float = 2.9,
    height: float = 2.5,
) -> Figure:
    """Panels of profiles side by side, with lines at confidence levels.

    Args:
        *shown: The panels.
        levels: Confidence levels that all panels share, named once at the right; each panel has
            those of its first profile if empty [1].
        top: Upper end of the ordinate; 1.5 times the highest level if None [1].
        width: Width of a panel with its labels [inch].
        height: Height of a panel with its labels [inch].
    """
    figure, frames = panels(len(shown), width=width, height=height)
    for frame, panel in zip(frames, shown, strict=True):
        _draw_profiles(frame, panel, {level_key(one): delta_chi2_at(one) for one in levels}, top)
        if levels and frame is not frames[-1]:
            for text in list(frame.texts):
                text.remove()
    return figure


def _draw_profiles(
    axes: Axes, panel: ProfilePanel, heights: Mapping[str, float], top: float | None
) -> None:
    drawn: list[tuple[str, Any, Any]] = []
    for name, curve in panel.curves.items():
        if isinstance(curve, ProfileResult):
            heights = heights or curve.levels
            drawn.append((name, curve.x, curve.delta_chi2))
        else:
            drawn.append((name, *curve))
    (name, x, delta), *others = drawn
    draw_profile(
        x,
        delta,
        label=panel.label,
        best_fit=None,
        intervals={},
        levels=heights,
        others=others,
        name=name,
        title=panel.title,
        axes=axes,
    )
    axes.locator_params(axis="x", nbins=6)
    if panel.x_range is not None:
        axes.set_xlim(panel.x_range)
    if top is not None:
        # Names of levels are placed relative to the frame's height, which changes here.
        for text in axes.texts:
            text.set_y(text.get_position()[1] * axes.get_ylim()[1] / top)
        axes.set_ylim(0.0, top)
